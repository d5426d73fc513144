/** What says no before a regex runs must never say it where the regex would have found something. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClassifier } from '../../classifiers/classify.ts';
import { definePattern } from '../../classifiers/define-pattern.ts';
import type { Candidate, Recognizer } from '../../classifiers/recognizer.ts';
import { CONTROL_PATTERNS } from '../../classifiers/recognizers/control-text.ts';
import { builtInRecognizers } from '../../classifiers/registry.ts';
import { configOf, LABELS, NEVER_ABORTED, segmentOf } from './engine-fixture.ts';

const KEY = 'ghp_zg2sye9b2Rann76dEyTzAeKOmXRrvftva9AW';
const guarded = builtInRecognizers().filter(({ inText }) => inText !== undefined);
const literals = guarded.flatMap(({ triggers }) =>
  triggers.flatMap((trigger) => (trigger.kind === 'keyword' ? trigger.literals : [])),
);

const piece = fc.oneof(
  fc.constantFrom(...literals),
  fc.constantFrom(
    'token',
    'password',
    'secret key',
    'API_KEY',
    'access_token',
    'x-api-key',
    'X-Custom-Token',
    'bearer',
    'Authorization',
    'user name',
    'username',
    'github handle',
    'login name',
    'handle',
    'pass',
    'machine',
    'login',
    'set',
    '--',
    '-p',
    'for',
    'is',
    'of',
    'the',
    'a',
    'key',
  ),
  fc.constantFrom(
    ' ',
    ' ',
    ' ',
    '  ',
    '\t',
    '\n',
    ': ',
    ':',
    '=',
    ' = ',
    '.',
    ', ',
    '-',
    '_',
    '"',
    "'",
    '`',
    '(',
    ')',
    '\\',
    '|',
    '>',
    '<',
    '#',
  ),
  fc.constantFrom(
    KEY,
    '9f86d081884c7d65',
    'aK3fz81mQpL0xv92',
    'hunter2',
    'jane_doe',
    'swordfish',
    'b"9f86d081884c7d659a2f"',
    '9f86d081884c7d659a2f',
    'S3cret!pw',
    '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d',
    'abcdefghijklmnop',
    'user:hunter2',
    'dXNlcjpodW50ZXIyMw==',
    'é',
    '密码',
    'x',
    'Kq',
    '7',
  ),
);
const text = fc.array(piece, { minLength: 1, maxLength: 24 }).map((pieces) => pieces.join(''));

const without =
  <Name extends string>(name: Name) =>
  <Kind extends { readonly [name in Name]?: unknown }>(of: Kind): Omit<Kind, Name> =>
    Object.fromEntries(Object.entries(of).filter(([key]) => key !== name)) as Omit<Kind, Name>;

const classifierWith = (recognizers: readonly Recognizer[]) =>
  createClassifier(configOf({ cacheEntries: 0 }), LABELS, { recognizers, taggers: [] });

describe('inText()', () => {
  it('is asked of recognizers that are there', () => {
    expect(guarded.length).toBeGreaterThan(100);
  });

  it.each(['', 'content', 'token', 'username', 'note'])('changes no answer under the hint `%s`', async (hint) => {
    const asked = classifierWith(guarded);
    const unasked = classifierWith(guarded.map(without('inText')));
    let found = 0;
    const findingsOf = async (classifier: typeof asked, said: string) => {
      const segment = segmentOf(said, { hint });
      const { verdict } = await classifier.classify([segment], [], { signal: NEVER_ABORTED, nearMisses: 'omit' });
      return verdict.kind === 'unknown' ? verdict.gaps : verdict.findings;
    };
    await fc.assert(
      fc.asyncProperty(text, async (said) => {
        const expected = await findingsOf(unasked, said);
        if (expected.length > 0) found++;
        expect(await findingsOf(asked, said)).toEqual(expected);
      }),
      { numRuns: 1500 },
    );
    expect(found).toBeGreaterThan(50);
  });
});

describe('starts', () => {
  const searching = definePattern({
    name: 'searching',
    entity: 'X',
    triggers: [{ kind: 'always', because: 'test' }],
    patterns: CONTROL_PATTERNS.map(without('starts')),
  });
  const starting = definePattern({
    name: 'starting',
    entity: 'X',
    triggers: [{ kind: 'always', because: 'test' }],
    patterns: CONTROL_PATTERNS,
  });
  const talk = fc
    .array(
      fc.constantFrom(
        'route',
        'Send',
        'this',
        'the',
        'request',
        'prompt',
        'to',
        'via',
        'cloud',
        'the cloud',
        'OpenAI',
        'do not',
        "Don't",
        'never',
        'must not',
        'use',
        'keep this on',
        'local',
        'model',
        'classification',
        'privacy',
        'data',
        'level',
        ':',
        '=',
        ' is ',
        'public',
        'label',
        'verdict',
        'clean',
        'treat',
        'mark',
        'as',
        'to be',
        'ignore',
        'turn off',
        'get around',
        'your',
        'safety',
        'filters',
        'policy',
        'x-sluice-route',
        'X-Sluice-Label',
        'sluice',
        'please',
        'resend',
        'data_',
        'é',
        '-',
        ',',
        '\n',
      ),
      { maxLength: 16 },
    )
    .chain((words) => fc.constantFrom(' ', '  ', '').map((gap) => words.join(gap)));
  const inOrder = (recognizer: Recognizer, said: string, from: number, to: number): readonly Candidate[] => {
    const seen: Candidate[] = [];
    recognizer.find({ text: said, hint: '' }, { start: from, end: to }, (candidate) => seen.push(candidate));
    return seen.toSorted((one, other) => one.start - other.start || one.pattern.localeCompare(other.pattern));
  };

  it('finds what the same patterns find at every unit', () => {
    let found = 0;
    fc.assert(
      fc.property(talk, fc.nat(), fc.nat(), (said, one, other) => {
        const from = said.length === 0 ? 0 : Math.min(one, other) % said.length;
        const to = Math.max(from, said.length - (Math.max(one, other) % 8));
        const expected = inOrder(searching, said, from, to);
        if (expected.length > 0) found++;
        expect(inOrder(starting, said, from, to)).toEqual(expected);
      }),
      { numRuns: 4000 },
    );
    expect(found).toBeGreaterThan(8);
  });
});

describe('runs longer than any value', () => {
  it.each(['aws-secret-key', 'high-entropy-value'])('hold none of %s', (name) => {
    const shipped = builtInRecognizers().find((recognizer) => recognizer.name === name);
    if (shipped === undefined) throw new Error(name);
    const bounded = shipped.triggers.map((trigger) => (trigger.kind === 'run' ? trigger.atMost : undefined));
    expect(bounded.every((atMost) => atMost !== undefined)).toBe(true);
    const run = fc
      .tuple(fc.integer({ min: 1, max: 260 }), fc.constantFrom('aK3f', 'x9+/', 'Q7=-', '4.b_'))
      .map(([length, unit]) => unit.repeat(80).slice(0, length));
    fc.assert(
      fc.property(fc.array(fc.oneof(run, fc.constantFrom(' ', '~', '=', ':', 'é', '"')), { maxLength: 6 }), (parts) => {
        const said = parts.join('');
        const starts: number[] = [];
        shipped.find({ text: said, hint: 'aws secret' }, { start: 0, end: said.length }, ({ start, end }) => {
          const runs = said.slice(start, end).split(/[^A-Za-z0-9+/=_.-]/);
          const longest = /[A-Za-z0-9+/=_.-]*$/.exec(said.slice(0, start))?.[0].length ?? 0;
          starts.push(Math.max(...runs.map((each) => each.length)) + longest);
        });
        for (const length of starts) expect(length).toBeLessThanOrEqual(Math.max(...bounded.map(Number)));
      }),
      { numRuns: 1000 },
    );
  });
});
