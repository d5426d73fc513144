import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fewestDigits } from '../../../classifiers/rules/fewest-digits.ts';
import { parseRegex } from '../../../classifiers/rules/regex-syntax.ts';
import { DigitPlaces } from '../../../classifiers/scan/digit-places.ts';

const countOf = (regex: RegExp): number => {
  const tree = parseRegex(regex.source, regex.flags);
  return tree === undefined ? 0 : fewestDigits(tree);
};

it.each<readonly [RegExp, number]>([
  [/\d{3}-\d{2}-\d{4}/, 9],
  [/(?:\d{4}[ -]?){3,4}/, 12],
  [/[A-Z]{2} ?\d{7}|\d{3}[A-Z]/, 3],
  [/[1-9][0-9A-F]{8}/, 1],
  [/\d*x\d?/, 0],
  [/(?<=\d{4})x(?=\d{4})/, 0],
  [/(?<value>\d+)x/, 1],
  [/7(?:1|2a)[^0-9]/, 2],
  [/\p{Nd}{4}/u, 0],
])('%s holds %i digits at least', (regex, fewest) => {
  expect(countOf(regex)).toBe(fewest);
});

it('no match of a pattern holds fewer', () => {
  const atom = fc.constantFrom('\\d', '[0-9]', '5', '[0-9A-Z]', 'a', '.', '(?:12|b)', '(?:\\d{2}|3)', '(?=\\d)');
  const times = fc.constantFrom('', '?', '*', '+', '{2}', '{0,3}', '{1,2}');
  const pattern = fc
    .array(fc.tuple(atom, times), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.map(([each, many]) => (each.startsWith('(?=') ? each : each + many)).join(''));
  fc.assert(
    fc.property(
      fc.array(pattern, { minLength: 1, maxLength: 3 }),
      fc.string({ unit: fc.constantFrom('1', '2', '5', 'a', 'b', 'Z'), maxLength: 20 }),
      (patterns, text) => {
        const regex = new RegExp(patterns.join('|'), 'g');
        const fewest = countOf(new RegExp(regex.source));
        for (const [match] of text.matchAll(regex))
          expect(match.replaceAll(/\D/g, '').length).toBeGreaterThanOrEqual(fewest);
      },
    ),
    { numRuns: 2000 },
  );
});

it('DigitPlaces counts the digits between two places', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('1', '22', '333', 'a', '--'), maxLength: 30 }),
      fc.nat(60),
      fc.nat(60),
      fc.integer({ min: 1, max: 12 }),
      (text, start, length, needed) => {
        const places = new DigitPlaces();
        for (const run of text.matchAll(/\d+/g)) places.addRun(run.index, run.index + run[0].length);
        const digits = text.slice(start, start + length).replaceAll(/\D/g, '').length;
        expect(places.holdsDigits(start, start + length, needed)).toBe(digits >= needed);
        expect(places.digits).toBe(text.replaceAll(/\D/g, '').length);
      },
    ),
    { numRuns: 2000 },
  );
});
