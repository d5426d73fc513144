import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContextWindow, estimateTokens, mayOverflow, readTooLittle } from '../../../router/upstreams/context-window.ts';
import { chatRequest } from '../../helpers/chat-request.ts';

const estimate = (text: string): ReturnType<typeof estimateTokens> => estimateTokens(chatRequest({ text }));

describe('estimateTokens()', () => {
  // The fewest tokens any vocabulary could need: one for each word, one for four characters of a script without spaces.
  it.each([
    ['The quick brown fox jumps over the lazy dog.', 9],
    ['implementation configuration responsibility internationalization', 4],
    ["don't can't won’t shouldn't", 4],
    ['你好，世界。今天天气很好。', 4],
    ['élève déjà vu café naïveté', 5],
    ['привет мир', 2],
    ['foo.bar(baz, 12345) => { return x; }', 6],
    ['                                        ', 1],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1],
    ['\u{1F600}\u{1F600}\u{1F600}', 1],
  ])('%j is never put above its fewest', (text, fewest) => {
    expect(estimate(text).atLeast).toBeLessThanOrEqual(fewest);
    expect(estimate(text).atMost).toBeGreaterThanOrEqual(estimate(text).atLeast);
  });

  it('is not far below it either, in words', () => {
    expect(estimate('word '.repeat(1_000)).atLeast).toBe(1_000);
    expect(estimate('слово '.repeat(1_000)).atLeast).toBe(1_000);
    expect(estimate('世界'.repeat(1_000)).atLeast).toBe(500);
  });

  it('only grows with more text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (first, second) => {
        expect(estimate(`${first} ${second}`).atLeast).toBeGreaterThanOrEqual(estimate(first).atLeast);
        expect(estimate(`${first} ${second}`).atMost).toBeGreaterThanOrEqual(estimate(first).atMost);
      }),
    );
  });
});

describe('readTooLittle()', () => {
  it.each([
    [{ atLeast: 6_000, atMost: 12_000 }, 4_098, true],
    [{ atLeast: 6_000, atMost: 12_000 }, 7_900, false],
    [{ atLeast: 6_000, atMost: 12_000 }, 0, false],
    [{ atLeast: 40, atMost: 90 }, 3, false],
    [{ atLeast: 64, atMost: 90 }, 20, true],
  ])('%j read as %i tokens: %j', (size, promptTokens, expected) => {
    expect(readTooLittle(size, promptTokens)).toBe(expected);
  });
});

it('mayOverflow() leans to yes: it asks the ceiling', () => {
  expect([
    mayOverflow({ atLeast: 10, atMost: 9_000 }, 8_192),
    mayOverflow({ atLeast: 10, atMost: 8_000 }, 8_192),
  ]).toEqual([true, false]);
});

describe('ContextWindow', () => {
  const limits = {
    contextTokens: 8_192,
    maxContextTokens: 65_536,
    overflow: 'raise-window',
    trainedTokens: 0,
  } as const;
  const sized = (atMost: number): { atLeast: number; atMost: number } => ({ atLeast: Math.floor(atMost / 3), atMost });

  it('never changes under refuse', () => {
    const window = new ContextWindow(() => 0);
    for (const size of [10, 7_000, 20_000])
      expect(window.choose('m', sized(size), undefined, { ...limits, overflow: 'refuse' })).toBe(8_192);
    expect(window.choose('m', sized(30_000), undefined, { ...limits, overflow: 'refuse' })).toBe('too-long');
    expect(window.larger('m', 8_192, { ...limits, overflow: 'refuse' })).toBeUndefined();
  });

  it('grows by doubling, stays raised while needed, and comes back after a while', () => {
    let now = 0;
    const window = new ContextWindow(() => now);
    const choose = (size: number): number | 'too-long' => window.choose('m', sized(size), undefined, limits);
    expect([choose(10), choose(9_000), choose(10), choose(40_000), choose(9_000), choose(10)]).toEqual([
      8_192, 16_384, 16_384, 65_536, 65_536, 65_536,
    ]);
    expect(window.choose('other', sized(10), undefined, limits)).toBe(8_192);
    now = 600_001;
    expect(choose(10)).toBe(8_192);
  });

  it('is never larger than what the model was trained with', () => {
    const window = new ContextWindow(() => 0);
    const trained = { ...limits, trainedTokens: 12_000 };
    expect(window.choose('m', sized(20_000), undefined, trained)).toBe(12_000);
    expect(window.larger('m', 12_000, trained)).toBeUndefined();
    expect(window.choose('m', sized(40_000), undefined, trained)).toBe('too-long');
    expect(window.choose('m', sized(10), undefined, { ...trained, trainedTokens: 2_048 })).toBe(2_048);
  });

  it('leaves room for the answer', () => {
    expect(new ContextWindow(() => 0).choose('m', sized(8_000), undefined, limits)).toBe(16_384);
    expect(new ContextWindow(() => 0).choose('m', sized(8_000), 50, limits)).toBe(8_192);
  });
});
