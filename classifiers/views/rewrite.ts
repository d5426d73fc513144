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
  readonly #pieces: string[] = [];
  /** Per run: start in the output, start and end in the source, edit rank. */
  readonly #outStarts: number[] = [];
  readonly #sourceStarts: number[] = [];
  readonly #sourceEnds: number[] = [];
  readonly #edits: number[] = [];
  #outLength = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get length(): number {
    return this.#outLength;
  }

  /** keep copies `[from, to)` of the source as it stands. */
  keep(from: number, to: number): void {
    if (to > from) this.#push(this.#source.slice(from, to), from, to, 0);
  }

  /** replace puts `text` in the place of `[from, to)`; empty text drops the range. */
  replace(from: number, to: number, text: string, edit: Exclude<Edit, 'none'> = 'plain'): void {
    if (text === '') {
      // A dropped range leaves its mark on the unit before it, so that a span around it knows.
      const last = this.#edits.length - 1;
      if (edit === 'hidden' && last >= 0) this.#markLast();
      return;
    }
    this.#push(text, from, to, RANK[edit]);
  }

  /** takeLast removes the last output unit (a base letter that a combining mark joins) and returns where it began. */
  takeLast(): { readonly unit: string; readonly from: number } | undefined {
    const last = this.#pieces.length - 1;
    const piece = this.#pieces[last];
    if (piece === undefined) return undefined;
    const unit = piece.slice(-1);
    const aligned = this.#isAligned(last, piece.length);
    const from = aligned ? (this.#sourceEnds[last] ?? 0) - 1 : (this.#sourceStarts[last] ?? 0);
    this.#outLength--;
    if (piece.length === 1) {
      this.#pieces.pop();
      this.#outStarts.pop();
      this.#sourceStarts.pop();
      this.#sourceEnds.pop();
      this.#edits.pop();
    } else {
      this.#pieces[last] = piece.slice(0, -1);
      if (aligned) this.#sourceEnds[last] = from;
    }
    return { unit, from };
  }

  /** peekLast returns the last output unit; empty when there is none. */
  peekLast(): string {
    return this.#pieces.at(-1)?.slice(-1) ?? '';
  }

  build(): Rewritten {
    return new Runs(this.#pieces.join(''), this.#outStarts, this.#sourceStarts, this.#sourceEnds, this.#edits);
  }

  #isAligned(run: number, outLength: number): boolean {
    return (this.#sourceEnds[run] ?? 0) - (this.#sourceStarts[run] ?? 0) === outLength;
  }

  /** Splits the last output unit off its run and marks it hidden. */
  #markLast(): void {
    const last = this.#pieces.length - 1;
    if (this.#edits[last] === RANK.hidden) return;
    const end = this.#sourceEnds[last] ?? 0;
    const taken = this.takeLast();
    if (taken) this.#push(taken.unit, taken.from, end, RANK.hidden);
  }

  #push(text: string, from: number, to: number, edit: number): void {
    this.#pieces.push(text);
    this.#outStarts.push(this.#outLength);
    this.#sourceStarts.push(from);
    this.#sourceEnds.push(to);
    this.#edits.push(edit);
    this.#outLength += text.length;
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
