/** What is fuzzed, and what each must keep whatever it is given: never throw, answer the same for every split, agree with a reference, let nothing through that it refused before. */
import type { FuzzTarget } from './fuzzer.ts';
import { RULES } from './targets/rules.ts';
import { SANDBOX } from './targets/sandbox.ts';
import { TEXT } from './targets/text.ts';
import { WIRE } from './targets/wire.ts';

export const TARGETS: readonly FuzzTarget[] = [...WIRE, ...RULES, ...SANDBOX, ...TEXT];
