/**
 * POSTAL_CODE, a quasi-identifier: codes whose shape is their own (Britain, Canada, the Netherlands, Japan), others behind a
 * state, before a town, or near a word for one.
 */
import { definePattern } from '../../define-pattern.ts';
import { digits, keywords } from '../../recognizer.ts';
import { shapeGuard } from './shape-guard.ts';

const AFTER = String.raw`(?![A-Za-z0-9-])`;

export const postalCode = definePattern({
  name: 'postal-code',
  entity: 'POSTAL_CODE',
  triggers: [digits(4, '5-4', 'A 5', 'A,5', '4 A', '4~A'), keywords('〒')],
  guard: shapeGuard(/\d{5}-\d{4}|[A-Z]{2},? {1,2}\d{5}|\d{4} ?[A-Z]{2}|〒/, { before: 6, after: 4 }),
  reach: { before: 8, after: 8 },
  patterns: [
    {
      name: 'american',
      regex: new RegExp(String.raw`(?=\d{5})(?<![A-Za-z0-9.,-])(?:\d{5}-\d{4}|(?<=[ ,][A-Z]{2},? {1,2})\d{5})${AFTER}`),
      score: 0.55,
    },
    {
      name: 'dutch',
      regex: /(?=[1-9]\d{3})(?<![A-Za-z0-9-])[1-9]\d{3} ?(?!SA|SD|SS)[A-Z]{2}(?![A-Za-z0-9-])(?=,?\s[A-Z][a-z])/,
      score: 0.5,
    },
    { name: 'japanese', regex: /〒\s?\d{3}-?\d{4}(?!\d)/, score: 0.8 },
  ],
});

/** Letters and digits take turns, so no row of digits shows them: `SW1A 1AA`, `K1A 0B6`. */
export const letteredPostalCode = definePattern({
  name: 'lettered-postal-code',
  entity: 'POSTAL_CODE',
  triggers: [digits(1, '1~A')],
  guard: shapeGuard(/[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]\d[A-Z][ -]\d[A-Z]\d/, { before: 4, after: 7 }),
  reach: { before: 4, after: 6 },
  patterns: [
    {
      name: 'british',
      regex: new RegExp(
        String.raw`(?=[A-Z]{1,2}\d)(?<![A-Za-z0-9-])(?:[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRV-Y]) \d[ABD-HJLNP-UW-Z]{2})${AFTER}`,
      ),
      score: 0.6,
    },
    {
      name: 'canadian',
      regex: new RegExp(
        String.raw`(?=[A-Z]\d[A-Z])(?<![A-Za-z0-9-])[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]\d[ABCEGHJ-NPRSTV-Z]\d${AFTER}`,
      ),
      score: 0.6,
    },
  ],
});

export const namedPostalCode = definePattern({
  name: 'named-postal-code',
  entity: 'POSTAL_CODE',
  triggers: [
    keywords(
      'zip',
      'post',
      'plz',
      'código',
      'cap ',
      'cep',
      'pin code',
      'pincode',
      'kod pocztowy',
      'индекс',
      '邮编',
      '邮政编码',
      '郵便番号',
      '우편번호',
    ),
  ],
  reach: { before: 16, after: 40 },
  patterns: [
    {
      name: 'digits',
      regex: new RegExp(
        String.raw`(?=[A-Z0-9])(?<![A-Za-z0-9.,$€£#/:+-])(?:[A-Z]{1,2}-)?(?:\d{4,6}|\d{3} \d{2}|\d{2}-\d{3}|\d{5}-\d{3})(?:-\d{4})?(?![A-Za-z0-9%/:-]|[.,]\d)`,
      ),
      score: 0.15,
    },
  ],
  context: [
    'zip',
    'zip code',
    'zipcode',
    'postcode',
    'post code',
    'postal code',
    'postal',
    'plz',
    'postleitzahl',
    'code postal',
    'código postal',
    'cap',
    'cep',
    'postnummer',
    'postinumero',
    'pin code',
    'pincode',
    'kod pocztowy',
    'индекс',
    '邮编',
    '邮政编码',
    '郵便番号',
    '우편번호',
  ],
  contextReach: { before: 30, after: 16 },
});
