/**
 * What a key has left: a token bucket in one process of an instance, and budgets by day and month in the store. Use is counted here and written every half second, so that no request waits;
 * a kill loses that much, and instances may together go over a budget by what they do in that time. Fails closed: a budget whose state could
 * not be read lets nothing through.
 */
import type { KeyTerms } from '../../config/access-schema.ts';
import { oldestOf } from '../oldest.ts';
import type { Database } from '../store/database.ts';
import type { Principal } from './principal.ts';

export interface Use {
  readonly requests: number;
  readonly tokens: number;
  /** In millionths of the currency of `prices`. */
  readonly micros: number;
}

export type Taken =
  | { readonly kind: 'taken' }
  /** `retryAfterSeconds` 0 where waiting does not help. */
  | {
      readonly kind: 'barred';
      readonly code: 'rate_limited' | 'budget_exhausted' | 'keys_unavailable';
      readonly retryAfterSeconds: number;
    };

export interface Limits {
  /** One request of this principal. The bucket fills by a clock that nobody sets; which day's budget it is, the date says, and each day's is spent once. */
  take(principal: Principal): Promise<Taken>;
  /** Seconds to wait; 0 when a request of this key may go now, which then counts. */
  takeRate(keyId: string, rate: NonNullable<KeyTerms['rate']>): Promise<number>;
  /** What it came to, once it is known. */
  spend(principal: Principal, use: Omit<Use, 'requests'>): void;
  used(principal: string): Promise<{ readonly day: Use; readonly month: Use }>;
  /** Writes what was counted. Never throws; what cannot be written is kept for the next time. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const FLUSH_MS = 500;
const NOTHING: Use = { requests: 0, tokens: 0, micros: 0 };
const TAKEN: Taken = { kind: 'taken' };
const MAX_BUCKETS = 100_000;

interface Counter {
  /** As the store had it when last read; absent until then. */
  stored: Use | undefined;
  /** Counted here and not yet written. */
  pending: Use;
}
interface Bucket {
  tokens: number;
  at: number;
}

/** createLimits counts rates here, or where `takeRate` does: processes behind one port count them in one. */
export function createLimits(database: Database, takeRate?: Limits['takeRate']): Limits {
  const counters = new Map<string, Counter>();
  const buckets = new Map<string, Bucket>();
  const takeOldest = oldestOf(buckets);
  let flushing: Promise<void> | undefined;
  const timer = setInterval(() => void flush(), FLUSH_MS);
  timer.unref();

  const read = async (principal: string, period: string): Promise<Use> => {
    const [row] = await database.all(
      'SELECT requests, tokens, micros FROM usage WHERE principal = $1 AND period = $2',
      [principal, period],
    );
    return row === undefined
      ? NOTHING
      : { requests: Number(row['requests']), tokens: Number(row['tokens']), micros: Number(row['micros']) };
  };
  const counter = async (principal: string, period: string): Promise<Counter> => {
    const key = `${period}\n${principal}`;
    const known = counters.get(key);
    if (known?.stored !== undefined) return known;
    const stored = await read(principal, period);
    // Another request may have been faster while this one read.
    const made = counters.get(key) ?? { stored, pending: NOTHING };
    made.stored ??= stored;
    counters.set(key, made);
    return made;
  };

  async function writeOut(): Promise<void> {
    const dirty = [...counters].filter(([, each]) => each.pending !== NOTHING);
    const sent = dirty.map(([key, each]) => ({ key, each, use: each.pending }));
    if (sent.length > 0) {
      await database.batch(
        sent.map(({ key, use }) => {
          const [period = '', principal = ''] = key.split('\n');
          return {
            sql: `INSERT INTO usage (principal, period, requests, tokens, micros) VALUES ($1, $2, $3, $4, $5)
                  ON CONFLICT (principal, period) DO UPDATE SET requests = usage.requests + excluded.requests,
                  tokens = usage.tokens + excluded.tokens, micros = usage.micros + excluded.micros`,
            params: [principal, period, use.requests, use.tokens, use.micros],
          };
        }),
      );
      for (const { each, use } of sent) {
        each.pending = minus(each.pending, use);
        if (each.stored !== undefined) each.stored = plus(each.stored, use);
      }
    }
    // What the others used counts too; and periods that are over are let go.
    const current = new Set(Object.values(periodsOf(Date.now())));
    for (const [key, each] of counters) {
      const [period = '', principal = ''] = key.split('\n');
      if (!current.has(period) && each.pending === NOTHING) counters.delete(key);
      else if (database.kind === 'postgres' || sent.length > 0) each.stored = await read(principal, period);
    }
  }
  async function flush(): Promise<void> {
    flushing ??= writeOut()
      .catch(() => undefined)
      .finally(() => (flushing = undefined));
    await flushing;
  }

  const count = (principal: Principal, use: Use): void => {
    for (const period of Object.values(periodsOf(Date.now()))) {
      const key = `${period}\n${principal.id}`;
      // What was taken before midnight and is known only after it belongs to a day that nobody has asked for yet.
      const known = counters.get(key) ?? { stored: undefined, pending: NOTHING };
      known.pending = plus(known.pending, use);
      counters.set(key, known);
    }
  };

  const takeHere: Limits['takeRate'] = (keyId, rate) =>
    Promise.resolve(takeFrom(buckets, takeOldest, keyId, rate, performance.now()));

  return {
    async take(principal) {
      const { rate, budget } = principal.terms;
      if (rate !== undefined) {
        let wait: number;
        try {
          wait = await (takeRate ?? takeHere)(principal.keyId, rate);
        } catch {
          return { kind: 'barred', code: 'keys_unavailable', retryAfterSeconds: 5 };
        }
        if (wait > 0) return { kind: 'barred', code: 'rate_limited', retryAfterSeconds: wait };
      }
      if (!hasBudget(budget)) return TAKEN;
      try {
        const periods = periodsOf(Date.now());
        const counted = {
          day: await counter(principal.id, periods.day),
          month: await counter(principal.id, periods.month),
        };
        // Nothing is awaited from here to the count: of a hundred at once no two see the same last request left.
        for (const span of ['day', 'month'] as const) {
          const used = usedOf(counted[span]);
          if (
            used.requests + 1 > (budget.requests?.[span] ?? Infinity) ||
            used.tokens >= (budget.tokens?.[span] ?? Infinity) ||
            used.micros >= (budget.cost?.[span] ?? Infinity) * 1_000_000
          )
            return { kind: 'barred', code: 'budget_exhausted', retryAfterSeconds: 0 };
        }
      } catch {
        return { kind: 'barred', code: 'keys_unavailable', retryAfterSeconds: 5 };
      }
      count(principal, { requests: 1, tokens: 0, micros: 0 });
      return TAKEN;
    },
    takeRate: takeHere,
    spend(principal, use) {
      if (hasBudget(principal.terms.budget)) count(principal, { requests: 0, ...use });
    },
    async used(principal) {
      const periods = periodsOf(Date.now());
      return {
        day: usedOf(await counter(principal, periods.day)),
        month: usedOf(await counter(principal, periods.month)),
      };
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

/** Whether what an upstream counted bears on this key. */
export function countsTokens({ terms: { budget } }: Principal): boolean {
  return budget.tokens !== undefined || budget.cost !== undefined;
}

function hasBudget(budget: KeyTerms['budget']): boolean {
  return budget.requests !== undefined || budget.tokens !== undefined || budget.cost !== undefined;
}

/** takeFrom answers the seconds to wait, 0 when a token was there. */
function takeFrom(
  buckets: Map<string, Bucket>,
  takeOldest: () => void,
  key: string,
  { perMinute, burst }: { readonly perMinute: number; readonly burst: number },
  now: number,
): number {
  const perMs = perMinute / 60_000;
  const known = buckets.get(key) ?? { tokens: burst, at: now };
  const tokens = Math.min(burst, known.tokens + (now - known.at) * perMs);
  const has = tokens >= 1;
  buckets.delete(key);
  buckets.set(key, { tokens: has ? tokens - 1 : tokens, at: now });
  if (buckets.size > MAX_BUCKETS) takeOldest();
  return has ? 0 : Math.max(1, Math.ceil((1 - tokens) / perMs / 1000));
}

function periodsOf(now: number): { readonly day: string; readonly month: string } {
  const date = new Date(now).toISOString();
  return { day: `day:${date.slice(0, 10)}`, month: `month:${date.slice(0, 7)}` };
}

function usedOf({ stored, pending }: Counter): Use {
  return plus(stored ?? NOTHING, pending);
}

function plus(a: Use, b: Use): Use {
  return { requests: a.requests + b.requests, tokens: a.tokens + b.tokens, micros: a.micros + b.micros };
}

/** Nothing left is NOTHING itself, which is how a clean counter is known. */
function minus(a: Use, b: Use): Use {
  const left = { requests: a.requests - b.requests, tokens: a.tokens - b.tokens, micros: a.micros - b.micros };
  return left.requests === 0 && left.tokens === 0 && left.micros === 0 ? NOTHING : left;
}
