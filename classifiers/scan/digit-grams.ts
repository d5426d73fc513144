/**
 * What a group of digits looks like, as pairs of neighbouring runs: `311-19-1486` holds 3-2 and 2-4. A table holds a number
 * or two per character, so what a recognizer cannot do without is asked of a lookup table, not of its guard.
 *
 * Written `3-2`: a run of three digits, a dash, a run of two. `9..12` alone: an unbroken run of that length. `A~6`: a
 * letter (or `+`, `#`) right before a run of six; `6 A`: one behind it and a space; `?` for any mark or none. Of several
 * marks between two runs the first that is no space counts. Lengths above 20 are 20.
 */
import { ALPHANUMERIC, DIGIT, SEPARATOR, UNIT_KINDS } from './unit-kinds.ts';

const LONGEST = 20;
/** Stands in for a run where a letter is: numbers of tables and lists have none beside them. */
export const LETTER = LONGEST + 1;
/** Neither run nor letter: the edge of a text, or a mark no group holds. */
export const NOTHING = 0;
const KINDS = LETTER + 1;

const MARKS = ['~', '-', '.', ' ', '/', '_', '(', ',', '\n', '\t'] as const;
const DIRECT = 0;
const SPACE = MARKS.indexOf(' ');
/** Separators that may stand between a group and the letter beside it. */
const EDGE_GAP = 3;
/** A Bloom of distinct questions: two words of 30 bits. */
const MOST_QUESTIONS = 60;
const BITS = 30;

const MARK_OF: Uint8Array = markTable();

function markTable(): Uint8Array {
  const marks = new Uint8Array(128);
  for (const [index, mark] of MARKS.entries()) if (index > 0) marks[mark.charCodeAt(0)] = index;
  marks[0x29] = MARKS.indexOf('(');
  marks[0x0d] = MARKS.indexOf('\n');
  return marks;
}

/** Answers to all questions at once: bits by left run, mark, right run. */
export interface GramTable {
  readonly low: Int32Array;
  readonly high: Int32Array;
}

/** The bits of which a rule needs one. */
export interface GramMask {
  readonly low: number;
  readonly high: number;
}

/** compileGrams gives every question its bit. Past so many a rule asks its guard always. Throws on a gram it cannot read. */
export function compileGrams(questions: readonly (readonly string[] | undefined)[]): {
  readonly table: GramTable;
  readonly masks: readonly (GramMask | undefined)[];
} {
  const table: GramTable = {
    low: new Int32Array(KINDS * MARKS.length * KINDS),
    high: new Int32Array(KINDS * MARKS.length * KINDS),
  };
  const known = new Map<string, GramMask>();
  const masks = questions.map((grams) => {
    if (grams === undefined) return undefined;
    const key = grams.join('|');
    const same = known.get(key);
    if (same) return same;
    if (known.size >= MOST_QUESTIONS) return undefined;
    const bit = 1 << (known.size % BITS);
    const mask = known.size < BITS ? { low: bit, high: 0 } : { low: 0, high: bit };
    known.set(key, mask);
    for (const gram of grams) {
      for (const key of keysOf(gram)) {
        table.low[key] = (table.low[key] ?? 0) | mask.low;
        table.high[key] = (table.high[key] ?? 0) | mask.high;
      }
    }
    return mask;
  });
  return { table, masks };
}

const GRAM = /^(?<left>A|\d{1,3}(?:\.\.\d{1,3})?)(?:(?<mark>[?~\-. /_(,\n\t])(?<right>A|\d{1,3}(?:\.\.\d{1,3})?))?$/;

function keysOf(gram: string): readonly number[] {
  const { left = '', mark, right } = GRAM.exec(gram)?.groups ?? {};
  if (left === '') throw new TypeError(`not a gram: ${gram}`);
  const every = Array.from({ length: KINDS }, (_, kind) => kind);
  const everyMark = MARKS.map((_, index) => index);
  const [lefts, rights] = right === undefined ? [every, kindsOf(left)] : [kindsOf(left), kindsOf(right)];
  const marks = mark === undefined || mark === '?' ? everyMark : [MARKS.indexOf(mark as (typeof MARKS)[number])];
  return lefts.flatMap((before) => marks.flatMap((between) => rights.map((after) => gramKey(before, between, after))));
}

function kindsOf(side: string): readonly number[] {
  if (side === 'A') return [LETTER];
  const [from = 0, to = from] = side.split('..').map((part) => Math.min(LONGEST, Number(part)));
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

export function gramKey(left: number, mark: number, right: number): number {
  return (left * MARKS.length + mark) * KINDS + right;
}

export function runKind(length: number): number {
  return length < LONGEST ? length : LONGEST;
}

/** markBetween reads the separators from `start` to `end`; the first that is no space counts. */
export function markBetween(text: string, start: number, end: number): number {
  let mark = DIRECT;
  for (let at = start; at < end; at++) {
    mark = MARK_OF[text.charCodeAt(at)] ?? DIRECT;
    if (mark !== SPACE) return mark;
  }
  return mark;
}

/** Everything beyond ASCII counts: signs such as № and º stand for words. */
function isLetter(unit: number): boolean {
  const kind = UNIT_KINDS[unit] ?? 0;
  return unit >= 0x80 || ((kind & ALPHANUMERIC) !== 0 && (kind & DIGIT) === 0) || unit === 0x2b || unit === 0x23;
}

/** The e of `1.5e-7`: no letter beside a number but part of it. */
export function isExponent(text: string, at: number): boolean {
  if ((text.charCodeAt(at) | 0x20) !== 0x65 || !isDigit(text.charCodeAt(at - 1))) return false;
  const sign = text.charCodeAt(at + 1);
  return (sign === 0x2b || sign === 0x2d) && isDigit(text.charCodeAt(at + 2));
}

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39;

/** edgeBefore says what stands before a group: its gram's left side and mark, as a key to add the right side to. */
export function edgeBefore(text: string, start: number): number {
  let at = start - 1;
  while (at >= 0 && start - at <= EDGE_GAP && isSeparator(text, at)) at--;
  if (at < 0 || !isLetter(text.charCodeAt(at)) || isExponent(text, start - 2)) return 0;
  return gramKey(LETTER, markBetween(text, at + 1, start), 0);
}

/** edgeBehind is the key of a group's last run, the marks behind it and the letter after them; of nothing without a letter. */
export function edgeBehind(text: string, end: number, last: number): number {
  let at = end;
  while (at < text.length && at - end < EDGE_GAP && isSeparator(text, at)) at++;
  if (at >= text.length || !isLetter(text.charCodeAt(at)) || isExponent(text, at)) return 0;
  return gramKey(last, markBetween(text, end, at), LETTER);
}

function isSeparator(text: string, at: number): boolean {
  return ((UNIT_KINDS[text.charCodeAt(at)] ?? 0) & SEPARATOR) !== 0;
}
