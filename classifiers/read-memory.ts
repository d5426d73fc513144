/**
 * ReadMemory remembers which texts were read to what end, by a keyed hash of every unit and of the key the text stands under; it
 * holds no text. Bounded: a new entry takes the place of an old one, and what is forgotten is read again.
 */
import { TextDigest } from './skim/text-digest.ts';

/** Entries a text may stand in. */
const WAYS = 4;
const WORDS = 4;

export class ReadMemory {
  readonly #digest = new TextDigest();
  readonly #entries: Int32Array;
  /** Per entry one more than what was remembered; 0 is empty. */
  readonly #values: Uint8Array;
  readonly #mask: number;
  #next = 0;

  /** ReadMemory holds `limit` texts, rounded up to a power of two; none when it is 0. */
  constructor(limit: number) {
    const sets = limit === 0 ? 0 : 2 ** Math.ceil(Math.log2(Math.max(1, limit / WAYS)));
    this.#mask = sets - 1;
    this.#entries = new Int32Array(sets * WAYS * WORDS);
    this.#values = new Uint8Array(sets * WAYS);
  }

  /** get returns what is remembered of a text; -1 when nothing is. */
  get(text: string, hint: string): number {
    if (this.#mask < 0 || !this.#digest.read(text, hint)) return -1;
    const entry = this.#find();
    return entry < 0 ? -1 : (this.#values[entry] as number) - 1;
  }

  /** set remembers `value`, 0 to 254, of a text. */
  set(text: string, hint: string, value: number): void {
    if (this.#mask < 0 || !this.#digest.read(text, hint)) return;
    let entry = this.#find();
    if (entry < 0) {
      entry = this.#placeIn(this.#setOf());
      this.#entries.set(this.#digest.words, entry * WORDS);
    }
    this.#values[entry] = value + 1;
  }

  /** An empty entry while there is one; else the next in turn goes. */
  #placeIn(first: number): number {
    for (let entry = first; entry < first + WAYS; entry++) if (this.#values[entry] === 0) return entry;
    this.#next = (this.#next + 1) % WAYS;
    return first + this.#next;
  }

  #setOf(): number {
    const { words } = this.#digest;
    return (((words[0] as number) ^ (words[2] as number)) & this.#mask) * WAYS;
  }

  #find(): number {
    const { words } = this.#digest;
    const entries = this.#entries;
    const first = this.#setOf();
    for (let entry = first; entry < first + WAYS; entry++) {
      const at = entry * WORDS;
      if (
        this.#values[entry] !== 0 &&
        entries[at] === words[0] &&
        entries[at + 1] === words[1] &&
        entries[at + 2] === words[2] &&
        entries[at + 3] === words[3]
      )
        return entry;
    }
    return -1;
  }
}
