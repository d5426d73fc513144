import { describe, expect, it } from 'vitest';
import { regexCost } from '../../../classifiers/rules/regex-cost.ts';
import { requiredOf } from '../../../classifiers/rules/regex-required.ts';
import { parseRegex } from '../../../classifiers/rules/regex-syntax.ts';
import { checkRegex, proofBudget } from '../../../classifiers/rules/safe-regex.ts';
import type { SafeRegex } from '../../../classifiers/rules/safe-regex.ts';

const check = (source: string, flags = '', linearSource: string | undefined = source) =>
  checkRegex({ source, flags, linearSource }, proofBudget());

function safe(source: string, flags = ''): SafeRegex {
  const checked = check(source, flags);
  if (checked.kind === 'refused') throw new Error(checked.reason);
  return checked;
}

describe('regular expressions that could stop the proxy', () => {
  // Classic ReDoS patterns: nested quantifiers, overlapping alternatives, quadratic searches.
  const attacks = [
    '(a+)+$',
    '(a|aa)+$',
    '(a|a?)+$',
    '(.*a){20}',
    '([a-zA-Z]+)*$',
    '(\\w+\\s?)+$',
    'x*y',
    '\\s+$',
    '(a.)+b|(.b)+c',
    '^(\\d+)*$',
    '([^,]*,)*x',
  ];
  it.each(attacks)('%s runs on the linear engine', (source) => {
    const checked = safe(source);
    expect(checked.matcher.engine).toBe('linear');
    expect(checked.proof).toBe('engine');
  });

  it('answers on the text that would hang V8', () => {
    const checked = safe('(a+)+$');
    expect(checked.matcher.engine).toBe('linear');
    expect(checked.matcher.exec(`${'a'.repeat(100_000)}!`, 0)).toBeUndefined();
  });

  it.each([
    ['(?<!x)(a+)+$', 'look-behind'],
    ['(?=(a+)+b)a*c', 'look-ahead'],
    ['(a+)\\1+b', 'back-reference'],
  ])('%s is refused with the attack, because %s keeps it from the linear engine', (source) => {
    const checked = check(source, '', undefined);
    expect(checked).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('linear'),
      attack: expect.stringMatching(/repeat/),
    });
  });

  it.each(['(', '[a', 'a{2,1}', '(?<n>a)(?<n>b)'])('%s is no pattern at all', (source) => {
    expect(check(source)).toMatchObject({ kind: 'refused' });
  });

  it.each(['("{1,}\\1)', '(a+\\1)+$', '(?:(b*\\1))*c'])(
    '%s: what breaks the checker itself is refused, not thrown',
    (source) => {
      expect(checkRegex({ source, flags: '', linearSource: undefined }, proofBudget())).toMatchObject({
        kind: 'refused',
      });
    },
  );

  it('when the time for proofs is used up, patterns still run, on the linear engine', () => {
    const checked = checkRegex({ source: '[a-z]+x?b', flags: '', linearSource: '[a-z]+x?b' }, { milliseconds: 0 });
    expect(checked).toMatchObject({ kind: 'safe', proof: 'engine', matcher: { engine: 'linear' } });
  });
});

describe('patterns with a bound run on V8', () => {
  it.each([
    'ghp_[A-Za-z0-9]{36}',
    '(?<![A-Za-z0-9])AKIA[A-Z0-9]{16}(?![A-Za-z0-9])',
    '\\b\\d{5}(?:-\\d{4})?\\b',
    'xoxb-[0-9]{10,13}-[a-zA-Z0-9-]*',
    '(?i:[\\w.-]{0,50}?(?:adafruit)(?:[ \\t\\w.-]{0,20})[\\s\'"]{0,3}(?:=|>|:{1,3}=|,)["\\s=]{0,5}([a-z0-9_-]{32}))',
  ])('%s', (source) => {
    expect(safe(source)).toMatchObject({ proof: 'bounded', matcher: { engine: 'backtracking' } });
  });
});

describe('the bound', () => {
  const steps = (source: string): number => {
    const tree = parseRegex(source, '');
    if (tree === undefined) throw new Error('not understood');
    return regexCost(tree).steps;
  };
  it.each(['a*b', '[a-z]*[a-z]*x', '(?:a*b)?a*c', '(a*)*', '(?:ab*)c', ';.*;', '\\d+\\.?\\d+x'])(
    '%s has none',
    (source) => {
      expect(steps(source)).toBe(Infinity);
    },
  );
  it.each([';\\w*=', 'x=[a-z]+', 'key\\s*=>\\s*[0-9]{4}'])(
    '%s has one, because a fixed character comes before the run',
    (source) => {
      expect(steps(source)).toBeLessThan(10_000);
    },
  );
  it('grows with what can be chosen', () => {
    expect(steps('[ab]{0,9}[ab]{0,9}[ab]{0,9}c')).toBeGreaterThan(100);
    expect(steps('(?:a{1,9}){1,9}b')).toBeGreaterThan(10_000);
  });
  it.each([
    ['a{2,5}b?', 6],
    ['(?:abc|de)f', 4],
    ['a+', Infinity],
  ])('the longest match of %s is %s', (source, longest) => {
    const tree = parseRegex(source, '');
    expect(tree && regexCost(tree).longest).toBe(longest);
  });
});

describe('what every match must hold', () => {
  it.each([
    ['(?:ghp|gho)_[A-Z]{3}', ['ghp', 'gho'], 0],
    ['sk_(?:live|test)_x', ['live', 'test'], 0],
    ['[Aa][Bb]c\\d{4}', ['abc'], 4],
    ['\\d{3}-\\d{2}-\\d{4}', ['-'], 4],
    ['(?:foo)?bar', ['bar'], 0],
    ['foo|\\d+', [], 0],
  ])('%s', (source, literals, digits) => {
    const tree = parseRegex(source, '');
    const required = tree && requiredOf(tree);
    expect(required?.literals).toEqual(literals);
    expect(required?.digits).toBe(digits);
  });
});
