/**
 * The one store of an installation, on SQLite or PostgreSQL: marks of conversations, placeholder maps, keys, budgets, kept objects. Opened once by provisioning. Fails closed: a store that
 * cannot be opened, is newer than this Sluice or belongs to another installation's key is a problem at start, and nothing is served.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { earliestNow, latestNow } from '../../config/clock.ts';
import { createPlaceholderTable, type PlaceholderTable } from '../masking/placeholder-table.ts';
import { createBands, pruneBands } from '../sessions/bands.ts';
import { createLocalMarks, createSharedMarks, type MarkOptions, type MarkStore } from '../sessions/marks.ts';
import type { BandStore } from '../sessions/bands.ts';
import { type Database, StoreFault } from './database.ts';
import { createKept, type KeptLimits, type KeptObjects, pruneKept } from './kept.ts';
import { migrate, proveKey } from './schema.ts';
import { openSqlite } from './sqlite.ts';

export interface Store {
  readonly database: Database;
  readonly marks: MarkStore;
  readonly bands: BandStore;
  readonly placeholders: PlaceholderTable;
  /** Objects of one kind, sealed, each with an owner, a label and an end. */
  kept(kind: string, limits?: Partial<KeptLimits>): KeptObjects;
  close(): Promise<void>;
}

export type OpenedStore =
  | { readonly kind: 'store'; readonly store: Store }
  /** `reason`: the database's code; `cure`: what the operator can do. */
  | { readonly kind: 'failed'; readonly reason: string; readonly cure: string };

export interface StoreOptions extends MarkOptions {
  readonly key: Buffer;
  /** Days a placeholder map is kept after it was last added to. */
  readonly placeholderDays?: number;
}

const PRUNE_MS = 3_600_000;
const DAY_MS = 86_400_000;
const PLACEHOLDER_DAYS = 30;

/** openFileStore opens `sluice.db` in the state directory; without one, a store in memory that ends with the process. */
export async function openFileStore(stateDir: string | undefined, options: StoreOptions): Promise<OpenedStore> {
  return open(async () => {
    const database = openSqlite(stateDir === undefined ? ':memory:' : join(stateDir, 'sluice.db'), { flush: 'full' });
    await migrate(database);
    await proveKey(database, options.key);
    if (stateDir !== undefined) await takeOverSessions(database, join(stateDir, 'sessions.db'));
    return database;
  }, options);
}

/** openStoreOn is for a database that is open already. */
export async function openStoreOn(database: Database, options: StoreOptions): Promise<OpenedStore> {
  return open(async () => {
    await migrate(database);
    await proveKey(database, options.key);
    return database;
  }, options);
}

async function open(connect: () => Promise<Database>, options: StoreOptions): Promise<OpenedStore> {
  try {
    const database = await connect();
    const marks =
      database.kind === 'sqlite' ? createLocalMarks(database, options) : createSharedMarks(database, options);
    const bands = createBands(database);
    const placeholders = createPlaceholderTable(database);
    const timer = setInterval(
      () => void tidy(database, placeholders, options.placeholderDays ?? PLACEHOLDER_DAYS),
      PRUNE_MS,
    );
    timer.unref();
    return {
      kind: 'store',
      store: {
        database,
        marks,
        bands,
        placeholders,
        kept: (kind, limits) => createKept(database, options.key, kind, limits),
        async close() {
          clearInterval(timer);
          await bands.close();
          await database.close();
        },
      },
    };
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    return { kind: 'failed', reason: error.reason, cure: cureOf(error.reason) };
  }
}

async function tidy(database: Database, placeholders: PlaceholderTable, placeholderDays: number): Promise<void> {
  try {
    await pruneBands(database, earliestNow());
    await placeholders.prune(earliestNow() - placeholderDays * DAY_MS);
    await pruneKept(database, latestNow());
  } catch {
    // Old rows cost room and nothing else; the next hour tries again.
  }
}

/** Marks of versions that had a file for them alone. Read once more is harmless: marks only rise. */
async function takeOverSessions(database: Database, path: string): Promise<void> {
  if (!existsSync(path)) return;
  const [done] = await database.all('SELECT count(*) AS count FROM mark');
  if (Number(done?.['count']) > 0) return;
  const old = openSqlite(path, { flush: 'full' });
  try {
    const rows = await old.all('SELECT digest, label, maskable, at FROM mark ORDER BY at');
    await database.batch(
      rows.map((row, index) => ({
        sql: 'INSERT INTO mark (digest, label, maskable, at, seq) VALUES ($1, $2, $3, $4, $5)',
        params: [row['digest'] ?? '', row['label'] ?? '', row['maskable'] ?? 0, row['at'] ?? 0, index + 1],
      })),
    );
  } finally {
    await old.close();
  }
}

function cureOf(reason: string): string {
  switch (reason) {
    case 'newer_schema':
      return 'it was written by a newer Sluice; run that one, or point stateDir elsewhere';
    case 'other_key':
      return 'it belongs to another installation key; restore digest.key, or give all instances the same store.key';
    case 'unreachable':
      return 'the database does not answer; check store.url and that PostgreSQL runs';
    case 'sqlite_26':
    case 'sqlite_11':
      return 'the file is damaged; restore it from a backup, or move it away and lose what it remembered';
    case 'sqlite_14':
      return 'the state directory cannot be opened or written';
    default:
      return 'see docs/operations.md, "State"';
  }
}
