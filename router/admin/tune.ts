/**
 * A labelled set held as scores, so that any threshold can be judged at once and with the real decision table. Of each row stay its id, what it is and the best
 * score per entity; the texts are read once and let go. What overlaps decide differently is measured by judging the rows again under the fragment.
 */
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { z } from 'zod';
import { bandOf } from '../../classifiers/complexity/band.ts';
import { type Finding, toScore } from '../../classifiers/finding.ts';
import type { Signal, Verdict } from '../../classifiers/verdict.ts';
import type { Config } from '../../config/schema.ts';
import { createJudge, type Judge, type Judgement } from '../evaluation/judge.ts';
import { parseRow, type EvaluationRow } from '../evaluation/row.ts';
import { Tally } from '../evaluation/tally.ts';
import { curveOf, type ScoredRow, scoredRow, truthOf } from '../evaluation/thresholds.ts';
import { decide } from '../policy/decide.ts';
import { rankOf, ruleOf } from '../policy/rank.ts';
import { overlay } from '../shadow/config-change.ts';
import type { TuneOutcome, TuneSet } from './api.ts';
import type { AdminExchange } from './exchange.ts';

const MOST_ROWS = 20_000;
const MOST_SETS = 8;
const MOST_CHANGED = 100;
const CURVE_POINTS = 24;
const BINS = 20;

interface TuneRow {
  readonly id: string;
  readonly scores: ScoredRow;
  readonly verdict: Verdict['kind'];
  /** Highest label that no threshold moves: of combinations and gaps. */
  readonly floor: string;
  readonly signals: readonly Signal[];
  readonly complexity: number;
  readonly chars: number;
}
interface HeldSet {
  readonly name: string;
  readonly judge: Judge;
  readonly rows: readonly TuneRow[];
}

const Loaded = z.strictObject({
  name: z.string().max(200).default(''),
  rows: z.string().default(''),
  feedback: z.boolean().default(false),
  samples: z.boolean().default(false),
  fragment: z.string().default(''),
});
const Moved = z.strictObject({
  set: z.string(),
  thresholds: z.record(z.string(), z.number().min(0).max(1)).default({}),
  complexity: z.number().min(0).max(1).optional(),
});

export class TuneSets {
  readonly #sets = new Map<string, HeldSet>();

  /** load reads rows (JSON lines) under the policy in force, or under it with a fragment laid over. */
  async load(exchange: AdminExchange): Promise<void> {
    const asked = await exchange.read(Loaded);
    if (asked === undefined) return;
    const config = configFor(exchange, asked.fragment);
    if (config === undefined) return;
    const created = createJudge(config);
    if (created.kind === 'invalid') return unusable(exchange, created.problems);
    const { judge } = created;
    const rows: TuneRow[] = [];
    let skipped = 0;
    const lines = await linesOf(asked, exchange);
    const problem = await eachRow(lines, async (row) => {
      const truth = row.label === undefined ? undefined : truthOf(row.label);
      if (truth === undefined) {
        skipped += 1;
        return undefined;
      }
      const judged = await judge.judge(row, { nearMisses: 'collect' });
      if (judged.kind === 'problem') return `${judged.code} at ${judged.pointer || '/'}`;
      rows.push(tuneRow(row, truth, judged, config));
      return undefined;
    });
    if (problem !== undefined) return unusable(exchange, [problem]);
    if (rows.length === 0)
      return unusable(exchange, [{ path: 'rows', message: 'hold no row labelled sensitive or safe' }]);
    const set = randomBytes(9).toString('base64url');
    if (this.#sets.size >= MOST_SETS)
      for (const oldest of [...this.#sets.keys()].slice(0, 1)) this.#sets.delete(oldest);
    const held = { name: asked.name, judge, rows };
    this.#sets.set(set, held);
    exchange.reply(describeSet(set, held, skipped));
  }

  async outcome(exchange: AdminExchange): Promise<void> {
    const asked = await exchange.read(Moved);
    if (asked === undefined) return;
    const held = this.#sets.get(asked.set);
    if (held === undefined) return exchange.fail('admin_unavailable');
    // The set in use is the last to go.
    this.#sets.delete(asked.set);
    this.#sets.set(asked.set, held);
    exchange.reply(outcomeOf(held, new Map(Object.entries(asked.thresholds)), asked.complexity));
  }
}

/** evaluate judges rows once and answers with the report of `sluice evaluate`; nothing is held. */
export async function evaluate(exchange: AdminExchange): Promise<void> {
  const asked = await exchange.read(Loaded);
  if (asked === undefined) return;
  const config = configFor(exchange, asked.fragment);
  if (config === undefined) return;
  const created = createJudge(config);
  if (created.kind === 'invalid') return unusable(exchange, created.problems);
  const tally = new Tally({ misses: 20 });
  const problem = await eachRow(asked.rows, async (row) => {
    if (row.label === undefined) return 'label: is missing';
    const judged = await created.judge.judge(row, { nearMisses: 'omit' });
    if (judged.kind === 'problem') return `${judged.code} at ${judged.pointer || '/'}`;
    tally.add(row, row.label, judged);
    return undefined;
  });
  if (problem !== undefined) return unusable(exchange, [problem]);
  exchange.reply(tally.report());
}

function linesOf(asked: z.infer<typeof Loaded>, { context }: AdminExchange): string | Promise<string> {
  if (asked.feedback) return context.feedback.labelledRows();
  return asked.samples ? context.samples.rows.labelledRows() : asked.rows;
}

function configFor(exchange: AdminExchange, fragment: string): Config | undefined {
  const { config } = exchange.context;
  if (fragment.trim() === '') return config;
  const loaded = overlay(config, fragment, '');
  if (loaded.kind === 'config') return loaded.config;
  unusable(exchange, loaded.problems);
  return undefined;
}

export function unusable(
  exchange: AdminExchange,
  problems: readonly { readonly path: string; readonly message: string }[],
): void {
  exchange.outcome = 'admin_unusable';
  exchange.reply({ error: { code: 'admin_unusable', message: 'What was sent cannot be used.' }, problems }, 400);
}

async function eachRow(
  text: string,
  take: (row: EvaluationRow) => Promise<string | undefined>,
): Promise<{ readonly path: string; readonly message: string } | undefined> {
  let line = 0;
  let rows = 0;
  for (const source of text.split('\n')) {
    line += 1;
    if (source.trim() === '') continue;
    rows += 1;
    if (rows > MOST_ROWS) return { path: `line ${line}`, message: `more than ${MOST_ROWS} rows; use sluice tune` };
    const parsed = parseRow(source, line);
    const problem = parsed.kind === 'problem' ? parsed.message : await take(parsed.row);
    if (problem !== undefined) return { path: `line ${line}`, message: problem };
    // Short rows never yield by themselves, and requests are waiting.
    if (rows % 16 === 0) await new Promise((resolve) => void setImmediate(resolve));
  }
  return undefined;
}

function tuneRow(row: EvaluationRow, truth: ScoredRow['truth'], judged: Judgement, config: Config): TuneRow {
  const bottom = config.labels[0] ?? '';
  const ruled = (entity: string) => config.classify.entities[entity] ?? config.classify.otherEntities;
  const counts = (entity: string): boolean => entity !== 'COMBINATION' && ruled(entity).label !== bottom;
  const scores = scoredRow(truth, judged, counts);
  const byScore = Math.max(
    -1,
    ...judged.findings
      .filter(({ entity }) => counts(entity))
      .map(({ entity }) => config.labels.indexOf(ruled(entity).label)),
  );
  // What the findings' own labels do not explain comes from a combination or a gap.
  const fixed = scores.fixed || config.labels.indexOf(judged.label) > Math.max(0, byScore);
  return {
    id: row.id,
    scores,
    verdict: judged.verdict,
    floor: fixed ? judged.label : bottom,
    signals: judged.signals,
    complexity: judged.complexity,
    chars: row.request.length,
  };
}

function describeSet(set: string, held: HeldSet, skipped: number): TuneSet {
  const { judge, rows } = held;
  const scored = rows.map((row) => row.scores);
  const entities = [...new Set(scored.flatMap(({ best }) => [...best.keys()]))];
  const reach = (entity: string, truth: ScoredRow['truth']): number =>
    scored.filter((row) => row.truth === truth && row.best.has(entity)).length;
  const histogram = Array.from({ length: BINS }, () => 0);
  for (const { complexity } of rows) {
    const bin = Math.min(BINS - 1, Math.floor(complexity * BINS));
    histogram[bin] = (histogram[bin] ?? 0) + 1;
  }
  return {
    set,
    name: held.name,
    rows: rows.length,
    skipped,
    sensitive: scored.filter(({ truth }) => truth === 'sensitive').length,
    safe: scored.filter(({ truth }) => truth === 'safe').length,
    entities: entities
      .map((entity) => ({
        entity,
        threshold: ruleOf(judge.policy, entity).threshold,
        label: ruleOf(judge.policy, entity).label,
        sensitiveRows: reach(entity, 'sensitive'),
        safeRows: reach(entity, 'safe'),
        curve: curveOf(scored, entity, CURVE_POINTS),
      }))
      .toSorted((one, other) => other.safeRows - one.safeRows || other.sensitiveRows - one.sensitiveRows),
    complexity: { threshold: judge.config.complexity.threshold, histogram },
    now: outcomeOf(held, new Map(), undefined),
  };
}

function outcomeOf(held: HeldSet, moved: ReadonlyMap<string, number>, complexity: number | undefined): TuneOutcome {
  const { judge, rows } = held;
  const routes: Record<string, number> = { local: 0, cloud: 0, 'cloud-masked': 0, refuse: 0 };
  const changed: { id: string; truth: string; from: string; to: string }[] = [];
  let changedCount = 0;
  const tally = { caught: 0, sensitive: 0, flagged: 0, safe: 0 };
  for (const row of rows) {
    const after = judgeRow(row, judge, moved, complexity);
    const before = judgeRow(row, judge, new Map(), undefined);
    routes[after.route] = (routes[after.route] ?? 0) + 1;
    tally[row.scores.truth] += 1;
    if (after.held) tally[row.scores.truth === 'safe' ? 'flagged' : 'caught'] += 1;
    if (after.route === before.route && after.held === before.held) continue;
    changedCount += 1;
    const say = (side: typeof after): string => `${side.route}${side.held ? ', held' : ''}`;
    if (changed.length < MOST_CHANGED)
      changed.push({ id: row.id, truth: row.scores.truth, from: say(before), to: say(after) });
  }
  return { ...tally, routes, changed, changedCount, fragment: fragmentOf(judge.config, moved, complexity) };
}

function judgeRow(
  row: TuneRow,
  judge: Judge,
  moved: ReadonlyMap<string, number>,
  complexity: number | undefined,
): { readonly route: string; readonly held: boolean } {
  const { policy, config } = judge;
  const findings: Finding[] = [];
  let label = row.floor;
  for (const [entity, score] of row.scores.best) {
    const rule = ruleOf(policy, entity);
    if (score < (moved.get(entity) ?? rule.threshold)) continue;
    findings.push({
      entity,
      span: { segment: '', start: 0, end: 0 },
      score: toScore(score),
      recognizer: '',
      explanation: { pattern: '', views: [], steps: [] },
    });
    if (rankOf(policy.ladder, rule.label) > rankOf(policy.ladder, label)) label = rule.label;
  }
  const [first, ...rest] = findings;
  const held = label !== policy.ladder[0];
  const verdict: Verdict =
    row.verdict === 'unknown'
      ? { kind: 'unknown', label, findings, gaps: [{ classifier: '', cause: 'unsupported-content', pointer: '' }] }
      : held
        ? { kind: 'sensitive', label, findings: first === undefined ? [COMBINED] : [first, ...rest] }
        : { kind: 'clean', label, findings };
  const decision = decide(
    {
      verdict,
      signals: row.signals,
      session: { label: policy.ladder[0] ?? '', maskable: true },
      toolSawSensitive: false,
      complexity: row.complexity,
      band: bandOf(
        row.complexity,
        complexity === undefined ? config.complexity : { ...config.complexity, threshold: complexity },
        undefined,
      ),
      model: 'auto',
      localModels: [],
      tools: [],
      principal: 'evaluate',
      protocol: 'openai-chat',
      chars: row.chars,
      turns: 1,
    },
    policy,
  );
  const attacked = row.signals.some(({ kind }) => kind === 'control-text' || kind === 'evasion');
  return { route: decision.route.kind, held: verdict.kind !== 'clean' || attacked };
}

/** Stands for a combination of things that hold nothing one by one. */
const COMBINED: Finding = {
  entity: 'COMBINATION',
  span: { segment: '', start: 0, end: 0 },
  score: toScore(1),
  recognizer: '',
  explanation: { pattern: '', views: [], steps: [] },
};

function fragmentOf(config: Config, moved: ReadonlyMap<string, number>, complexity: number | undefined): string {
  const entities = Object.fromEntries(
    [...moved].flatMap(([entity, threshold]) => {
      const rule = config.classify.entities[entity] ?? config.classify.otherEntities;
      return rule.threshold === threshold ? [] : [[entity, { ...rule, threshold }]];
    }),
  );
  const fragment = {
    ...(Object.keys(entities).length === 0 ? {} : { classify: { entities } }),
    ...(complexity === undefined || complexity === config.complexity.threshold
      ? {}
      : { complexity: { ...config.complexity, threshold: complexity } }),
  };
  return Object.keys(fragment).length === 0 ? '' : stringify(fragment);
}
