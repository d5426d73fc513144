/**
 * The writer: events in, sealed segments out. Off the path it costs a queue's push; the rest is done for all that came in a few hundred milliseconds together. Where the audit is required,
 * `commit` resolves once the event is on disk. Fails closed: `commit` says `failed`, and the caller does not do what it could not record; without `required`
 * what cannot be written waits, bounded, and what is dropped is counted into the chain.
 */
import { randomBytes } from 'node:crypto';
import { type Database, StoreConflict, StoreFault } from '../store/database.ts';
import type { AuditEvent } from './event.ts';
import { type Draft, GENESIS, packLines, seal } from './segment.ts';
import type { Signer } from './signer.ts';
import { hashAt, type Head, insertion, readAnchor, readHead } from './table.ts';

export interface AuditLog {
  readonly required: boolean;
  readonly database: Database;
  readonly signer: Signer;
  /** Whether what was appended last could be written. */
  readonly healthy: boolean;
  /** Never throws, never waits. */
  append(event: AuditEvent): void;
  /** On disk when it resolves `written`. */
  commit(event: AuditEvent): Promise<'written' | 'failed'>;
  /** Writes what waits. Resolves `failed` when something still does. */
  flush(): Promise<'written' | 'failed'>;
  /** Writes `stop` and what waits. The database is the caller's to close. */
  close(): Promise<void>;
}

export interface AuditLogOptions {
  readonly database: Database;
  readonly signer: Signer;
  readonly required: boolean;
  readonly flushMs: number;
  /** Written before an instance's first record: what it goes by. A command that only reads writes nothing. */
  readonly opening?: AuditEvent;
  readonly onFault?: (reason: string, waiting: number) => void;
  /** Told of every head that was written, for those who keep it elsewhere. */
  readonly onHead?: (head: Head) => void;
  /** For tests. */
  readonly now?: () => number;
}

/** Records waiting while nothing can be written. Some 10 MB. */
const MAX_WAITING = 20_000;
/** Records in one segment: what a reader unpacks at once, and what is located together. */
const MAX_RECORDS = 1_000;
/** Enough to be written without waiting for the timer. */
const FULL = 500;
const RACES = 8;

interface Waiting {
  readonly event: AuditEvent;
  readonly at: number;
  readonly settle: ((outcome: 'written' | 'failed') => void) | undefined;
}

export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { database, signer, now = Date.now } = options;
  const instance = randomBytes(6).toString('hex');
  let waiting: Waiting[] = [];
  let opened = false;
  let written = 0;
  let lost = 0;
  let head: Head | undefined;
  /** The last head this instance wrote: it must stay in the chain. */
  let own: Head | undefined;
  let version: number | undefined;
  let flushing: Promise<'written' | 'failed'> | undefined;
  /** Of those that wait, from the front: being written now. */
  let inFlight = 0;
  let healthy = true;
  let timer: NodeJS.Timeout | undefined;

  const schedule = (): void => {
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      void flush();
    }, options.flushMs);
    timer.unref();
  };

  function push(event: AuditEvent, settle: Waiting['settle']): void {
    if (!opened) {
      opened = true;
      if (options.opening !== undefined) waiting.push({ event: options.opening, at: now(), settle: undefined });
    }
    waiting.push({ event, at: now(), settle });
    if (waiting.length > MAX_WAITING) {
      // The oldest go, and their number stays; whoever waits for one is told.
      for (const each of waiting.splice(inFlight, MAX_WAITING / 10)) {
        each.settle?.('failed');
        lost += 1;
      }
    }
    if (waiting.length === FULL) void flush();
    else schedule();
  }

  async function place(): Promise<{ n: number; prev: string; missing?: Head }> {
    const seen = database.foreignVersion();
    let missing: Head | undefined;
    // Nobody else wrote since: what is known of the head still holds.
    if (head === undefined || seen === undefined || seen !== version) {
      head = await readHead(database);
      if (own !== undefined && !(await stillThere(own))) missing = own;
      version = seen;
    }
    if (head !== undefined) return { n: head.n + 1, prev: head.hash, ...(missing === undefined ? {} : { missing }) };
    const anchor = await readAnchor(database);
    if (anchor === undefined) return { n: 1, prev: GENESIS, ...(missing === undefined ? {} : { missing }) };
    const { upTo, hash } = JSON.parse(anchor.headerText) as { upTo: number; hash: string };
    return { n: upTo + 1, prev: hash, ...(missing === undefined ? {} : { missing }) };
  }

  async function stillThere(expected: Head): Promise<boolean> {
    const found = await hashAt(database, expected.n);
    if (found !== undefined) return found === expected.hash;
    const anchor = await readAnchor(database);
    return anchor !== undefined && (JSON.parse(anchor.headerText) as { upTo: number }).upTo >= expected.n;
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    const gone = lost;
    const first = written + gone + 1;
    const lines = batch.map(
      ({ event, at }, index) => `{"i":${first + index},"at":${at},${JSON.stringify(event).slice(1)}`,
    );
    const draft: Draft = {
      instance,
      first,
      lost: gone,
      lines,
      from: batch[0]?.at ?? 0,
      to: batch.at(-1)?.at ?? 0,
    };
    const packed = packLines(lines);
    for (let race = 1; ; race += 1) {
      const segment = seal(draft, packed, await place(), signer);
      try {
        await database.batch([insertion(segment)]);
      } catch (error) {
        if (!(error instanceof StoreConflict) || race >= RACES) throw error;
        // Somebody was faster; or a lost connection hid that this very segment was written.
        head = undefined;
        if ((await hashAt(database, segment.header.n)) !== segment.hash) continue;
      }
      head = { n: segment.header.n, hash: segment.hash };
      own = head;
      // Numbers of what was lost are used up with them.
      written += batch.length + gone;
      lost -= gone;
      options.onHead?.(head);
      return;
    }
  }

  async function drain(): Promise<'written' | 'failed'> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_RECORDS);
      inFlight = batch.length;
      try {
        await writeBatch(batch);
      } catch (error) {
        healthy = false;
        head = undefined;
        options.onFault?.(error instanceof StoreFault ? error.reason : 'fault', waiting.length);
        // Who waits for a record must not do what it stands for; the record itself stays, as what was meant.
        for (const each of waiting) each.settle?.('failed');
        waiting = waiting.map((each) => (each.settle === undefined ? each : { ...each, settle: undefined }));
        schedule();
        return 'failed';
      } finally {
        inFlight = 0;
      }
      healthy = true;
      // Only what stands behind them changed while they were written.
      waiting = waiting.slice(batch.length);
      for (const each of batch) each.settle?.('written');
    }
    return 'written';
  }

  async function flush(): Promise<'written' | 'failed'> {
    flushing ??= drain().finally(() => (flushing = undefined));
    return flushing;
  }

  return {
    required: options.required,
    database,
    signer,
    get healthy() {
      return healthy;
    },
    append: (event) => push(event, undefined),
    commit: (event) =>
      new Promise((resolve) => {
        let settled = false;
        push(event, (outcome) => {
          settled = true;
          resolve(outcome);
        });
        // At once; what comes while others are being written goes together in the next.
        void flush().then(() => (settled ? undefined : flush()));
      }),
    async flush() {
      const first = await flush();
      return waiting.length === 0 ? first : flush();
    },
    async close() {
      if (!opened) return;
      push({ kind: 'stop' }, undefined);
      await flush();
      if (waiting.length > 0) await flush();
      clearTimeout(timer);
    },
  };
}
