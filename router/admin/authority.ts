/**
 * Who may use the admin side. Nobody comes in without showing something: an admin key, or, until there is an admin key and only from this machine,
 * the link that `sluice serve` printed at its start. Fails closed: what cannot be checked is denied, and the answer does not say why.
 */
import { randomBytes } from 'node:crypto';
import type { KeyRing } from '../principals/key-ring.ts';
import { sameToken } from './logins.ts';

export type Authenticated = { readonly kind: 'admin'; readonly principal: string } | { readonly kind: 'denied' };

/** Admin keys, wherever they live. */
export interface AdminKeys {
  hasLiveAdminKey(): boolean;
  /** Constant-time in the key. */
  recognise(key: string): Promise<Authenticated>;
}

export class AdminAuthority {
  /** New with every start; opens the console until there is an admin key. */
  readonly startToken = randomBytes(24).toString('base64url');
  readonly #keys: () => AdminKeys;

  constructor(keys: () => AdminKeys) {
    this.#keys = keys;
  }

  #keyed = false;

  /** What a person without a session can do to come in. */
  get way(): 'link' | 'key' {
    // Once there was a key the link stays shut: a key that expires or is revoked must not open another door.
    this.#keyed ||= this.#keys().hasLiveAdminKey();
    return this.#keyed ? 'key' : 'link';
  }

  /** `isHere`: the caller is on this machine and no proxy stands between. */
  async authenticate(shown: string, isHere: boolean): Promise<Authenticated> {
    if (this.way === 'link' && isHere && sameToken(shown, this.startToken))
      return { kind: 'admin', principal: 'local' };
    return this.#keys().recognise(shown);
  }
}

export function adminKeysOf(ring: KeyRing): AdminKeys {
  return {
    hasLiveAdminKey: () => ring.hasLive('admin'),
    async recognise(key) {
      const recognised = await ring.recognise(key, 'nobody');
      return recognised.kind === 'principal' && recognised.principal.role === 'admin'
        ? { kind: 'admin', principal: recognised.principal.id }
        : { kind: 'denied' };
    },
  };
}

export const NO_KEYS: AdminKeys = {
  hasLiveAdminKey: () => false,
  recognise: () => Promise.resolve({ kind: 'denied' }),
};
