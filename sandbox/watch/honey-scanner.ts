/**
 * Looks for honey credentials in a stream of chunks, across their borders and through line breaks. Tokens that are known to
 * have been within reach are looked for in every usual spelling, others of the same key as they were planted.
 */
import { spellingsOf } from '../spellings.ts';
import type { HoneyKey } from './honey.ts';

/** Longer than any spelling of one token. */
const CARRY = 256;

export class HoneyScanner {
  readonly #key: HoneyKey;
  readonly #needles: readonly string[];
  #raw = '';
  #dense = '';

  constructor(key: HoneyKey, tokens: readonly string[]) {
    this.#key = key;
    this.#needles = tokens.flatMap(spellingsOf);
  }

  /** True when a credential ends in what was pushed so far. Chunks are read as Latin-1: a token is ASCII. */
  push(chunk: Buffer): boolean {
    const text = chunk.toString('latin1');
    this.#raw += text;
    this.#dense += text.replaceAll(/\s+/g, '');
    const found = this.#needles.some((needle) => this.#dense.includes(needle)) || this.#key.isIn(this.#raw);
    this.#raw = this.#raw.slice(-CARRY);
    this.#dense = this.#dense.slice(-CARRY);
    return found;
  }
}
