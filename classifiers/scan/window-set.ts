/** WindowSet collects, per rule, where it should look. */
import type { Window } from '../recognizer.ts';

const NONE: readonly number[] = [];

export class WindowSet {
  /** Per touched rule: start, end, start, end, … */
  #flat: Map<number, number[]> | undefined;

  add(rule: number, from: number, to: number): void {
    this.#flat ??= new Map();
    const windows = this.#flat.get(rule);
    if (windows === undefined) {
      this.#flat.set(rule, [from, to]);
      return;
    }
    const last = windows.length - 1;
    const lastEnd = windows[last] as number;
    if (from <= lastEnd && from >= (windows[last - 1] as number)) {
      if (to > lastEnd) windows[last] = to;
    } else windows.push(from, to);
  }

  /** Ids of the rules with a window, in order. */
  rules(): readonly number[] {
    return this.#flat === undefined ? NONE : [...this.#flat.keys()].sort((left, right) => left - right);
  }

  /** merged is a rule's windows in order, inside a text of `length` units, those that touch made one. */
  merged(rule: number, length: number): Window[] {
    const flat = this.#flat?.get(rule) ?? NONE;
    const sorted: { start: number; end: number }[] = [];
    let inOrder = true;
    let last = 0;
    for (let index = 0; index < flat.length; index += 2) {
      const start = Math.max(0, flat[index] ?? 0);
      inOrder &&= start >= last;
      last = start;
      sorted.push({ start, end: Math.min(length, flat[index + 1] ?? 0) });
    }
    if (!inOrder) sorted.sort((left, right) => left.start - right.start);
    const merged: { start: number; end: number }[] = [];
    let open: { start: number; end: number } | undefined;
    for (const window of sorted) {
      if (open && window.start <= open.end) open.end = Math.max(open.end, window.end);
      else merged.push((open = window));
    }
    return merged;
  }
}
