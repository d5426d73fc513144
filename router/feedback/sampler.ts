/**
 * Samples of live traffic, for tuning: off unless the policy gives a share. Of a decided request whose label is at or below `upTo` the newest text of a person is kept, sealed, where marks are kept, with the
 * decision's id and no principal. Off the way: drawn at the decision, written after it, few at a time. Fails closed: an unknown verdict, a label off the ladder, a long text or a store that fails keep nothing, and the request
 * never notices.
 */
import type { Config } from '../../config/schema.ts';
import { describeReason } from '../http/decision-headers.ts';
import type { Turn } from '../pipeline/prepare.ts';
import { rankOf } from '../policy/rank.ts';
import type { Store } from '../store/store.ts';
import { type FeedbackRow, FeedbackStore } from './feedback-store.ts';

export type SampleOutcome = 'kept' | 'too-large' | 'dropped' | 'failed';

/** Characters; longer texts are left out whole, because a cut one is another example. */
const LONGEST = 20_000;
/** Writes under way; each holds its turn. */
const WAITING = 16;

export interface SamplerOptions {
  readonly store: Pick<Store, 'kept'>;
  readonly config: Pick<Config, 'labels' | 'telemetry'>;
  readonly policyDigest: string;
  readonly count: (outcome: SampleOutcome) => void;
}

export class Sampler {
  readonly rows: FeedbackStore;
  readonly upTo: string;
  readonly #options: SamplerOptions;
  readonly #share: number;
  readonly #writing = new Set<Promise<void>>();

  constructor(options: SamplerOptions) {
    const { labels, telemetry } = options.config;
    const { share, upTo, days } = telemetry.sampling;
    this.#options = options;
    this.upTo = upTo === '' ? (labels[0] ?? '') : upTo;
    // A label nobody knows would rank above all, and let everything in.
    this.#share = labels.includes(this.upTo) ? share : 0;
    this.rows = new FeedbackStore(options.store, days, 'samples');
  }

  /** consider is called once a request is decided, and never throws. Switched off it costs one comparison. */
  consider(turn: Turn): void {
    if (this.#share === 0 || Math.random() >= this.#share || !this.#mayKeep(turn)) return;
    if (this.#writing.size >= WAITING) return this.#options.count('dropped');
    const writing = this.#write(turn, Date.now()).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  /** erase deletes every sample, also those being written, and answers how many there were. Throws StoreFault. */
  async erase(): Promise<number> {
    await Promise.all(this.#writing);
    return this.rows.erase();
  }

  #mayKeep({ classification, decision }: Turn): boolean {
    const { labels } = this.#options.config;
    return classification.verdict.kind !== 'unknown' && rankOf(labels, decision.label) <= rankOf(labels, this.upTo);
  }

  async #write(turn: Turn, at: number): Promise<void> {
    await new Promise((resolve) => void setImmediate(resolve));
    try {
      const row = rowOf(turn, at, this.#options.policyDigest.slice(0, 12));
      if (row === undefined) return;
      this.#options.count(row.text.length > LONGEST ? 'too-large' : await this.rows.add(row));
    } catch {
      this.#options.count('failed');
    }
  }
}

/** rowOf is `undefined` where no person said anything new: a turn of a tool loop has been considered before. */
function rowOf(
  { envelope, classification, decision }: Turn,
  at: number,
  policy: string,
): (FeedbackRow & { readonly text: string }) | undefined {
  const newest = envelope.chat.messages.at(-1);
  if (newest?.role !== 'user') return undefined;
  const text = newest.content.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n');
  if (text.trim() === '') return undefined;
  // What was found in older turns says nothing of this text.
  const inside = new Set(envelope.segments.filter((each) => text.includes(each.text)).map(({ pointer }) => pointer));
  const { verdict } = classification;
  const entities = verdict.findings.filter(({ span }) => inside.has(span.segment)).map(({ entity }) => entity);
  return {
    at,
    decision: envelope.id,
    kind: verdict.kind === 'sensitive' && entities.length > 0 ? 'held' : 'passed',
    by: '',
    route: decision.route.kind,
    label: decision.label,
    reasons: decision.reasons.map(describeReason),
    entities: [...new Set(entities)],
    policy,
    text,
  };
}
