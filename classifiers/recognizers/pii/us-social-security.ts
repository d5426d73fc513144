/**
 * US_SSN and US_ITIN. The written form 3-2-4 with dashes of a number the SSA could have issued stands on its own; any
 * other writing, bare nine digits, and numbers never issued (area 000, 666, 900-999; the advertisement numbers) need a word
 * about social security, because people also mistype and anonymise.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { digits, keywords, words } from '../../recognizer.ts';
import type { Window } from '../../recognizer.ts';
import { digitsOnly } from './check-digits.ts';
import { standardNumber } from './standard-number.ts';
import { shapeGuard } from './shape-guard.ts';

const assigned = standardNumber('us/ssn');
const issued = (number: string): boolean => assigned(number) && !number.endsWith('0000');
const EDGE_AFTER = String.raw`(?![A-Za-z0-9]|[.,/-]\d)`;
/** With its dashes a comma beside it parts cells, not thousands. */
const DASHED = /(?<![A-Za-z0-9+]|\d[./-])\d{3}-\d{2}-\d{4}(?![A-Za-z0-9]|[./-]\d)/;
const ANY = new RegExp(String.raw`(?<![A-Za-z0-9+]|\d[.,/-])\d(?:[ ._/-]{0,3}\d){8}${EDGE_AFTER}`);

const only =
  (test: (number: string) => boolean) =>
  (text: string, start: number, end: number): readonly Window[] =>
    test(digitsOnly(text.slice(start, end))) ? [{ start, end }] : [];

/** Fourth and fifth digit of an ITIN: 50-65, 70-88, 90-92, 94-99 (IRS, since 2022). */
function isTaxpayerNumber(number: string): boolean {
  const group = Number(number.slice(3, 5));
  return (
    number.startsWith('9') &&
    ((group >= 50 && group <= 65) || (group >= 70 && group <= 88) || (group >= 90 && group !== 93))
  );
}

function isPlaceholder(value: string, { text, start }: Around): boolean {
  const number = digitsOnly(value);
  if (/^(\d)\1{8}$/.test(number)) return true;
  return /(?:isbn|issn|order|invoice|tracking|zip|part)[\s#:no.]{0,8}$/i.test(
    text.slice(Math.max(0, start - 20), start),
  );
}

const TAXPAYER_CONTEXT = ['itin', 'taxpayer', 'individual taxpayer', 'tax id', 'tax identification', 'tin'];
const CONTEXT = [
  'ssn',
  'ssns',
  'social security',
  'social security number',
  'social',
  'soc sec',
  'ss',
  'ssid',
  'taxpayer',
  'sozialversicherungsnummer',
  'numéro de sécurité sociale',
  'seguro social',
  'número de seguro social',
  'segurança social',
  '社会保障号',
  '社会安全号码',
  '社会保障番号',
];

/** Woken by the digits alone. */
export const usSocialSecurity = definePattern({
  name: 'us-social-security',
  entity: 'US_SSN',
  triggers: [digits(9, '3-2')],
  guard: shapeGuard(/\d{3}-\d{2}-\d{4}/, { before: 0, after: 0 }),
  reach: { before: 8, after: 8 },
  patterns: [{ name: 'dashed', regex: DASHED, score: 0.85, narrow: only(issued) }],
  invalidate: isPlaceholder,
  context: CONTEXT,
});

/** Woken by its words, so the many nine-digit numbers of logs and tables cost nothing. */
export const usSocialSecurityNamed = definePattern({
  name: 'us-social-security-named',
  entity: 'US_SSN',
  triggers: [
    words('ssn', 'ssns', 'ss', 'ssid', 'soc'),
    keywords('social', 'taxpayer', 'sozialvers', 'sécurité sociale', '社会保障', '社会安全'),
  ],
  requires: { digits: 9 },
  reach: { before: 64, after: 96 },
  patterns: [{ name: 'nine-digits', regex: ANY, score: 0.3 }],
  invalidate: isPlaceholder,
  context: CONTEXT,
});

export const usTaxpayer = definePattern({
  name: 'us-itin',
  entity: 'US_ITIN',
  triggers: [digits(9, '3-2')],
  guard: shapeGuard(/\d{3}-\d{2}-\d{4}/, { before: 0, after: 0 }),
  reach: { before: 8, after: 8 },
  patterns: [
    {
      name: 'dashed',
      regex: /(?=9\d\d-)(?<![A-Za-z0-9+]|\d[./-])9\d{2}-\d{2}-\d{4}(?![A-Za-z0-9]|[./-]\d)/,
      score: 0.5,
      narrow: only(isTaxpayerNumber),
    },
  ],
  invalidate: isPlaceholder,
  context: TAXPAYER_CONTEXT,
});

export const usTaxpayerNamed = definePattern({
  name: 'us-itin-named',
  entity: 'US_ITIN',
  triggers: [words('itin', 'tin'), keywords('taxpayer', 'tax id')],
  requires: { digits: 9 },
  reach: { before: 64, after: 96 },
  patterns: [{ name: 'nine-digits', regex: ANY, score: 0.2, narrow: only(isTaxpayerNumber) }],
  invalidate: isPlaceholder,
  context: TAXPAYER_CONTEXT,
});
