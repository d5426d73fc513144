/**
 * SQLite, built into Node: one file, write-ahead log, several processes on one machine. Fails closed: full, locked, read-only, damaged and removed files
 * are StoreFault; a file that was removed or swapped while open is noticed at the next write, because SQLite would go on writing into nothing.
 */
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { CommitWatch } from './commit-watch.ts';
import { type Database, type Row, StoreConflict, StoreFault, toDialect } from './database.ts';

const MEMORY = ':memory:';
/** SQLITE_CONSTRAINT and its extended codes share this low byte. */
const CONSTRAINT = 19;

export interface SqliteOptions {
  /** `off` survives a kill of the process, not a loss of power; `full` both, at the price of a flush to disk per write. */
  readonly flush: 'full' | 'off';
  /** How long a writer waits for another process. The event loop waits with it. */
  readonly busyMs?: number;
}

/** openSqlite opens or makes a file, or a database in memory for `:memory:`. Throws StoreFault. */
export function openSqlite(path: string, options: SqliteOptions): Database {
  let database: DatabaseSync;
  try {
    if (path !== MEMORY) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      makePrivate(path);
    }
    database = new DatabaseSync(path);
    database.exec(
      `PRAGMA busy_timeout = ${options.busyMs ?? 2000}; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.flush === 'full' ? 'FULL' : 'NORMAL'}; PRAGMA foreign_keys = ON`,
    );
    // A damaged file is found here, not at the first request.
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    if (path !== MEMORY) chmodSync(path, 0o600);
  } catch (error) {
    throw faultOf(error);
  }
  const inode = path === MEMORY ? 0 : statSync(path).ino;
  const prepared = new Map<string, StatementSync>();
  const version = database.prepare('PRAGMA data_version');
  const commits = path === MEMORY ? undefined : new CommitWatch(path);
  let lastVersion = 0;
  const statement = (sql: string): StatementSync => {
    let known = prepared.get(sql);
    if (known === undefined) prepared.set(sql, (known = database.prepare(toDialect(sql, 'sqlite'))));
    return known;
  };
  const stillThere = (): void => {
    if (inode === 0) return;
    const now = statSync(path, { throwIfNoEntry: false });
    if (now?.ino !== inode) throw new StoreFault('gone');
  };

  return {
    kind: 'sqlite',
    all(sql, params = []) {
      try {
        return statement(sql).all(...params) as unknown as readonly Row[];
      } catch (error) {
        throw faultOf(error);
      }
    },
    batch(statements) {
      try {
        stillThere();
        database.exec('BEGIN IMMEDIATE');
        for (const { sql, params = [] } of statements) statement(sql).run(...params);
        database.exec('COMMIT');
      } catch (error) {
        try {
          if (database.isTransaction) database.exec('ROLLBACK');
        } catch {
          // Nothing was begun; the fault below says all there is to say.
        }
        throw faultOf(error);
      }
    },
    foreignVersion() {
      // Before the version is asked for: a commit in between is then seen twice, not never.
      if (commits?.hasChanged() === false) return lastVersion;
      try {
        lastVersion = version.get()?.['data_version'] as number;
        return lastVersion;
      } catch (error) {
        throw faultOf(error);
      }
    },
    close() {
      if (!database.isOpen) return;
      commits?.close();
      database.close();
    },
  };
}

/** The log and its index get the mode the database has when they are made, so it is the owner's alone before SQLite sees it. What cannot be made is SQLite's to refuse. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
  } catch {
    // Read-only, or no folder: the open below says so with its own code.
  }
}

/** SQLite's own words may quote a statement; its code may not. */
function faultOf(error: unknown): Error {
  if (error instanceof StoreFault) return error;
  if (!(error instanceof Error)) return new StoreFault('unknown');
  if ('errcode' in error && typeof error.errcode === 'number')
    return (error.errcode & 0xff) === CONSTRAINT ? new StoreConflict() : new StoreFault(`sqlite_${error.errcode}`);
  return new StoreFault('code' in error ? String(error.code) : 'unknown');
}
