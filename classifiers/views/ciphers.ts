/**
 * Values turned letter by letter: rot13 and backwards. Tried where what stands there begins (or ends) like a turned address,
 * account or key, and near the words that announce it; never on whole texts.
 */
import { digits, keywords } from '../recognizer.ts';
import type { DecodingView } from './decoding.ts';

/** Endings of addresses worth recognising when turned; common ones, because every hit costs a look. */
const TOP_LEVEL = new Set(
  'com org net edu gov mil int info biz io co ai app dev de fr uk us eu es it nl be ch at pl se no dk fi pt ie cz ru cn jp in br mx ca au nz kr za tr gr'.split(
    ' ',
  ),
);
/** Countries whose account numbers are IBANs. */
const IBAN_COUNTRIES = new Set(
  'AD AE AL AT AZ BA BE BG BH BR BY CH CR CY CZ DE DK DO EE EG ES FI FO FR GB GE GI GL GR GT HR HU IE IL IQ IS IT JO KW KZ LB LC LI LT LU LV LY MC MD ME MK MR MT MU NL NO PK PL PS PT QA RO RS SA SC SE SI SK SM ST SV TL TN TR UA VA VG XK'.split(
    ' ',
  ),
);
/** How keys of the large providers begin; enough to notice that a token is turned, the recognizers judge it. */
const KEY_STARTS = [
  'akia',
  'asia',
  'aiza',
  'ghp_',
  'gho_',
  'ghs_',
  'ghu_',
  'github_pat_',
  'glpat-',
  'sk-',
  'sk_live_',
  'rk_live_',
  'xoxb-',
  'xoxp-',
  'npm_',
  'hf_',
  'shpat_',
  'dop_v1_',
  'sg.',
];

const turned = (text: string): string =>
  text.replace(/[A-Za-z]/g, (letter) => {
    const base = letter < 'a' ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base);
  });
const backwards = (text: string): string => [...text].toReversed().join('');

const TURNED = new Set([...TOP_LEVEL].map(turned));
const TURNED_ROUND = new Set([...TOP_LEVEL].map(backwards));

/** Most digit groups have no letters beside them; one look at a unit spares them the rest. */
const isCapital = (unit: number): boolean => unit >= 0x41 && unit <= 0x5a;

/** [A-Za-z0-9._+-], what is taken along on either side of a mark, so many units at most. */
const TOKEN = Uint8Array.from({ length: 128 }, (_, unit) =>
  /[A-Za-z0-9._+-]/.test(String.fromCharCode(unit)) ? 1 : 0,
);
const LONGEST_TOKEN = 64;

function before(text: string, at: number): string {
  let from = at;
  while (from > 0 && at - from < LONGEST_TOKEN && TOKEN[text.charCodeAt(from - 1)] === 1) from--;
  return text.slice(from, at);
}

function after(text: string, at: number): string {
  let to = at;
  while (to < text.length && to - at < LONGEST_TOKEN && TOKEN[text.charCodeAt(to)] === 1) to++;
  return text.slice(at, to);
}

/** The last label of a domain, the punctuation behind it left out. */
function lastLabel(domain: string): string {
  let to = domain.length;
  while (to > 0 && domain.length - to < 8 && (domain.charCodeAt(to - 1) === 0x2e || domain.charCodeAt(to - 1) === 0x2d))
    to--;
  return to === 0 ? '' : domain.slice(domain.lastIndexOf('.', to - 1) + 1, to).toLowerCase();
}
const isKeyBody = (token: string): boolean => token.length >= 14 && /\d/.test(token);

/** A value with what belongs to it: words of a number may be spaced. */
const VALUE = /[A-Za-z0-9@._+-]{3,80}(?: [0-9][A-Za-z0-9-]{1,19}){0,8}/g;
const isValue = (text: string): boolean => text.length >= 7 && /[\d@_]/.test(text);
const REACH = { before: 96, after: 96 };

export const rot13View: DecodingView = {
  view: 'rot13',
  edit: 'hidden',
  triggers: [keywords('@', 'rot13', 'rot-13', 'rot 13', 'caesar', ...KEY_STARTS.map(turned)), digits(10)],
  reach: REACH,
  guard(text, start, end) {
    const first = text.charCodeAt(start);
    if (first === 0x40) {
      const ending = lastLabel(after(text, end));
      return !TOP_LEVEL.has(ending) && TURNED.has(ending);
    }
    if (first >= 0x30 && first <= 0x39) {
      if (!isCapital(text.charCodeAt(start - 1)) || !isCapital(text.charCodeAt(start - 2))) return false;
      const country = text.slice(start - 2, start);
      return !IBAN_COUNTRIES.has(country) && IBAN_COUNTRIES.has(turned(country));
    }
    return /rot|caesar/i.test(text.slice(start, end)) || isKeyBody(after(text, start));
  },
  edits(text, window, emit) {
    for (const match of text.slice(window.start, window.end).matchAll(VALUE)) {
      if (!isValue(match[0])) continue;
      const from = window.start + match.index;
      emit({
        from,
        to: from + match[0].length,
        apply(rewrite) {
          for (const [index, unit] of [...turned(match[0])].entries())
            rewrite.replace(from + index, from + index + 1, unit, 'hidden');
        },
      });
    }
  },
};

export const reversedView: DecodingView = {
  view: 'reversed',
  edit: 'hidden',
  triggers: [
    keywords(
      '@',
      'reverse',
      'backward',
      'mirrored',
      'rückwärts',
      'à l’envers',
      "à l'envers",
      'al revés',
      ...KEY_STARTS.map(backwards),
    ),
    digits(10),
  ],
  reach: REACH,
  guard(text, start, end) {
    const first = text.charCodeAt(start);
    if (first === 0x40) {
      const token = before(text, start);
      const dot = token.indexOf('.');
      const beginning = (dot < 0 ? token : token.slice(0, dot)).toLowerCase();
      return TURNED_ROUND.has(beginning) && !TOP_LEVEL.has(lastLabel(after(text, end)));
    }
    if (first >= 0x30 && first <= 0x39) {
      return isCapital(text.charCodeAt(end)) && IBAN_COUNTRIES.has(backwards(text.slice(end, end + 2)));
    }
    return /revers|backw|mirror|rück|envers|rev/i.test(text.slice(start, end)) || isKeyBody(before(text, end));
  },
  edits(text, window, emit) {
    for (const match of text.slice(window.start, window.end).matchAll(VALUE)) {
      if (!isValue(match[0])) continue;
      const from = window.start + match.index;
      emit({
        from,
        to: from + match[0].length,
        apply(rewrite) {
          for (let index = match[0].length - 1; index >= 0; index--)
            rewrite.replace(from + index, from + index + 1, match[0].charAt(index), 'hidden');
        },
      });
    }
  },
};
