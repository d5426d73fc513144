/**
 * Counts over a labelled set, in memory that does not grow with it. Holds entity, position and score of what was wrong, no text. Rates nobody
 * measured are undefined, never 0 or 1.
 */
import type { Finding, NearMiss } from '../../classifiers/finding.ts';
import type { RouteKind } from '../decision.ts';
import { answers, groupOf, groupOfEntity } from './entity-names.ts';
import type { Judgement } from './judge.ts';
import { Latency } from './latency.ts';
import type { EvaluationRow, GoldSpan, RowLabel } from './row.ts';

/** Labels by what Sluice should do with them. */
const MUST_HOLD: ReadonlySet<RowLabel> = new Set(['sensitive']);
const MUST_PASS: ReadonlySet<RowLabel> = new Set(['safe', 'presumed_safe']);
const NAMES: ReadonlySet<string> = new Set(['PERSON', 'PRIVATE_PERSON']);

/** So many of those that hit: `share` is undefined when there was nothing to hit. */
export interface Rate {
  readonly hits: number;
  readonly of: number;
  readonly share: number | undefined;
}

export interface EntityScore {
  readonly entity: string;
  readonly spans: number;
  readonly recallExact: Rate;
  readonly recallOverlap: Rate;
  /** Over the sources that mark this entity at all. */
  readonly precisionExact: Rate;
  readonly precisionOverlap: Rate;
  readonly f2Exact: number | undefined;
  readonly f2Overlap: number | undefined;
}

export interface Miss {
  readonly kind: 'missed' | 'flagged';
  readonly line: number;
  readonly id: string;
  readonly source: string;
  /** What was there and not found, or found and not there. */
  readonly places: readonly MissPlace[];
}
export interface MissPlace {
  readonly entity: string;
  readonly pointer: string;
  readonly start: number;
  readonly end: number;
  /** Of a finding or of the nearest near miss; undefined when nothing was seen there. */
  readonly score: number | undefined;
  /** Why a near miss fell short, or which recognizer found it. */
  readonly why: string;
}

export interface LabelTotals {
  readonly label: RowLabel;
  readonly rows: number;
  /** Kept inside by what was found. */
  readonly held: number;
  readonly unknown: number;
  /** With a name found. */
  readonly named: number;
  readonly routes: Readonly<Record<RouteKind, number>>;
}

export interface Totals {
  /** Empty: all sources together. */
  readonly source: string;
  readonly rows: number;
  readonly sensitiveCaught: Rate;
  readonly safeFlagged: Rate;
  readonly attackHeld: Rate;
  readonly unknown: Rate;
  readonly labels: readonly LabelTotals[];
  readonly entities: readonly EntityScore[];
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Report {
  readonly overall: Totals;
  readonly sources: readonly Totals[];
  readonly misses: readonly Miss[];
}

export function rate(hits: number, of: number): Rate {
  return { hits, of, share: of === 0 ? undefined : hits / of };
}

interface LabelCount {
  rows: number;
  held: number;
  unknown: number;
  named: number;
  readonly routes: Record<RouteKind, number>;
}
interface EntityCount {
  gold: number;
  goldExact: number;
  goldOverlap: number;
  found: number;
  foundExact: number;
  foundOverlap: number;
}
interface SourceCount {
  rows: number;
  readonly labels: Map<RowLabel, LabelCount>;
  readonly entities: Map<string, EntityCount>;
  readonly latency: Latency;
}

export class Tally {
  readonly #sources = new Map<string, SourceCount>();
  readonly #latency = new Latency();
  readonly #missed: Miss[] = [];
  readonly #flagged: Miss[] = [];
  readonly #kept: number;

  /** `misses`: how many of each kind are kept, the worst first. */
  constructor(options: { readonly misses: number }) {
    this.#kept = options.misses;
  }

  add(row: EvaluationRow, label: RowLabel, judgement: Judgement): void {
    const source = row.source === '' ? '(none)' : row.source;
    const count = getOr(this.#sources, source, newSource);
    count.rows += 1;
    count.latency.add(judgement.classifyMs);
    this.#latency.add(judgement.classifyMs);
    const labelled = getOr(count.labels, label, newLabel);
    labelled.rows += 1;
    labelled.routes[judgement.route] += 1;
    if (judgement.held) labelled.held += 1;
    if (judgement.verdict === 'unknown') labelled.unknown += 1;
    if (judgement.findings.some(({ entity }) => NAMES.has(entity))) labelled.named += 1;
    if (row.spans !== undefined) addSpans(count.entities, row.spans, judgement.findings);
    if (MUST_HOLD.has(label) && !judgement.held) keepWorst(this.#missed, missOf(row, judgement), this.#kept);
    if (MUST_PASS.has(label) && judgement.held) keepWorst(this.#flagged, flaggedOf(row, judgement), this.#kept);
  }

  report(): Report {
    const sources = [...this.#sources].map(([name, count]) => totals(name, [count], count.latency));
    return {
      overall: totals('', [...this.#sources.values()], this.#latency),
      sources,
      misses: [...this.#missed, ...this.#flagged],
    };
  }
}

function addSpans(entities: Map<string, EntityCount>, spans: readonly GoldSpan[], findings: readonly Finding[]): void {
  for (const gold of spans) {
    const count = getOr(entities, groupOf(gold.type), newEntity);
    const answering = findings.filter((found) => answers(found.entity, gold.type) && touches(found, gold));
    count.gold += 1;
    if (answering.length > 0) count.goldOverlap += 1;
    if (answering.some((found) => isExactly(found, gold))) count.goldExact += 1;
  }
  for (const found of findings) {
    const count = getOr(entities, groupOfEntity(found.entity), newEntity);
    const right = spans.filter((gold) => answers(found.entity, gold.type) && touches(found, gold));
    count.found += 1;
    if (right.length > 0) count.foundOverlap += 1;
    if (right.some((gold) => isExactly(found, gold))) count.foundExact += 1;
  }
}

function touches(found: Finding, gold: GoldSpan): boolean {
  return found.span.segment === gold.pointer && found.span.start < gold.end && gold.start < found.span.end;
}
function isExactly(found: Finding, gold: GoldSpan): boolean {
  return found.span.start === gold.start && found.span.end === gold.end;
}

function totals(source: string, counts: readonly SourceCount[], latency: Latency): Totals {
  const labels = new Map<RowLabel, LabelCount>();
  for (const count of counts) {
    for (const [label, each] of count.labels) {
      const sum = getOr(labels, label, newLabel);
      sum.rows += each.rows;
      sum.held += each.held;
      sum.unknown += each.unknown;
      sum.named += each.named;
      for (const route of ROUTES) sum.routes[route] += each.routes[route];
    }
  }
  const held = (wanted: (label: RowLabel) => boolean): Rate => {
    const chosen = [...labels].filter(([label]) => wanted(label)).map(([, each]) => each);
    return rate(sum(chosen.map((each) => each.held)), sum(chosen.map((each) => each.rows)));
  };
  const rows = sum(counts.map((count) => count.rows));
  return {
    source,
    rows,
    sensitiveCaught: held((label) => MUST_HOLD.has(label)),
    safeFlagged: held((label) => MUST_PASS.has(label)),
    attackHeld: held((label) => label === 'attack'),
    unknown: rate(sum([...labels.values()].map((each) => each.unknown)), rows),
    labels: [...labels].map(([label, each]) => ({ label, ...each })),
    entities: entityScores(counts),
    p50Ms: latency.quantile(0.5),
    p99Ms: latency.quantile(0.99),
  };
}

/** Only entities that somebody marked; what a source does not mark says nothing about precision there. */
function entityScores(counts: readonly SourceCount[]): readonly EntityScore[] {
  const sums = new Map<string, EntityCount>();
  for (const { entities } of counts) {
    for (const [name, each] of entities) {
      if (each.gold === 0) continue;
      const total = getOr(sums, name, newEntity);
      for (const key of ENTITY_KEYS) total[key] += each[key];
    }
  }
  return [...sums]
    .map(([entity, each]) => {
      const recallExact = rate(each.goldExact, each.gold);
      const recallOverlap = rate(each.goldOverlap, each.gold);
      const precisionExact = rate(each.foundExact, each.found);
      const precisionOverlap = rate(each.foundOverlap, each.found);
      return {
        entity,
        spans: each.gold,
        recallExact,
        recallOverlap,
        precisionExact,
        precisionOverlap,
        f2Exact: f2(precisionExact, recallExact),
        f2Overlap: f2(precisionOverlap, recallOverlap),
      };
    })
    .toSorted((one, other) => other.spans - one.spans);
}

/** Recall counts twice: a value that leaves is worse than a request that stays. */
function f2(precision: Rate, recall: Rate): number | undefined {
  if (recall.share === undefined) return undefined;
  const p = precision.share ?? 0;
  return p + recall.share === 0 ? 0 : (5 * p * recall.share) / (4 * p + recall.share);
}

function missOf(row: EvaluationRow, judgement: Judgement): Miss {
  const marked = (row.spans ?? []).map((gold): MissPlace => {
    const near = judgement.nearMisses
      .filter(({ span }) => span.segment === gold.pointer && span.start < gold.end && gold.start < span.end)
      // The answer that fell short says more than a stranger that fell short by less, and a failed check digit more than a low score.
      .toSorted((one, other) => telling(other, gold) - telling(one, gold))[0];
    return {
      entity: groupOf(gold.type),
      pointer: gold.pointer,
      start: gold.start,
      end: gold.end,
      score: near?.score,
      why: near === undefined ? 'not seen' : `${near.cause} (${near.recognizer})`,
    };
  });
  const near = judgement.nearMisses.map((miss): MissPlace => ({
    entity: miss.entity,
    pointer: miss.span.segment,
    start: miss.span.start,
    end: miss.span.end,
    score: miss.score,
    why: `${miss.cause} (${miss.recognizer})`,
  }));
  return { kind: 'missed', line: row.line, id: row.id, source: row.source, places: marked.length > 0 ? marked : near };
}

function telling({ entity, cause, score }: NearMiss, gold: GoldSpan): number {
  return (answers(entity, gold.type) ? 4 : 0) + (cause === 'checksum' || cause === 'invalidated' ? 2 : 0) + score;
}

function flaggedOf(row: EvaluationRow, judgement: Judgement): Miss {
  const places = judgement.findings.map((found): MissPlace => ({
    entity: found.entity,
    pointer: found.span.segment,
    start: found.span.start,
    end: found.span.end,
    score: found.score,
    why: found.recognizer,
  }));
  const signals = judgement.signals.map((signal): MissPlace => ({
    entity: `${signal.kind}:${signal.name}`,
    pointer: signal.pointer,
    start: 0,
    end: 0,
    score: signal.score,
    why: signal.kind,
  }));
  return {
    kind: 'flagged',
    line: row.line,
    id: row.id,
    source: row.source,
    places: [...places, ...(judgement.verdict === 'clean' || places.length === 0 ? signals : [])],
  };
}

/** More values missed, or a surer wrong finding, is worse. */
function weight(miss: Miss): number {
  return miss.kind === 'missed' ? miss.places.length : Math.max(0, ...miss.places.map((place) => place.score ?? 0));
}

function keepWorst(list: Miss[], miss: Miss, limit: number): void {
  const at = list.findIndex((each) => weight(each) < weight(miss));
  list.splice(at === -1 ? list.length : at, 0, miss);
  if (list.length > limit) list.pop();
}

const ROUTES = ['local', 'cloud', 'cloud-masked', 'refuse'] as const;
const ENTITY_KEYS = ['gold', 'goldExact', 'goldOverlap', 'found', 'foundExact', 'foundOverlap'] as const;
const newLabel = (): LabelCount => ({
  rows: 0,
  held: 0,
  unknown: 0,
  named: 0,
  routes: { local: 0, cloud: 0, 'cloud-masked': 0, refuse: 0 },
});
const newEntity = (): EntityCount => ({
  gold: 0,
  goldExact: 0,
  goldOverlap: 0,
  found: 0,
  foundExact: 0,
  foundOverlap: 0,
});
const newSource = (): SourceCount => ({ rows: 0, labels: new Map(), entities: new Map(), latency: new Latency() });

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function getOr<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
