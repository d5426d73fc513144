/**
 * Ways people write values so that programs do not see them: [at] and (dot), spaced characters, letters for digits, rot13,
 * backwards, numbers in words; and line breaks in the middle of a value, which no one needs to intend.
 */
import { digits, keywords, words } from '../recognizer.ts';
import { replacing } from './decoding.ts';
import type { DecodingView } from './decoding.ts';

const AT_OR_DOT = /\s{0,2}[[({<]\s{0,2}(?:(?<at>at|@)|(?:dot|punkt|punto|point|\.))\s{0,2}[\])}>]\s{0,2}/gi;
const SPELLED =
  /(?<=[\w-])\s{1,2}(?:(?<at>at)|dot)\s{1,2}(?=[\w-])|(?<=[A-Za-z0-9])[_-](?:(?<glued>at)|dot)[_-](?=[A-Za-z0-9])/gi;
/** ` at ` alone is English; with a ` dot ` after the next word it is an address. */
const SPELLED_ADDRESS = /^[\w-]{1,40}(?:\s{1,2}dot\s{1,2}[\w-]{1,40}){1,4}/i;
/** `jane_at_example.org`, `jane-at-example-dot-org`: after the glued word only a host name makes it an address. */
const GLUED_ADDRESS =
  /^[A-Za-z0-9-]{1,40}(?:\.[A-Za-z0-9-]{1,40}){0,4}(?:\.|[_-]dot[_-])[A-Za-z]{2,12}(?![A-Za-z0-9])/i;

export const atDotView: DecodingView = {
  view: 'rewritten',
  edit: 'plain',
  triggers: [
    keywords(
      '[at]',
      '(at)',
      '{at}',
      '<at>',
      '[ at ]',
      '( at )',
      '[@]',
      '(@)',
      '[dot]',
      '(dot)',
      '{dot}',
      '<dot>',
      '[ dot ]',
      '( dot )',
      '[.]',
      '(.)',
      '(punkt)',
      '[punkt]',
      ' at ',
      '_at_',
      '-at-',
    ),
  ],
  guard(text, start, end) {
    const mark = text[start];
    if (mark === ' ') return SPELLED_ADDRESS.test(text.slice(end, end + 120));
    return (mark !== '_' && mark !== '-') || GLUED_ADDRESS.test(text.slice(end, end + 120));
  },
  edits(text, window, emit) {
    const slice = text.slice(window.start, window.end);
    const spelled = / at [\w-]{1,40} dot |[_-]at[_-]/i.test(slice) ? [...slice.matchAll(SPELLED)] : [];
    const matches = [...slice.matchAll(AT_OR_DOT), ...spelled].toSorted((left, right) => left.index - right.index);
    for (const match of matches) {
      const from = window.start + match.index;
      emit(
        replacing(
          from,
          from + match[0].length,
          (match.groups?.['at'] ?? match.groups?.['glued']) === undefined ? '.' : '@',
          'plain',
        ),
      );
    }
  },
};

const SINGLES = /(?<![A-Za-z0-9])(?:\+\s?)?[A-Za-z0-9](?:[^A-Za-z0-9]{1,3}[A-Za-z0-9](?![A-Za-z0-9])){7,4000}/g;

export const spacedView: DecodingView = {
  view: 'spaced',
  edit: 'plain',
  triggers: [{ kind: 'single-characters', atLeast: 8 }],
  reach: { before: 3, after: 1 },
  edits(text, window, emit) {
    for (const match of text.slice(window.start, window.end).matchAll(SINGLES)) {
      const from = window.start + match.index;
      // What stands between the first two is the filler; other marks between belong to the value.
      const gap = /[A-Za-z0-9]([^A-Za-z0-9]{1,3})[A-Za-z0-9]/.exec(match[0])?.[1] ?? ' ';
      const filler =
        gap.includes(' ') || gap.includes('\n') ? /\s/ : new RegExp(`[${gap[0]?.replace(/[\\\]^-]/, '\\$&') ?? ' '}]`);
      emit({
        from,
        to: from + match[0].length,
        apply(rewrite) {
          for (const [index, unit] of [...match[0]].entries())
            if (!filler.test(unit)) rewrite.replace(from + index, from + index + 1, unit);
        },
      });
    }
  },
};

const isTokenUnit = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) ||
  (unit >= 0x40 && unit <= 0x5a) ||
  (unit >= 0x61 && unit <= 0x7a) ||
  unit === 0x2b ||
  unit === 0x2d ||
  unit === 0x2e ||
  unit === 0x5f;

/** The value-like characters that end at `at`, at most 40. */
function tokenBefore(text: string, at: number): string {
  let start = at;
  while (start > 0 && at - start < 40 && isTokenUnit(text.charCodeAt(start - 1))) start--;
  return text.slice(start, at);
}

function tokenAfter(text: string, at: number): string {
  let end = at;
  while (end < text.length && end - at < 40 && isTokenUnit(text.charCodeAt(end))) end++;
  return text.slice(at, end);
}

/** One line break, with the blanks around it; a single leading blank is part of the value's own spacing. */
const LINE_BREAK = /[ \t]{0,2}\r?\n(?:[ \t]{2,16})?/g;

/** Whether two line halves may be one value: an address, or digits on both sides, or one long mixed token. */
function mayJoin(text: string, start: number, end: number): boolean {
  const before = tokenBefore(text, start);
  if (before === '') return false;
  let from = end;
  while (from < text.length && from - end < 16 && (text[from] === ' ' || text[from] === '\t')) from++;
  const after = tokenAfter(text, from);
  if (after === '') return false;
  if (before.includes('@') || after.includes('@'))
    return before.length + after.length >= 6 && !(before.includes('@') && after.includes('@'));
  const digitsBefore = /\d/.test(before);
  const digitsAfter = /\d/.test(after);
  if (digitsBefore && digitsAfter)
    return (
      !/^\d{4}-\d\d-\d\d/.test(after) &&
      !isColumn(text, start - before.length, from + after.length) &&
      !isBetweenRows(text, start - before.length, start, end, from + after.length)
    );
  if (!digitsBefore && !digitsAfter) return false;
  if (before.length + after.length < 16 || before.length < 5 || after.length < 5) return false;
  return !isBetweenRows(text, start - before.length, start, end, from + after.length);
}

/** Rows of a list or table: both halves stand alone on their lines. Two such rows are two values. */
function isColumn(text: string, start: number, end: number): boolean {
  const alone = (at: number): boolean => at < 0 || at >= text.length || text[at] === '\n' || text[at] === '\r';
  return alone(start - 1) && alone(end);
}

/** Longest row of a table looked at. */
const LONGEST_ROW = 512;
const CELL_MARKS = [',', ';', '\t', '|', ' '] as const;

/**
 * Two rows of a table: both halves are whole cells, and the rows have as many. Two cells in a row can be two halves of a
 * written line once, not with a third row like them.
 */
function isBetweenRows(text: string, cell: number, start: number, end: number, nextCell: number): boolean {
  const mark = CELL_MARKS.find((candidate) => text[cell - 1] === candidate);
  if (mark === undefined || !text.startsWith(mark, nextCell)) return false;
  const above = text.lastIndexOf('\n', start - 1) + 1;
  const below = lineEnd(text, end);
  if (start - above > LONGEST_ROW || below - end > LONGEST_ROW) return false;
  const marks = marksIn(text, mark, above, start);
  if (marksIn(text, mark, end, below) !== marks) return false;
  if (marks > 1 && mark !== ' ') return true;
  const third = lineEnd(text, below + 1);
  const before = above > 1 ? text.lastIndexOf('\n', above - 2) + 1 : above;
  if (mark === ' ' && marks < 3) return false;
  return (
    (third - below <= LONGEST_ROW && marksIn(text, mark, below + 1, third) === marks) ||
    (above - before <= LONGEST_ROW && marksIn(text, mark, before, above) === marks)
  );
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

function marksIn(text: string, mark: string, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (text[at] === mark) count++;
  return count;
}

export const lineBreakView: DecodingView = {
  view: 'rewritten',
  edit: 'plain',
  triggers: [keywords('\n')],
  guard: (text, start, end) => mayJoin(text, text[start - 1] === '\r' ? start - 1 : start, end),
  // Only the break itself; the region brings the context.
  reach: { before: 3, after: 16 },
  edits(text, window, emit) {
    for (const match of text.slice(window.start, window.end).matchAll(LINE_BREAK)) {
      const from = window.start + match.index;
      const to = from + match[0].length;
      const lineBreak = text.indexOf('\n', from);
      if (!mayJoin(text, text[lineBreak - 1] === '\r' ? lineBreak - 1 : lineBreak, lineBreak + 1)) continue;
      // The last unit before the break is re-made as an edit, so that findings across the break touch one.
      emit({
        from: from - 1,
        to,
        apply: (rewrite) => rewrite.replace(from - 1, to, text.slice(from - 1, from)),
      });
    }
  },
};

const LOOK_ALIKE_NUMBER = /(?<![A-Za-z0-9])(?:(?<country>[A-Z]{2})(?=[0-9OolI]{10}))?[0-9OolI]{1,64}(?![A-Za-z0-9])/g;
const DIGIT_OF: Readonly<Record<string, string>> = { O: '0', o: '0', l: '1', I: '1' };

export const lookAlikeDigitsView: DecodingView = {
  view: 'rewritten',
  edit: 'hidden',
  triggers: [{ kind: 'look-alike-digits' }],
  // Neighbouring groups of the same number may have no digit left.
  reach: { before: 24, after: 24 },
  edits(text, window, emit) {
    const base = Math.max(0, window.start - 1);
    for (const match of text.slice(base, window.end + 1).matchAll(LOOK_ALIKE_NUMBER)) {
      const from = base + match.index + (match.groups?.['country']?.length ?? 0);
      const to = base + match.index + match[0].length;
      const isBesideDigits =
        /\d/.test(match[0]) ||
        /[0-9][ ./-]{0,2}$/.test(text.slice(Math.max(0, base + match.index - 4), base + match.index)) ||
        /^[ ./-]{0,2}[0-9]/.test(text.slice(to, to + 4));
      if (!isBesideDigits) continue;
      for (let index = from; index < to; index++) {
        const digit = DIGIT_OF[text[index] ?? ''];
        if (digit !== undefined) emit(replacing(index, index + 1, digit, 'hidden'));
      }
    }
  },
};

const NUMBER_WORDS: Readonly<Record<string, string>> = {
  zero: '0',
  oh: '0',
  one: '1',
  two: '2',
  three: '3',
  four: '4',
  five: '5',
  six: '6',
  seven: '7',
  eight: '8',
  nine: '9',
};
const NUMBER_WORD_RUN =
  /(?<![A-Za-z])(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)(?:[\s,.;-]{1,3}(?:dash|hyphen|space|zero|oh|one|two|three|four|five|six|seven|eight|nine)){5,64}(?![A-Za-z])/gi;

export const numberWordsView: DecodingView = {
  view: 'rewritten',
  edit: 'plain',
  triggers: [words('zero', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')],
  guard: (text, _start, end) =>
    /^[\s,.;-]{1,3}(?:dash|hyphen|space|zero|oh|one|two|three|four|five|six|seven|eight|nine)(?![a-z])/i.test(
      text.slice(end, end + 12),
    ),
  reach: { before: 48, after: 48 },
  edits(text, window, emit) {
    const end = Math.min(text.length, window.end + 256);
    for (const match of text.slice(window.start, end).matchAll(NUMBER_WORD_RUN)) {
      const from = window.start + match.index;
      emit({
        from,
        to: from + match[0].length,
        apply(rewrite) {
          for (const word of match[0].matchAll(/[A-Za-z]{2,6}/g)) {
            const digit = NUMBER_WORDS[word[0].toLowerCase()] ?? '-';
            rewrite.replace(from + word.index, from + word.index + word[0].length, digit);
          }
        },
      });
    }
  },
};

/** `x_311-19-1486`, `+1_212_809_6490`: an underscore is a letter to `\b`, so values behind one have no edge. */
export const underscoreView: DecodingView = {
  view: 'rewritten',
  edit: 'plain',
  triggers: [digits(7)],
  guard: (text, start, end) => /_/.test(text.slice(Math.max(0, start - 4), end + 1)),
  reach: { before: 4, after: 1 },
  edits(text, window, emit) {
    for (let at = window.start; at < window.end; at++) {
      if (text.charCodeAt(at) === 0x5f) emit(replacing(at, at + 1, ' ', 'plain'));
    }
  },
};
