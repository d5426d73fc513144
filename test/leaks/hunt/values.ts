/** Values to plant, each new: nothing found in a test can be learnt by heart. And the ways to write them that are read back. */
import type { Random } from '../../helpers/random.ts';

export interface Planted {
  readonly kind: string;
  /** What must not leave. */
  readonly value: string;
  /** What is planted: the value in words that give it away. */
  readonly text: string;
}

const DIGITS = '0123456789';
const UPPER32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const LETTERS = 'abcdefghijkmnopqrstuvwxyz';

const drawn = (alphabet: string, length: number, random: Random): string =>
  Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join('');

function card(random: Random): string {
  const body = `4${drawn(DIGITS, 14, random)}`;
  let sum = 0;
  for (let index = 0; index < 15; index += 1) {
    const digit = Number(body[14 - index]);
    sum += index % 2 === 0 ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
  }
  const number = `${body}${(10 - (sum % 10)) % 10}`;
  return random.chance(2) ? number.replaceAll(/(.{4})(?=.)/g, `$1${random.pick([' ', '-'])}`) : number;
}

/** DE with its two check digits (ISO 7064, mod 97-10). */
function iban(random: Random): string {
  const account = drawn(DIGITS, 18, random);
  const check = 98n - (BigInt(`${account}131400`) % 97n);
  return `DE${String(check).padStart(2, '0')}${account}`;
}

export function drawValue(random: Random): Planted {
  const wrap = (kind: string, value: string, text: string): Planted => ({ kind, value, text });
  switch (random.below(6)) {
    case 0: {
      const value = card(random);
      return wrap('card', value, random.pick([value, `card ${value}`, `please charge ${value} today`]));
    }
    case 1: {
      const value = iban(random);
      return wrap('iban', value, random.pick([value, `transfer to ${value}`]));
    }
    case 2: {
      const value = `${drawn(LETTERS, 5, random)}.${drawn(LETTERS, 7, random)}@${drawn(LETTERS, 6, random)}-mail.example`;
      return wrap('mail', value, random.pick([value, `write to ${value}`]));
    }
    case 3: {
      const value = `AKIA${drawn(UPPER32, 16, random)}`;
      return wrap('aws', value, random.pick([value, `AWS_ACCESS_KEY_ID=${value}`]));
    }
    case 4: {
      const value = `${5 + random.below(2)}${drawn('123456789', 2, random).replace('66', '65')}-${drawn('123456789', 2, random)}-${drawn('123456789', 4, random)}`;
      return wrap('ssn', value, `SSN ${value}`);
    }
    default: {
      const value = `${drawn(LETTERS, 4, random)}${drawn(DIGITS, 4, random)}${drawn(UPPER32, 6, random)}${drawn(LETTERS, 4, random)}`;
      return wrap('password', value, `password: ${value}`);
    }
  }
}

export interface Encoding {
  readonly name: string;
  readonly write: (text: string) => string;
}

const entity = (text: string): string => [...text].map((each) => `&#${each.codePointAt(0)};`).join('');
const fullwidth = (text: string): string =>
  text.replaceAll(/[0-9A-Za-z]/g, (each) => String.fromCharCode(each.charCodeAt(0) + 0xfee0));

export const ENCODINGS: readonly Encoding[] = [
  { name: 'plain', write: (text) => text },
  { name: 'base64', write: (text) => Buffer.from(text).toString('base64') },
  { name: 'base64url', write: (text) => Buffer.from(text).toString('base64url') },
  { name: 'hex', write: (text) => Buffer.from(text).toString('hex') },
  {
    name: 'percent',
    write: (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  },
  { name: 'html entities', write: entity },
  {
    name: 'escapes',
    write: (text) => [...text].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  },
  { name: 'fullwidth', write: fullwidth },
  { name: 'zero width', write: (text) => [...text].join('\u200b') },
  { name: 'data url', write: (text) => `data:text/plain;base64,${Buffer.from(text).toString('base64')}` },
];
