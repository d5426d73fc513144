import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RescanFault } from '../../classifiers/door-scan.ts';
import { jsonLeavesOf } from '../../classifiers/json-leaves.ts';
import type { Recognizer } from '../../classifiers/recognizer.ts';
import type { Segment } from '../../classifiers/segment.ts';
import { NEVER_ABORTED, classifierOf, literalRecognizer, segmentOf, shippedClassifier } from './engine-fixture.ts';

const classifier = shippedClassifier();
const entitiesOf = (outgoing: string): readonly string[] => [
  ...new Set(classifier.rescan(outgoing, 'public').map((finding) => finding.entity)),
];

describe('rescan() finds what is in the outgoing bytes', () => {
  it.each([
    [
      'in a message',
      JSON.stringify({ messages: [{ role: 'user', content: 'card 4539 1488 0343 6467' }] }),
      'CREDIT_CARD',
    ],
    ['in a key', JSON.stringify({ metadata: { 'jane.doe@contoso-mail.org': 1 } }), 'EMAIL_ADDRESS'],
    ['in a number', '{"card_number":4539148803436467}', 'CREDIT_CARD'],
    ['by its key', JSON.stringify({ employee: { ssn: '536221847' } }), 'US_SSN'],
    ['by the key above an array', JSON.stringify({ ssn: ['536221847'] }), 'US_SSN'],
    ['behind JSON escapes', '{"a":"\\u006aane.doe\\u0040contoso-mail.org"}', 'EMAIL_ADDRESS'],
    [
      'in arguments that are JSON in a string',
      JSON.stringify({ arguments: JSON.stringify({ to: 'jane.doe@contoso-mail.org' }) }),
      'EMAIL_ADDRESS',
    ],
    [
      'behind escapes twice',
      JSON.stringify({ arguments: '{"to":"jane.doe\\u0040contoso-mail.org"}' }),
      'EMAIL_ADDRESS',
    ],
    ['in text that is no JSON', 'POST x {broken "card 4539 1488 0343 6467', 'CREDIT_CARD'],
    ['in text that is no JSON, behind escapes', '{"a":"jane.doe\\u0040contoso-mail.org"', 'EMAIL_ADDRESS'],
  ])('%s', (_name, outgoing, entity) => {
    expect(entitiesOf(outgoing)).toContain(entity);
  });

  it('spans point into the outgoing text', () => {
    const outgoing = JSON.stringify({ messages: [{ content: 'card 4539 1488 0343 6467' }] });
    const [finding] = classifier.rescan(outgoing, 'public');
    expect(outgoing.slice(finding?.span.start, finding?.span.end)).toBe('4539 1488 0343 6467');
  });

  it.each([
    ['public', 2],
    ['internal', 2],
    ['confidential', 1],
    ['restricted', 0],
    ['cosmic', 2],
  ])('a receiver that may see %s is refused what lies above', (upTo, count) => {
    const outgoing = JSON.stringify({ a: 'card 4539 1488 0343 6467', b: 'ghp_zg2sye9b2Rann76dEyTzAeKOmXRrvftva9AW' });
    expect(classifier.rescan(outgoing, upTo)).toHaveLength(count);
  });
});

describe('rescan() makes nothing of JSON itself', () => {
  it.each([
    ['numbers side by side', '{"shape":[4539,1488,343,6467],"n":4539148803}'],
    ['strings side by side', JSON.stringify({ parts: ['4539 1488 034', '3 6467'], a: 'jane', b: '@contoso-mail.org' })],
    [
      'a key that belongs to another value',
      JSON.stringify({ schema: { ssn: { type: 'string' }, count: 536_221_847 } }),
    ],
    ['an empty body', '{}'],
  ])('%s', (_name, outgoing) => {
    expect(classifier.rescan(outgoing, 'public')).toEqual([]);
  });
});

describe('rescan() throws rather than vouch for what it could not read', () => {
  it.each<readonly [string, Recognizer, string]>([
    [
      'a recognizer throws',
      {
        ...literalRecognizer('odd', 'bomb', 'BOMB'),
        find: () => {
          throw new Error('x');
        },
      },
      'threw',
    ],
    ['the budget is spent', { ...literalRecognizer('odd', 'bomb', 'BOMB'), cost: 1e9, find: () => {} }, 'over-budget'],
  ])('%s', (_name, recognizer, gap) => {
    const broken = classifierOf({}, { recognizers: [recognizer] });
    const thrown = ((): unknown => {
      try {
        return broken.rescan('{"a":"the bomb"}', 'restricted');
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(RescanFault);
    expect(thrown).toMatchObject({ code: 'rescan_incomplete', gap });
    expect(String(thrown)).not.toContain('bomb');
  });
});

/** Leaves as the router's parser makes them: hint is the nearest key. */
function segmentsOf(value: unknown, pointer = '', hint = ''): Segment[] {
  if (typeof value === 'string') return [segmentOf(value, { pointer, hint })];
  if (typeof value === 'number') return [segmentOf(JSON.stringify(value), { pointer, hint, form: 'number' })];
  if (Array.isArray(value)) return value.flatMap((item, index) => segmentsOf(item, `${pointer}/${index}`, hint));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => [
    segmentOf(key, { pointer: `${pointer}/${key}`, hint, form: 'key' }),
    ...segmentsOf(item, `${pointer}/${key}`, key),
  ]);
}

it('what classify calls clean, rescan lets through; what it finds in one leaf, rescan finds', async () => {
  const text = fc.oneof(
    fc.string({
      unit: fc.constantFrom(
        '4',
        '5',
        '3',
        '9',
        '1',
        ' ',
        '-',
        '\n',
        '"',
        '\\',
        'a',
        '@',
        '.',
        'é',
        ':',
        ',',
        '{',
        '\u200b',
      ),
      maxLength: 24,
    }),
    fc.constantFrom(
      'ssn',
      'card number',
      'phone',
      'my card is 4539 1488',
      '0343 6467',
      'jane.doe@contoso-mail.org',
      '536-22-1847',
      'the "quoted" text\n',
      '{"a":1}',
      'password',
    ),
  );
  const body = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.integer({ min: 0, max: 9_999_999_999 }),
      fc.constantFrom(null, true),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(text, tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  let clean = 0;
  let sensitive = 0;
  await fc.assert(
    fc.asyncProperty(fc.dictionary(text, body, { maxKeys: 4 }), fc.constantFrom(0, 2), async (value, indent) => {
      const { verdict } = await classifier.classify(segmentsOf(value), [], {
        signal: NEVER_ABORTED,
        nearMisses: 'omit',
      });
      const found = classifier.rescan(JSON.stringify(value, null, indent), 'public');
      if (verdict.kind === 'clean') clean++;
      else sensitive++;
      expect(found.length > 0).toBe(verdict.kind === 'sensitive');
    }),
    { numRuns: 400 },
  );
  // Neither half of the property may be empty.
  expect(Math.min(clean, sensitive)).toBeGreaterThan(20);
});

describe('jsonLeavesOf()', () => {
  it('reads any JSON as JSON.parse does', () => {
    const collect = (value: unknown, hint: string): readonly string[] => {
      if (typeof value === 'string' || typeof value === 'number')
        return [`${hint}=${typeof value === 'number' ? JSON.stringify(value) : value}`];
      if (Array.isArray(value)) return value.flatMap((item) => collect(item, hint));
      if (value === null || typeof value !== 'object') return [];
      return Object.entries(value).flatMap(([key, item]) => [`${hint}=${key}`, ...collect(item, key)]);
    };
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1), (value, indent) => {
        // JSON.parse reorders integer-like keys and drops __proto__; neither is the point here.
        const plain: unknown = JSON.parse(JSON.stringify(value));
        const leaves = jsonLeavesOf(JSON.stringify(plain, null, indent));
        expect(leaves?.map((leaf) => `${leaf.hint}=${leaf.text}`)).toEqual(collect(plain, ''));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{"a":1'],
    ['{"a":"x}'],
    ['[1,2]]'],
    ['{"a":tru}'],
    ['{"a":"\\q"}'],
    [''],
    ['   '],
    ['{"a":01x}'],
    ['['.repeat(600)],
  ])('says no to %s', (text) => {
    expect(jsonLeavesOf(text)).toBeUndefined();
  });
});
