import { describe, expect, it, vi } from 'vitest';
import { createClassifier } from '../../classifiers/classify.ts';
import type { Recognizer, Tagger } from '../../classifiers/recognizer.ts';
import type { Verdict } from '../../classifiers/verdict.ts';
import { builtInRecognizers, builtInTaggers } from '../../classifiers/registry.ts';
import {
  LABELS,
  NEVER_ABORTED,
  classifierOf,
  classifyText,
  configOf,
  literalRecognizer,
  segmentOf,
  shippedClassifier,
} from './engine-fixture.ts';

const CARD = '4539 1488 0343 6467';
const collect = { signal: NEVER_ABORTED, nearMisses: 'collect' } as const;
const omit = { signal: NEVER_ABORTED, nearMisses: 'omit' } as const;
const gapsOf = (verdict: Verdict): readonly string[] =>
  verdict.kind === 'unknown' ? verdict.gaps.map((gap) => `${gap.classifier} ${gap.cause} ${gap.pointer}`) : [];
const recognizer = (over: Partial<Recognizer>): Recognizer => ({
  ...literalRecognizer('odd', 'bomb', 'BOMB'),
  ...over,
});

describe('not knowing is not clean', () => {
  it('a recognizer that throws is a gap of its name, and the others still report', async () => {
    const classifier = classifierOf(
      {},
      {
        recognizers: [
          recognizer({
            find: () => {
              throw new Error('secret text');
            },
          }),
          literalRecognizer('other', 'cafe', 'CAFE'),
        ],
      },
    );
    const { verdict } = await classifyText(classifier, 'bomb at the cafe');
    expect(gapsOf(verdict)).toEqual(['odd threw /messages/0/content']);
    expect(verdict.findings.map((finding) => finding.entity)).toEqual(['CAFE']);
    expect(JSON.stringify(verdict)).not.toContain('secret text');
  });

  it.each([
    ['beyond the text', { start: 0, end: 10_000 }],
    ['before it', { start: -1, end: 3 }],
    ['empty', { start: 2, end: 2 }],
    ['no number', { start: Number.NaN, end: 3 }],
  ])('a span that is %s counts as a throw', async (_name, span) => {
    const classifier = classifierOf(
      {},
      {
        recognizers: [
          recognizer({
            find: (_input, _window, report) => report({ ...span, entity: 'BOMB', score: 1, pattern: 'p', steps: [] }),
          }),
        ],
      },
    );
    expect(gapsOf((await classifyText(classifier, 'a bomb here')).verdict)).toEqual(['odd threw /messages/0/content']);
  });

  it('a score that is no number counts as certain', async () => {
    const classifier = classifierOf({}, { recognizers: [literalRecognizer('odd', 'bomb', 'BOMB', Number.NaN)] });
    expect((await classifyText(classifier, 'a bomb here')).verdict.kind).toBe('sensitive');
  });

  it('a tagger that throws is a gap', async () => {
    const tagger: Tagger = {
      name: 'names',
      entities: ['PERSON'],
      tag: () => {
        throw new RangeError('x');
      },
    };
    expect(gapsOf((await classifyText(classifierOf({}, { taggers: [tagger] }), 'some words')).verdict)).toEqual([
      'names threw /messages/0/content',
    ]);
  });

  it('text past maxChars is a gap at the first segment that was not read', async () => {
    const classifier = classifierOf({ maxChars: 1024 });
    const segments = [
      segmentOf('a'.repeat(1000), { pointer: '/messages/0/content' }),
      segmentOf('b'.repeat(100), { pointer: '/messages/1/content' }),
    ];
    expect(gapsOf((await classifier.classify(segments, [], omit)).verdict)).toEqual([
      'engine over-budget /messages/1/content',
    ]);
  });

  it('an aborted signal stops between slices and leaves a gap', async () => {
    const abort = new AbortController();
    const slow = recognizer({
      find: () => {
        abort.abort();
        const end = performance.now() + 6;
        while (performance.now() < end);
      },
    });
    const { verdict } = await classifierOf({}, { recognizers: [slow] }).classify(
      [segmentOf('bomb '.repeat(20_000))],
      [],
      { signal: abort.signal, nearMisses: 'omit' },
    );
    expect(gapsOf(verdict)).toEqual(['engine timeout /messages/0/content']);
  });

  it('a deadline that passes leaves a gap', async () => {
    const slow = recognizer({
      find: () => {
        const end = performance.now() + 6;
        while (performance.now() < end);
      },
    });
    const { verdict } = await classifierOf({ deadlineMs: 1 }, { recognizers: [slow] }).classify(
      [segmentOf('bomb '.repeat(20_000))],
      [],
      omit,
    );
    expect(gapsOf(verdict)).toEqual(['engine timeout /messages/0/content']);
  });

  it('more work than the budget allows is a gap, not a wait', async () => {
    const visited = vi.fn<() => void>();
    const costly = recognizer({ cost: 10_000, find: visited });
    const { verdict } = await classifyText(classifierOf({}, { recognizers: [costly] }), 'bomb '.repeat(2000));
    expect(gapsOf(verdict)).toEqual(['odd over-budget /messages/0/content']);
    expect(visited.mock.calls.length).toBeLessThan(10);
  });

  it('gaps of the parser reach the verdict unchanged', async () => {
    const gap = { classifier: 'openai-chat', cause: 'unsupported-content', pointer: '/messages/0/content/1' } as const;
    const { verdict } = await classifierOf({}).classify([], [gap], omit);
    expect(verdict).toEqual({ kind: 'unknown', label: 'public', findings: [], gaps: [gap] });
  });
});

describe('createClassifier() refuses', () => {
  it('two recognizers of one name', () => {
    expect(() =>
      classifierOf({}, { recognizers: [literalRecognizer('twin', 'a', 'A'), literalRecognizer('twin', 'b', 'B')] }),
    ).toThrow('two recognizers are named twin');
  });
  it('to disable what is not there', () => {
    expect(() => classifierOf({ disable: ['no-such'] })).toThrow('classify.disable names no recognizer: no-such');
  });
  it('nothing that ships', () => {
    const classifier = createClassifier(configOf(), LABELS, {
      recognizers: builtInRecognizers(),
      taggers: builtInTaggers(),
    });
    expect(classifier.rescan('{}', 'public')).toEqual([]);
  });
});

describe('policy', () => {
  it.each([
    ['score below the threshold', { entities: { BOMB: { label: 'restricted', threshold: 0.9 } } }, 0.8, 'clean'],
    ['score at the threshold', { entities: { BOMB: { label: 'restricted', threshold: 0.8 } } }, 0.8, 'sensitive'],
    ['lowest label', { entities: { BOMB: { label: 'public', threshold: 0.5 } } }, 1, 'clean'],
    ['allowed value', { allow: ['BOMB'] }, 1, 'clean'],
    ['disabled recognizer', { disable: ['odd'] }, 1, 'clean'],
    ['label that is not on the ladder', { entities: { BOMB: { label: 'cosmic', threshold: 0.5 } } }, 1, 'sensitive'],
  ])('%s', async (_name, config, score, kind) => {
    const classifier = classifierOf(config, { recognizers: [literalRecognizer('odd', 'bomb', 'BOMB', score)] });
    expect((await classifyText(classifier, 'a bomb here')).verdict.kind).toBe(kind);
  });

  it('a label that is not on the ladder counts as the highest', async () => {
    const classifier = classifierOf(
      { entities: { BOMB: { label: 'cosmic' } } },
      { recognizers: [literalRecognizer('odd', 'bomb', 'BOMB')] },
    );
    expect((await classifyText(classifier, 'a bomb here')).verdict.label).toBe('restricted');
  });

  it('an allowed number is allowed with other separators', async () => {
    const classifier = shippedClassifier({ allow: ['4539148803436467'] });
    expect((await classifyText(classifier, `card ${CARD} ok`)).verdict.kind).toBe('clean');
  });

  it('near misses say what fell short and why, only when asked', async () => {
    const classifier = classifierOf(
      { allow: ['cafe'], entities: { BOMB: { label: 'restricted', threshold: 0.9 } } },
      { recognizers: [literalRecognizer('odd', 'bomb', 'BOMB', 0.8), literalRecognizer('other', 'cafe', 'CAFE')] },
    );
    const { nearMisses } = await classifier.classify([segmentOf('bomb cafe')], [], collect);
    expect(nearMisses).toEqual([
      {
        entity: 'BOMB',
        span: { segment: '/messages/0/content', start: 0, end: 4 },
        recognizer: 'odd',
        score: 0.8,
        cause: 'below-threshold',
        threshold: 0.9,
      },
      {
        entity: 'CAFE',
        span: { segment: '/messages/0/content', start: 5, end: 9 },
        recognizer: 'other',
        score: 1,
        cause: 'allow-listed',
        threshold: 0.5,
      },
    ]);
    expect((await classifier.classify([segmentOf('bomb cafe')], [], omit)).nearMisses).toEqual([]);
  });
});

describe('deny list', () => {
  it.each([
    ['as given', 'Project Falcon', 'about Project Falcon today', true],
    ['in another case', 'Project Falcon', 'about PROJECT FALCON today', true],
    ['with invisible characters', 'Project Falcon', 'about Project Fal\u200bcon today', true],
    ['inside a word', 'falcon', 'the falconer', false],
    ['short', 'X-7', 'the X-7 plan', true],
    ['in a script without spaces', '猎鹰计划', '关于猎鹰计划的问题', true],
  ])('%s', async (_name, value, text, expected) => {
    const { verdict } = await classifyText(classifierOf({ deny: [{ value }] }), text);
    expect(verdict.findings.some((finding) => finding.entity === 'DENY_LIST')).toBe(expected);
  });

  it('of thirty thousand entries finds each at its place', async () => {
    const deny = Array.from({ length: 30_000 }, (_, index) => ({
      value: `code-${(index * 7919).toString(36)}-${index}`,
      entity: 'CODE_NAME',
    }));
    const classifier = classifierOf({ deny });
    const picked = [0, 1, 14_999, 29_999].map((index) => deny[index]?.value ?? '');
    const text = `see ${picked.join(' and ')} now`;
    const { verdict } = await classifyText(classifier, text);
    expect(verdict.findings.map(({ span }) => text.slice(span.start, span.end))).toEqual(picked);
  });
});
