/**
 * Tokens is one window of text as the tagger reads it: words, what stands before each, what the lists know. Buffers are
 * reused from window to window. Lists are asked only about words that are looked at.
 */
import { SHAPE, Words } from '../linear/words.ts';
import { knownBits } from './gazetteer.ts';

/** What stands between a word and the one before. */
export const GAP = {
  none: 0,
  start: 1,
  space: 2,
  newline: 3,
  sentence: 4,
  comma: 5,
  colon: 6,
  quote: 7,
  bracket: 8,
  hyphen: 9,
  slash: 10,
  at: 11,
  initial: 12,
  glued: 13,
  other: 14,
  semicolon: 15,
} as const;

export class Tokens {
  readonly words: Words;
  readonly gap: Uint8Array;
  readonly known: Int8Array;
  text = '';
  /** The writer uses no capitals, so small words may be names. */
  caseless = false;

  constructor(capacity: number) {
    this.words = new Words(capacity);
    this.gap = new Uint8Array(capacity);
    this.known = new Int8Array(capacity);
  }
  get count(): number {
    return this.words.count;
  }
  read(text: string, from = 0, to = text.length): void {
    this.text = text;
    this.words.scan(text, from, to);
    this.known.fill(-1, 0, this.count);
    const { start, end, count } = this.words;
    let capitals = 0;
    for (let at = 0; at < count; at += 1) {
      if ((this.shapeAt(at) & SHAPE.initialUpper) !== 0) capitals += 1;
      const before = at === 0 ? from : (end[at - 1] as number);
      this.gap[at] =
        at === 0 && before === start[at]
          ? GAP.start
          : gapOf(text, before, start[at] as number, at === 0, this.#isInitial(at - 1));
    }
    this.caseless = capitals <= count / 40;
  }
  knownAt(at: number): number {
    if (at < 0 || at >= this.count) return 0;
    let bits = this.known[at] as number;
    if (bits < 0) {
      bits = knownBits(this.words.hash[at] as number);
      this.known[at] = bits;
    }
    return bits;
  }
  shapeAt(at: number): number {
    return at < 0 || at >= this.count ? 0 : (this.words.shape[at] as number);
  }
  gapAt(at: number): number {
    return at < 0 || at >= this.count ? GAP.newline : (this.gap[at] as number);
  }
  hashAt(at: number): number {
    return at < 0 || at >= this.count ? 0 : (this.words.hash[at] as number);
  }
  lengthAt(at: number): number {
    return at < 0 || at >= this.count ? 0 : (this.words.end[at] as number) - (this.words.start[at] as number);
  }
  #isInitial(at: number): boolean {
    return at >= 0 && this.lengthAt(at) === 1 && (this.shapeAt(at) & SHAPE.initialUpper) !== 0;
  }
}

function gapOf(text: string, from: number, to: number, first: boolean, afterInitial: boolean): number {
  if (to - from === 1 && text.charCodeAt(from) === 0x20) return first ? GAP.start : GAP.space;
  let gap: number = first ? GAP.start : GAP.none;
  let spaced = false;
  // Long runs of punctuation are rulers and blobs: their last 12 units say what stands next to the word.
  for (let at = Math.max(from, to - 12); at < to; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0x20 || unit === 0x09 || unit === 0xa0) {
      spaced = true;
      if (gap === GAP.none) gap = GAP.space;
      continue;
    }
    if (unit === 0x0a || unit === 0x0d) gap = GAP.newline;
    else if (unit === 0x2e) gap = afterInitial && gap === GAP.none ? GAP.initial : GAP.sentence;
    else if (unit === 0x21 || unit === 0x3f || unit === 0x3002) gap = GAP.sentence;
    else if (unit === 0x2c) gap = GAP.comma;
    else if (unit === 0x3a) gap = GAP.colon;
    else if (unit === 0x3b) gap = GAP.semicolon;
    else if (unit === 0x22 || unit === 0x27 || (unit >= 0x2018 && unit <= 0x201f) || unit === 0xab || unit === 0x60)
      gap = gap === GAP.colon ? GAP.colon : GAP.quote;
    else if (
      unit === 0x28 ||
      unit === 0x5b ||
      unit === 0x7b ||
      unit === 0x3c ||
      unit === 0x29 ||
      unit === 0x5d ||
      unit === 0x7d ||
      unit === 0x3e
    )
      gap = GAP.bracket;
    else if (unit === 0x2d || unit === 0x2010 || unit === 0x2011) gap = GAP.hyphen;
    else if (unit === 0x2f || unit === 0x5c || unit === 0x7c) gap = GAP.slash;
    else if (unit === 0x40 || unit === 0x23) gap = GAP.at;
    else gap = GAP.other;
  }
  // `user.Name`, `Foo(Bar)`, `a@b`: no white space at all means one expression, not two words of a sentence.
  if (!spaced && (gap === GAP.sentence || gap === GAP.other)) return GAP.glued;
  return gap;
}
