/**
 * The one pass over a text. Finds every trigger of every rule and collects, per rule, the windows in which it should
 * look. Linear; can stop anywhere and go on, so a long text never holds the event loop.
 */
import type { RunClass, Window } from '../recognizer.ts';
import type { LengthRule, ScanPlan } from './plan.ts';
import {
  ALPHANUMERIC,
  DIGIT,
  DIGIT_LOOK_ALIKE,
  FOREIGN_LETTER,
  HEX,
  SEPARATOR,
  TOKEN,
  UNIT_KINDS,
  UPPER,
} from './unit-kinds.ts';

const BOUNDARY = DIGIT | ALPHANUMERIC | TOKEN | FOREIGN_LETTER;
/** Separators that may stand between two digits of a group, and characters between two single characters. */
const LONGEST_GAP = 3;

export class Scan {
  readonly #plan: ScanPlan;
  readonly #text: string;
  /** Rules from this id on are not run (views, once decoding is deep enough). */
  readonly #ruleLimit: number;
  /** Per touched rule: start, end, start, end, … */
  readonly #windows = new Map<number, number[]>();
  /** start, end, digits of every group that is long enough. */
  readonly #groups: number[] = [];
  readonly #shortestOf: Readonly<Record<RunClass, number>>;
  #at = 0;
  #state = 0;
  #kind = 0;
  #alphanumericStart = 0;
  #tokenStart = 0;
  #digitStart = 0;
  #runHasDigit = false;
  #groupStart = 0;
  #groupEnd = -1;
  #groupDigits = 0;
  #singlesStart = 0;
  #singlesEnd = -1;
  #singles = 0;

  constructor(plan: ScanPlan, text: string, ruleLimit: number) {
    this.#plan = plan;
    this.#text = text;
    this.#ruleLimit = ruleLimit;
    const shortest = (rules: readonly LengthRule[]): number => rules[0]?.atLeast ?? Infinity;
    this.#shortestOf = {
      alphanumeric: shortest(plan.runs.alphanumeric),
      hex: shortest(plan.runs.hex),
      token: shortest(plan.runs.token),
    };
  }

  /** advance scans up to `units` more; returns whether the text is done. */
  advance(units: number): boolean {
    const text = this.#text;
    const { classes, next } = this.#plan.automaton;
    const kinds = UNIT_KINDS;
    const to = Math.min(text.length, this.#at + units);
    let state = this.#state;
    let previous = this.#kind;
    for (let index = this.#at; index < to; index++) {
      const unit = text.charCodeAt(index);
      // Both tables cover every UTF-16 unit and every state; the index is never out of range.
      state = next[state + (classes[unit] as number)] as number;
      if (state < 0) {
        state = ~state;
        this.#hit(state, index + 1);
      }
      const kind = kinds[unit] as number;
      if (((kind ^ previous) & BOUNDARY) !== 0) this.#boundary(index, previous, kind);
      previous = kind;
    }
    this.#at = to;
    this.#state = state;
    this.#kind = previous;
    if (to < text.length) return false;
    this.#finish();
    return true;
  }

  /** windows lists every rule that was triggered, with its windows merged, in order and inside the text. */
  *windows(): Generator<readonly [number, readonly Window[]]> {
    for (const rule of this.triggered()) {
      const windows = this.#merged(rule);
      if (windows.length > 0) yield [rule, windows];
    }
  }

  /** Ids of the rules with a window, whatever they require. */
  triggered(): number[] {
    return [...this.#windows.keys()].toSorted((left, right) => left - right);
  }

  /** open adds a window that something outside the text asks for. */
  open(rule: number, start: number, end: number): void {
    this.#add(rule, start, end);
  }

  #merged(rule: number): Window[] {
    const flat = this.#windows.get(rule) ?? [];
    const sorted: { start: number; end: number }[] = [];
    let inOrder = true;
    for (let index = 0; index < flat.length; index += 2) {
      const start = Math.max(0, flat[index] ?? 0);
      const end = Math.min(this.#text.length, flat[index + 1] ?? 0);
      inOrder &&= start >= (sorted.at(-1)?.start ?? 0);
      sorted.push({ start, end });
    }
    if (!inOrder) sorted.sort((left, right) => left.start - right.start);
    const merged: { start: number; end: number }[] = [];
    for (const window of sorted) {
      const last = merged.at(-1);
      if (last && window.start <= last.end) last.end = Math.max(last.end, window.end);
      else merged.push(window);
    }
    const required = this.#plan.rules[rule]?.requires?.digits;
    return required === undefined ? merged : merged.filter((window) => this.#holdsGroup(window, required));
  }

  /** Groups are in order and do not overlap; the first that ends after the window's start is found by halving. */
  #holdsGroup(window: Window, required: number): boolean {
    const groups = this.#groups;
    let low = 0;
    let high = groups.length / 3;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((groups[middle * 3 + 1] ?? 0) <= window.start) low = middle + 1;
      else high = middle;
    }
    for (let index = low * 3; index < groups.length && (groups[index] ?? 0) < window.end; index += 3) {
      if ((groups[index + 2] ?? 0) >= required) return true;
    }
    return false;
  }

  #finish(): void {
    this.#boundary(this.#text.length, this.#kind, 0);
    this.#closeGroup();
    this.#closeSingles();
    for (const rule of this.#plan.always) this.#open(rule, 0, this.#text.length);
  }

  #open(rule: number, start: number, end: number): void {
    if (rule >= this.#ruleLimit) return;
    const { before, after, rules } = this.#plan;
    if (rules[rule]?.guard?.(this.#text, start, end) === false) return;
    this.#add(rule, start - (before[rule] ?? 0), end + (after[rule] ?? 0));
  }

  #add(rule: number, from: number, to: number): void {
    const windows = this.#windows.get(rule);
    if (!windows) {
      this.#windows.set(rule, [from, to]);
      return;
    }
    const last = windows.length - 1;
    const lastStart = windows[last - 1] ?? 0;
    if (from >= lastStart && from <= (windows[last] ?? 0)) windows[last] = Math.max(windows[last] ?? 0, to);
    else windows.push(from, to);
  }

  #hit(state: number, end: number): void {
    const { automaton, rulesOfLiteral, lengthOfLiteral } = this.#plan;
    for (const literal of automaton.ends.get(state) ?? []) {
      const start = end - (lengthOfLiteral[literal] ?? 0);
      for (const rule of rulesOfLiteral[literal] ?? []) this.#open(rule, start, end);
    }
  }

  #boundary(index: number, previous: number, kind: number): void {
    const changed = previous ^ kind;
    if ((changed & DIGIT) !== 0) {
      if ((kind & DIGIT) !== 0) this.#startDigits(index);
      else {
        this.#groupDigits += index - this.#digitStart;
        this.#groupEnd = index;
      }
    }
    if ((changed & ALPHANUMERIC) !== 0) {
      if ((kind & ALPHANUMERIC) === 0) this.#endAlphanumeric(this.#alphanumericStart, index);
      else {
        this.#alphanumericStart = index;
        this.#runHasDigit = (kind & DIGIT) !== 0;
      }
    }
    if ((changed & TOKEN) !== 0) {
      if ((kind & TOKEN) !== 0) this.#tokenStart = index;
      else if (index - this.#tokenStart >= this.#shortestOf.token) this.#openRun('token', this.#tokenStart, index);
    }
    if ((changed & FOREIGN_LETTER) !== 0 && (kind & FOREIGN_LETTER) !== 0) {
      for (const rule of this.#plan.capitalized) this.#open(rule, index, index + 1);
    }
  }

  #startDigits(index: number): void {
    this.#runHasDigit = true;
    this.#digitStart = index;
    const gap = index - this.#groupEnd;
    let continues = this.#groupEnd >= 0 && gap <= LONGEST_GAP;
    for (let at = this.#groupEnd; continues && at < index; at++) {
      continues = ((UNIT_KINDS[this.#text.charCodeAt(at)] ?? 0) & SEPARATOR) !== 0;
    }
    if (continues) return;
    this.#closeGroup();
    this.#groupStart = index;
    this.#groupDigits = 0;
  }

  #closeGroup(): void {
    const digits = this.#groupDigits;
    if (digits < this.#plan.shortestGroup || this.#groupEnd < 0) return;
    this.#groups.push(this.#groupStart, this.#groupEnd, digits);
    for (const { atLeast, rule } of this.#plan.digits) {
      if (atLeast > digits) break;
      this.#open(rule, this.#groupStart, this.#groupEnd);
    }
  }

  #openRun(of: RunClass, start: number, end: number): void {
    for (const { atLeast, rule } of this.#plan.runs[of]) {
      if (atLeast > end - start) break;
      this.#open(rule, start, end);
    }
  }

  #endAlphanumeric(start: number, end: number): void {
    const length = end - start;
    if (length >= this.#shortestOf.alphanumeric) this.#openRun('alphanumeric', start, end);
    if (length >= this.#shortestOf.hex) this.#findHex(start, end);
    if (length === 1) this.#addSingle(start);
    else if (this.#singles > 0) this.#closeSingles();
    if (
      this.#runHasDigit &&
      length > 1 &&
      this.#plan.lookAlikeDigits.length > 0 &&
      this.#isLookAlikeNumber(start, end)
    ) {
      for (const rule of this.#plan.lookAlikeDigits) this.#open(rule, start, end);
    }
    if (this.#plan.capitalized.length > 0 && length > 1) {
      const first = UNIT_KINDS[this.#text.charCodeAt(start)] ?? 0;
      const second = UNIT_KINDS[this.#text.charCodeAt(start + 1)] ?? 0;
      if ((first & UPPER) !== 0 && (second & UPPER) === 0)
        for (const rule of this.#plan.capitalized) this.#open(rule, start, end);
    }
  }

  #findHex(start: number, end: number): void {
    let from = start;
    for (let at = start; at <= end; at++) {
      if (at < end && ((UNIT_KINDS[this.#text.charCodeAt(at)] ?? 0) & HEX) !== 0) continue;
      if (at - from >= this.#shortestOf.hex) this.#openRun('hex', from, at);
      from = at + 1;
    }
  }

  #addSingle(start: number): void {
    if (this.#singles > 0 && start - this.#singlesEnd > LONGEST_GAP) this.#closeSingles();
    if (this.#singles === 0) this.#singlesStart = start;
    this.#singles++;
    this.#singlesEnd = start + 1;
  }

  #closeSingles(): void {
    for (const { atLeast, rule } of this.#plan.singles) {
      if (atLeast > this.#singles) break;
      this.#open(rule, this.#singlesStart, this.#singlesEnd);
    }
    this.#singles = 0;
  }

  /** Digits and letters that look like digits, both present; up to two capitals may lead (an IBAN's country). */
  #isLookAlikeNumber(start: number, end: number): boolean {
    const isCapital = (at: number): boolean => ((UNIT_KINDS[this.#text.charCodeAt(at)] ?? 0) & UPPER) !== 0;
    const from = end - start >= 12 && isCapital(start) && isCapital(start + 1) ? start + 2 : start;
    let lookAlikes = 0;
    for (let at = from; at < end; at++) {
      const kind = UNIT_KINDS[this.#text.charCodeAt(at)] ?? 0;
      if ((kind & DIGIT_LOOK_ALIKE) !== 0) lookAlikes++;
      else if ((kind & DIGIT) === 0) return false;
    }
    return lookAlikes > 0 && lookAlikes < end - from;
  }
}
