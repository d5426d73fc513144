import { describe, expect, it, vi } from 'vitest';
import { REDACTPII_RECOGNIZERS, spansOf } from '../../classifiers/recognizers/redactpii.ts';
import { DEFAULT_ENTITIES } from '../../config/defaults.ts';
import { classifierOf, classifyText } from './engine-fixture.ts';

const CONFIG = {
  entities: Object.fromEntries(
    ['EMAIL_ADDRESS', 'PHONE_NUMBER', 'US_SSN', 'CREDIT_CARD', 'PERSON'].map((entity) => [
      entity,
      { label: 'internal', threshold: 0.2 },
    ]),
  ),
};

describe('redactpii recognizers', () => {
  it.each([
    [
      'EMAIL_ADDRESS',
      'write to jane@contoso-mail.org and bob@contoso-mail.org',
      ['jane@contoso-mail.org', 'bob@contoso-mail.org'],
    ],
    ['US_SSN', 'ssn 536-22-1847 here', ['536-22-1847']],
    ['CREDIT_CARD', 'card 4539 1488 0343 6467', ['4539 1488 0343 6467']],
  ])('recover the spans of %s', async (entity, text, expected) => {
    const { verdict } = await classifyText(classifierOf(CONFIG, { recognizers: REDACTPII_RECOGNIZERS }), text);
    expect(
      verdict.findings
        .filter((finding) => finding.entity === entity)
        .map(({ span }) => text.slice(span.start, span.end).trim()),
    ).toEqual(expected);
  });

  it('decide nothing under the default thresholds', async () => {
    const classifier = classifierOf({}, { recognizers: REDACTPII_RECOGNIZERS });
    for (const text of [
      'order 1234567',
      'hi please help me fix this',
      '850-12-2024',
      '1234 5678 9012 3456',
      'git@github.com',
      'jane@contoso-mail.org',
    ]) {
      expect((await classifyText(classifier, text)).verdict.kind).toBe('clean');
    }
    for (const rule of Object.values(DEFAULT_ENTITIES)) expect(rule.threshold).toBeGreaterThanOrEqual(0.3);
  });

  it('make no network call', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('no network here'));
    await classifyText(
      classifierOf(CONFIG, { recognizers: REDACTPII_RECOGNIZERS }),
      'jane@contoso-mail.org 536-22-1847',
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
  });

  it('are never given more than a bounded slice of a hostile text', () => {
    const text = `${'a.'.repeat(40_000)}@`;
    for (const recognizer of REDACTPII_RECOGNIZERS)
      recognizer.find({ text, hint: '' }, { start: 0, end: 4096 }, () => {});
    const mail = REDACTPII_RECOGNIZERS.find((recognizer) => recognizer.name === 'redactpii-email');
    const spy = vi.spyOn(String.prototype, 'slice');
    mail?.find({ text, hint: '' }, { start: 0, end: text.length }, () => {});
    const lengths = spy.mock.results.map((result) => (typeof result.value === 'string' ? result.value.length : 0));
    spy.mockRestore();
    expect(Math.max(...lengths)).toBeLessThanOrEqual(2000);
  });
});

describe('spansOf()', () => {
  const S = '\ue000';
  it.each([
    ['one', 'ab cd', `ab ${S}`, [[3, 5]]],
    [
      'at both ends',
      'ab cd ef',
      `${S} cd ${S}`,
      [
        [0, 2],
        [6, 8],
      ],
    ],
    ['none', 'ab', 'ab', []],
    ['all', 'ab', S, [[0, 2]]],
  ])('%s', (_name, original, redacted, expected) => {
    expect(spansOf(original, redacted).map(({ start, end }) => [start, end])).toEqual(expected);
  });
});
