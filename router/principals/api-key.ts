/**
 * API keys of our own: `slu_` + public id + `_` + 238 random bits. Kept is only a keyed digest: a secret of this length needs no slow hash, and a copied store without the
 * installation's key tells nothing. Fails closed: what is not shaped like a key is none.
 */
import { createHmac, hkdfSync, randomInt, timingSafeEqual } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const LOWER = 'abcdefghijklmnopqrstuvwxyz0123456789';
export const KEY_PREFIX = 'slu_';
const SHAPE = /^slu_([a-z0-9]{10})_[A-Za-z0-9]{40}$/;

export interface MintedKey {
  readonly id: string;
  /** Shown once and kept nowhere. */
  readonly key: string;
}

export function mintKey(): MintedKey {
  const draw = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
  const id = draw(LOWER, 10);
  return { id, key: `${KEY_PREFIX}${id}_${draw(ALPHABET, 40)}` };
}

/** idOf reads the public part; `undefined` for what is no key. */
export function idOf(key: string): string | undefined {
  return SHAPE.exec(key)?.[1];
}

export class KeyDigester {
  readonly #secret: Buffer;

  constructor(installationKey: Buffer) {
    this.#secret = Buffer.from(hkdfSync('sha256', installationKey, Buffer.alloc(0), 'sluice api keys', 32));
  }

  /** Hex. */
  digest(key: string): string {
    return createHmac('sha256', this.#secret).update(key).digest('hex');
  }

  /** Takes the same time wherever the two differ. */
  matches(key: string, digest: string): boolean {
    const own = Buffer.from(this.digest(key), 'hex');
    const kept = Buffer.from(digest, 'hex');
    return own.length === kept.length && timingSafeEqual(own, kept);
  }
}
