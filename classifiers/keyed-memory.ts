/**
 * Remembers what was worked out about a text. Keys are hashes under a random key of this process, bound to what the answer
 * depends on (the policy's digest), so the memory holds no text and nobody can look for one in it.
 */
import { hash, randomBytes } from 'node:crypto';

export class KeyedMemory<Value> {
  readonly #limit: number;
  readonly #prefix: string;
  /** Two generations: what is asked for moves to the young one, and when that is half of all, the old one goes. No order to keep up per look. */
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  constructor(limit: number, boundTo: string) {
    this.#limit = limit;
    this.#prefix = `${randomBytes(32).toString('base64')}${hash('sha256', boundTo, 'base64')}`;
  }

  /** Lone surrogates hash like U+FFFD: recognizers treat them alike too, and the length is the same. */
  keyOf(text: string, circumstances: string): string {
    return hash('sha256', `${this.#prefix}${circumstances.length}:${circumstances}${text}`, 'base64');
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    if (this.#limit === 0) return;
    this.#young.set(key, value);
    if (this.#young.size * 2 < this.#limit) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}

/** ownerKey is what an owner's keys begin with: no owner's are the beginning of another's. */
export function ownerKey(owner: string): string {
  return owner === '' ? '' : `${owner.length}:${owner} `;
}
