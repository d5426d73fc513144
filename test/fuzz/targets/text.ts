/** What is read for sensitive values. */
import assert from 'node:assert/strict';
import { Classify } from '../../../config/schema.ts';
import { createClassifier } from '../../../classifiers/classify.ts';
import { normalize } from '../../../classifiers/normalize.ts';
import { builtInRecognizers, builtInTaggers } from '../../../classifiers/registry.ts';
import type { FuzzTarget } from '../fuzzer.ts';

const classifier = createClassifier(
  Classify.parse({ cacheEntries: 0 }),
  ['public', 'internal', 'confidential', 'restricted'],
  {
    recognizers: builtInRecognizers(),
    taggers: builtInTaggers(),
  },
);

/** Findings lie inside the text they are of, and a card that stands there on its own is found whatever stands around it. */
const classify: FuzzTarget = {
  name: 'classify',
  seeds: [
    'My card is 4539 5787 6362 1486, mail jane.roe@corp.example, key AKIAJ7QK5ZV3N2M4R6TA',
    'Dear Mrs. Margarethe Ohlsson,\nDE89 3704 0044 0532 0130 00',
    '{"ssn": "536-22-1847", "name": "Jane Roe"}',
    'aGVsbG8gd29ybGQgZnJvbSBiYXNlNjQ=',
  ],
  tokens: [
    '4539 5787 6362 1486',
    '@',
    '.',
    '-',
    '+49 30 901820',
    'password: ',
    '\u200b',
    '０',
    '%40',
    '&#64;',
    '\\u0040',
    '==',
    'Mr. ',
    '\n',
    '\t',
    '0x',
    '::',
    '://',
    'BEGIN',
    '{',
    '"',
  ],
  async check(input) {
    const segment = { pointer: '/m', role: 'user', form: 'text', text: input, hint: '', flow: -1 } as const;
    const { verdict } = await classifier.classify([segment], [], {
      signal: AbortSignal.timeout(20_000),
      nearMisses: 'omit',
    });
    for (const { span } of verdict.findings) {
      assert.equal(span.segment, '/m');
      assert.ok(span.start >= 0 && span.start < span.end && span.end <= input.length, 'a span outside its text');
    }
    const planted = `${input}\n\nmy credit card number is 4539 5787 6362 1486\n`;
    const again = await classifier.classify([{ ...segment, text: planted }], [], {
      signal: AbortSignal.timeout(20_000),
      nearMisses: 'omit',
    });
    assert.notEqual(again.verdict.kind, 'clean');
  },
};

const normalised: FuzzTarget = {
  name: 'normalize',
  seeds: ['４５３９ ５７８７', 'p\u200bass\u00adword', 'раураl', 'e\u0301', '١٢٣'],
  tokens: ['\u200b', '\u0301', '\ufe0f', '\u20e3', '０', '𝟗', 'ﬁ', 'а', '\u202e', '½', 'ß', 'İ', 'ﷺ'],
  check(input) {
    normalize(input);
  },
};

export const TEXT: readonly FuzzTarget[] = [normalised, classify];
