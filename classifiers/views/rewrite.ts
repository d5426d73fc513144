/**
 * A rewritten copy of a text that remembers where every piece came from. Normalisation and every decoding are
 * rewrites, so one map answers for all of them: spans come back as ranges of the source, in range and in order.
 */

/** Why a piece differs from its source; `hidden` pieces are what a writer uses to keep a value from being seen. */
export type Edit = 'none' | 'plain' | 'hidden';

export interface Rewritten {
  readonly text: string;
  /** Smallest source range that made `[start, end)`; needs `start < end`. */
  toSource(start: number, end: number): readonly [number, number];
  /** The strongest edit that touches `[start, end)`. */
  editIn(start: number, end: number): Edit;
}

const RANK: Readonly<Record<Edit, number>> = { none: 0, plain: 1, hidden: 2 };
const EDITS: readonly Edit[] = ['none', 'plain', 'hidden'];

/** Rewrite collects pieces of one source, left to right (reversed pieces excepted), and builds a Rewritten. */
export class Rewrite {
  readonly #source: string;
  #text = '';
  /** Per run: start in the output, start and end in the source, edit rank. */
  readonly #outStarts: number[] = [];
  readonly #sourceStarts: number[] = [];
  readonly #sourceEnds: number[] = [];
  readonly #edits: number[] = [];
  /** The last piece, held back: a combining mark or a dropped character may still change it. */
  #held = '';
  #heldFrom = 0;
  #heldTo = 0;
  #heldEdit = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** keep copies `[from, to)` of the source as it stands. */
  keep(from: number, to: number): void {
    if (to <= from) return;
    this.#flush();
    if (to - from > 1) this.#append(this.#source.slice(from, to - 1), from, to - 1, RANK.none);
    this.#hold(this.#source.slice(to - 1, to), to - 1, to, RANK.none);
  }

  /** replace puts `text` in the place of `[from, to)`; empty text drops the range. */
  replace(from: number, to: number, text: string, edit: Exclude<Edit, 'none'> = 'plain'): void {
    if (text !== '') {
      this.#flush();
      this.#hold(text, from, to, RANK[edit]);
    } else if (edit === 'hidden' && this.#held !== '') {
      // A dropped range leaves its mark on what stands before it, so that a span around it knows.
      this.#heldEdit = RANK.hidden;
    }
  }

  /** recompose replaces the last output unit and takes the source up to `to` into it: a letter and the mark that joins it. */
  recompose(to: number, unit: string): void {
    this.#held = this.#held.slice(0, -1) + unit;
    this.#heldTo = to;
    this.#heldEdit = Math.max(this.#heldEdit, RANK.plain);
  }

  /** last returns the last output unit; empty when there is none. */
  last(): string {
    return this.#held.slice(-1);
  }

  build(): Rewritten {
    this.#flush();
    return new Runs(this.#text, this.#outStarts, this.#sourceStarts, this.#sourceEnds, this.#edits);
  }

  #hold(text: string, from: number, to: number, edit: number): void {
    this.#held = text;
    this.#heldFrom = from;
    this.#heldTo = to;
    this.#heldEdit = edit;
  }

  #flush(): void {
    if (this.#held !== '') this.#append(this.#held, this.#heldFrom, this.#heldTo, this.#heldEdit);
    this.#held = '';
  }

  /** Pieces that go on where the last run ended, unit for unit, extend it: a text of one kind is one run. */
  #append(text: string, from: number, to: number, edit: number): void {
    const last = this.#edits.length - 1;
    const lastEnd = this.#sourceEnds[last];
    const lastLength = this.#text.length - (this.#outStarts[last] ?? 0);
    const goesOn =
      lastEnd === from &&
      this.#edits[last] === edit &&
      lastEnd - (this.#sourceStarts[last] ?? 0) === lastLength &&
      to - from === text.length;
    if (goesOn) this.#sourceEnds[last] = to;
    else {
      this.#outStarts.push(this.#text.length);
      this.#sourceStarts.push(from);
      this.#sourceEnds.push(to);
      this.#edits.push(edit);
    }
    this.#text += text;
  }
}

class Runs implements Rewritten {
  readonly text: string;
  readonly #outStarts: readonly number[];
  readonly #sourceStarts: readonly number[];
  readonly #sourceEnds: readonly number[];
  readonly #edits: readonly number[];

  constructor(
    text: string,
    outStarts: readonly number[],
    sourceStarts: readonly number[],
    sourceEnds: readonly number[],
    edits: readonly number[],
  ) {
    this.text = text;
    this.#outStarts = outStarts;
    this.#sourceStarts = sourceStarts;
    this.#sourceEnds = sourceEnds;
    this.#edits = edits;
  }

  toSource(start: number, end: number): readonly [number, number] {
    const first = this.#unitRange(start);
    const last = this.#unitRange(end - 1);
    // Reversed pieces run backwards: the last unit may come from before the first.
    return [Math.min(first[0], last[0]), Math.max(first[1], last[1])];
  }

  editIn(start: number, end: number): Edit {
    let rank = 0;
    for (let run = this.#runAt(start); run < this.#outStarts.length && (this.#outStarts[run] ?? 0) < end; run++) {
      rank = Math.max(rank, this.#edits[run] ?? 0);
      if (rank === RANK.hidden) break;
    }
    return EDITS[rank] ?? 'none';
  }

  #unitRange(unit: number): readonly [number, number] {
    const run = this.#runAt(unit);
    const outStart = this.#outStarts[run] ?? 0;
    const outEnd = this.#outStarts[run + 1] ?? this.text.length;
    const from = this.#sourceStarts[run] ?? 0;
    const to = this.#sourceEnds[run] ?? 0;
    if (to - from !== outEnd - outStart) return [from, to];
    return [from + unit - outStart, from + unit - outStart + 1];
  }

  /** The last run that starts at or before `unit`. */
  #runAt(unit: number): number {
    let low = 0;
    let high = this.#outStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#outStarts[middle] ?? 0) <= unit) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}
