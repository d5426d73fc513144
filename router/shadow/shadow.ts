/**
 * A candidate policy beside the live one: the same requests, decisions only. Nothing is sent, remembered or kept but ids, routes, reasons and entity names.
 * Off the way: a request is looked at again after its reply, one at a time, and past a short queue it is dropped and counted. Fails by counting: a candidate
 * that throws never reaches a reply.
 */
import { bandOf } from '../../classifiers/complexity/band.ts';
import type { Classification } from '../../classifiers/classifier.ts';
import type { ShadowDifference, ShadowSide, ShadowState as ShadowReport } from '../admin/api.ts';
import type { Decision } from '../decision.ts';
import { describeReason } from '../http/decision-headers.ts';
import type { Turn } from '../pipeline/prepare.ts';
import { decide } from '../policy/decide.ts';
import { textsOf, weighEntities } from '../policy/entity-policy.ts';
import type { Candidate } from './candidate.ts';
import { changesBetween, type KeyChange } from './config-change.ts';
import type { Config } from '../../config/schema.ts';

/** As the console is told it. */
export type { ShadowDifference, ShadowReport };

export type ShadowOutcome = 'same' | 'differs' | 'dropped' | 'failed';
export type CountShadow = (outcome: ShadowOutcome) => void;
export type HearShadow = (outcome: ShadowOutcome, difference: ShadowDifference | undefined) => void;

/** Turns that wait hold their request's text, so there are few. */
const WAITING = 16;
const KEPT = 500;

interface Running {
  readonly candidate: Candidate;
  readonly source: 'file' | 'fragment';
  readonly since: number;
  readonly changes: readonly KeyChange[];
  /** The candidate reads text differently, so it must be read again. */
  readonly rereads: boolean;
  readonly sameBands: boolean;
  same: number;
  differing: number;
  dropped: number;
  failed: number;
  readonly moves: Map<string, number>;
  readonly differences: ShadowDifference[];
}

export class Shadow {
  readonly #count: CountShadow;
  #hear: HearShadow = () => undefined;
  #running: Running | undefined;
  #waiting: { readonly turn: Turn; readonly at: number }[] = [];
  #working = false;

  constructor(count: CountShadow) {
    this.#count = count;
  }

  /** start puts a candidate beside `live` and counts from nothing. */
  start(candidate: Candidate, live: Config, source: 'file' | 'fragment'): void {
    const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
    this.#waiting = [];
    this.#running = {
      candidate,
      source,
      since: Date.now(),
      changes: changesBetween(live, candidate.config),
      rereads: !same(candidate.config.classify, live.classify),
      sameBands: same(candidate.config.complexity, live.complexity),
      same: 0,
      differing: 0,
      dropped: 0,
      failed: 0,
      moves: new Map(),
      differences: [],
    };
  }

  stop(): void {
    this.#running = undefined;
    this.#waiting = [];
  }

  /** consider is called after a reply. Without a candidate it costs one comparison. */
  consider(turn: Turn): void {
    const running = this.#running;
    if (running === undefined) return;
    if (this.#waiting.length >= WAITING) {
      return this.#note(running, 'dropped');
    }
    this.#waiting.push({ turn, at: Date.now() });
    if (!this.#working) {
      this.#working = true;
      setImmediate(() => void this.#work());
    }
  }

  /** onCompared is told of each request that was looked at. */
  onCompared(listener: HearShadow): void {
    this.#hear = listener;
  }

  /** absorb takes what another process of this installation found; its metrics are its own. */
  absorb(outcome: ShadowOutcome, difference: ShadowDifference | undefined): void {
    if (this.#running !== undefined) note(this.#running, outcome, difference);
  }

  report(): ShadowReport {
    const running = this.#running;
    if (running === undefined)
      return {
        active: false,
        source: '',
        policy: '',
        since: 0,
        compared: 0,
        same: 0,
        differing: 0,
        dropped: 0,
        failed: 0,
        moves: {},
        differences: [],
        changes: [],
      };
    const { candidate, source, since, same, differing, dropped, failed, moves, differences, changes } = running;
    return {
      active: true,
      source,
      policy: candidate.digest.slice(0, 12),
      since,
      compared: same + differing,
      same,
      differing,
      dropped,
      failed,
      moves: Object.fromEntries(moves),
      differences: differences.toReversed(),
      changes,
    };
  }

  async #work(): Promise<void> {
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        const running = this.#running;
        if (running === undefined) return;
        try {
          await this.#compare(running, next.turn, next.at);
        } catch {
          this.#note(running, 'failed');
        }
      }
    } finally {
      this.#working = false;
    }
  }

  async #compare(running: Running, turn: Turn, at: number): Promise<void> {
    const { candidate } = running;
    const classified = running.rereads
      ? await candidate.classifier.classify(turn.envelope.segments, turn.envelope.gaps, {
          signal: new AbortController().signal,
          nearMisses: 'omit',
        })
      : turn.weighed.base;
    const { input } = turn;
    const { model, tools, principal, protocol, chars, turns } = input;
    const textAt = textsOf(() => turn.envelope.segments);
    const weighed = weighEntities(
      classified,
      { model, tools, principal, protocol, chars, turns, textAt },
      candidate.policy,
    );
    const { classification } = weighed;
    const decision = decide(
      {
        ...input,
        verdict: classification.verdict,
        signals: classification.signals,
        relabelled: weighed.relabelled,
        band: running.sameBands ? input.band : bandOf(input.complexity, candidate.config.complexity, undefined),
      },
      weighed.policy,
    );
    const live = sideOf(turn.decision, turn.classification, classification);
    const other = sideOf(decision, classification, turn.classification);
    const alike = live.route === other.route && live.label === other.label && live.verdict === other.verdict;
    const difference = alike
      ? undefined
      : { id: turn.envelope.id, at, session: turn.trace.root.slice(0, 12), live, candidate: other };
    const outcome = alike ? 'same' : 'differs';
    this.#note(running, outcome, difference);
  }

  #note(running: Running, outcome: ShadowOutcome, difference?: ShadowDifference): void {
    note(running, outcome, difference);
    this.#count(outcome);
    this.#hear(outcome, difference);
  }
}

function note(running: Running, outcome: ShadowOutcome, difference: ShadowDifference | undefined): void {
  if (outcome === 'same') running.same += 1;
  else if (outcome === 'dropped') running.dropped += 1;
  else if (outcome === 'failed') running.failed += 1;
  else running.differing += 1;
  if (difference === undefined) return;
  const { live, candidate } = difference;
  const move =
    live.route === candidate.route
      ? `${live.route}, ${live.label} → ${candidate.label}`
      : `${live.route} → ${candidate.route}`;
  running.moves.set(move, (running.moves.get(move) ?? 0) + 1);
  running.differences.push(difference);
  if (running.differences.length > KEPT) running.differences.shift();
}

function sideOf(decision: Decision, own: Classification, other: Classification): ShadowSide {
  const others = new Set(other.verdict.findings.map((finding) => finding.entity));
  return {
    route: decision.route.kind,
    label: decision.label,
    verdict: own.verdict.kind,
    reasons: decision.reasons.map(describeReason),
    entities: [...new Set(own.verdict.findings.map((finding) => finding.entity))].filter((each) => !others.has(each)),
  };
}
