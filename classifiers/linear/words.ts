/**
 * Words cuts a text into words and hashes each, once, for every linear model here. Buffers are owned by the instance
 * and reused: a view is good until the next scan. Work is linear in the text and stops at the buffer's end, which
 * `truncatedAt` tells; it never allocates per word.
 */
import { CLASS_OF, DIGIT, FOLD_OF, IDEOGRAPH, IS_UPPER, LETTER, MARK, SEPARATOR } from './fold.ts';

export const HASH_SEED = 0x811c9dc5 | 0;
const PRIME = 0x01000193;

/** What a word looks like, as bits. */
export const SHAPE = {
  initialUpper: 1,
  allUpper: 2,
  innerUpper: 4,
  hasDigit: 8,
  allDigit: 16,
  ideograph: 32,
  underscore: 64,
} as const;

/** hashWord gives a word the hash that a scan gives it; for cue tables. `word` must be one word. */
export function hashWord(word: string): number {
  let hash = HASH_SEED;
  for (let at = 0; at < word.length; at += 1) {
    const unit = word.charCodeAt(at);
    if (CLASS_OF[unit] !== MARK && unit !== 0x27 && unit !== 0x2019)
      hash = Math.imul(hash ^ (FOLD_OF[unit] as number), PRIME);
  }
  return hash | 0;
}

/** combine mixes two word hashes into one for a pair; order matters. */
export function combine(first: number, second: number): number {
  return (Math.imul(first ^ (second >>> 15), 0x85ebca6b) + Math.imul(second, 0xc2b2ae35)) | 0;
}

/** bucketOf spreads a hash over a table of 2^bits entries. */
export function bucketOf(hash: number, bits: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x7feb352d);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> (32 - bits);
}

/** What a unit is inside a word: what it folds to in the low bits, above them whether it belongs there, is upper case, is a digit. */
const IN_WORD = 1 << 16;
const UPPER_BIT = 17;
const DIGIT_BIT = 18;
const MARKED = 1 << 19;
const READ_AS = Int32Array.from(CLASS_OF, (kind, unit) =>
  kind === LETTER || kind === DIGIT
    ? (FOLD_OF[unit] as number) |
      IN_WORD |
      ((IS_UPPER[unit] as number) << UPPER_BIT) |
      (kind === DIGIT ? 1 << DIGIT_BIT : 0)
    : kind === MARK
      ? MARKED
      : 0,
);

export class Words {
  count = 0;
  /** Offset where reading stopped: the text's end, or earlier when the buffers were full. */
  truncatedAt = 0;
  readonly capacity: number;
  readonly hash: Int32Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly shape: Uint8Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.hash = new Int32Array(capacity);
    this.start = new Int32Array(capacity);
    this.end = new Int32Array(capacity);
    this.shape = new Uint8Array(capacity);
  }

  /** scan reads `text` from `from` to `to`; words keep their offsets in `text`. `append` keeps earlier words. */
  scan(text: string, from = 0, to = text.length, append = false): void {
    let count = append ? this.count : 0;
    let at = from;
    while (at < to && count < this.capacity) {
      let unit = text.charCodeAt(at);
      let kind = CLASS_OF[unit] as number;
      if (kind === SEPARATOR || kind === MARK) {
        at += 1;
        continue;
      }
      const start = at;
      if (kind === IDEOGRAPH) {
        at += 1;
        this.hash[count] = Math.imul(HASH_SEED ^ unit, PRIME);
        this.start[count] = start;
        this.end[count] = at;
        this.shape[count] = SHAPE.ideograph;
        count += 1;
        continue;
      }
      let hash = HASH_SEED;
      let uppers = 0;
      let digits = 0;
      let size = 0;
      let shape = IS_UPPER[unit] === 1 ? SHAPE.initialUpper : 0;
      // One look per unit tells class, case and what it folds to.
      for (; at < to; at += 1) {
        unit = text.charCodeAt(at);
        const what = READ_AS[unit] as number;
        if ((what & IN_WORD) !== 0) {
          hash = Math.imul(hash ^ (what & 0xffff), PRIME);
          uppers += (what >> UPPER_BIT) & 1;
          digits += (what >> DIGIT_BIT) & 1;
          size += 1;
          continue;
        }
        if (what === MARKED) continue;
        // `O'Brien`, `l’hôpital`, `don't` stay one word; the `s` of `Anna's` is a word of its own.
        if (unit === 0x5f) shape |= SHAPE.underscore;
        else if ((unit !== 0x27 && unit !== 0x2019) || !joinsOver(text, at, to)) break;
      }
      if (uppers === size) shape |= SHAPE.allUpper;
      if (uppers > ((shape & SHAPE.initialUpper) === 0 ? 0 : 1)) shape |= SHAPE.innerUpper;
      if (digits > 0) shape |= digits === size ? SHAPE.allDigit | SHAPE.hasDigit : SHAPE.hasDigit;
      this.hash[count] = hash;
      this.start[count] = start;
      this.end[count] = at;
      this.shape[count] = shape;
      count += 1;
    }
    this.count = count;
    this.truncatedAt = at;
  }
}

function joinsOver(text: string, at: number, to: number): boolean {
  if (at + 1 >= to || CLASS_OF[text.charCodeAt(at + 1)] !== LETTER) return false;
  if ((text.charCodeAt(at + 1) | 0x20) !== 0x73) return true;
  return at + 2 < to && CLASS_OF[text.charCodeAt(at + 2)] === LETTER;
}
