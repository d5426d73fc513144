/**
 * PHONE_NUMBER in four shapes, strongest first: international with + or 00 (libphonenumber checks candidates; its own text search
 * costs milliseconds per page), North American, national with a trunk zero, and plain digits that only words around make
 * a phone number. Order numbers, dates, versions and sums are told by their label and shape.
 */
import { createRequire } from 'node:module';
import type { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { definePattern } from '../../define-pattern.ts';
import type { Around, Validation } from '../../define-pattern.ts';
import { digits, keywords, words } from '../../recognizer.ts';
import type { Window } from '../../recognizer.ts';
import { digitsOnly } from './check-digits.ts';
import { shapeGuard } from './shape-guard.ts';
import { isInsideUuid } from './uuid.ts';

/** The CommonJS build loads in a third of the time of its 60 ES modules. */
const phoneNumbers = createRequire(import.meta.url)('libphonenumber-js/min') as {
  readonly parsePhoneNumberFromString: typeof parsePhoneNumberFromString;
};

function isValidInternational(number: string): boolean {
  return phoneNumbers.parsePhoneNumberFromString(number.replaceAll('_', ' '))?.isValid() ?? false;
}

const EXTENSION = String.raw`(?:[ ,;]{0,2}(?:x|ext\.?|extension|int\.?|poste|durchwahl|доб\.?)[ :.]{0,2}\d{1,6}(?!\d))?`;
const GAP = String.raw`[ ()._\-/]{0,3}`;
const NOT_AFTER = String.raw`(?<![A-Za-z0-9+]|\d[.,:/-])`;

const INTERNATIONAL = new RegExp(String.raw`(?<![A-Za-z0-9+])\+ ?\(?[1-9](?:${GAP}\d){6,17}(?!\d)${EXTENSION}`, 'i');
const DIALLED = new RegExp(
  String.raw`${NOT_AFTER}\(?0(?:0|11)\)?${'[ .-]?'}[1-9](?:${GAP}\d){7,16}(?!\d)${EXTENSION}`,
  'i',
);
/** Its marks are dashes, dots or brackets: a comma beside it parts cells. */
const NORTH_AMERICAN = new RegExp(
  String.raw`(?<![A-Za-z0-9+]|\d[.:/-])(?:(?:\+?1|001)[ .-]{0,2})?(?:\(\d{3}\)[ .-]{0,2}\d{3}[ .-]\d{4}|\d{3}(?<gap>[.-])\d{3}\k<gap>\d{4})(?![\d/]|[.-]\d)${EXTENSION}`,
  'i',
);
const TRUNK_ZERO = new RegExp(
  String.raw`(?=[(0])${NOT_AFTER}(?:\(0\d{1,5}\)|0\d{1,5})(?:[ ./-]{1,3}\d{2,8}){1,5}(?![\d:%]|[.,/-]\d)${EXTENSION}`,
  'i',
);
/** As in signatures and lists: `T: 020 7946 0958`, `0431 35 06 90 (office)`, `92 34 70-Fax`. */
const LABELLED_BEFORE = new RegExp(
  String.raw`(?<![\p{Lu}\p{Ll}\p{N}])(?:t|p|m|f|h|w|c|ph|tel|phone|mob|mobile|cell|fax|office|home|work|direct|telefon|tél|handy|móvil|cel)[.:]{1,2}[ \t]{0,3}(?<value>[+(]{0,2}\d(?:${GAP}\d){6,14}(?![\d:%]|[.,/-]\d)${EXTENSION})`,
  'iu',
);
const LABELLED_BEHIND = new RegExp(
  String.raw`${NOT_AFTER}(?<value>[+(]{0,2}\d(?:${GAP}\d){5,14}${EXTENSION})[ ]?[-(,/][ ]?(?:office|fax|home|work|mobile|cell|phone|tel|direct|büro|privat|mobil|bureau|casa|oficina|main|desk)(?![a-z])`,
  'i',
);
const PLAIN = new RegExp(String.raw`(?=[(\d])${NOT_AFTER}\(?\d(?:${GAP}\d){5,14}(?![\d:%]|[.,/-]\d)${EXTENSION}`, 'i');

/** International rows may run on into other numbers: groups are taken off the end until the rest is a number some country has. */
function longestInternational(text: string, start: number, end: number): readonly Window[] {
  let stop = end;
  for (let tries = 0; tries < 5; tries += 1) {
    const value = text.slice(start, stop);
    if (isValidInternational(value.replace(/^\(?(?:00|011)\)?[ .-]?/, '+'))) return [{ start, end: stop }];
    const cut = /[ ()._\-/]{1,3}\d+$/.exec(value);
    if (!cut || digitsOnly(value.slice(0, cut.index)).length < 8) break;
    stop = start + cut.index;
  }
  return [{ start, end }];
}

function validateInternational(value: string): Validation {
  if (!/^[+(0 ]/.test(value)) return 'unknown';
  const number = value.replace(/^\(?(?:00|011)\)?[ .-]?/, '+');
  return number.startsWith('+') && isValidInternational(number) ? 'valid' : 'unknown';
}

/** What stands right before and says the digits are something else. */
const OTHER_LABEL =
  /(?:\b(?:order|invoice|ticket|case|ref(?:erence)?|tracking|isbn(?:-1[03])?|issn|doi|ean|upc|sku|asin|part|serial|model|version|build|id|ids|iban|account|acct|konto|card|ssn|mrn|npi|vat|tax|zip|postal|article|item|batch|lot|bug|issue|pr|commit|rfc|cve|line|patent|error|code|port|page|pages|pp|year|date|timestamp|epoch|population|bestellung|rechnung|commande|facture|pedido|factura|ordine|fattura)\b[\s#:№."'=]{0,4}(?:(?:no|nr|number|num|nummer|numéro|número)\b[\s#:."'=]{0,3}){0,2}(?:is\s)?|[$€£¥₹=*/^×÷]\s?)$/i;

/** Dates, times, lists of years, one digit repeated, addresses of the internet. */
function isNoPhone(value: string, { text, start, end }: Around): boolean {
  const number = digitsOnly(value);
  if (
    /(?:19|20)\d\d-(?:0[1-9]|1[0-2])-\d\d/.test(value) ||
    /^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/.test(number)
  )
    return true;
  if (/^(\d)\1+$/.test(number) || /^0+[1-9]?$/.test(number)) return true;
  if (/^(?:19|20)\d\d[-/. ](?:0?[1-9]|1[0-2])[-/. ](?:0?[1-9]|[12]\d|3[01])(?!\d)/.test(value)) return true;
  if (/^(?:0?[1-9]|[12]\d|3[01])([-/. ])(?:0?[1-9]|[12]\d|3[01])\1(?:19|20)\d\d(?!\d)/.test(value)) return true;
  if (/^(?:(?:19|20)\d\d[ /-]{1,3}){1,4}(?:19|20)\d\d$/.test(value)) return true;
  if (
    /^\d{1,3}(?:\.\d{1,3}){3}$/.test(value) ||
    /^(?:\d{1,2}(?:\.\d{3}){1,4}|\d{3}(?:\.\d{3}|(?:\.\d{3}){3,4}))$/.test(value)
  )
    return true;
  if (value.startsWith('+') && /[\d)]\s?$/.test(text.slice(Math.max(0, start - 2), start))) return true;
  if (/^\s?[=*^×÷]/.test(text.slice(end, end + 2)) || /^\s?[+]\s?\d/.test(text.slice(end, end + 3))) return true;
  return OTHER_LABEL.test(text.slice(Math.max(0, start - 28), start));
}

const CONTEXT = [
  'phone',
  'telephone',
  'tel',
  'telefax',
  'mobile',
  'cell',
  'cellphone',
  'fax',
  'call',
  'calling',
  'called',
  'dial',
  'ring',
  'whats app',
  'sms',
  'texted',
  'landline',
  'hotline',
  'voicemail',
  'contact',
  'reach me',
  'reach him',
  'reach her',
  'reach us',
  'reach them',
  'reached at',
  'text me',
  'text message',
  'messages to',
  'my registered',
  'answering at',
  'answering',
  'msisdn',
  'caller',
  'callback',
  'telefon',
  'telefonnummer',
  'handy',
  'handynummer',
  'mobil',
  'mobilnummer',
  'rufnummer',
  'anrufen',
  'erreichbar',
  'ruf',
  'durchwahl',
  'festnetz',
  'téléphone',
  'portable',
  'appeler',
  'appelez',
  'joindre',
  'numéro',
  'teléfono',
  'telefono',
  'móvil',
  'movil',
  'celular',
  'llamar',
  'llámame',
  'llame',
  'cellulare',
  'chiamare',
  'chiama',
  'recapito',
  'telefone',
  'telemóvel',
  'ligar',
  'ligue',
  'telefoon',
  'mobiel',
  'bellen',
  'telefonnr',
  'puhelin',
  'puh',
  'telefonu',
  'komórka',
  'тел',
  'телефон',
  'телефону',
  'позвоните',
  '电话',
  '手机',
  '手机号',
  '联系电话',
  '電話',
  '携帯',
  '連絡先',
  '전화',
  '휴대폰',
  '연락처',
  'โทร',
  'τηλέφωνο',
  'τηλ',
  'هاتف',
  'טלפון',
  'फ़ोन',
  'फोन',
  'मोबाइल',
  'telefonum',
  'cep',
];
const near = { before: 48, after: 24 };

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39;
const isLetter = (unit: number): boolean => (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;

const isAlphanumericOrPlus = (unit: number): boolean => isDigit(unit) || isLetter(unit) || unit === 0x2b;

/** A number may begin at `at`: no letter, plus, or digit with a mark right before, but for one bracket. */
function mayBegin(text: string, at: number): boolean {
  const bracket = text.charCodeAt(at - 1) === 0x28 ? 1 : 0;
  const before = text.charCodeAt(at - 1 - bracket);
  if (isAlphanumericOrPlus(before)) return false;
  return !(MARKS_IN_NUMBERS.has(before) && isDigit(text.charCodeAt(at - 2 - bracket)));
}
const MARKS_IN_NUMBERS = new Set([...'.,:/-'].map((mark) => mark.charCodeAt(0)));

/** `00` or `011` at the beginning of a number. */
function startsDialling(text: string, start: number, end: number): boolean {
  for (let at = start; at < end - 7; at++) {
    if (text.charCodeAt(at) !== 0x30) continue;
    const next = text.charCodeAt(at + 1);
    if (next !== 0x30 && !(next === 0x31 && text.charCodeAt(at + 2) === 0x31)) continue;
    if (mayBegin(text, at)) return true;
  }
  return false;
}

/** A trunk zero, up to five digits, and a mark behind them. */
function startsTrunk(text: string, start: number, end: number): boolean {
  for (let at = start; at < end - 7; at++) {
    if (text.charCodeAt(at) !== 0x30 || !isDigit(text.charCodeAt(at + 1)) || !mayBegin(text, at)) continue;
    let stop = at + 2;
    while (stop < at + 6 && isDigit(text.charCodeAt(stop))) stop++;
    const mark = text.charCodeAt(stop);
    if (mark === 0x20 || mark === 0x29 || mark === 0x2d || mark === 0x2e || mark === 0x2f) return true;
  }
  return false;
}

export const phoneInternational = definePattern({
  name: 'phone-international',
  entity: 'PHONE_NUMBER',
  guard: (text, start, end) =>
    text[start] === '+'
      ? !isAlphanumericOrPlus(text.charCodeAt(start - 1)) && /\d/.test(text.slice(end, end + 3))
      : startsDialling(text, start, end),
  triggers: [keywords('+'), digits(10)],
  reach: { before: 16, after: 32 },
  patterns: [
    { name: 'plus', regex: INTERNATIONAL, score: 0.45, narrow: longestInternational },
    { name: 'double-zero', regex: DIALLED, score: 0.25, narrow: longestInternational },
  ],
  validate: validateInternational,
  validatedBy: 'libphonenumber',
  validScore: 0.85,
  invalidate: isNoPhone,
  context: CONTEXT,
  contextReach: near,
});

export const phoneNorthAmerican = definePattern({
  name: 'phone-north-american',
  entity: 'PHONE_NUMBER',
  guard: shapeGuard(/\d{3}\)?[ .-]{0,2}\d{3}[ .-]\d{4}/, { before: 0, after: 0 }),
  triggers: [digits(10, '3(3', '3-3', '3.3')],
  reach: { before: 8, after: 8 },
  patterns: [{ name: 'grouped', regex: NORTH_AMERICAN, score: 0.65 }],
  invalidate: isNoPhone,
  context: CONTEXT,
  contextReach: near,
});

export const phoneNational = definePattern({
  name: 'phone-national',
  entity: 'PHONE_NUMBER',
  guard: startsTrunk,
  triggers: [digits(8, '2..6 2..8', '2..6-2..8', '2..6/2..8', '2..6.2..8', '2..6(2..8')],
  reach: { before: 8, after: 8 },
  patterns: [
    {
      name: 'trunk-zero',
      regex: TRUNK_ZERO,
      score: 0.5,
      narrow: (text, start, end) =>
        isTrunkNumber(text.slice(start, end)) && !isPartOfHex(text, start, end) ? [{ start, end }] : [],
    },
  ],
  invalidate: isNoPhone,
  context: CONTEXT,
  contextReach: near,
});

/** Any row of digits beside a word about telephones. Woken by the words, because every number is such a row. */
export const phoneNamed = definePattern({
  name: 'phone-named',
  entity: 'PHONE_NUMBER',
  triggers: [
    words(
      ...CONTEXT.filter((phrase) => phrase.length < 7 && !phrase.includes(' ')),
      't:',
      'p:',
      'm:',
      'f:',
      'h:',
      'w:',
      'c:',
      'wa',
      'work',
      'direct',
      'privat',
      'main',
      'desk',
      'casa',
    ),
    keywords(
      ...CONTEXT.filter((phrase) => phrase.length >= 7 || phrase.includes(' ')),
      'whatsapp',
      'office',
      'oficina',
      'bureau',
    ),
  ],
  requires: { digits: 6 },
  reach: { before: 64, after: 72 },
  patterns: [
    { name: 'labelled-before', regex: LABELLED_BEFORE, score: 0.6 },
    { name: 'labelled-behind', regex: LABELLED_BEHIND, score: 0.6 },
    {
      name: 'plain',
      regex: PLAIN,
      score: 0.2,
      narrow: (text, start, end) => (inRange(text.slice(start, end), 6, 13) ? [{ start, end }] : []),
    },
  ],
  invalidate: isNoPhone,
  context: CONTEXT,
  contextReach: near,
});

/** `02111-1307` is a ZIP code, and nothing dials `00` here. */
function isTrunkNumber(value: string): boolean {
  const groups = value.match(/\d+/g) ?? [];
  // Pairs are French numbers when there are five, and bytes of a dump otherwise.
  if (groups.every((group) => group.length === 2) && groups.length !== 5) return false;
  return inRange(value, 8, 12) && !/^\(?00/.test(value) && !/^0\d{4}-\d{4}$/.test(value);
}

/** A piece of a UUID, or of the bytes of a dump: pairs of hex on both sides, or two on one. */
function isPartOfHex(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - 12), start);
  const after = text.slice(end, end + 12);
  if (isInsideUuid({ text, start, end })) return true;
  const pairsBefore = /(?:(?<![^\s])[0-9a-f]{2}\s{1,2}){1,2}$/i.exec(before)?.[0].trim().split(/\s+/).length ?? 0;
  const pairsAfter = /^(?:\s{1,2}[0-9a-f]{2}(?!\S)){1,2}/i.exec(after)?.[0].trim().split(/\s+/).length ?? 0;
  return pairsBefore + pairsAfter >= 2;
}

function inRange(value: string, least: number, most: number): boolean {
  const count = digitsOnly(value.replace(/[ ,;]{0,2}[a-zд].{0,12}$/i, '')).length;
  return count >= least && count <= most;
}
