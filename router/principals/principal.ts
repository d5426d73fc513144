/** Who asks. Sessions, placeholder maps, kept tool rounds, caches and stored responses are bound to `id`, so nothing is shared between two of them. */
import { KeyTerms } from '../../config/access-schema.ts';
import type { Context } from '../pipeline/context.ts';

export type Role = 'agent' | 'admin';

export interface Principal {
  /** A name the operator gave. Several keys may be of one principal, so that a key can be replaced and its conversations stay known. */
  readonly id: string;
  /** Public part of the key that was shown; empty for none. */
  readonly keyId: string;
  readonly role: Role;
  readonly terms: KeyTerms;
}

/** Whoever reaches a loopback listener on which no agent key was ever made. */
export const OPEN_PRINCIPAL: Principal = { id: 'local', keyId: '', role: 'agent', terms: KeyTerms.parse({}) };

/** One who was let in, with the context narrowed to what the key allows: what is downstream of here cannot do more. */
export interface Caller {
  readonly principal: Principal;
  readonly context: Context;
}
