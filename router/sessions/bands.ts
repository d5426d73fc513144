/**
 * Which band a conversation was in, for hysteresis and to tell a history that was seen here from one that was not. Kept in memory, written a little later, and asked of the store only
 * for a conversation of more than one message that this process does not know. Fails safe: a band that is lost makes a history unseen.
 */
import { oldestOf } from '../oldest.ts';
import type { Awaitable, Database } from '../store/database.ts';

export type Band = 'simple' | 'complex';

export interface BandStore {
  /** Band of the latest of these chains that is known. */
  find(chains: readonly string[]): Awaitable<Band | undefined>;
  keep(chain: string, band: Band): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}

const HELD = 50_000;
const FLUSH_MS = 250;
/** Latest chains looked up in the store. */
const LOOKED_UP = 16;
const KEPT_MS = 30 * 24 * 3_600_000;

export function createBands(database: Database): BandStore {
  const held = new Map<string, Band>();
  const takeOldest = oldestOf(held);
  let pending = new Map<string, Band>();
  let flushing: Promise<void> | undefined;
  const timer = setInterval(() => void flush(), FLUSH_MS);
  timer.unref();

  const put = (chain: string, band: Band): void => {
    held.delete(chain);
    held.set(chain, band);
    if (held.size > HELD) takeOldest();
  };
  const here = (chains: readonly string[]): Band | undefined => {
    for (let index = chains.length - 1; index >= 0; index -= 1) {
      const band = held.get(chains[index] ?? '');
      if (band !== undefined) return band;
    }
    return undefined;
  };
  const ask = async (chains: readonly string[]): Promise<Band | undefined> => {
    const wanted = chains.slice(-LOOKED_UP);
    const rows = await database.all('SELECT digest, band FROM band WHERE digest IN {list}($1)', [
      JSON.stringify(wanted),
    ]);
    for (const row of rows) put(String(row['digest']), row['band'] === 'complex' ? 'complex' : 'simple');
    return here(wanted);
  };
  async function writeOut(): Promise<void> {
    if (pending.size === 0) return;
    const batch = pending;
    pending = new Map();
    const at = Date.now();
    try {
      await database.batch(
        (['simple', 'complex'] as const).flatMap((band) => {
          const chains = [...batch].filter(([, each]) => each === band).map(([chain]) => chain);
          return chains.length === 0
            ? []
            : [
                {
                  sql: `INSERT INTO band (digest, band, at) SELECT item.value, $2, $3 FROM {each}($1) WHERE true
                        ON CONFLICT (digest) DO UPDATE SET band = excluded.band, at = excluded.at`,
                  params: [JSON.stringify(chains.toSorted()), band, at],
                },
              ];
        }),
      );
    } catch {
      // Known here all the same; the next ones are tried again.
      if (pending.size < HELD) for (const [chain, band] of batch) if (!pending.has(chain)) pending.set(chain, band);
    }
  }
  async function flush(): Promise<void> {
    flushing ??= writeOut().finally(() => (flushing = undefined));
    await flushing;
  }

  return {
    find: (chains) => here(chains) ?? (chains.length > 1 ? ask(chains) : undefined),
    keep(chain, band) {
      if (held.get(chain) !== band) pending.set(chain, band);
      put(chain, band);
      if (pending.size > HELD) pending.delete(pending.keys().next().value ?? '');
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

/** pruneBands forgets what nobody came back to: the history then counts as unseen. */
export async function pruneBands(database: Database, now: number): Promise<void> {
  await database.batch([{ sql: 'DELETE FROM band WHERE at < $1', params: [now - KEPT_MS] }]);
}
