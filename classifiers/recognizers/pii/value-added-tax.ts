/** VAT_ID: registrations of the EU, Britain, Norway and Switzerland with their country's check digits; with the country prefix they stand alone. */
import { definePattern } from '../../define-pattern.ts';
import { digits, run } from '../../recognizer.ts';
import { alphanumericsOnly } from './check-digits.ts';
import { standardNumber } from './standard-number.ts';
import { shapeGuard } from './shape-guard.ts';

/** stdnum's module by prefix; the number is checked without the prefix, as some modules take no other form. */
const MODULES: Readonly<Record<string, string>> = {
  ATU: 'at/uid',
  BE: 'be/vat',
  BG: 'bg/vat',
  CHE: 'ch/vat',
  CY: 'cy/vat',
  CZ: 'cz/dic',
  DE: 'de/vat',
  DK: 'dk/cvr',
  EE: 'ee/kmkr',
  EL: 'gr/vat',
  ES: 'es/nif',
  FI: 'fi/alv',
  FR: 'fr/tva',
  GB: 'gb/vat',
  HR: 'hr/oib',
  HU: 'hu/anum',
  IE: 'ie/vat',
  IT: 'it/iva',
  LT: 'lt/pvm',
  LU: 'lu/tva',
  LV: 'lv/pvn',
  MT: 'mt/vat',
  NL: 'nl/btw',
  PL: 'pl/nip',
  PT: 'pt/nif',
  RO: 'ro/cif',
  SE: 'se/vat',
  SI: 'si/ddv',
  SK: 'sk/dph',
};

function holds(value: string): boolean {
  const text = alphanumericsOnly(value);
  const prefix = Object.keys(MODULES).find((candidate) => text.startsWith(candidate));
  if (prefix === undefined) return false;
  const check = standardNumber(MODULES[prefix] ?? '');
  return check(text) || check(text.slice(prefix.length));
}

export const valueAddedTax = definePattern({
  name: 'vat-id',
  entity: 'VAT_ID',
  triggers: [run('lettered', 9), digits(9, 'A?9..12')],
  guard: shapeGuard(
    /(?:ATU|BE|BG|CHE|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK)[ -]?[A-Z0-9]{2}/,
    { before: 5, after: 0 },
  ),
  reach: { before: 8, after: 12 },
  patterns: [
    {
      name: 'prefixed',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?:ATU|BE|BG|CHE|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK)[ -]?(?=[A-Z0-9]{0,3}\d)[A-Z0-9]{2,3}[ .-]?[A-Z0-9]{3}[ .-]?[A-Z0-9]{2,4}(?:[ .-]?(?:[A-Z0-9]{2,3}|MWST|TVA|IVA))?(?![\p{Lu}\p{Ll}\p{N}])/u,
      score: 0.3,
    },
  ],
  validate: (value) => (holds(value) ? 'valid' : 'invalid'),
  validatedBy: 'national check digit',
  validScore: 0.5,
  context: [
    'vat',
    'vat id',
    'vat number',
    'vat no',
    'ust-id',
    'ust id',
    'ustid',
    'umsatzsteuer',
    'mwst',
    'tva',
    'numéro de tva',
    'iva',
    'partita iva',
    'p.iva',
    'cif',
    'nif',
    'btw',
    'btw-nummer',
    'moms',
    'nip',
    'dič',
    'dic',
    'uid',
  ],
});
