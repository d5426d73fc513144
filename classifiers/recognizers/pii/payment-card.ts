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

/** issuerAccepts says whether some scheme issues numbers of this prefix and length. */
function issuerAccepts(number: string): boolean {
  return ISSUERS.some(({ prefix, lengths }) => lengths.includes(number.length) && prefix.test(number));
}

function isCardNumber(number: string): boolean {
  return issuerAccepts(number) && luhn(number) && !/^(\d)\1+$/.test(number);
}

/** One class between digits, so a row that fails is given up without trying its gaps in several ways. */
const ROW = /\d(?:[ .\-/_,:;|·•\r\n]{0,4}\d){11,63}/;

/** Numbers begin and end where groups of digits do; of several at one start the shortest that holds is taken (a security code follows a card). */
function cardsIn(text: string, start: number, end: number): readonly Window[] {
  const groups: Window[] = [];
  for (const match of text.slice(start, end).matchAll(/\d+/g)) {
    groups.push({ start: start + match.index, end: start + match.index + match[0].length });
  }
  const found: Window[] = [];
  for (let first = 0; first < groups.length; first += 1) {
    const last = lastGroupOfCard(text, groups, first, isCardNumber);
    if (last !== undefined) {
      found.push({ start: groups[first]?.start ?? start, end: groups[last]?.end ?? end });
      first = last;
      continue;
    }
    // A card in all but its check digit is shown as a near miss; what begins inside it is still looked at.
    const shaped = lastGroupOfCard(text, groups, first, issuerAccepts);
    if (shaped !== undefined) found.push({ start: groups[first]?.start ?? start, end: groups[shaped]?.end ?? end });
  }
  return found;
}

function lastGroupOfCard(
  text: string,
  groups: readonly Window[],
  first: number,
  accepts: (number: string) => boolean,
): number | undefined {
  const begin = (groups[first]?.end ?? 0) - (groups[first]?.start ?? 0);
  // Finer groups count only when the whole row is the card.
  if (first > 0 && begin < 12 && begin !== 4 && begin !== 5 && begin !== 6 && begin !== 8) return undefined;
  let number = '';
  const sizes: number[] = [];
  const separators = new Set<string>();
  for (let last = first; last < groups.length && number.length < 19; last += 1) {
    const group = groups[last];
    const previous = groups[last - 1];
    if (!group) return undefined;
    if (last > first && previous) separators.add(text.slice(previous.end, group.start));
    number += text.slice(group.start, group.end);
    sizes.push(group.end - group.start);
    if (number.length < 12 || number.length > 19) continue;
    const wholeRow = first === 0 && last === groups.length - 1;
    if (groupedLikeACard(sizes, separators, wholeRow) && accepts(number)) return last;
  }
  return undefined;
}

/**
 * Fours with a rest, 4-6-5 and 4-6-4 as printed, or halves. Anything finer is also what a list of numbers looks like:
 * then the row must be the card and nothing else, all groups alike, and no list separator between them.
 */
function groupedLikeACard(sizes: readonly number[], separators: ReadonlySet<string>, wholeRow: boolean): boolean {
  if (sizes.length === 1) return true;
  // Columns of a table and lines of a list: four of many numbers are no card, four alone may be.
  if (!wholeRow && [...separators].some((separator) => /[,;|\r\n]/.test(separator))) return false;
  const uniform = separators.size === 1;
  if (!uniform && [...separators].some((separator) => /[,:;|]/.test(separator))) return false;
  if (
    /^4(?:-4){2,3}(?:-[1-4])?$|^4-6-[45]$|^4-4-5$|^4-5-6$|^6-1[03]$|^4-1[012]$|^12-4$|^8-8$|^5-5-5$/.test(
      sizes.join('-'),
    )
  )
    return true;
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
  return /\d[.,]$/.test(text.slice(Math.max(0, start - 2), start)) || /^[.,]\d/.test(text.slice(end, end + 2));
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
  reach: { before: 32, after: 8 },
  patterns: [{ name: 'issuer-length-luhn', regex: ROW, score: 0.45, narrow: cardsIn }],
  validate: cardScore,
  validatedBy: 'luhn',
  validScore: 0.95,
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
