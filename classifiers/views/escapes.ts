/** Escapes of URLs, HTML and programming languages: percent, entities, \u and \x. */
import { keywords } from '../recognizer.ts';
import { replacing } from './decoding.ts';
import type { DecodingView, ViewEdit } from './decoding.ts';
import { decodeUtf8 } from './utf8.ts';

const isHex = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x66);

/** eachMatch runs a sticky-free global regex inside a window; matches may run out of its end. */
function* matchesIn(regex: RegExp, text: string, start: number, end: number): Generator<RegExpExecArray> {
  const slice = text.slice(start, end + 16);
  for (const match of slice.matchAll(regex)) {
    if (start + match.index >= end) return;
    yield match;
  }
}

const PERCENT = /(?:%[0-9A-Fa-f]{2}){1,512}/g;

export const percentView: DecodingView = {
  view: 'percent',
  edit: 'plain',
  triggers: [keywords('%')],
  guard: (text, _start, end) => isHex(text.charCodeAt(end)) && isHex(text.charCodeAt(end + 1)),
  edits(text, window, emit) {
    for (const match of matchesIn(PERCENT, text, window.start, window.end)) {
      const from = window.start + match.index;
      const bytes = Uint8Array.from({ length: match[0].length / 3 }, (_, index) =>
        Number.parseInt(match[0].slice(index * 3 + 1, index * 3 + 3), 16),
      );
      emit(bytesEdit(from, from + match[0].length, 3, bytes));
    }
  },
};

/** An edit whose bytes stand `unitsPerByte` source units apart. */
function bytesEdit(from: number, to: number, unitsPerByte: number, bytes: Uint8Array): ViewEdit {
  return {
    from,
    to,
    apply: (rewrite) =>
      decodeUtf8(bytes, (character, first, last) =>
        rewrite.replace(from + first * unitsPerByte, from + last * unitsPerByte, character),
      ),
  };
}

const ENTITY = /&(?:#(?<decimal>\d{1,7})|#[xX](?<hex>[0-9A-Fa-f]{1,6})|(?<named>[A-Za-z]{2,8}));?/g;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ensp: ' ',
  emsp: ' ',
  thinsp: ' ',
  commat: '@',
  period: '.',
  sol: '/',
  lowbar: '_',
  hyphen: '-',
  dash: '-',
  ndash: '-',
  mdash: '-',
  minus: '-',
  plus: '+',
  colon: ':',
  equals: '=',
  num: '#',
  shy: '',
  zwnj: '',
  zwj: '',
};

export const entityView: DecodingView = {
  view: 'html-entity',
  edit: 'plain',
  triggers: [
    keywords(
      '&#',
      '&amp;#',
      '&amp;commat',
      ...Object.keys(NAMED)
        .filter((entity) => !['amp', 'lt', 'gt', 'quot', 'apos'].includes(entity))
        .map((entity) => `&${entity};`),
    ),
  ],
  edits(text, window, emit) {
    for (const match of matchesIn(ENTITY, text, window.start, window.end)) {
      const from = window.start + match.index;
      const { decimal, hex, named } = match.groups ?? {};
      const codePoint = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : undefined;
      const decoded =
        codePoint !== undefined
          ? characterOf(codePoint)
          : Object.hasOwn(NAMED, named ?? '')
            ? NAMED[named ?? '']
            : undefined;
      if (decoded !== undefined) emit(replacing(from, from + match[0].length, decoded, 'plain'));
    }
  },
};

function characterOf(codePoint: number): string | undefined {
  return codePoint > 0x10ffff ? undefined : String.fromCodePoint(codePoint);
}

const ESCAPE =
  /\\(?:u\{(?<braced>[0-9A-Fa-f]{1,6})\}|u(?<four>[0-9A-Fa-f]{4})|U(?<eight>[0-9A-Fa-f]{8})|x(?<two>[0-9A-Fa-f]{2})|(?<octal>[0-3][0-7]{2})|(?<simple>[nrtbf"'/\\]))/g;
const SIMPLE: Readonly<Record<string, string>> = { n: '\n', r: '\n', t: '\t', b: ' ', f: ' ' };
const isWordUnit = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a) || unit === 0x2b;

export const unicodeEscapeView: DecodingView = {
  view: 'unicode-escape',
  edit: 'plain',
  triggers: [keywords('\\')],
  guard(text, _start, end) {
    switch (text[end]) {
      case 'u':
        return text[end + 1] === '{' || isHex(text.charCodeAt(end + 1));
      case 'U':
      case 'x':
      case '0':
      case '1':
        return isHex(text.charCodeAt(end + 1));
      case 'n':
      case 'r':
      case 't':
        // The letter of the escape would glue itself to the value: "\n4111…" has no word boundary.
        return isWordUnit(text.charCodeAt(end + 1));
      case '/':
        return true;
      case '\\':
        return text[end + 1] === 'u' || text[end + 1] === 'x' || text[end + 1] === 'n';
      default:
        return false;
    }
  },
  edits(text, window, emit) {
    for (const match of matchesIn(ESCAPE, text, window.start, window.end)) {
      const from = window.start + match.index;
      const { braced, four, eight, two, octal, simple } = match.groups ?? {};
      const hex = braced ?? four ?? eight ?? two;
      const decoded = hex
        ? characterOf(Number.parseInt(hex, 16))
        : octal
          ? characterOf(Number.parseInt(octal, 8))
          : (SIMPLE[simple ?? ''] ?? simple);
      if (decoded !== undefined) emit(replacing(from, from + match[0].length, decoded, 'plain'));
    }
  },
};
