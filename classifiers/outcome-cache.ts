/**
 * Remembers what reading a text came to. Keys are hashes under a random key of this process, bound to the policy's
 * digest, so the memory holds no text and nobody can look for one in it. Least recently used entries go first.
 */
import { hash, randomBytes } from 'node:crypto';
import type { Outcome } from './outcome.ts';

export interface CachedOutcome {
  readonly structured: Outcome;
  /** With taggers, by role and form of the segment; empty until one was asked for. */
  readonly tagged: Map<string, Outcome>;
}

export class OutcomeCache {
  readonly #entries = new Map<string, CachedOutcome>();
  readonly #limit: number;
  readonly #prefix: string;

  constructor(limit: number, policy: string) {
    this.#limit = limit;
    this.#prefix = `${randomBytes(32).toString('base64')}${hash('sha256', policy, 'base64')}`;
  }

  /** Lone surrogates hash like U+FFFD: recognizers treat them alike too, and the length is the same. */
  keyOf(text: string, hint: string): string {
    return hash('sha256', `${this.#prefix}${hint.length}:${hint}${text}`, 'base64');
  }

  get(key: string): CachedOutcome | undefined {
    const entry = this.#entries.get(key);
    if (entry) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  set(key: string, entry: CachedOutcome): void {
    if (this.#limit === 0) return;
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#limit) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
