import { ATTACKS } from './chapters/attacks.ts';
import { GATEWAY_FAULTS } from './chapters/gateway-faults.ts';
import { PROMISES } from './chapters/promises.ts';

/**
 * What Sluice promises and which faults of the field it must not have, each with the tests that hold it. docs/assurance.md is made of it (`npm run generate`);
 * test/assurance fails for a row without a test, and for a test that is not there any more. A test is a file, or `file › words of its title`.
 */
export interface Row {
  readonly id: string;
  readonly says: string;
  readonly tests: readonly string[];
}

export interface Chapter {
  readonly title: string;
  readonly rows: readonly Row[];
}

export const REGISTER: readonly Chapter[] = [...PROMISES, ...GATEWAY_FAULTS, ...ATTACKS];
