/**
 * The last decisions, in memory, for people who look now. Bounded; the oldest goes. A listener that throws or lags costs the requests nothing: it is called
 * after the reply, and what it cannot take it must drop itself.
 */
import type { RequestRecord } from './request-record.ts';

export interface DecisionFilter {
  readonly route?: string;
  readonly label?: string;
  readonly entity?: string;
  readonly outcome?: string;
  readonly principal?: string;
  readonly session?: string;
  /** Only what was kept inside or refused by what was found. */
  readonly held?: boolean;
}

type Listener = (record: RequestRecord) => void;

export class DecisionRing {
  readonly #capacity: number;
  readonly #records: RequestRecord[] = [];
  readonly #listeners = new Set<Listener>();
  /** Where the next record goes once the ring is full. */
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#records.length;
  }

  add(record: RequestRecord): void {
    if (this.#capacity > 0) {
      if (this.#records.length < this.#capacity) this.#records.push(record);
      else this.#records[this.#next] = record;
      this.#next = (this.#next + 1) % this.#capacity;
    }
    for (const listener of this.#listeners) {
      try {
        listener(record);
      } catch {
        // A viewer's fault is not the request's.
        this.#listeners.delete(listener);
      }
    }
  }

  /** newest gives at most `limit` records that pass, the newest first. */
  newest(filter: DecisionFilter, limit: number): readonly RequestRecord[] {
    const found: RequestRecord[] = [];
    const { length } = this.#records;
    for (let back = 1; back <= length && found.length < limit; back += 1) {
      const record = this.#records[(this.#next - back + length * 2) % length];
      if (record !== undefined && passes(record, filter)) found.push(record);
    }
    return found;
  }

  find(id: string): RequestRecord | undefined {
    return this.#records.find((record) => record.id === id);
  }

  /** listen calls back with every record from now on, until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

export function passes(record: RequestRecord, filter: DecisionFilter): boolean {
  return (
    (filter.route === undefined || record.route === filter.route) &&
    (filter.label === undefined || record.label === filter.label) &&
    (filter.outcome === undefined || record.outcome === filter.outcome) &&
    (filter.principal === undefined || record.principal === filter.principal) &&
    (filter.session === undefined || (filter.session !== '' && record.session.startsWith(filter.session))) &&
    (filter.entity === undefined || record.findings.some((finding) => finding.entity === filter.entity)) &&
    (filter.held !== true || (record.route !== 'cloud' && record.verdict !== 'clean'))
  );
}
