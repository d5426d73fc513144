/**
 * Decisions that people marked as wrong, for evaluate and tune: sealed objects in the store, so all processes and instances see them. Text is in one only where the policy consents and the person gave it. Fails
 * closed: StoreFault; what cannot be written is not kept, and what does not open is counted, not guessed at.
 */
import { randomBytes } from 'node:crypto';
import type { KeptObjects } from '../store/kept.ts';
import type { Store } from '../store/store.ts';

export interface FeedbackRow {
  readonly at: number;
  /** Id of the decision; empty when it was given with a text alone. */
  readonly decision: string;
  readonly kind: 'missed' | 'over-flagged';
  /** Who marked it. */
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

/** Of the installation: a mark belongs to nobody, and everybody who may look sees all. */
const OWNER = 'installation';
/** The oldest go first. */
const MOST = 5_000;
const DAY_MS = 86_400_000;

export class FeedbackStore {
  readonly #kept: KeptObjects;
  readonly #days: number;

  /** `days`: how long a mark is kept. */
  constructor(store: Pick<Store, 'kept'>, days: number) {
    this.#kept = store.kept('feedback', { maxPerOwner: MOST });
    this.#days = days;
  }

  add(row: FeedbackRow): Promise<'kept' | 'too-large'> {
    // Names begin with the time, so that marks of one millisecond have an order too.
    const id = `${String(row.at).padStart(15, '0')}-${randomBytes(6).toString('hex')}`;
    return this.#kept.put(OWNER, id, JSON.stringify(row), { label: row.label, ttlMs: this.#days * DAY_MS });
  }

  async read(): Promise<ReadFeedback> {
    const objects = await this.#kept.all(OWNER);
    const rows = objects.flatMap((each) =>
      // Only we hold the key, so what opens is what we wrote.
      each === undefined ? [] : [JSON.parse(each.value.toString('utf8')) as FeedbackRow],
    );
    return { rows: rows.toSorted((one, other) => one.at - other.at), unreadable: objects.length - rows.length };
  }

  /** erase deletes every mark, and answers how many there were. */
  erase(): Promise<number> {
    return this.#kept.clear(OWNER);
  }

  /** labelledRows are the marks with a text, as lines that evaluate and tune read. */
  async labelledRows(): Promise<string> {
    const { rows } = await this.read();
    return rows
      .filter((row) => row.text !== undefined)
      .map((row, index) =>
        JSON.stringify({
          id: row.decision === '' ? `feedback-${index + 1}` : row.decision,
          source: 'feedback',
          label: row.kind === 'missed' ? 'sensitive' : 'safe',
          text: row.text,
        }),
      )
      .join('\n');
  }
}
