import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Classification, Classifier } from '../../../classifiers/classifier.ts';
import { type DeepAnswer, type DeepModel, withDeepTier } from '../../../classifiers/deep/deep-tier.ts';
import { toScore } from '../../../classifiers/finding.ts';
import type { Segment } from '../../../classifiers/segment.ts';
import type { Verdict } from '../../../classifiers/verdict.ts';
import { Classify } from '../../../config/schema.ts';

const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const TEXT = 'Karin asked for a day off because of her back.';
const SEGMENT: Segment = { pointer: '/m', role: 'user', form: 'text', text: TEXT, hint: '', flow: 0 };
const person = {
  entity: 'PERSON',
  span: { segment: '/m', start: 0, end: 5 },
  score: toScore(0.7),
  recognizer: 'names',
  explanation: { pattern: 'lone-name', views: [], steps: [] },
};
const DOUBT: Verdict = { kind: 'clean', label: 'public', findings: [person] };
const HOW = { signal: new AbortController().signal, nearMisses: 'omit' } as const;

function classifier(verdict: Verdict, signals: Classification['signals'] = []): Classifier {
  const answer: Classification = { verdict, signals, nearMisses: [], scannedChars: 0 };
  return {
    classify: () => Promise.resolve(answer),
    classifyBlocks: () => Promise.resolve(answer),
    rescan: () => [],
  };
}
const model = (answer: DeepAnswer | Promise<DeepAnswer> | (() => Promise<DeepAnswer>)) => ({
  name: 'judge',
  read: vi.fn<DeepModel['read']>(() => (typeof answer === 'function' ? answer() : Promise.resolve(answer))),
});
const span = (change: object = {}) => ({
  entity: 'JUDGED_SENSITIVE',
  start: 0,
  end: TEXT.length,
  score: 0.9,
  pattern: 'hr',
  ...change,
});
function ask(asked: DeepModel, verdict: Verdict = DOUBT, deep: object = {}, segments: readonly Segment[] = [SEGMENT]) {
  const config = Classify.parse({ deep: { timeoutMs: 50, ...deep } });
  return withDeepTier(classifier(verdict), [asked], config.deep, config, LABELS).classify(segments, [], HOW);
}

describe('the deep tier', () => {
  it('raises what is in doubt', async () => {
    const { verdict } = await ask(model({ kind: 'spans', spans: [span()] }));
    expect(verdict).toMatchObject({ kind: 'sensitive', label: 'confidential' });
    expect(verdict.findings.at(-1)).toMatchObject({ entity: 'JUDGED_SENSITIVE', recognizer: 'judge' });
  });

  it('is not asked without doubt, and not when the fast tiers have concluded', async () => {
    const judge = model({ kind: 'spans', spans: [] });
    await ask(judge, { kind: 'clean', label: 'public', findings: [] });
    await ask(judge, { kind: 'sensitive', label: 'restricted', findings: [person] });
    const gaps = [{ classifier: 'engine', cause: 'timeout', pointer: '' }] as const;
    await ask(judge, { kind: 'unknown', label: 'public', findings: [person], gaps });
    expect(judge.read).not.toHaveBeenCalled();
  });

  it('is asked about a confidential subject', async () => {
    const judge = model({ kind: 'spans', spans: [] });
    const config = Classify.parse({});
    const signal = { kind: 'topic', name: 'topic:hr', score: 0.6, pointer: '/m' } as const;
    const clean: Verdict = { kind: 'clean', label: 'public', findings: [] };
    const deep = withDeepTier(classifier(clean, [signal]), [judge], config.deep, config, LABELS);
    await deep.classify([SEGMENT], [], HOW);
    expect(judge.read).toHaveBeenCalledOnce();
  });

  it('harmless leaves the request as it was', async () => {
    const { verdict } = await ask(model({ kind: 'spans', spans: [] }));
    expect(verdict).toEqual(DOUBT);
  });

  it.each([
    ['fails', { kind: 'failed', cause: 'threw' }, 'threw'],
    ['is late', { kind: 'failed', cause: 'timeout' }, 'timeout'],
    ['names a place outside the text', { kind: 'spans', spans: [span({ end: TEXT.length + 1 })] }, 'threw'],
    ['names an empty place', { kind: 'spans', spans: [span({ end: 0 })] }, 'threw'],
  ] as const)('a model that %s makes the request unknown', async (_, answer, cause) => {
    const { verdict } = await ask(model(answer));
    expect(verdict).toMatchObject({ kind: 'unknown', gaps: [{ classifier: 'judge', cause, pointer: '/m' }] });
  });

  it('so does one that throws, and one that never answers', async () => {
    expect((await ask(model(() => Promise.reject(new Error('x'))))).verdict.kind).toBe('unknown');
    const { verdict } = await ask(model(() => new Promise<DeepAnswer>(() => undefined)));
    expect(verdict).toMatchObject({ kind: 'unknown', gaps: [{ cause: 'timeout' }] });
  });

  it('more doubtful text than the budget is unknown, and is not sent', async () => {
    const judge = model({ kind: 'spans', spans: [] });
    const { verdict } = await ask(judge, DOUBT, { maxChars: 64 }, [{ ...SEGMENT, text: TEXT.repeat(2) }]);
    expect(verdict).toMatchObject({ kind: 'unknown', gaps: [{ cause: 'over-budget' }] });
    expect(judge.read).not.toHaveBeenCalled();
  });

  it('asks once for a text that is sent again, and again after a failure', async () => {
    const config = Classify.parse({ deep: { timeoutMs: 50 } });
    const answers: DeepAnswer[] = [{ kind: 'failed', cause: 'threw' }];
    const judge = model(() => Promise.resolve(answers.shift() ?? { kind: 'spans', spans: [] }));
    const deep = withDeepTier(classifier(DOUBT), [judge], config.deep, config, LABELS);
    expect((await deep.classify([SEGMENT], [], HOW)).verdict.kind).toBe('unknown');
    expect((await deep.classify([SEGMENT], [], HOW)).verdict.kind).toBe('clean');
    expect((await deep.classify([SEGMENT], [], HOW)).verdict.kind).toBe('clean');
    expect(judge.read).toHaveBeenCalledTimes(2);
  });

  it('property: no answer ever lowers a verdict', async () => {
    const spans = fc.array(
      fc.record({
        entity: fc.constantFrom('PERSON', 'API_KEY', 'LOCATION'),
        start: fc.integer({ min: -1, max: 60 }),
        end: fc.integer({ min: -1, max: 60 }),
        score: fc.oneof(fc.double({ min: -1, max: 2, noNaN: true }), fc.constant(NaN)),
        pattern: fc.constant('x'),
      }),
      { maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(spans, async (found) => {
        const { verdict } = await ask(model({ kind: 'spans', spans: found }));
        expect(verdict.findings).toEqual(expect.arrayContaining([person]));
        expect(LABELS.indexOf(verdict.label)).toBeGreaterThanOrEqual(0);
        if (found.some(({ score }) => Number.isNaN(score))) expect(verdict).not.toEqual(DOUBT);
      }),
      { numRuns: 60 },
    );
  });
});
