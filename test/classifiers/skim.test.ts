/** The module reads what Scan and Words read, faster. Whatever the text, both must come to the same. */
import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNPACED } from '../../classifiers/pace.ts';
import { createReader, open, read } from '../../classifiers/read.ts';
import type { Opening, Reader } from '../../classifiers/read.ts';
import type { Reading, ReadOptions } from '../../classifiers/reading.ts';
import { keywords, marksBesideHex, run, words } from '../../classifiers/recognizer.ts';
import { builtInRecognizers, builtInTaggers } from '../../classifiers/registry.ts';
import { compilePlan } from '../../classifiers/scan/plan.ts';
import type { ScanPlan } from '../../classifiers/scan/plan.ts';
import { Scan } from '../../classifiers/scan/scan.ts';
import { DescribedWords } from '../../classifiers/skim/described-words.ts';
import { createSkim, isBytes, newSkimState, SKIM_CHUNK } from '../../classifiers/skim/skim.ts';
import type { Skim } from '../../classifiers/skim/skim.ts';
import { SKIM_MODULE } from '../../classifiers/skim/skim-module.ts';
import type { WordList } from '../../classifiers/skim/word-list.ts';
import { compileSkim } from '../../classifiers/training/write-skim.ts';

const reader = createReader(builtInRecognizers(), builtInTaggers());
const skimOf = (plan: ScanPlan): Skim => {
  const skim = plan.skim && createSkim(plan.skim);
  if (!skim) throw new Error('no module for this plan');
  return skim;
};
const skim = skimOf(reader.plan);

/** Pieces that meet in real texts, and what the literals of the plan are made of, cut anywhere. */
const literals = reader.plan.rules.flatMap(({ triggers }) =>
  triggers.flatMap((trigger) => (trigger.kind === 'keyword' ? trigger.literals : [])),
);
const piece = fc.oneof(
  fc.constantFrom(
    'the',
    'a',
    'I',
    'Token',
    'tokens',
    'PASSWORD',
    'apiKey',
    'userNIN',
    'iPhone',
    'each',
    'Anna',
    "O'Brien",
    "Anna's",
    "don't",
    'foo_bar',
    '_x',
    '__init__',
    'café',
    'Müller',
    'naïve',
    'ß',
    '123',
    '4539148803436467',
    '12-34',
    'x1',
    '1a',
    '0O1l',
    'deadbeef0123456789',
    'sk-',
    'ghp_0123456789abcdefghijABCDEFGHIJ012345',
    'a.b.c',
    'is at',
    'at',
    'reach me',
    'user@example.org',
    'aaaaaaaaaaaaaaa',
    'aaaaaaaaaaaaaaaa',
    'abcdefghijklmnopqrstuvwxyz',
    '3rd',
    '1.5e-7',
  ),
  fc.constantFrom(
    ' ',
    ' ',
    ' ',
    '  ',
    '.',
    ', ',
    '\n',
    '\r\n',
    '\t',
    '-',
    '_',
    "'",
    '"',
    ': ',
    '=',
    '/',
    '(',
    ')',
    '@',
    '+',
    '\\',
    '%',
    '#',
    '\u0000',
    '\u00a0',
    '\u00ff',
    '²',
    'µ',
  ),
  fc.constantFrom(...literals.filter(isBytes)),
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((unit) => String.fromCharCode(unit)), maxLength: 6 }),
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

const windowsOf = (plan: ScanPlan, source: string, step: number, by?: Skim): unknown => {
  const scan = new Scan(plan, source, Infinity, by);
  while (!scan.advance(step));
  return { windows: [...scan.windows()], guardWork: scan.guardWork };
};

const listOf = (list: WordList): unknown => ({
  words: Array.from({ length: list.count }, (_, at) => [
    list.start[at],
    list.end[at],
    list.hash[at],
    list.shape[at],
    list.flags[at],
  ]),
  capitals: list.capitals,
  cues: [...list.cues.subarray(0, list.cueCount)],
  names: [...list.names.subarray(0, list.nameCount)],
});

it('is what its source compiles to', async () => {
  const bytes = await compileSkim();
  expect(hash('sha256', bytes)).toBe(SKIM_MODULE.sha256);
  expect(Buffer.from(bytes).toString('base64')).toBe(SKIM_MODULE.base64);
});

describe('the pass', () => {
  it('opens the same windows, however the text is cut', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 60 }), (source, step) => {
        expect(windowsOf(reader.plan, source, step, skim)).toEqual(windowsOf(reader.plan, source, Infinity));
      }),
      { numRuns: 3000 },
    );
  });

  it('opens the same windows for any literals', () => {
    const letters = fc.string({
      unit: fc.constantFrom('a', 'b', 'A', 's', ' ', '-', '1', 'é'),
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(
        fc.array(letters, { minLength: 1, maxLength: 8 }),
        fc.array(letters, { maxLength: 4 }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'B', 's', 'é', ' ', '-', '1', '_', "'"), maxLength: 60 }),
        (parts, whole, source) => {
          const plan = compilePlan([
            { name: 'parts', triggers: [keywords(...parts)], reach: { before: 0, after: 0 } },
            { name: 'whole', triggers: whole.length > 0 ? [words(...whole)] : [], reach: { before: 0, after: 0 } },
            { name: 'marks', triggers: [marksBesideHex('-', ' ')], reach: { before: 0, after: 0 } },
            { name: 'runs', triggers: [run('alphanumeric', 3), run('token', 8)], reach: { before: 0, after: 0 } },
          ]);
          const by = skimOf(plan);
          // Twice: the second time the words are remembered.
          for (const step of [7, Infinity])
            expect(windowsOf(plan, source, step, by)).toEqual(windowsOf(plan, source, Infinity));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('reads on when words push each other out of its memory', () => {
    const wordAt = (index: number): string =>
      (index * 7919 + 13).toString(36).replaceAll(/\d/g, (digit) => 'qwertyuiop'[Number(digit)] ?? '');
    const source = Array.from({ length: 60_000 }, (_, index) => wordAt(index)).join(' token ');
    expect(windowsOf(reader.plan, source, SKIM_CHUNK, skim)).toEqual(windowsOf(reader.plan, source, Infinity));
  });
});

describe('the words', () => {
  it('are the ones that Words reads, with what the lists say of each', () => {
    const own = new DescribedWords(SKIM_CHUNK);
    fc.assert(
      fc.property(text, (source) => {
        own.read(source);
        skim.scan(source, 0, source.length, newSkimState(), true);
        expect(listOf(skim)).toEqual(listOf(own));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('isPlain', () => {
  it('is true of printable ASCII with tabs and line breaks only', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.oneof(
            fc.constantFrom('a', ' ', '~', '\n', '\r', '\t'),
            fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
          ),
          maxLength: 50,
        }),
        (source) => {
          expect(skim.isPlain(source)).toBe(/^[ -~\t\n\r]*$/.test(source));
        },
      ),
    );
    expect(skim.isPlain(`${'a'.repeat(3 * SKIM_CHUNK)}\u0000`)).toBe(false);
    expect(skim.isPlain('ŁŁŁ')).toBe(false);
  });
});

it('isBytes() is true of texts without a unit above 255', () => {
  expect([isBytes(''), isBytes('abc'), isBytes('\u00ff'), isBytes('\u0100'), isBytes('abc\ud83d\ude00')]).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

describe('a text as a whole', () => {
  const without: Reader = { ...reader, skim: () => undefined };
  const options: ReadOptions = {
    input: { hint: '', role: 'user', form: 'text' },
    tiers: 'all',
    rejected: 'collect',
    isAllowed: () => false,
    onAllowed: () => {},
    isIdle: () => false,
  };
  const readingOf = (by: Reader, source: string, opening?: Opening): Reading => {
    const reading: Reading = { sightings: [], signals: [], gaps: [] };
    const steps = read(by, source, reading, options, UNPACED, opening);
    while (!steps.next().done);
    return reading;
  };

  it('reads the same in one go, and what is quiet holds nothing', () => {
    let quiet = 0;
    fc.assert(
      fc.property(text, (source) => {
        const expected = readingOf(without, source);
        const opening = open(reader, source, options);
        if (opening === undefined) return;
        if (opening.isQuiet) {
          quiet++;
          expect(expected).toEqual({ sightings: [], signals: [], gaps: [] });
        }
        expect(readingOf(reader, source, opening)).toEqual(expected);
      }),
      { numRuns: 400 },
    );
    expect(quiet).toBeGreaterThan(10);
  });

  it('reads the same with the module and without', () => {
    fc.assert(
      fc.property(text, (source) => {
        expect(readingOf(reader, source)).toEqual(readingOf(without, source));
      }),
      { numRuns: 400 },
    );
  });

  it('finds a name inside base64 where it stands', () => {
    const source = `see ${Buffer.from('The patient is called Hannelore Bergmann, born in Kassel.').toString('base64')} there`;
    for (const by of [reader, without])
      expect(readingOf(by, source).sightings).toContainEqual(
        expect.objectContaining({
          recognizer: 'names',
          views: ['base64'],
          candidate: expect.objectContaining({ entity: 'PRIVATE_PERSON' }),
        }),
      );
  });
});
