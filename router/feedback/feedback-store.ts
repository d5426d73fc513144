/**
 * Decisions that people marked as wrong, and samples of traffic, for evaluate and tune: sealed objects in the store, so all processes and instances see them. Text is in a mark only where the policy consents
 * and the person gave it; samples are taken only where they are switched on (sampler.ts). Fails closed: StoreFault; what cannot be written is not kept, and what does not open is counted, not guessed at.
 */
import { randomBytes } from 'node:crypto';
import type { RowLabel } from '../evaluation/row.ts';
import type { KeptObjects } from '../store/kept.ts';
import type { Store } from '../store/store.ts';

export type MarkKind = 'missed' | 'over-flagged';
/** `passed` and `held` are samples: what Sluice itself thought, and nobody has checked it. */
export type RowKind = MarkKind | 'passed' | 'held';

export interface FeedbackRow {
  readonly at: number;
  /** Id of the decision; empty when it was given with a text alone. */
  readonly decision: string;
  readonly kind: RowKind;
  /** Who marked it; empty for a sample. */
  readonly by: string;
  readonly route: string;
  readonly label: string;
  readonly reasons: readonly string[];
  readonly entities: readonly string[];
  readonly policy: string;
  /** Absent without consent. */
  readonly text?: string;
}

export interface ReadFeedback {
  /** Oldest first. */
  readonly rows: readonly FeedbackRow[];
  /** Sealed by another key, or damaged. */
  readonly unreadable: number;
}

/** Of the installation: a row belongs to nobody, and everybody who may look sees all. Of `most` the oldest go first. */
const PLACES = {
  marks: { owner: 'installation', most: 5_000 },
  samples: { owner: 'samples', most: 2_000 },
} as const;
const TRUTHS: Readonly<Record<RowKind, RowLabel>> = {
  missed: 'sensitive',
  'over-flagged': 'safe',
  passed: 'presumed_safe',
  held: 'sensitive',
};
const DAY_MS = 86_400_000;

export class FeedbackStore {
  readonly #kept: KeptObjects;
  readonly #owner: string;
  readonly #source: string;
  readonly #days: number;

  /** `days`: how long a row is kept. */
  constructor(store: Pick<Store, 'kept'>, days: number, rows: keyof typeof PLACES = 'marks') {
    const { owner, most } = PLACES[rows];
    this.#kept = store.kept('feedback', { maxPerOwner: most });
    this.#owner = owner;
    this.#source = rows === 'marks' ? 'feedback' : 'sample';
    this.#days = days;
  }

  add(row: FeedbackRow): Promise<'kept' | 'too-large'> {
    // Names begin with the time, so that marks of one millisecond have an order too.
    const id = `${String(row.at).padStart(15, '0')}-${randomBytes(6).toString('hex')}`;
    return this.#kept.put(this.#owner, id, JSON.stringify(row), { label: row.label, ttlMs: this.#days * DAY_MS });
  }

  async read(): Promise<ReadFeedback> {
    const objects = await this.#kept.all(this.#owner);
    const rows = objects.flatMap((each) =>
      // Only we hold the key, so what opens is what we wrote.
      each === undefined ? [] : [JSON.parse(each.value.toString('utf8')) as FeedbackRow],
    );
    return { rows: rows.toSorted((one, other) => one.at - other.at), unreadable: objects.length - rows.length };
  }

  /** count is of the rows that are there, without opening one. */
  async count(): Promise<number> {
    return (await this.#kept.list(this.#owner)).length;
  }

  /** erase deletes every row, and answers how many there were. */
  erase(): Promise<number> {
    return this.#kept.clear(this.#owner);
  }

  /** labelledRows are the rows with a text, as lines that evaluate and tune read. */
  async labelledRows(): Promise<string> {
    const { rows } = await this.read();
    return rows
      .filter((row) => row.text !== undefined)
      .map((row, index) =>
        JSON.stringify({
          id: row.decision === '' ? `${this.#source}-${index + 1}` : row.decision,
          source: this.#source,
          label: TRUTHS[row.kind],
          text: row.text,
        }),
      )
      .join('\n');
  }
}
