import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definePattern } from '../../classifiers/define-pattern.ts';
import type { PatternDeclaration } from '../../classifiers/define-pattern.ts';
import type { Candidate } from '../../classifiers/recognizer.ts';
import { digits } from '../../classifiers/recognizer.ts';
import { regexExtent } from '../../classifiers/regex-extent.ts';

const find = (
  over: Partial<PatternDeclaration>,
  text: string,
  hint = '',
  window = { start: 0, end: text.length },
): readonly Candidate[] => {
  const found: Candidate[] = [];
  const recognizer = definePattern({
    name: 'badge',
    entity: 'BADGE',
    patterns: [{ name: 'six', regex: /\b\d{6}\b/, score: 0.3 }],
    triggers: [digits(6)],
    ...over,
  });
  recognizer.find({ text, hint }, window, (candidate) => found.push(candidate));
  return found;
};
const round = (value: number | undefined): number => Math.round((value ?? -1) * 100) / 100;

describe('definePattern() context', () => {
  it.each<readonly [string, string, string, number]>([
    ['none', 'there are 123456 of them', '', 0.3],
    ['before', 'my badge is 123456', '', 0.65],
    ['after', '123456 is my badge', '', 0.65],
    ['plural', 'badges: 123456', '', 0.65],
    ['phrase', 'access card 123456', '', 0.65],
    ['phrase in camel case', '"accessCard": 123456', '', 0.65],
    ['phrase in snake case', 'access_card=123456', '', 0.65],
    ['phrase grown together', 'accesscard=123456', '', 0.65],
    ['capitals', 'BADGE 123456', '', 0.65],
    ['in the hint', '123456', 'employeeBadgeNumber', 0.65],
    ['part of a word does not count', 'badger 123456', '', 0.3],
    ['half a phrase does not count', 'a card 123456', '', 0.3],
    ['too far away', `badge ${'x'.repeat(90)} 123456`, '', 0.3],
    ['script without spaces', '员工工牌号123456', '', 0.65],
  ])('%s', (_name, text, hint, score) => {
    expect(round(find({ context: ['badge', 'access card', '工牌'] }, text, hint)[0]?.score)).toBe(score);
  });

  it('lifts to the floor, and words against it lower', () => {
    const patterns = [{ name: 'six', regex: /\b\d{6}\b/, score: 0.01 }];
    expect(round(find({ patterns, context: ['badge'] }, 'badge 123456')[0]?.score)).toBe(0.4);
    expect(round(find({ context: ['badge'], counterContext: ['order'] }, 'badge of order 123456')[0]?.score)).toBe(0.3);
  });
});

describe('definePattern() validation', () => {
  it.each<readonly [string, Partial<PatternDeclaration>, number, Candidate['rejected']]>([
    ['valid', { validate: () => 'valid' }, 1, undefined],
    ['valid, with a stated score', { validate: () => 'valid', validScore: 0.6 }, 0.6, undefined],
    ['unknown', { validate: () => 'unknown' }, 0.3, undefined],
    ['invalid', { validate: () => 'invalid' }, 0.3, 'checksum'],
    ['invalidated though valid', { validate: () => 'valid', invalidate: () => true }, 1, 'invalidated'],
  ])('%s', (_name, over, score, rejected) => {
    const [candidate] = find(over, 'x 123456 y');
    expect([candidate?.score, candidate?.rejected]).toEqual([score, rejected]);
  });

  it('reports the group named value', () => {
    const patterns = [{ name: 'six', regex: /no\. (?<value>\d{6})/, score: 0.9 }];
    expect(find({ patterns }, 'badge no. 123456!').map(({ start, end }) => [start, end])).toEqual([[10, 16]]);
  });

  it('reports what starts in the window, with what runs out of it, and sees the edge before it', () => {
    expect(find({}, '111111 222222 333333', '', { start: 7, end: 9 }).map(({ start, end }) => [start, end])).toEqual([
      [7, 13],
    ]);
    expect(find({}, 'x123456', '', { start: 1, end: 7 })).toEqual([]);
  });

  it('refuses a recognizer that nothing wakes', () => {
    expect(() => find({ triggers: [] }, '')).toThrow('recognizer badge has no trigger');
  });
});

describe('regexExtent()', () => {
  it.each<readonly [RegExp, number]>([
    [/abc/, 3],
    [/a{2,4}b?/, 5],
    [/(?:ab|c){3}/, 6],
    [/\d{4}(?=-\d{2})/, 7],
    [/(?<!abc)b/, 1],
    [/a+/, Infinity],
    [/(a)\1/, Infinity],
    [/[\]a-z]{2}x/, 3],
    [/\p{L}{3}/u, 6],
    [/(?<value>x{1,30})y/, 31],
    [/^ab$/, 3],
  ])('%s', (regex, extent) => {
    expect(regexExtent(regex)).toBe(extent);
  });

  it('is never shorter than a match', () => {
    const atom = fc.constantFrom('a', '\\d', '[ab1]', '(?:ab|1)', '(?=1)', '\\b', '(a|b)', '.');
    const quantifier = fc.constantFrom('', '?', '{2}', '{1,3}', '{0,2}?');
    const source = fc
      .array(fc.tuple(atom, quantifier), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.map(([one, times]) => (/^(?:\(\?=|\\b)/.test(one) ? one : one + times)).join(''));
    fc.assert(
      fc.property(source, fc.string({ unit: fc.constantFrom('a', 'b', '1', ' '), maxLength: 20 }), (text, subject) => {
        const regex = new RegExp(text);
        const match = regex.exec(subject);
        expect(match?.[0].length ?? 0).toBeLessThanOrEqual(regexExtent(regex));
      }),
    );
  });
});
