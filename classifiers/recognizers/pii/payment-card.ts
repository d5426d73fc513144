/**
 * CREDIT_CARD: 12 to 19 digits with any separators, found inside longer rows of digits. A number counts only when an
 * issuer has its prefix at its length and Luhn holds; Luhn alone passes one random number in ten.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { digits } from '../../recognizer.ts';
import type { Window } from '../../recognizer.ts';
import { digitsOnly, luhn } from './check-digits.ts';

/** Issuer prefixes and the lengths their cards have (ISO/IEC 7812 ranges as published by the schemes). */
const ISSUERS: readonly { readonly prefix: RegExp; readonly lengths: readonly number[] }[] = [
  { prefix: /^4/, lengths: [13, 16, 19] },
  { prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { prefix: /^3[47]/, lengths: [15] },
  { prefix: /^(?:6011|64[4-9]|65)/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:30[0-5]|3095|36|3[89])/, lengths: [14, 16, 17, 18, 19] },
  { prefix: /^(?:2131|1800)/, lengths: [15] },
  { prefix: /^35/, lengths: [16] },
  { prefix: /^35(?:2[89]|[3-8])/, lengths: [17, 18, 19] },
  { prefix: /^(?:62|81)/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:0604|5018|5020|5038|5[6-8]|6304|6390|67)/, lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { prefix: /^(?:50|6[013-9])/, lengths: [16] },
  { prefix: /^220[0-5]/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:60|82|508)/, lengths: [16] },
  { prefix: /^9792/, lengths: [16] },
  { prefix: /^(?:5019|4571)/, lengths: [16] },
  { prefix: /^506[01]|^650/, lengths: [16, 18, 19] },
  { prefix: /^(?:637|638|639)/, lengths: [16] },
];

/** No prefix is longer than four digits: per prefix the lengths from 12 on, as bits. */
const LENGTHS_OF: Uint8Array = Uint8Array.from({ length: 10_000 }, (_, index) =>
  ISSUERS.filter(({ prefix }) => prefix.test(String(index).padStart(4, '0')))
    .flatMap(({ lengths }) => lengths)
    .reduce((bits, length) => bits | (1 << (length - 12)), 0),
);

/** issuerAccepts says whether some scheme issues numbers of this prefix and length. */
function issuerAccepts(number: string): boolean {
  return ((LENGTHS_OF[Number(number.slice(0, 4))] ?? 0) & (1 << (number.length - 12))) !== 0;
}

function isCardNumber(number: string): boolean {
  return issuerAccepts(number) && luhn(number) && !/^(\d)\1+$/.test(number);
}

/** One class between digits, so a row that fails is given up without trying its gaps in several ways. */
const ROW = /(?<!\d)\d(?:[ .\-/_,:;|·•\r\n\t]{0,4}\d){11,511}(?!\d)/;

/** A run of digits in a row, and the separator behind it. */
interface Run {
  readonly start: number;
  readonly end: number;
}

function runsIn(text: string, start: number, end: number): readonly Run[] {
  const runs: Run[] = [];
  for (let at = start; at < end; at++) {
    if (!isDigit(text, at)) continue;
    const from = at;
    while (at < end && isDigit(text, at)) at++;
    runs.push({ start: from, end: at });
  }
  return runs;
}

function isDigit(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0x30 && unit <= 0x39;
}

/** Numbers begin and end where groups of digits do; of several at one start the shortest that holds is taken (a security code follows a card). */
function cardsIn(text: string, start: number, end: number): readonly Window[] {
  const groups = runsIn(text, start, end);
  const isWhole = !rowGoesOn(text, start, end);
  const found: Window[] = [];
  for (let first = 0; first < groups.length; first += 1) {
    const last = lastGroupOfCard(text, groups, first, isWhole);
    if (last === undefined) continue;
    found.push({ start: groups[first]?.start ?? start, end: groups[last]?.end ?? end });
    first = last;
  }
  // Four fours that stand alone and fail the check digit are a mistyped card to whoever asks why it was not found: a near miss, never a finding.
  if (found.length === 0 && isWhole && groups.length === 4 && groups.every((group) => group.end - group.start === 4)) {
    const whole = { start: groups[0]?.start ?? start, end: groups[3]?.end ?? end };
    if (issuerAccepts(digitsOnly(text.slice(whole.start, whole.end)))) found.push(whole);
  }
  return found;
}

/** More digits of the same row stand before or behind: a window may begin in the middle of one. */
function rowGoesOn(text: string, start: number, end: number): boolean {
  return (
    /\d[ .\-/_,:;|·•\r\n\t]{0,4}$/.test(text.slice(Math.max(0, start - 5), start)) ||
    /^[ .\-/_,:;|·•\r\n\t]{0,4}\d/.test(text.slice(end, end + 5))
  );
}

/** Starts and ends of the runs of one group; a guard may not allocate. */
const STARTS = new Int32Array(256);
const ENDS = new Int32Array(256);

/**
 * Cheaper than the pattern and never narrower: some groups in a row make a number with check digit, or four fours that only lack it. Asks nothing about how
 * they are parted.
 */
function mayHoldCard(text: string, start: number, end: number): boolean {
  const to = Math.min(text.length, end + 8);
  let runs = 0;
  for (let at = Math.max(0, start - 32); at < to && runs < STARTS.length; at++) {
    if (!isDigit(text, at)) continue;
    STARTS[runs] = at;
    while (at < to && isDigit(text, at)) at++;
    ENDS[runs++] = at;
  }
  for (let first = 0; first < runs; first++) {
    const from = STARTS[first] ?? 0;
    const begin = (ENDS[first] ?? 0) - from;
    if (!mayStart(begin, first)) continue;
    const lengths = LENGTHS_OF[prefixAt(text, from, to)] ?? 0;
    if (lengths === 0) continue;
    let count = 0;
    let sizes = 0;
    for (let last = first; last < runs; last++) {
      const stop = ENDS[last] ?? 0;
      const size = stop - (STARTS[last] ?? 0);
      count += size;
      if (count > 19) break;
      sizes = sizes * 14 + size;
      if (count < 12 || (lengths & (1 << (count - 12))) === 0) continue;
      if (!luhnOver(text, from, stop)) {
        if (sizes === FOURS && !rowGoesOn(text, from, stop)) return true;
        continue;
      }
      if (last === first || PRINTED.has(sizes) || !rowGoesOn(text, from, stop)) return true;
    }
  }
  return false;
}

/** The first four digits from `from` on, whatever parts them. */
function prefixAt(text: string, from: number, to: number): number {
  let prefix = 0;
  for (let at = from, digits = 0; at < to && digits < 4; at++) {
    if (!isDigit(text, at)) continue;
    prefix = prefix * 10 + text.charCodeAt(at) - 0x30;
    digits++;
  }
  return prefix;
}

/** Groups as cards print them, sizes as digits to the base 14. */
const PRINTED: ReadonlySet<number> = new Set(
  ['4-4-4', '4-4-4-4', '4-4-4-1', '4-4-4-2', '4-4-4-3', '4-4-4-4-1', '4-4-4-4-2', '4-4-4-4-3', '4-4-4-4-4']
    .concat(['4-4-1', '4-4-2', '4-4-3', '4-6-4', '4-6-5', '4-4-5', '4-5-6', '6-10', '6-13', '4-10', '4-11', '4-12'])
    .concat(['12-4', '8-8', '5-5-5'])
    .map((sizes) => sizes.split('-').reduce((code, size) => code * 14 + Number(size), 0)),
);

const FOURS = ((4 * 14 + 4) * 14 + 4) * 14 + 4;

/** Finer groups count only when the whole row is the card. */
function mayStart(length: number, first: number): boolean {
  return length <= 19 && (first === 0 || length >= 12 || length === 4 || length === 5 || length === 6 || length === 8);
}

/** Luhn over the digits of a range, whatever stands between them. */
function luhnOver(text: string, start: number, end: number): boolean {
  let sum = 0;
  let double = false;
  for (let at = end - 1; at >= start; at--) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) continue;
    sum += double ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
    double = !double;
  }
  return sum % 10 === 0;
}

function lastGroupOfCard(text: string, groups: readonly Run[], first: number, isWhole: boolean): number | undefined {
  const head = groups[first];
  if (!head || !mayStart(head.end - head.start, first)) return undefined;
  let count = 0;
  for (let last = first; last < groups.length; last += 1) {
    const group = groups[last];
    if (!group) return undefined;
    count += group.end - group.start;
    if (count > 19) return undefined;
    if (count < 12 || !luhnOver(text, head.start, group.end)) continue;
    const wholeRow = isWhole && first === 0 && last === groups.length - 1;
    const isGrouped = groupedLikeACard(text, groups.slice(first, last + 1), wholeRow);
    if (isGrouped && isCardNumber(digitsOnly(text.slice(head.start, group.end)))) return last;
  }
  return undefined;
}

/**
 * Fours with a rest, 4-6-5 and 4-6-4 as printed, or halves. Anything finer is also what a list of numbers looks like:
 * then the row must be the card and nothing else, all groups alike, and no list separator between them.
 */
function groupedLikeACard(text: string, card: readonly Run[], wholeRow: boolean): boolean {
  if (card.length === 1) return true;
  const separators = new Set<string>();
  const sizes: number[] = [];
  for (const [index, { start, end }] of card.entries()) {
    sizes.push(end - start);
    const next = card[index + 1];
    if (next) separators.add(text.slice(end, next.start));
  }
  // Columns of a table and lines of a list: four of many numbers are no card, four alone may be.
  if (!wholeRow && [...separators].some((separator) => /[,;|\r\n\t]/.test(separator))) return false;
  const uniform = separators.size === 1;
  if (!uniform && [...separators].some((separator) => /[,:;|]/.test(separator))) return false;
  if (PRINTED.has(sizes.reduce((code, size) => code * 14 + size, 0))) return true;
  const even = sizes.slice(0, -1).every((size) => size === sizes[0]) && (sizes.at(-1) ?? 0) <= (sizes[0] ?? 0);
  return wholeRow && uniform && even && ![...separators].some((separator) => /[,;]/.test(separator));
}

/** Numbers the payment processors publish for tests: nobody's card where the text speaks of testing; anywhere else people paste them for their own. */
const TEST_NUMBERS = new Set(
  (
    '4242424242424242 4000056655665556 5555555555554444 2223003122003222 5200828282828210 5105105105105100 378282246310005 371449635398431 6011111111111117 6011000990139424 6011981111111113 3056930009020004 36227206271667 6555900000604105 ' +
    '3566002020360505 6200000000000005 4111111111111111 4012888888881881 4222222222222 30569309025904 38520000023237 5610591081018250 3530111333300000 378734493671000 5019717010103742 6331101999990016 4000000000000002 4000002500003155'
  ).split(' '),
);
const TEST_WORD =
  /\b(?:test(?:ing|s)?|sandbox|stripe|adyen|braintree|dummy|fake|mock|fixture|sample|example|placeholder|staging)\b/i;

/** A published test number, the digits of a fraction, or part of a longer number. */
function isNoCard(value: string, { text, start, end }: Around): boolean {
  if (TEST_NUMBERS.has(digitsOnly(value)) && TEST_WORD.test(text.slice(Math.max(0, start - 60), end + 40))) return true;
  if (/\D/.test(value)) return false;
  const before = text.slice(Math.max(0, start - 3), start);
  const after = text.slice(end, end + 4);
  // A comma also parts the cells of a row.
  return (
    /\d\.$|(?<![\d,])0,$/.test(before) ||
    /^\.\d/.test(after) ||
    (!before.endsWith(',') && /^,\d{1,2}(?![\d,])/.test(after))
  );
}

/**
 * EAN-13 codes begin with 4 in Germany and Japan, lengths 12, 17 and 18 are rare, and digits glued to letters are mostly
 * part of a hash or an order code: there the number asks for context.
 */
function cardScore(value: string, { text, start, end }: Around): 'valid' | 'invalid' | 'unknown' {
  if (!isCardNumber(digitsOnly(value))) return 'invalid';
  const { length } = digitsOnly(value);
  const glued =
    /[A-Za-z]$/.test(text.slice(Math.max(0, start - 1), start)) || /^[A-Za-z]/.test(text.slice(end, end + 1));
  return length >= 14 && length <= 16 && !glued ? 'valid' : 'unknown';
}

export const paymentCard = definePattern({
  name: 'payment-card',
  entity: 'CREDIT_CARD',
  triggers: [digits(12)],
  guard: mayHoldCard,
  reach: { before: 32, after: 8 },
  patterns: [{ name: 'issuer-length-luhn', regex: ROW, score: 0.45, narrow: cardsIn }],
  validate: cardScore,
  validatedBy: 'luhn',
  validScore: 0.95,
  passes: (value) => isCardNumber(digitsOnly(value)),
  invalidate: isNoCard,
  context: [
    'card',
    'credit',
    'debit',
    'visa',
    'mastercard',
    'amex',
    'american express',
    'diners',
    'discover',
    'jcb',
    'maestro',
    'unionpay',
    'mir',
    'rupay',
    'pan',
    'cc',
    'cvv',
    'cvc',
    'expiry',
    'expires',
    'cardholder',
    'payment',
    'kreditkarte',
    'karte',
    'kartennummer',
    'karten',
    'carte',
    'carte bancaire',
    'tarjeta',
    'carta',
    'carta di credito',
    'cartão',
    'cartao',
    'kaart',
    'creditcard',
    'kort',
    'karta',
    'kart',
    'карта',
    'карты',
    '信用卡',
    '卡号',
    '银行卡',
    'カード',
    '카드',
  ],
});
