/**
 * Where conversation marks outlive the process: SQLite, one row per keyed digest, no text. A mark is written before the reply it belongs to begins,
 * so a kill loses no label. Fails closed: what cannot be written throws StoreFault, and the caller refuses or stays local.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface Mark {
  /** Hex, keyed. */
  readonly digest: string;
  readonly label: string;
  /** Whether everything that raised it could be masked. */
  readonly maskable: boolean;
}

export interface MarkStore {
  load(): Iterable<Mark>;
  save(marks: readonly Mark[]): void;
  close(): void;
}

export class StoreFault extends Error {
  readonly code = 'store_unavailable';
  constructor() {
    super('store_unavailable');
  }
}

/** For the demo and for tests: remembers nothing past the process. */
export function createVolatileStore(): MarkStore {
  return { load: () => [], save: () => undefined, close: () => undefined };
}

export function openSqliteStore(stateDir: string): MarkStore {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(stateDir, 'sessions.db'));
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;
    CREATE TABLE IF NOT EXISTS mark (digest TEXT PRIMARY KEY, label TEXT NOT NULL, maskable INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;`);
  const insert = database.prepare(
    'INSERT INTO mark (digest, label, maskable, at) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET label = excluded.label, maskable = excluded.maskable',
  );
  const all = database.prepare('SELECT digest, label, maskable FROM mark ORDER BY at');
  return {
    *load() {
      for (const row of all.iterate())
        yield { digest: String(row['digest']), label: String(row['label']), maskable: row['maskable'] === 1 };
    },
    save(marks) {
      try {
        database.exec('BEGIN IMMEDIATE');
        for (const mark of marks) insert.run(mark.digest, mark.label, mark.maskable ? 1 : 0, Date.now());
        database.exec('COMMIT');
      } catch {
        try {
          database.exec('ROLLBACK');
        } catch {
          // Nothing was begun; the fault below says all there is to say.
        }
        throw new StoreFault();
      }
    },
    close: () => database.close(),
  };
}
