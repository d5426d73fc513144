import { hash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../../router/store/sqlite.ts';
import { CARD, COMPLEX, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const open: TestSluice[] = [];
const directories: string[] = [];
const undo: (() => void)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0)) each();
  await Promise.all(open.splice(0).map((sluice) => sluice.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
async function start(config = ''): Promise<{ readonly sluice: TestSluice; readonly directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'faults-'));
  directories.push(directory);
  const sluice = await startSluice({ stateDir: directory, config });
  open.push(sluice);
  return { sluice, directory };
}
const outcome = async (sluice: TestSluice, body: object): Promise<string> => {
  const response = await sluice.ask(body);
  const text = await response.text();
  return response.status === 200
    ? (response.headers.get('x-sluice-route') ?? '')
    : (JSON.parse(text) as { error: { code: string } }).error.code;
};

/** What befalls a database file that a running Sluice has open. */
type Fault = (sluice: TestSluice, path: string, of: 'store' | 'audit') => void | Promise<void>;
const databaseOf = (sluice: TestSluice, of: 'store' | 'audit') =>
  of === 'store' ? sluice.context.store.database : sluice.context.audit.log.database;
const FAULTS: readonly (readonly [string, Fault])[] = [
  [
    'full',
    async (sluice, _, of) => {
      const database = databaseOf(sluice, of);
      const [row] = await database.all('PRAGMA page_count');
      await database.all(`PRAGMA max_page_count = ${Number(row?.['page_count'])}`);
      // What is free inside the file is used up first, by what is written anyway.
      for (let count = 0; count < 5_000; count += 1)
        if (of === 'store')
          try {
            await sluice.context.store.marks.raise([hash('sha256', String(count))], 'restricted', false);
          } catch {
            return;
          }
        else {
          sluice.context.audit.log.append({ kind: 'refused-callers', code: 'filler', count });
          if ((await sluice.context.audit.log.flush()) === 'failed') return;
        }
      throw new Error('never full');
    },
  ],
  ['read-only', async (sluice, _, of) => void (await databaseOf(sluice, of).all('PRAGMA query_only = ON'))],
  [
    'locked by somebody else',
    async (sluice, path, of) => {
      await databaseOf(sluice, of).all('PRAGMA busy_timeout = 20');
      const other = openSqlite(path, { flush: 'off' });
      await other.all('BEGIN IMMEDIATE');
      undo.push(() => void other.close());
    },
  ],
  ['removed', (_, path) => unlinkSync(path)],
  [
    'swapped for another',
    (_, path) => {
      copyFileSync(path, `${path}.old`);
      renameSync(`${path}.old`, path);
    },
  ],
];

describe('the store’s file, while Sluice runs', () => {
  it.each(FAULTS)('%s: nothing that must be remembered goes on, and nothing of it leaves', async (_, fault) => {
    const { sluice, directory } = await start();
    expect(await outcome(sluice, say(`Block ${CARD} first`))).toBe('local');
    await fault(sluice, join(directory, 'sluice.db'), 'store');
    expect(await outcome(sluice, say(`Block ${CARD} now`))).toBe('store_unavailable');
    // What would be masked needs its placeholders kept, and its mark.
    expect(await outcome(sluice, say(`${COMPLEX} Mail jane.roe@corp-mail.example`))).toBe('store_unavailable');
    // Nothing is found in it, and what it was before can still be read.
    expect(await outcome(sluice, say(COMPLEX))).toBe('cloud');
    expect(sluice.sentToCloud()).not.toContain(CARD);
    expect(sluice.sentToCloud()).not.toContain('jane.roe');
    expect(sluice.logged()).toContain('"event":"store-failed"');
  });
});

describe('the audit’s file, while Sluice runs', () => {
  it.each(FAULTS)('%s: required, nothing happens unrecorded', async (_, fault) => {
    const { sluice, directory } = await start('audit: { required: true }');
    expect(await outcome(sluice, say(COMPLEX))).toBe('cloud');
    await sluice.context.audit.log.flush();
    const before = [sluice.cloud.requests.length, sluice.local.chats().length];
    await fault(sluice, join(directory, 'audit.db'), 'audit');
    for (const body of [say(COMPLEX), say('hello'), say(`Block ${CARD}`)])
      expect(await outcome(sluice, body)).toBe('audit_unavailable');
    expect([sluice.cloud.requests.length, sluice.local.chats().length]).toEqual(before);
  });

  it.each(FAULTS)('%s: not required, requests are served and the fault is told', async (_, fault) => {
    const { sluice, directory } = await start();
    expect(await outcome(sluice, say(COMPLEX))).toBe('cloud');
    await sluice.context.audit.log.flush();
    await fault(sluice, join(directory, 'audit.db'), 'audit');
    expect(await outcome(sluice, say(COMPLEX))).toBe('cloud');
    await sluice.context.audit.log.flush();
    expect(sluice.context.audit.log.healthy).toBe(false);
    expect(sluice.logged()).toContain('"event":"audit-failed"');
  });
});

describe('a file that is damaged', () => {
  const damage = (path: string): void => {
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(statSync(path).size, 0x5a), 0);
  };

  it.each(['sluice.db', 'audit.db'])('%s: Sluice does not start on it, and says which and why', async (name) => {
    const { sluice, directory } = await start();
    await sluice.close();
    open.splice(0);
    for (const suffix of ['-wal', '-shm'])
      if (existsSync(join(directory, name + suffix))) unlinkSync(join(directory, name + suffix));
    damage(join(directory, name));
    await expect(startSluice({ stateDir: directory })).rejects.toThrow(/sqlite_26/);
  });

  it('while it runs: what cannot be known stays inside', async () => {
    const { sluice, directory } = await start();
    expect(await outcome(sluice, say(`Block ${CARD} first`))).toBe('local');
    const other = openSqlite(join(directory, 'sluice.db'), { flush: 'off' });
    await other.all('PRAGMA wal_checkpoint(TRUNCATE)');
    // Somebody else writes, so what is there is read again; and what is there is damaged.
    await other.batch([{ sql: "INSERT INTO mark VALUES ('00', 'internal', 1, 0, 99)" }]);
    await other.all('PRAGMA wal_checkpoint(TRUNCATE)');
    damage(join(directory, 'sluice.db'));
    await sluice.context.store.database.all('PRAGMA cache_size = 0');
    expect(await outcome(sluice, say(COMPLEX))).toBe('local');
    expect(await outcome(sluice, say(`Block ${CARD} now`))).toBe('store_unavailable');
    expect(sluice.cloud.requests).toEqual([]);
    await other.close();
  });
});
