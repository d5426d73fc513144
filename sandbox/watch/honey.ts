/**
 * Credentials that are good for nothing but being noticed. Each is 30 bytes in base64, as long as a cloud provider's secret
 * key: a nonce and a keyed digest of it, so whoever has the key knows one again wherever and whenever it turns up, with
 * nothing stored, and nobody else can tell it from a real one. Fails quiet: what was changed beyond recognition is not known.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const NONCE_BYTES = 10;
const DIGEST_BYTES = 20;
const TOKEN = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])/g;
/** A megabyte of base64 lines is not a megabyte of tokens; past this many candidates only known ones are looked for. */
const MAX_CANDIDATES = 2_000;

export class HoneyKey {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array = randomBytes(32)) {
    this.#key = key;
  }

  mint(): string {
    const nonce = randomBytes(NONCE_BYTES);
    return Buffer.concat([nonce, this.#digest(nonce)]).toString('base64');
  }

  isHoney(token: string): boolean {
    const bytes = Buffer.from(token, 'base64');
    if (bytes.length !== NONCE_BYTES + DIGEST_BYTES) return false;
    return timingSafeEqual(bytes.subarray(NONCE_BYTES), this.#digest(bytes.subarray(0, NONCE_BYTES)));
  }

  /** Whether any honey credential of this key, of whatever sandbox, stands in the text as it was planted. */
  isIn(text: string): boolean {
    let candidates = 0;
    for (const [token] of text.matchAll(TOKEN)) {
      if (this.isHoney(token)) return true;
      candidates += 1;
      if (candidates >= MAX_CANDIDATES) return false;
    }
    return false;
  }

  #digest(nonce: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update('sluice/honey/1\n').update(nonce).digest().subarray(0, DIGEST_BYTES);
  }
}
