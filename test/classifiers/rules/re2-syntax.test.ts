import { describe, expect, it } from 'vitest';
import { rewriteRegex } from '../../../classifiers/rules/re2-syntax.ts';

function regexOf(pattern: string, flags = ''): RegExp {
  const rewritten = rewriteRegex(pattern, flags);
  if (rewritten.kind === 'unsupported') throw new Error(rewritten.what);
  return new RegExp(rewritten.source, rewritten.flags + (rewritten.needsUnicode ? 'u' : ''));
}

describe('patterns of Go and Python mean the same here', () => {
  it.each([
    ['a flag for all', '(?i)abc', 'ABC', 'xbc'],
    ['a flag from the middle on', 'a(?i)bc', 'aBC', 'ABC'],
    ['a flag that outlasts an alternative', '(?:a(?i)b|c)d', 'Cd', 'AbD'],
    ['a flag switched off inside', '(?i)key(?-i:AB)', 'KEYAB', 'KEYab'],
    ['a Python group name', '(?P<year>\\d{4})', '2024', 'abcd'],
    ['a reference by name', '(?P<q>["\'])x(?P=q)', '"x"', '"x\''],
    ['the end of the text, not of a line', 'a\\z', 'ba', 'a\nb'],
    ['the start of the text', '\\Aa', 'ab', 'b\na'],
    ['a POSIX class', '^[[:alpha:]_]+$', 'ab_', 'a1'],
    ['an open lower bound', '^a{,2}$', 'aa', 'aaa'],
    ['a literal brace', '^a{x}$', 'a{x}', 'ax'],
    ['a bracket first in a class', '^[]a]$', ']', 'b'],
    ['quoted text', '\\Qa.b\\E', 'a.b', 'axb'],
    ['a Unicode class', '^\\p{Lu}$', 'Ä', 'ä'],
    ['a code point', '\\x{41}', 'A', 'B'],
    ['a comment', 'a(?#note)b', 'ab', 'a b'],
  ])('%s', (_, pattern, yes, no) => {
    expect(regexOf(pattern).test(yes)).toBe(true);
    expect(regexOf(pattern).test(no)).toBe(false);
  });

  it.each([
    ['a++', 'possessive'],
    ['(?>a)', 'group'],
    ['(?x)a b', 'flag x'],
    ['(?U)a+', 'flag U'],
    ['(?(1)a|b)', 'group'],
    ['\\Ca', '\\C'],
    ['(a', 'unclosed group'],
    ['a)', 'closing bracket'],
    ['[a', 'unclosed character class'],
  ])('%s is an error that names it', (pattern, what) => {
    expect(rewriteRegex(pattern, '')).toMatchObject({ kind: 'unsupported', what: expect.stringContaining(what) });
  });
});
