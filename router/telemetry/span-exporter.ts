/**
 * Records to a collector, in batches, off the way of requests. Bounded: past the queue's end the newest are dropped and counted, because a collector that is
 * away must cost neither memory nor time. One export at a time, no retry of a batch. Fails by forgetting: nothing waits for it, nothing depends on it.
 */
import type { RequestRecord } from './request-record.ts';
import { encodeSpans, type SpanBatch } from './otlp.ts';

/** Sends one batch; false when the collector did not take it. Never rejects. */
export type SendSpans = (batch: SpanBatch) => Promise<boolean>;

export interface SpanExporterOptions {
  readonly send: SendSpans;
  readonly count: (outcome: 'exported' | 'failed' | 'dropped', records: number) => void;
  readonly resource: Readonly<Record<string, string>>;
  readonly batch?: number;
  readonly queue?: number;
  readonly everyMs?: number;
}

export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #batch: number;
  readonly #queue: number;
  readonly #timer: NodeJS.Timeout;
  #waiting: RequestRecord[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#batch = options.batch ?? 256;
    this.#queue = options.queue ?? 2_048;
    this.#timer = setInterval(() => void this.flush(), options.everyMs ?? 5_000);
    this.#timer.unref();
  }

  add(record: RequestRecord): void {
    if (record.trace === undefined) return;
    if (this.#waiting.length >= this.#queue) return this.#options.count('dropped', 1);
    this.#waiting.push(record);
    if (this.#waiting.length >= this.#batch && this.#sending === undefined) void this.flush();
  }

  /** flush sends what waits and settles when it is gone, one way or the other. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
    while (this.#waiting.length > 0) {
      const records = this.#waiting.splice(0, this.#batch);
      this.#sending = this.#send(records);
      await this.#sending;
      this.#sending = undefined;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  async #send(records: readonly RequestRecord[]): Promise<void> {
    let taken = false;
    try {
      taken = await this.#options.send(encodeSpans(records, this.#options.resource));
    } catch {
      // As if refused: a batch is never worth a second try.
    }
    this.#options.count(taken ? 'exported' : 'failed', records.length);
  }
}
