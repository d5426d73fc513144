/** IBAN_CODE: ISO 13616 with the length each country's registry entry fixes and ISO 7064 mod 97; any spacing, any case. */
import { definePattern } from '../../define-pattern.ts';
import { digits, keywords, run } from '../../recognizer.ts';
import type { Window } from '../../recognizer.ts';
import { alphanumericsOnly, mod97 } from './check-digits.ts';
import { shapeGuard } from './shape-guard.ts';
import { isInsideUuid } from './uuid.ts';

/** SWIFT IBAN registry, release 98, and the countries that use the format without being in it. */
const LENGTHS: Readonly<Record<string, number>> = {
  AD: 24,
  AE: 23,
  AL: 28,
  AT: 20,
  AZ: 28,
  BA: 20,
  BE: 16,
  BG: 22,
  BH: 22,
  BI: 27,
  BR: 29,
  BY: 28,
  CH: 21,
  CR: 22,
  CY: 28,
  CZ: 24,
  DE: 22,
  DJ: 27,
  DK: 18,
  DO: 28,
  EE: 20,
  EG: 29,
  ES: 24,
  FI: 18,
  FK: 18,
  FO: 18,
  FR: 27,
  GB: 22,
  GE: 22,
  GI: 23,
  GL: 18,
  GR: 27,
  GT: 28,
  HN: 28,
  HR: 21,
  HU: 28,
  IE: 22,
  IL: 23,
  IQ: 23,
  IS: 26,
  IT: 27,
  JO: 30,
  KW: 30,
  KZ: 20,
  LB: 28,
  LC: 32,
  LI: 21,
  LT: 20,
  LU: 20,
  LV: 21,
  LY: 25,
  MC: 27,
  MD: 24,
  ME: 22,
  MK: 19,
  MN: 20,
  MR: 27,
  MT: 31,
  MU: 30,
  NI: 28,
  NL: 18,
  NO: 15,
  OM: 23,
  PK: 24,
  PL: 28,
  PS: 29,
  PT: 25,
  QA: 29,
  RO: 24,
  RS: 22,
  RU: 33,
  SA: 24,
  SC: 31,
  SD: 18,
  SE: 24,
  SI: 19,
  SK: 24,
  SM: 27,
  SO: 23,
  ST: 25,
  SV: 28,
  TL: 23,
  TN: 24,
  TR: 26,
  UA: 29,
  VA: 22,
  VG: 24,
  XK: 20,
  YE: 30,
  AO: 25,
  BF: 28,
  BJ: 28,
  CF: 27,
  CG: 27,
  CI: 28,
  CM: 27,
  CV: 25,
  DZ: 26,
  GA: 27,
  GQ: 27,
  GW: 25,
  IR: 26,
  KM: 27,
  MA: 28,
  MG: 27,
  ML: 28,
  MZ: 25,
  NE: 28,
  SN: 28,
  TD: 27,
  TG: 28,
};

/** At most two separators between characters, which no writer exceeds; the country's length ends the value. */
const ROW = /(?<![A-Za-z0-9])[A-Za-z]{2}[ .-]{0,2}\d[ .-]?\d(?:[ .\-/_]{0,2}[A-Za-z0-9]){11,50}/;

function ibanIn(text: string, start: number, end: number): readonly Window[] {
  const length = LENGTHS[text.slice(start, start + 2).toUpperCase()];
  if (length === undefined) return [];
  let taken = 0;
  for (let index = start; index < end; index += 1) {
    if (!/[A-Za-z0-9]/.test(text[index] ?? '')) continue;
    taken += 1;
    if (taken < length) continue;
    // A letter or digit right behind makes it part of a longer token; behind a space it is the next word.
    return /[A-Za-z0-9]/.test(text[index + 1] ?? '') ? [] : [{ start, end: index + 1 }];
  }
  return [];
}

const startsIban = shapeGuard(/(?:^|[^A-Za-z0-9])[A-Za-z]{2}[ .-]{0,2}\d[ .-]?\d/, { before: 16, after: 0 });

export const iban = definePattern({
  name: 'iban',
  entity: 'IBAN_CODE',
  triggers: [run('lettered', 12), digits(8, 'A?1..20'), keywords('iban')],
  guard: (text, start, end) => /^iban$/i.test(text.slice(start, end)) || startsIban(text, start, end),
  reach: { before: 48, after: 64 },
  patterns: [{ name: 'country-length', regex: ROW, score: 0.5, narrow: ibanIn }],
  validate: (value) => {
    const compact = alphanumericsOnly(value);
    return mod97(compact.slice(4) + compact.slice(0, 4)) ? 'valid' : 'invalid';
  },
  validatedBy: 'mod-97',
  // One UUID in ten thousand has country, length and check.
  invalidate: (_value, around) => isInsideUuid(around),
  context: ['iban', 'bank', 'konto', 'account', 'compte', 'cuenta', 'conto', 'rekening'],
});
