/**
 * Tokens is one window of text as the tagger reads it: words, what stands before each, what the lists know. Buffers are
 * reused from window to window. What stands before a word is looked at only when asked.
 */
import { SHAPE } from '../linear/words.ts';
import { DescribedWords } from '../skim/described-words.ts';
import type { WordList } from '../skim/word-list.ts';

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

const UNKNOWN = 255;
/** The lists' part of a word's flags. */
const LISTS = 15;

export class Tokens {
  words: WordList;
  readonly #own: DescribedWords;
  readonly #gap: Uint8Array;
  #from = 0;
  text = '';
  /** The writer uses no capitals, so small words may be names. */
  caseless = false;

  constructor(capacity: number) {
    this.#own = new DescribedWords(capacity);
    this.words = this.#own;
    this.#gap = new Uint8Array(capacity);
  }
  get count(): number {
    return this.words.count;
  }
  /** read takes the window's words where somebody has read them already. */
  read(text: string, from = 0, to = text.length, words?: WordList): void {
    if (words === undefined) this.#own.read(text, from, to);
    this.words = words ?? this.#own;
    this.text = text;
    this.#from = from;
    this.#gap.fill(UNKNOWN, 0, this.count);
    this.caseless = this.words.capitals <= this.count / 40;
  }
  knownAt(at: number): number {
    return at < 0 || at >= this.count ? 0 : (this.words.flags[at] as number) & LISTS;
  }
  /** forget makes a word one that these lists do not know; for training. */
  forget(at: number, lists: number): void {
    this.words.flags[at] = (this.words.flags[at] as number) & ~lists;
  }
  shapeAt(at: number): number {
    return at < 0 || at >= this.count ? 0 : (this.words.shape[at] as number);
  }
  gapAt(at: number): number {
    if (at < 0 || at >= this.count) return GAP.newline;
    const known = this.#gap[at] as number;
    if (known !== UNKNOWN) return known;
    const { start, end } = this.words;
    const before = at === 0 ? this.#from : (end[at - 1] as number);
    const gap =
      at === 0 && before === start[at]
        ? GAP.start
        : gapOf(this.text, before, start[at] as number, at === 0, this.#isInitial(at - 1));
    this.#gap[at] = gap;
    return gap;
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
    // `Anna\n- Ben` is a list and `Anna - Ben` two sides; only a tight hyphen joins.
    else if (unit === 0x2d || unit === 0x2010 || unit === 0x2011)
      gap = gap === GAP.newline ? GAP.newline : spaced ? GAP.other : GAP.hyphen;
    else if (unit === 0x2f || unit === 0x5c || unit === 0x7c) gap = GAP.slash;
    else if (unit === 0x40 || unit === 0x23) gap = GAP.at;
    else gap = GAP.other;
  }
  // `user.Name`, `Foo(Bar)`, `a@b`: no white space at all means one expression, not two words of a sentence.
  if (!spaced && (gap === GAP.sentence || gap === GAP.other)) return GAP.glued;
  return gap;
}
