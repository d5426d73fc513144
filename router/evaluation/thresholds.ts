/**
 * Thresholds proposed from labelled rows. Each row is remembered as the best score of every entity that could hold it, so any threshold can be judged
 * without reading a text again. Careful: a threshold moves only where the rows show a gain, and what the rows say nothing about stays as it is.
 */
import type { Judgement } from './judge.ts';
import type { RowLabel } from './row.ts';

/** The scores of one row. Memory per row is a few numbers, no text. */
export interface ScoredRow {
  readonly truth: 'sensitive' | 'safe';
  /** Best score per entity that gives a label above the lowest. */
  readonly best: ReadonlyMap<string, number>;
  /** Held whatever the thresholds are: a gap, a combination, a signal. */
  readonly fixed: boolean;
}

export interface CurvePoint {
  readonly threshold: number;
  readonly caught: number;
  readonly flagged: number;
}

export interface Proposal {
  readonly entity: string;
  readonly from: number;
  readonly to: number;
}

export interface Proposed {
  readonly proposals: readonly Proposal[];
  readonly before: Outcome;
  /** As the scores say; the command measures it again. */
  readonly after: Outcome;
  /** False: no thresholds of these rows keep the ceiling. */
  readonly keepsCeiling: boolean;
}

export interface Outcome {
  readonly caught: number;
  readonly sensitive: number;
  readonly flagged: number;
  readonly safe: number;
}

/** truthOf is undefined for labels that say neither. */
export function truthOf(label: RowLabel): ScoredRow['truth'] | undefined {
  if (label === 'sensitive') return 'sensitive';
  return label === 'safe' || label === 'presumed_safe' ? 'safe' : undefined;
}

/** scoredRow reads scores off a judgement made with near misses; `counts` tells which entities give a label by themselves. */
export function scoredRow(
  truth: ScoredRow['truth'],
  judgement: Judgement,
  counts: (entity: string) => boolean,
): ScoredRow {
  const best = new Map<string, number>();
  const see = (entity: string, score: number): void => {
    if (counts(entity)) best.set(entity, Math.max(best.get(entity) ?? 0, score));
  };
  for (const { entity, score } of judgement.findings) see(entity, score);
  for (const { entity, score, cause } of judgement.nearMisses) if (cause === 'below-threshold') see(entity, score);
  const combined = judgement.findings.some(
    ({ entity, explanation }) => !counts(entity) && explanation.steps.some((step) => step.kind === 'combined'),
  );
  const attacked = judgement.signals.some(({ kind }) => kind === 'control-text');
  return { truth, best, fixed: judgement.verdict === 'unknown' || combined || attacked };
}

/** curveOf shows one entity alone at every threshold where something changes, at most `points` of them. */
export function curveOf(rows: readonly ScoredRow[], entity: string, points: number): readonly CurvePoint[] {
  const scores = scoresOf(rows, entity);
  const step = Math.max(1, Math.ceil(scores.length / points));
  return scores
    .filter((_, index) => index % step === 0 || index === scores.length - 1)
    .map((threshold) => {
      const reached = rows.filter(({ best }) => (best.get(entity) ?? -1) >= threshold);
      return {
        threshold,
        caught: reached.filter(({ truth }) => truth === 'sensitive').length,
        flagged: reached.filter(({ truth }) => truth === 'safe').length,
      };
    });
}

/**
 * propose moves thresholds for the most rows caught with at most `ceiling` of the safe rows flagged. While the rows are over the ceiling it raises
 * where a false positive costs the fewest catches; then it lowers where a catch costs the fewest false positives.
 */
export function propose(
  rows: readonly ScoredRow[],
  current: ReadonlyMap<string, number>,
  options: { readonly ceiling: number; readonly entities: readonly string[] },
): Proposed {
  const thresholds = new Map(current);
  const candidates = new Map(options.entities.map((entity) => [entity, candidatesOf(rows, entity)]));
  const before = outcomeOf(rows, thresholds);
  const allowed = Math.floor(options.ceiling * before.safe + 1e-9);
  let now = before;
  for (;;) {
    const move = bestMove(rows, thresholds, candidates, now, allowed);
    if (move === undefined) break;
    thresholds.set(move.entity, move.threshold);
    now = move.outcome;
  }
  const proposals: Proposal[] = [];
  for (const entity of options.entities) {
    const from = current.get(entity) ?? 0.5;
    const to = thresholds.get(entity) ?? from;
    if (to !== from) proposals.push({ entity, from, to });
  }
  return { proposals, before, after: now, keepsCeiling: now.flagged <= allowed };
}

interface Move {
  readonly entity: string;
  readonly threshold: number;
  readonly outcome: Outcome;
}

function bestMove(
  rows: readonly ScoredRow[],
  thresholds: ReadonlyMap<string, number>,
  candidates: ReadonlyMap<string, readonly number[]>,
  now: Outcome,
  allowed: number,
): Move | undefined {
  const over = now.flagged > allowed;
  let best: { readonly move: Move; readonly worth: number } | undefined;
  for (const [entity, values] of candidates) {
    const at = thresholds.get(entity) ?? 0.5;
    for (const threshold of values) {
      if (over ? threshold <= at : threshold >= at) continue;
      const outcome = outcomeOf(rows, new Map([...thresholds, [entity, threshold]]));
      const caught = outcome.caught - now.caught;
      const flagged = outcome.flagged - now.flagged;
      if (over ? flagged >= 0 : caught <= 0 || outcome.flagged > allowed) continue;
      // Over the ceiling: false positives removed per catch lost. Under it: catches gained per false positive.
      const worth = over ? -flagged / (1 - caught) : caught / (1 + flagged);
      // Of equal moves the smaller: less is said about what nobody measured.
      const nearer = best?.move.entity === entity && Math.abs(threshold - at) < Math.abs(best.move.threshold - at);
      if (best === undefined || worth > best.worth || (worth === best.worth && nearer))
        best = { move: { entity, threshold, outcome }, worth };
    }
  }
  return best?.move;
}

export function outcomeOf(rows: readonly ScoredRow[], thresholds: ReadonlyMap<string, number>): Outcome {
  let caught = 0;
  let sensitive = 0;
  let flagged = 0;
  let safe = 0;
  for (const { truth, best, fixed } of rows) {
    let held = fixed;
    if (!held) {
      for (const [entity, score] of best) {
        if (score < (thresholds.get(entity) ?? 0.5)) continue;
        held = true;
        break;
      }
    }
    if (truth === 'sensitive') {
      sensitive += 1;
      if (held) caught += 1;
    } else {
      safe += 1;
      if (held) flagged += 1;
    }
  }
  return { caught, sensitive, flagged, safe };
}

function scoresOf(rows: readonly ScoredRow[], entity: string): readonly number[] {
  return [...new Set(rows.flatMap(({ best }) => best.get(entity) ?? []))].toSorted((one, other) => one - other);
}

/** Thresholds worth trying: half way between neighbouring scores, and above the highest, to two decimals, where they still part them. */
const MOST_CANDIDATES = 24;

function candidatesOf(rows: readonly ScoredRow[], entity: string): readonly number[] {
  const scores = scoresOf(rows, entity);
  const cuts = scores.slice(1).map((score, index) => between(scores[index] ?? 0, score));
  const highest = scores.at(-1);
  if (highest !== undefined && highest < 1) cuts.push(between(highest, 1));
  const lowest = scores[0];
  // Never 0: that would count what a recognizer itself calls impossible.
  if (lowest !== undefined && lowest > 0.05) cuts.push(Math.floor(lowest * 100) / 100);
  const step = Math.max(1, Math.ceil(cuts.length / MOST_CANDIDATES));
  return [...new Set(cuts.filter((_, index) => index % step === 0))];
}

function between(lower: number, upper: number): number {
  const middle = (lower + upper) / 2;
  const rounded = Math.round(middle * 100) / 100;
  return rounded > lower && rounded <= upper ? rounded : middle;
}
