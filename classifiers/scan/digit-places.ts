/** DigitPlaces is where the digits of a text stand, so that a window is asked at the cost of a halving. */
import type { Window } from '../recognizer.ts';

export class DigitPlaces {
  /** start, end of every run. */
  readonly #runs: number[] = [];
  /** start, end, digits of every group that is long enough to matter. */
  readonly #groups: number[] = [];
  /** Digits in all. */
  digits = 0;

  /** Runs and groups come in order and do not overlap; a long group may come in pieces that do. */
  addRun(start: number, end: number): void {
    this.#runs.push(start, end);
    this.digits += end - start;
  }

  addGroup(start: number, end: number, digits: number): void {
    this.#groups.push(start, end, digits);
  }

  /** holdsDigits says whether so many digits stand between two places. */
  holdsDigits(start: number, end: number, needed: number): boolean {
    const runs = this.#runs;
    let left = needed;
    for (let at = firstEndingAfter(runs, 2, start); at < runs.length && (runs[at] as number) < end; at += 2) {
      left -= Math.min(end, runs[at + 1] as number) - Math.max(start, runs[at] as number);
      if (left <= 0) return true;
    }
    return false;
  }

  /** holdsGroup says whether a group of so many digits reaches into a window. */
  holdsGroup({ start, end }: Window, required: number): boolean {
    const groups = this.#groups;
    for (let at = firstEndingAfter(groups, 3, start); at < groups.length && (groups[at] as number) < end; at += 3)
      if ((groups[at + 2] as number) >= required) return true;
    return false;
  }
}

function firstEndingAfter(flat: readonly number[], width: number, place: number): number {
  let low = 0;
  let high = flat.length / width;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((flat[middle * width + 1] as number) <= place) low = middle + 1;
    else high = middle;
  }
  return low * width;
}
