import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommitWatch } from '../../../router/store/commit-watch.ts';
import { openSqlite } from '../../../router/store/sqlite.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'commit-watch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function openPlain(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (x)');
  return database;
}

describe('the look at commits', () => {
  it('sees every commit of every connection, and nothing where there was none', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('own', 'other', 'rollback', 'checkpoint', 'restart', 'look'), { maxLength: 40 }),
        (steps) => {
          const path = join(folder, `${Math.random()}.db`);
          const own = openPlain(path);
          const other = openPlain(path);
          const watch = new CommitWatch(path);
          expect(watch.hasChanged()).toBe(true);
          let committed = false;
          for (const step of steps) {
            if (step === 'own' || step === 'other') {
              (step === 'own' ? own : other).exec('INSERT INTO t VALUES (1)');
              committed = true;
            } else if (step === 'rollback') other.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (2); ROLLBACK');
            else if (step === 'checkpoint') other.exec('PRAGMA wal_checkpoint(PASSIVE)');
            else if (step === 'restart') other.exec('PRAGMA wal_checkpoint(TRUNCATE)');
            else {
              const changed = watch.hasChanged();
              // Seen without a commit is only a query more; a commit unseen is a label unseen.
              if (committed) expect(changed).toBe(true);
              committed = false;
            }
          }
          const last = watch.hasChanged();
          if (committed) expect(last).toBe(true);
          expect(watch.hasChanged()).toBe(false);
          watch.close();
          own.close();
          other.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('counts what cannot be read as changed, every time', () => {
    const missing = new CommitWatch(join(folder, 'none.db'));
    expect([missing.hasChanged(), missing.hasChanged()]).toEqual([true, true]);
    const path = join(folder, 'cut.db');
    const database = openPlain(path);
    const watch = new CommitWatch(path);
    expect(watch.hasChanged()).toBe(true);
    database.close();
    truncateSync(join(folder, 'cut.db'), 0);
    watch.close();
    expect([watch.hasChanged(), watch.hasChanged()]).toEqual([true, true]);
  });

  it('gives the version of SQLite itself: it moves with what others commit and stays with what we do', () => {
    const path = join(folder, 'state.db');
    const database = openSqlite(path, { flush: 'off' });
    const pragma = new DatabaseSync(path);
    database.batch([{ sql: 'CREATE TABLE t (x)' }]);
    const first = database.foreignVersion();
    expect(database.foreignVersion()).toBe(first);
    database.batch([{ sql: 'INSERT INTO t VALUES (1)' }]);
    expect(database.foreignVersion()).toBe(first);
    pragma.exec('INSERT INTO t VALUES (2)');
    const second = database.foreignVersion();
    expect(second).not.toBe(first);
    expect(database.foreignVersion()).toBe(second);
    pragma.close();
    void database.close();
  });
});

it('a database, its log and its index are the owner’s alone, also beside an older file', () => {
  const path = join(folder, 'private.db');
  writeFileSync(path, '', { mode: 0o644 });
  const database = openSqlite(path, { flush: 'off' });
  database.batch([{ sql: 'CREATE TABLE t (x)' }]);
  for (const file of readdirSync(folder))
    expect([file, statSync(join(folder, file)).mode & 0o777]).toEqual([file, 0o600]);
  expect(readdirSync(folder).toSorted()).toEqual(['private.db', 'private.db-shm', 'private.db-wal']);
  void database.close();
});
