/**
 * Objects kept for somebody, sealed: bodies of stored responses, and whatever else a surface has to remember. Each has an owner, a label and an end; nobody else finds it. Fails closed: StoreFault; what
 * does not open, or is too large, is not there or not kept.
 */
import { latestNow } from '../../config/clock.ts';
import type { Awaitable, Database } from './database.ts';
import { Sealer } from './sealed.ts';

export interface KeptObject {
  readonly id: string;
  readonly label: string;
  readonly value: Buffer;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

export interface KeptLimits {
  /** Bytes of one value. */
  readonly maxBytes: number;
  /** Objects of one owner; the oldest go first. */
  readonly maxPerOwner: number;
}

export interface KeptObjects {
  /** `too-large` leaves what was there before. */
  put(
    owner: string,
    id: string,
    value: string | Uint8Array,
    options: { readonly label: string; readonly ttlMs: number },
  ): Promise<'kept' | 'too-large'>;
  get(owner: string, id: string): Promise<KeptObject | undefined>;
  /** `false` when there was none. */
  remove(owner: string, id: string): Promise<boolean>;
  /** Every object of one owner; `undefined` in the place of one that does not open. */
  all(owner: string): Promise<readonly (KeptObject | undefined)[]>;
  /** Deletes every object of one owner, and answers how many there were. */
  clear(owner: string): Promise<number>;
  /** Ids of one owner, newest first. */
  list(owner: string): Promise<readonly { readonly id: string; readonly label: string; readonly createdAt: number }[]>;
}

const LIMITS: KeptLimits = { maxBytes: 8 * 1024 * 1024, maxPerOwner: 10_000 };

/** createKept keeps objects of one `kind`, a word of ours. */
export function createKept(
  database: Database,
  installationKey: Buffer,
  kind: string,
  limits: Partial<KeptLimits> = {},
): KeptObjects {
  const { maxBytes, maxPerOwner } = { ...LIMITS, ...limits };
  const sealer = new Sealer(installationKey, `sluice kept ${kind}`);
  // The lengths keep (`a`, `bc`) and (`ab`, `c`) apart.
  const placeOf = (owner: string, id: string): string => `${owner.length}\n${owner}\n${id}`;
  return {
    async put(owner, id, value, { label, ttlMs }) {
      if (Buffer.byteLength(value) > maxBytes) return 'too-large';
      const sealed = sealer.seal(value, placeOf(owner, id));
      const at = Date.now();
      await database.batch([
        {
          sql: `INSERT INTO kept (kind, owner, id, label, sealed, bytes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                ON CONFLICT (kind, owner, id) DO UPDATE SET label = excluded.label, sealed = excluded.sealed, bytes = excluded.bytes,
                created_at = excluded.created_at, expires_at = excluded.expires_at`,
          params: [kind, owner, id, label, sealed, sealed.length, at, at + ttlMs],
        },
        {
          sql: `DELETE FROM kept WHERE kind = $1 AND owner = $2 AND id IN (SELECT id FROM kept WHERE kind = $1 AND owner = $2
                ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET $3)`,
          params: [kind, owner, maxPerOwner],
        },
      ]);
      return 'kept';
    },
    async get(owner, id) {
      const [row] = await database.all(
        'SELECT label, sealed, created_at FROM kept WHERE kind = $1 AND owner = $2 AND id = $3 AND expires_at > $4',
        [kind, owner, id, latestNow()],
      );
      const value = row === undefined ? undefined : sealer.open(row['sealed'] as Uint8Array, placeOf(owner, id));
      return row === undefined || value === undefined
        ? undefined
        : { id, label: String(row['label']), value, createdAt: Number(row['created_at']) };
    },
    async remove(owner, id) {
      const there = await database.all(
        'SELECT 1 AS one FROM kept WHERE kind = $1 AND owner = $2 AND id = $3 AND expires_at > $4',
        [kind, owner, id, latestNow()],
      );
      if (there.length === 0) return false;
      await database.batch([
        { sql: 'DELETE FROM kept WHERE kind = $1 AND owner = $2 AND id = $3', params: [kind, owner, id] },
      ]);
      return true;
    },
    async all(owner) {
      const rows = await database.all(
        'SELECT id, label, sealed, created_at FROM kept WHERE kind = $1 AND owner = $2 AND expires_at > $3 ORDER BY created_at, id',
        [kind, owner, latestNow()],
      );
      return rows.map((row) => {
        const id = String(row['id']);
        const value = sealer.open(row['sealed'] as Uint8Array, placeOf(owner, id));
        return value === undefined
          ? undefined
          : { id, label: String(row['label']), value, createdAt: Number(row['created_at']) };
      });
    },
    async clear(owner) {
      const there = await database.all('SELECT count(*) AS count FROM kept WHERE kind = $1 AND owner = $2', [
        kind,
        owner,
      ]);
      await database.batch([{ sql: 'DELETE FROM kept WHERE kind = $1 AND owner = $2', params: [kind, owner] }]);
      return Number(there[0]?.['count'] ?? 0);
    },
    async list(owner) {
      const rows = await database.all(
        'SELECT id, label, created_at FROM kept WHERE kind = $1 AND owner = $2 AND expires_at > $3 ORDER BY created_at DESC, id DESC',
        [kind, owner, latestNow()],
      );
      return rows.map((row) => ({
        id: String(row['id']),
        label: String(row['label']),
        createdAt: Number(row['created_at']),
      }));
    },
  };
}

/** pruneKept deletes what has ended. */
export function pruneKept(database: Database, at: number): Awaitable<void> {
  return database.batch([{ sql: 'DELETE FROM kept WHERE expires_at <= $1', params: [at] }]);
}
