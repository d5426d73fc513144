/**
 * From sightings in one text to what the policy makes of them: thresholds, overlaps, signals. Plain data without the
 * text, fit for the cache.
 */
import { toScore } from './finding.ts';
import type { Finding, NearMiss, View } from './finding.ts';
import type { LabelRules } from './labels.ts';
import type { Reading, Sighting } from './reading.ts';
import { resolveOverlaps } from './spans.ts';
import type { Gap, Signal } from './verdict.ts';

/** A finding before it is known where its text stands. */
export interface LocalFinding {
  readonly finding: Omit<Finding, 'span'>;
  readonly start: number;
  readonly end: number;
  readonly score: number;
  readonly rank: number;
  readonly hidden: boolean;
}

export interface Outcome {
  readonly findings: readonly LocalFinding[];
  readonly signals: readonly Omit<Signal, 'pointer'>[];
  readonly gaps: readonly Omit<Gap, 'pointer'>[];
}

export type LocalNearMiss = Omit<NearMiss, 'span'> & { readonly start: number; readonly end: number };

/** Entity by which a recognizer reports text that tries to steer the routing; it becomes a signal, never a finding. */
export const CONTROL_TEXT = 'CONTROL_TEXT';

/** settle applies the policy. `tiers` leaves out what taggers saw; what lies inside an allowed value is allowed with it. */
export function settle(
  reading: Reading,
  allowed: readonly Sighting[],
  rules: LabelRules,
  isTagger: (name: string) => boolean,
  tiers: 'structured' | 'all',
): Outcome {
  const local: LocalFinding[] = [];
  const allowedInOrder = allowed.toSorted((left, right) => left.start - right.start);
  const signals: Omit<Signal, 'pointer'>[] = tiers === 'all' ? [...reading.signals] : [];
  for (const sighting of reading.sightings) {
    const { candidate, recognizer } = sighting;
    if (candidate.rejected !== undefined || (tiers === 'structured' && isTagger(recognizer))) continue;
    if (candidate.entity === CONTROL_TEXT) {
      if (!signals.some((signal) => signal.kind === 'control-text' && signal.name === candidate.pattern)) {
        signals.push({ kind: 'control-text', name: candidate.pattern, score: candidate.score });
      }
      continue;
    }
    const rule = rules.ruleFor(candidate.entity);
    // Written so that a score that is no number counts.
    if (candidate.score < rule.threshold) continue;
    if (isInside(sighting, allowedInOrder)) continue;
    local.push(toLocal(sighting, rules));
  }
  const findings = resolveOverlaps(local, (item, start, end) => ({ ...item, start, end })).kept;
  for (const finding of findings) {
    if (!finding.hidden || finding.rank === 0) continue;
    const name = evasionName(finding.finding.explanation.views);
    if (!signals.some((signal) => signal.kind === 'evasion' && signal.name === name))
      signals.push({ kind: 'evasion', name, score: finding.score });
  }
  const gaps = tiers === 'all' ? reading.gaps : reading.gaps.filter((gap) => !isTagger(gap.classifier));
  return { findings, signals, gaps: [...gaps] };
}

/** How many allowed values may begin between another's begin and a value inside it. */
const NESTED_ALLOWED = 16;

/** Halving, then a few steps back: a page may repeat an allowed value ten thousand times. */
function isInside(sighting: Sighting, allowed: readonly Sighting[]): boolean {
  let low = 0;
  let high = allowed.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((allowed[middle]?.start ?? 0) <= sighting.start) low = middle + 1;
    else high = middle;
  }
  return allowed.slice(Math.max(0, low - NESTED_ALLOWED), low).some((value) => sighting.end <= value.end);
}

function evasionName(views: readonly View[]): string {
  return views.find((view) => view === 'reversed' || view === 'rot13' || view === 'rewritten') ?? 'normalized';
}

function toLocal({ candidate, recognizer, start, end, views, hidden }: Sighting, rules: LabelRules): LocalFinding {
  const score = toScore(candidate.score);
  return {
    finding: {
      entity: candidate.entity,
      score,
      recognizer,
      explanation: { pattern: candidate.pattern, views, steps: candidate.steps },
    },
    start,
    end,
    score,
    rank: rules.rank(rules.ruleFor(candidate.entity).label),
    hidden,
  };
}

/** nearMissesOf lists what was seen and not reported, for explain and tune. */
export function nearMissesOf(
  reading: Reading,
  allowed: readonly Sighting[],
  outcome: Outcome,
  rules: LabelRules,
): LocalNearMiss[] {
  const misses: LocalNearMiss[] = [];
  const add = ({ candidate, recognizer, start, end }: Sighting, cause: NearMiss['cause']): void => {
    const { threshold } = rules.ruleFor(candidate.entity);
    misses.push({
      entity: candidate.entity,
      recognizer,
      score: toScore(candidate.score),
      cause,
      threshold,
      start,
      end,
    });
  };
  for (const sighting of reading.sightings) {
    const { candidate } = sighting;
    if (candidate.entity === CONTROL_TEXT) continue;
    if (candidate.rejected !== undefined) add(sighting, candidate.rejected);
    else if (candidate.score < rules.ruleFor(candidate.entity).threshold) add(sighting, 'below-threshold');
    else if (
      !outcome.findings.some(
        (kept) => kept.finding.entity === candidate.entity && kept.start <= sighting.start && sighting.end <= kept.end,
      )
    ) {
      add(sighting, 'overlapped');
    }
  }
  for (const sighting of allowed) add(sighting, 'allow-listed');
  return misses;
}
