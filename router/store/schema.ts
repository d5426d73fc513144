/**
 * The store's tables and how they came to be: one list of migrations for both databases, each applied once and whole. Fails closed: a store made by a newer Sluice,
 * or with another installation's key, is not opened.
 */
import { createHmac } from 'node:crypto';
import { type Database, type Statement, StoreConflict, StoreFault } from './database.ts';

/** Appended to, never changed: what was once released stays. No column holds text of a request in the clear. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    // Marks of conversations: keyed digests. `seq` orders writes where one writer at a time makes it an order (SQLite).
    `CREATE TABLE mark (digest TEXT PRIMARY KEY, label TEXT NOT NULL, maskable {integer} NOT NULL, at {integer} NOT NULL, seq {integer} NOT NULL)`,
    `CREATE INDEX mark_seq ON mark (seq)`,
    `CREATE TABLE band (digest TEXT PRIMARY KEY, band TEXT NOT NULL, at {integer} NOT NULL)`,
    // What a placeholder stands for, sealed under a key bound to principal and conversation.
    `CREATE TABLE placeholder (scope TEXT NOT NULL, token TEXT NOT NULL, sealed {blob} NOT NULL, at {integer} NOT NULL, PRIMARY KEY (scope, token))`,
    `CREATE INDEX placeholder_at ON placeholder (at)`,
    `CREATE TABLE api_key (id TEXT PRIMARY KEY, digest TEXT NOT NULL, role TEXT NOT NULL, principal TEXT NOT NULL, terms TEXT NOT NULL,
       created_at {integer} NOT NULL, expires_at {integer} NOT NULL, revoked_at {integer} NOT NULL)`,
    `CREATE TABLE usage (principal TEXT NOT NULL, period TEXT NOT NULL, requests {integer} NOT NULL, tokens {integer} NOT NULL, micros {integer} NOT NULL, PRIMARY KEY (principal, period))`,
    // Kept objects (stored responses, feedback samples): sealed, owned, with an end.
    `CREATE TABLE kept (kind TEXT NOT NULL, owner TEXT NOT NULL, id TEXT NOT NULL, label TEXT NOT NULL, sealed {blob} NOT NULL, bytes {integer} NOT NULL,
       created_at {integer} NOT NULL, expires_at {integer} NOT NULL, PRIMARY KEY (kind, owner, id))`,
    `CREATE INDEX kept_expires ON kept (expires_at)`,
  ],
];

/** migrate brings a database to the version of this Sluice. Several processes may do so at once. */
export async function migrate(
  database: Database,
  migrations: readonly (readonly string[])[] = MIGRATIONS,
  /** The table's own, so that the audit's file and the store's can each have one in the same database. */
  table = 'store_version',
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await migrateOnce(database, migrations, table);
      return;
    } catch (error) {
      // Another process was faster: what it made is looked at afresh.
      if (attempt >= 3 || (database.kind === 'sqlite' && !(error instanceof StoreConflict))) throw error;
    }
  }
}

async function migrateOnce(
  database: Database,
  migrations: readonly (readonly string[])[],
  table: string,
): Promise<void> {
  await database.batch([
    ...lock(database),
    { sql: `CREATE TABLE IF NOT EXISTS ${table} (version {integer} PRIMARY KEY, at {integer} NOT NULL)` },
  ]);
  const [row] = await database.all(`SELECT coalesce(max(version), 0) AS version FROM ${table}`);
  const have = Number(row?.['version'] ?? 0);
  if (have > migrations.length) throw new StoreFault('newer_schema');
  for (const [index, statements] of migrations.entries()) {
    if (index < have) continue;
    await database.batch([
      ...lock(database),
      // First, so that the slower of two processes fails here and changes nothing.
      { sql: `INSERT INTO ${table} (version, at) VALUES ($1, $2)`, params: [index + 1, Date.now()] },
      ...statements.map((sql) => ({ sql })),
    ]);
  }
}

/** PostgreSQL runs two CREATE TABLE IF NOT EXISTS side by side into an error. Any number does, as long as it is always the same. */
function lock(database: Database): readonly Statement[] {
  return database.kind === 'postgres' ? [{ sql: 'SELECT pg_advisory_xact_lock(7358301)' }] : [];
}

/** Digests of another key match nothing: the latch would be open and nobody would see it. */
export async function proveKey(database: Database, key: Buffer): Promise<void> {
  const proof = createHmac('sha256', key).update('sluice store').digest('hex');
  await database.batch([
    ...lock(database),
    { sql: 'CREATE TABLE IF NOT EXISTS installation (one {integer} PRIMARY KEY, proof TEXT NOT NULL)' },
    { sql: 'INSERT INTO installation (one, proof) VALUES (1, $1) ON CONFLICT (one) DO NOTHING', params: [proof] },
  ]);
  const [row] = await database.all('SELECT proof FROM installation WHERE one = 1');
  if (row?.['proof'] !== proof) throw new StoreFault('other_key');
}
