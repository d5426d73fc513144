/** DescribedWords is the WordList of a text that the module cannot read, and of whoever has no engine around him. */
import { SHAPE, Words } from '../linear/words.ts';
import { lexiconOf } from './lexicon.ts';
import { WORD } from './word-flags.ts';
import type { WordList } from './word-list.ts';

/** Scripts without case begin here: Hebrew, and all that follow. */
const FIRST_CASELESS = 0x590;
/** Cells of the memory of flags, two numbers each. */
const REMEMBERED = 4096;

export class DescribedWords implements WordList {
  readonly flags: Int32Array;
  readonly cues: Uint16Array;
  readonly names: Uint16Array;
  capitals = 0;
  cueCount = 0;
  nameCount = 0;
  readonly #words: Words;

  constructor(capacity: number) {
    this.#words = new Words(capacity);
    this.flags = new Int32Array(capacity);
    this.cues = new Uint16Array(capacity);
    this.names = new Uint16Array(capacity);
  }
  get count(): number {
    return this.#words.count;
  }
  get hash(): Int32Array {
    return this.#words.hash;
  }
  get start(): Int32Array {
    return this.#words.start;
  }
  get end(): Int32Array {
    return this.#words.end;
  }
  get shape(): Uint8Array {
    return this.#words.shape;
  }

  read(text: string, from = 0, to = text.length): void {
    const words = this.#words;
    words.scan(text, from, to);
    this.capitals = this.cueCount = this.nameCount = 0;
    for (let at = 0; at < words.count; at += 1) {
      const flags = flagsOf(words.hash[at] as number);
      const shape = words.shape[at] as number;
      this.flags[at] = flags;
      if ((shape & SHAPE.initialUpper) !== 0) this.capitals += 1;
      if ((flags & WORD.cue) !== 0) this.cues[this.cueCount++] = at;
      if ((shape & (SHAPE.hasDigit | SHAPE.underscore)) !== 0) continue;
      if (
        (shape & SHAPE.initialUpper) !== 0 ||
        (flags & (WORD.dictionary | WORD.particle)) !== WORD.dictionary ||
        text.charCodeAt(words.start[at] as number) >= FIRST_CASELESS
      )
        this.names[this.nameCount++] = at;
    }
  }
}

const remembered = new Int32Array(REMEMBERED * 2);

function flagsOf(hash: number): number {
  const at = ((hash ^ (hash >>> 15)) & (REMEMBERED - 1)) * 2;
  if (remembered[at] === hash && (remembered[at + 1] as number) < 0) return (remembered[at + 1] as number) & 0xff;
  const flags = lexiconOf(hash);
  remembered[at] = hash;
  remembered[at + 1] = flags | 0x8000_0000;
  return flags;
}
