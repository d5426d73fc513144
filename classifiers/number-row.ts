/**
 * Values in rows and columns of numbers. A check digit alone passes one number in ten, so where a text is a list of
 * numbers some pass by chance: there a value counts when a header or word says what it is, or when its neighbours pass too.
 */
import type { Window } from './recognizer.ts';

/** Marks between the cells of a row, strongest first. */
const MARKS = ['\t', '|', ';', ','] as const;
/** Units looked at for one neighbour, and for a line of a table. */
const LONGEST_CELL = 40;
const LONGEST_LINE = 2048;
/** Neighbours on each side that may vouch for a value. */
const PEERS = 4;

const PLAIN_NUMBER = /^[-+]?\d{1,32}(?:\.\d{1,32})?(?:[eE][-+]?\d{1,3})?$/;

/** Fewer numbers around a value make no row: a line with number, card and code has two. */
const SHORTEST_ROW = 4;

/** Whether plain numbers stand on both sides of a value, with the marks of a list or table between. */
export function isInNumberRow(text: string, start: number, end: number): boolean {
  const before = numbersBefore(text, start);
  if (before.length === 0) return false;
  const after = numbersAfter(text, end);
  return after.length > 0 && before.length + after.length >= SHORTEST_ROW;
}

/**
 * Whether the neighbours in the row, or above and below in the column, pass as well: half of up to eight, two at least.
 * A list of real values does that; of random numbers a few in a million.
 */
export function neighboursPass(text: string, start: number, end: number, passes: (value: string) => boolean): boolean {
  const isMost = (peers: readonly Window[]): boolean => {
    const passing = peers.filter((peer) => passes(text.slice(peer.start, peer.end))).length;
    return passing >= 2 && passing * 2 >= peers.length;
  };
  return isMost([...numbersBefore(text, start), ...numbersAfter(text, end)]) || isMost(columnPeers(text, start));
}

function numbersBefore(text: string, start: number): readonly Window[] {
  const found: Window[] = [];
  for (let next = numberBefore(text, start); next && found.length < PEERS; next = numberBefore(text, next.start))
    found.push(next);
  return found;
}

function numbersAfter(text: string, end: number): readonly Window[] {
  const found: Window[] = [];
  for (let next = numberAfter(text, end); next && found.length < PEERS; next = numberAfter(text, next.end))
    found.push(next);
  return found;
}

/** A cell and its numbers: blanks, quotes and one mark or line break may stand between two. */
function numberBefore(text: string, start: number): Window | undefined {
  let end = start;
  let marks = 0;
  while (end > 0 && start - end < 6 && isBetween(text[end - 1])) marks += isBlank(text[--end]) ? 0 : 1;
  if (end === start || marks > 3) return undefined;
  let from = end;
  while (from > 0 && end - from < LONGEST_CELL && isNumberUnit(text.charCodeAt(from - 1))) from--;
  return PLAIN_NUMBER.test(text.slice(from, end)) && !isLetter(text.charCodeAt(from - 1))
    ? { start: from, end }
    : undefined;
}

function numberAfter(text: string, end: number): Window | undefined {
  let start = end;
  let marks = 0;
  while (start < text.length && start - end < 6 && isBetween(text[start])) marks += isBlank(text[start++]) ? 0 : 1;
  if (start === end || marks > 3) return undefined;
  let to = start;
  while (to < text.length && to - start < LONGEST_CELL && isNumberUnit(text.charCodeAt(to))) to++;
  return PLAIN_NUMBER.test(text.slice(start, to)) && !isLetter(text.charCodeAt(to)) ? { start, end: to } : undefined;
}

const isBlank = (unit: string | undefined): boolean => unit === ' ' || unit === '\t' || unit === '\r';
const isBetween = (unit: string | undefined): boolean =>
  unit !== undefined &&
  (isBlank(unit) || unit === '\n' || unit === ',' || unit === ';' || unit === '|' || unit === '"' || unit === "'");
const isNumberUnit = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) || unit === 0x2e || unit === 0x2d || unit === 0x2b || unit === 0x65 || unit === 0x45;
const isLetter = (unit: number): boolean => (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;

interface Line {
  readonly start: number;
  readonly end: number;
}

/** The line around `at`; undefined when it is too long for a row. Looks no further than that, or one long line would cost its square. */
function lineAt(text: string, at: number): Line | undefined {
  const from = Math.max(0, at - LONGEST_LINE);
  const near = text.slice(from, at + LONGEST_LINE);
  const start = at === 0 ? 0 : near.lastIndexOf('\n', at - from - 1) + 1;
  const found = near.indexOf('\n', at - from);
  if ((start === 0 && from > 0) || (found < 0 && at + LONGEST_LINE < text.length)) return undefined;
  return { start: from + start, end: found < 0 ? text.length : from + found };
}

/** The mark that parts the cells of a line at the value; undefined when it stands in no table. */
function markOf(text: string, line: Line, start: number): string | undefined {
  const content = text.slice(line.start, line.end);
  return MARKS.find((mark) => {
    if (!content.includes(mark)) return false;
    // A value in prose with commas far away is in no cell.
    const at = start - line.start;
    const from = at === 0 ? 0 : content.lastIndexOf(mark, at - 1) + 1;
    const found = content.indexOf(mark, at);
    const to = found < 0 ? content.length : found;
    return at - from <= 4 && to - from <= LONGEST_CELL * 2;
  });
}

function cellsOf(text: string, line: Line, mark: string): Window[] {
  let at = line.start;
  return text
    .slice(line.start, line.end)
    .split(mark)
    .map((cell) => {
      const start = at;
      at += cell.length + 1;
      return { start, end: start + cell.length };
    });
}

function columnPeers(text: string, start: number): readonly Window[] {
  const line = lineAt(text, start);
  if (!line) return [];
  const mark = markOf(text, line, start);
  if (mark === undefined) return [];
  const own = cellsOf(text, line, mark);
  const column = own.findIndex((cell) => start >= cell.start && start <= cell.end);
  const peers: Window[] = [];
  const take = (next: (line: Line) => number): void => {
    let at: Line = line;
    for (let count = 0; count < PEERS; count++) {
      const position = next(at);
      const found = position < 0 || position > text.length ? undefined : lineAt(text, position);
      if (!found) return;
      const cells = cellsOf(text, found, mark);
      const cell = cells[column];
      if (cells.length !== own.length || !cell) return;
      const trimmed = trim(text, cell);
      if (trimmed.end > trimmed.start) peers.push(trimmed);
      at = found;
    }
  };
  take((at) => at.start - 1);
  take((at) => (at.end + 1 > text.length - 1 ? -1 : at.end + 1));
  return peers;
}

function trim(text: string, { start, end }: Window): Window {
  let from = start;
  let to = end;
  const isPadding = (unit: string | undefined): boolean => isBlank(unit) || unit === '"' || unit === "'";
  while (from < to && isPadding(text[from])) from++;
  while (to > from && isPadding(text[to - 1])) to--;
  return { start: from, end: to };
}

/** What one text's table is known to be: rows from `header` to `end` have as many cells. */
interface Table {
  readonly mark: string;
  readonly header: readonly string[];
  readonly start: number;
  end: number;
}

/**
 * Headers finds the column header above a value. Rows are counted upwards once and what was found is kept, so a table
 * of any length costs its length. One per text and reader; it holds the text no longer than they do.
 */
export class Headers {
  readonly #text: string;
  #table: Table | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** place is where context is looked for: the header as a hint, and no text. */
  place({ start }: { readonly start: number }): { text: string; start: number; end: number; hint: string } {
    return { text: '', start: 0, end: 0, hint: this.above(start) };
  }

  /** above returns the header of the value's column; empty when there is none. */
  above(start: number): string {
    const text = this.#text;
    const line = lineAt(text, start);
    if (!line) return '';
    const mark = markOf(text, line, start);
    if (mark === undefined) return '';
    const cells = cellsOf(text, line, mark);
    const column = cells.findIndex((cell) => start >= cell.start && start <= cell.end);
    const table = this.#tableOf(line, mark, cells.length);
    return table.header.length === cells.length ? (table.header[column] ?? '') : '';
  }

  #tableOf(line: Line, mark: string, width: number): Table {
    const known = this.#table;
    if (known && known.mark === mark && known.start <= line.start && line.end <= known.end) return known;
    let top = line;
    while (top.start > 0) {
      const above = lineAt(this.#text, top.start - 1);
      if (!above || !this.#isRow(above, mark, width)) break;
      if (known && known.mark === mark && above.end === known.end) {
        known.end = line.end;
        return known;
      }
      top = above;
    }
    const cells = cellsOf(this.#text, top, mark).map((cell) => this.#text.slice(cell.start, cell.end));
    const isHeader =
      top.start < line.start && !cells.some((cell) => /\d{3}/.test(cell)) && cells.some((cell) => /\p{L}/u.test(cell));
    this.#table = { mark, header: isHeader ? cells : [], start: top.start, end: line.end };
    return this.#table;
  }

  /** Rules of Markdown tables have the marks of a row too. */
  #isRow(line: Line, mark: string, width: number): boolean {
    return this.#text.slice(line.start, line.end).split(mark).length === width;
  }
}
