import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Finding, toScore } from '../../../classifiers/finding.ts';
import { judgeBars, parseBar } from '../../../router/evaluation/bars.ts';
import { differenceOf } from '../../../router/evaluation/difference.ts';
import { answers, groupOf, groupOfEntity } from '../../../router/evaluation/entity-names.ts';
import type { Judgement } from '../../../router/evaluation/judge.ts';
import { Latency } from '../../../router/evaluation/latency.ts';
import { createProgress } from '../../../router/evaluation/progress.ts';
import type { EvaluationRow, RowLabel } from '../../../router/evaluation/row.ts';
import { Tally } from '../../../router/evaluation/tally.ts';
import { curveOf, outcomeOf, propose, type ScoredRow } from '../../../router/evaluation/thresholds.ts';

const AT = '/messages/0/content';
function finding(entity: string, start: number, end: number, score = 0.9): Finding {
  return {
    entity,
    span: { segment: AT, start, end },
    score: toScore(score),
    recognizer: 'test',
    explanation: { pattern: '', views: [], steps: [] },
  };
}
function judgement(over: Partial<Judgement> = {}): Judgement {
  return {
    kind: 'judgement',
    verdict: 'clean',
    label: 'public',
    findings: [],
    nearMisses: [],
    signals: [],
    held: false,
    route: 'cloud',
    complexity: 0.5,
    band: 'complex',
    classifyMs: 1,
    ...over,
  };
}
function row(spans?: EvaluationRow['spans'], source = 's'): EvaluationRow {
  return { line: 1, id: 'r', source, label: 'sensitive', spans, request: '{}' };
}
const gold = (type: string, start: number, end: number) => ({ pointer: AT, type, start, end });

describe('entity names', () => {
  it.each([
    ['name', 'PERSON', 'PRIVATE_PERSON', true],
    ['Social Security Number', 'US_SSN', 'US_SSN', true],
    ['FAX_NUMBER', 'PHONE_NUMBER', 'PHONE_NUMBER', true],
    ['ADDRESS', 'STREET_ADDRESS', 'LOCATION', true],
    ['EMAIL', 'EMAIL_ADDRESS', 'PHONE_NUMBER', false],
    ['DE_TAX_ID', 'DE_TAX_ID', 'DE_TAX_ID', true],
    ['CREATIVE-WORK', 'CREATIVE_WORK', 'ORGANIZATION', false],
  ])('%s counts as %s; is %s an answer: %s', (type, group, entity, answered) => {
    expect(groupOf(type)).toBe(group);
    expect(answers(entity, type)).toBe(answered);
  });

  it('counts every entity under a group that it answers', () => {
    expect(groupOfEntity('PRIVATE_PERSON')).toBe('PERSON');
    expect(groupOfEntity('LOCATION')).toBe('LOCATION');
    expect(groupOfEntity('API_KEY')).toBe('SECRET');
    expect(groupOfEntity('FR_NIR')).toBe('FR_NIR');
  });
});

describe('Tally', () => {
  it('counts exact and overlapping spans, and precision only where an entity is marked', () => {
    const tally = new Tally({ misses: 5 });
    const found = [finding('PRIVATE_PERSON', 0, 4), finding('EMAIL_ADDRESS', 10, 15), finding('PHONE_NUMBER', 20, 25)];
    tally.add(
      row([gold('NAME', 0, 8), gold('EMAIL', 10, 15), gold('EMAIL', 30, 35)]),
      'sensitive',
      judgement({ findings: found, held: true }),
    );
    // Nobody marks e-mail addresses here: one found says nothing about precision.
    tally.add(
      row([gold('NAME', 0, 4)], 'other'),
      'sensitive',
      judgement({ findings: [finding('EMAIL_ADDRESS', 50, 60)] }),
    );
    const { overall } = tally.report();
    const of = (entity: string) => overall.entities.find((each) => each.entity === entity);
    expect(of('PERSON')).toMatchObject({
      spans: 2,
      recallExact: { hits: 0, of: 2 },
      recallOverlap: { hits: 1, of: 2 },
      precisionOverlap: { hits: 1, of: 1 },
    });
    expect(of('EMAIL_ADDRESS')).toMatchObject({
      spans: 2,
      recallExact: { hits: 1, of: 2 },
      precisionExact: { hits: 1, of: 1 },
    });
    expect(of('EMAIL_ADDRESS')?.f2Exact).toBeCloseTo(5 / 9, 5);
    expect(of('PHONE_NUMBER')).toBeUndefined();
  });

  it.each<[RowLabel, boolean, string]>([
    ['sensitive', false, 'missed'],
    ['safe', true, 'flagged'],
    ['presumed_safe', true, 'flagged'],
    ['quasi', true, ''],
    ['sensitive_topic', false, ''],
    ['no_person', true, ''],
  ])('%s held %s is %s', (label, held, kind) => {
    const tally = new Tally({ misses: 5 });
    tally.add(row(), label, judgement({ held }));
    expect(tally.report().misses.map((miss) => miss.kind)).toEqual(kind === '' ? [] : [kind]);
  });

  it('keeps the worst misses and no more', () => {
    const tally = new Tally({ misses: 2 });
    for (const count of [1, 3, 2]) {
      const spans = Array.from({ length: count }, (_, index) => gold('NAME', index, index + 1));
      tally.add(row(spans), 'sensitive', judgement());
    }
    expect(tally.report().misses.map((miss) => miss.places.length)).toEqual([3, 2]);
  });

  it('says nothing about what was not measured', () => {
    const { overall } = new Tally({ misses: 1 }).report();
    expect([overall.sensitiveCaught.share, overall.safeFlagged.share, overall.p99Ms]).toEqual([
      undefined,
      undefined,
      0,
    ]);
  });
});

describe('Latency', () => {
  it('gives quantiles within two percent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.002, max: 10_000, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, share) => {
          const latency = new Latency();
          for (const value of values) latency.add(value);
          const exact =
            values.toSorted((one, other) => one - other)[Math.max(0, Math.ceil(share * values.length) - 1)] ?? 0;
          expect(Math.abs(latency.quantile(share) / exact - 1)).toBeLessThan(0.021);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('bars', () => {
  const tally = new Tally({ misses: 0 });
  tally.add(
    row([gold('EMAIL', 0, 5)], 'mine'),
    'sensitive',
    judgement({ held: true, findings: [finding('EMAIL_ADDRESS', 0, 5)] }),
  );
  tally.add(row(undefined, 'mine'), 'safe', judgement());
  tally.add(row(undefined, 'theirs'), 'safe', judgement({ held: true }));
  const report = tally.report();

  it.each([
    ['sensitive-caught=1', true],
    ['safe-flagged=0.5', true],
    ['safe-flagged=0.49', false],
    ['safe-flagged@mine=0', true],
    ['safe-flagged@theirs=0.9', false],
    ['recall:EMAIL_ADDRESS=0.99', true],
    ['unknown=0', true],
    ['recall:US_SSN=0', false],
    ['attack-held=0', false],
    ['sensitive-caught@theirs=0', false],
    ['sensitive-caught@nobody=0', false],
  ])('%s is met: %s', (text, met) => {
    const parsed = parseBar(text);
    if (parsed.kind === 'problem') throw new Error(parsed.message);
    expect(judgeBars(report, [parsed.bar])).toMatchObject([{ met }]);
  });

  it.each([
    'sensitive=1',
    'sensitive-caught',
    'sensitive-caught=',
    'sensitive-caught=-1',
    'recall=1',
    'unknown:EMAIL=1',
    'toString=1',
    '=1',
  ])('refuses %s', (text) => {
    expect(parseBar(text)).toMatchObject({ kind: 'problem' });
  });
});

describe('differenceOf', () => {
  it('is nothing where both judge alike, and says what only one finds', () => {
    const one = judgement({ findings: [finding('EMAIL_ADDRESS', 0, 5)] });
    expect(differenceOf(row(), one, one)).toBeUndefined();
    expect(differenceOf(row(), one, judgement())).toMatchObject({
      policy: { entities: ['EMAIL_ADDRESS'] },
      against: { entities: [] },
    });
    expect(differenceOf(row(), one, { ...one, route: 'local' })).toMatchObject({ against: { route: 'local' } });
  });
});

describe('createProgress', () => {
  it('draws on a terminal only, and cleans up', () => {
    const drawn: string[] = [];
    let now = 0;
    const stream = (isTTY: boolean) => ({ isTTY, write: (text: string) => drawn.push(text) });
    const silent = createProgress(stream(false), () => (now += 1000));
    silent.at(0.5, 10);
    silent.end();
    expect(drawn).toEqual([]);
    const shown = createProgress(stream(true), () => (now += 1000));
    shown.at(0.5, 10);
    expect(drawn.join('')).toMatch(/50 % {2}10 rows/);
    shown.end();
    expect(drawn.at(-1)).toBe('\r\u001b[K');
  });
});

describe('propose', () => {
  const scored = (truth: ScoredRow['truth'], best: Readonly<Record<string, number>>, fixed = false): ScoredRow => ({
    truth,
    best: new Map(Object.entries(best)),
    fixed,
  });
  const many = (count: number, make: () => ScoredRow): readonly ScoredRow[] => Array.from({ length: count }, make);
  const current = new Map([
    ['A', 0.5],
    ['B', 0.5],
  ]);

  it('raises where false positives cost least and lowers where catches are free', () => {
    const rows = [
      ...many(10, () => scored('sensitive', { A: 0.9 })),
      ...many(5, () => scored('sensitive', { B: 0.4 })),
      ...many(4, () => scored('safe', { A: 0.6 })),
      ...many(6, () => scored('safe', {})),
    ];
    const proposed = propose(rows, current, { ceiling: 0, entities: ['A', 'B'] });
    expect(proposed.before).toEqual({ caught: 10, sensitive: 15, flagged: 4, safe: 10 });
    expect(proposed.after).toEqual({ caught: 15, sensitive: 15, flagged: 0, safe: 10 });
    expect(proposed.keepsCeiling).toBe(true);
    expect(proposed.proposals.map(({ entity, to }) => [entity, to > 0.6 && to <= 0.9, to > 0 && to <= 0.4])).toEqual([
      ['A', true, false],
      ['B', false, true],
    ]);
  });

  it('changes nothing that gains nothing', () => {
    const rows = [scored('sensitive', { A: 0.9 }), scored('safe', { B: 0.1 })];
    expect(propose(rows, current, { ceiling: 0.5, entities: ['A', 'B'] }).proposals).toEqual([]);
  });

  it('says when no threshold keeps the ceiling', () => {
    const rows = [scored('sensitive', { A: 0.9 }), scored('safe', {}, true)];
    expect(propose(rows, current, { ceiling: 0, entities: ['A'] })).toMatchObject({
      keepsCeiling: false,
      proposals: [],
    });
  });

  it('never does worse than before under the ceiling, and its outcome is what its thresholds give', () => {
    const oneRow = fc.record({
      truth: fc.constantFrom<ScoredRow['truth']>('sensitive', 'safe'),
      best: fc.dictionary(
        fc.constantFrom('A', 'B', 'C'),
        fc.integer({ min: 0, max: 20 }).map((value) => value / 20),
      ),
    });
    fc.assert(
      fc.property(fc.array(oneRow, { maxLength: 40 }), fc.double({ min: 0, max: 1, noNaN: true }), (made, ceiling) => {
        const rows = made.map(({ truth, best }) => scored(truth, best));
        const { before, after, proposals, keepsCeiling } = propose(rows, current, {
          ceiling,
          entities: ['A', 'B', 'C'],
        });
        const allowed = Math.floor(ceiling * before.safe + 1e-9);
        if (before.flagged <= allowed) {
          expect(after.caught).toBeGreaterThanOrEqual(before.caught);
          expect(keepsCeiling).toBe(true);
        }
        const thresholds = new Map([...current, ...proposals.map(({ entity, to }) => [entity, to] as const)]);
        expect(outcomeOf(rows, thresholds)).toEqual(after);
      }),
      { numRuns: 200 },
    );
  });

  it('shows a curve that only falls', () => {
    const rows = [0.9, 0.7, 0.3].map((score) => scored('sensitive', { A: score })).concat(scored('safe', { A: 0.6 }));
    expect(curveOf(rows, 'A', 10)).toEqual([
      { threshold: 0.3, caught: 3, flagged: 1 },
      { threshold: 0.6, caught: 2, flagged: 1 },
      { threshold: 0.7, caught: 2, flagged: 0 },
      { threshold: 0.9, caught: 1, flagged: 0 },
    ]);
  });
});
