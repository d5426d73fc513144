/**
 * Every regular expression that reads prompts is proved to take constant time per place, or is listed here with what
 * bounds the text it sees. The proof is by structure (regex-cost), so it is the same on every machine.
 */
import { parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';
import { SHAPED_TOKEN_DECLARATIONS } from '../../classifiers/recognizers/secrets/tokens-shaped.ts';
import { TOKEN_FORMATS } from '../../classifiers/recognizers/secrets/all.ts';
import { tokenRegex } from '../../classifiers/recognizers/secrets/token-format.ts';
import { regexCost } from '../../classifiers/rules/regex-cost.ts';
import { parseRegex } from '../../classifiers/rules/regex-syntax.ts';
import { readSources } from './tree.ts';

/** Bound of steps from one place: a worst case by counting, far above what any text reaches. */
const MOST_STEPS = 200_000;

/**
 * Files with patterns beyond the bound, and why they cannot be made to take long. `\p{…}` is counted as every
 * character, which makes patterns over other scripts look worse than they are.
 */
const WINDOWED: Readonly<Record<string, string>> = {
  'classifiers/joins.ts': 'anchored at the start of a segment; words of letters with blanks between are apart',
  'classifiers/json-leaves.ts': 'sticky at a number; digits, point and exponent are apart',
  'classifiers/recognizers/pii/address-phrases.ts':
    'windows of a few hundred units around a trigger; scripts are apart',
  'classifiers/recognizers/pii/email.ts':
    'begins at an @; the labels of a domain are apart by dots and at most 63 units',
  'classifiers/recognizers/pii/geo-position.ts': 'windows around digits; degree, minute and second signs are fixed',
  'classifiers/recognizers/pii/phone.ts': 'matched against the 80 units before a number',
  'classifiers/recognizers/pii/street-address.ts':
    'sticky behind a street; at most six words of 25 letters, parted by blanks, then digits',
  'classifiers/recognizers/pii/web-address.ts': 'windows around a scheme; the parts end at different characters',
  'classifiers/recognizers/secrets/authorization.ts':
    'begins with a fixed word; one run of the value, every earlier part of at most four units',
  'classifiers/recognizers/secrets/connection-string.ts': 'begins with the name of a program; windows of one line',
  'classifiers/recognizers/secrets/jwt.ts':
    'begins at a word boundary, so three parts between dots are walked once each',
  'classifiers/recognizers/secrets/manifest.ts': 'runs inside one object of at most 16,000 units, charged as cost',
  'classifiers/recognizers/secrets/secret-value.ts': 'anchored, on a value of at most 600 units',
  'classifiers/views/blobs.ts': 'one unbroken run per place, then what may follow it',
  'classifiers/views/obfuscations.ts': 'windows around its trigger words and single characters',
  'classifiers/views/opaque.ts': 'begins with a fixed header',
};

interface Found {
  readonly file: string;
  readonly pattern: string;
  readonly flags: string;
}

function regexLiterals(): readonly Found[] {
  return readSources(['classifiers'])
    .filter(({ path }) => !path.includes('/training/') && !path.endsWith('.d.ts'))
    .flatMap(({ path, text }) => collect(parseSync(path, text).program, path));
}

function collect(node: unknown, file: string): Found[] {
  if (Array.isArray(node)) return node.flatMap((item) => collect(item, file));
  if (typeof node !== 'object' || node === null) return [];
  if ('regex' in node && typeof node.regex === 'object' && node.regex !== null) {
    const { pattern, flags } = node.regex as { pattern: string; flags: string };
    return [{ file, pattern, flags }];
  }
  return Object.values(node).flatMap((item) => collect(item, file));
}

function stepsOf(pattern: string, flags: string): number {
  const tree = parseRegex(pattern, flags);
  return tree === undefined ? Infinity : regexCost(tree).steps;
}

describe('patterns that read prompts', () => {
  const literals = regexLiterals();
  const beyond = literals.filter(({ pattern, flags }) => stepsOf(pattern, flags) > MOST_STEPS);

  it('are seen: the reader finds the literals and the bound tells good from bad', () => {
    expect(literals.length).toBeGreaterThan(300);
    expect(stepsOf('(a+)+$', '')).toBe(Infinity);
    expect(stepsOf('[a-z]*[a-z]*!', '')).toBe(Infinity);
    expect(stepsOf('ghp_[A-Za-z0-9]{36}', '')).toBeLessThan(200);
  });

  it('take constant time per place, or are listed with what bounds their text', () => {
    expect(beyond.filter(({ file }) => WINDOWED[file] === undefined)).toEqual([]);
  });

  it('are listed only while they need it', () => {
    const files = new Set(beyond.map(({ file }) => file));
    expect(Object.keys(WINDOWED).filter((file) => !files.has(file))).toEqual([]);
  });

  it('have no repetition of a repetition without an end, listed or not', () => {
    const nested = literals.filter(({ pattern }) =>
      /[*+}]\)[*+]|[*+}]\)\{\d+,\}/.test(pattern.replaceAll(/\[(?:[^\]\\]|\\[^])*\]/g, 'x').replaceAll(/\\[^]/g, 'x')),
    );
    expect(nested).toEqual([]);
  });

  it.each(TOKEN_FORMATS.map((format) => [format.name, tokenRegex(format)] as const))('%s', (_, regex) => {
    expect(stepsOf(regex.source, regex.flags)).toBeLessThan(MOST_STEPS);
  });

  it('of tokens by shape are bounded too', () => {
    const patterns = SHAPED_TOKEN_DECLARATIONS.flatMap((declaration) => declaration.patterns.map(({ regex }) => regex));
    expect(patterns.length).toBeGreaterThan(20);
    expect(patterns.filter((regex) => stepsOf(regex.source, regex.flags) > MOST_STEPS)).toEqual([]);
  });
});
