/** The process is killed before each single write of its store and its audit in turn, and at moments nobody chose; PostgreSQL's own processes are killed inside a transaction. What was promised is there, the rest is there whole or not at all, and nobody has to mend anything. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Audit } from '../../config/audit-schema.ts';
import { openAudit } from '../../router/audit/audit.ts';
import { searchAudit } from '../../router/audit/search.ts';
import { createMaskStore } from '../../router/masking/store.ts';
import { KeyRing } from '../../router/principals/key-ring.ts';
import { traceConversation } from '../../router/sessions/memory.ts';
import { openStoreOn } from '../../router/store/store.ts';
import { startPostgres, WITHOUT_POSTGRES } from '../helpers/postgres.ts';
import { fileStore, LADDER, memoryOn, STORE_KEY } from '../helpers/stores.ts';

const WRITER = join(import.meta.dirname, '../helpers/writer-main.ts');
const root = mkdtempSync(join(tmpdir(), 'killed-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const trace = (text: string) =>
  traceConversation(
    STORE_KEY,
    'p',
    [{ role: 'user', content: [{ kind: 'text', text }], toolCalls: [], toolCallId: '', name: '' }],
    [],
  );

/** What a writer said before it died. */
function write(directory: string, at: number, killAfterMs = 0): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [WRITER, directory, String(at)], (error, stdout, stderr) => {
      if (error !== null && error.signal !== 'SIGKILL') reject(new Error(stderr));
      else resolve(stdout.split('\n').filter((line) => line !== ''));
    });
    // From the first promise on, so that it dies while it writes and not while it starts.
    if (killAfterMs > 0) child.stdout?.once('data', () => setTimeout(() => child.kill('SIGKILL'), killAfterMs));
  });
}

/** Opens what is left as the next start does, and holds it against what was promised. */
async function holds(directory: string, said: readonly string[]): Promise<void> {
  const store = await fileStore(directory);
  const opened = await openAudit({
    config: Audit.parse({ required: true }),
    installationKey: STORE_KEY,
    environment: {},
    at: { directory },
  });
  if (opened.kind === 'failed') throw new Error(opened.reason);
  const report = await opened.audit.verify();
  expect(report.problems).toEqual([]);
  const records = JSON.stringify(await searchAudit(opened.audit.log.database, {}));
  const ring = await KeyRing.open(store.database, STORE_KEY);
  for (const line of said) {
    const [what = '', which = '', more = ''] = line.split(' ');
    if (what === 'mark')
      expect(await memoryOn(store).recall(trace(`turn ${which}`))).toMatchObject({
        label: 'restricted',
        maskable: false,
      });
    if (what === 'placeholder') {
      const map = await createMaskStore(STORE_KEY, {}, store.placeholders).load('p', `c${which}`);
      expect(map.valueOf(more)).toBe(`jane${which}@corp.example`);
    }
    if (what === 'key') expect((await ring.recognise(which, 'nobody')).kind).toBe('principal');
    if (what === 'record') expect(records).toContain(`"turn ${which}"`);
  }
  // The next one goes on in the same chain.
  expect(
    await opened.audit.log.commit({ kind: 'admin', action: 'note', target: 'after', by: 'ops', outcome: 'ok' }),
  ).toBe('written');
  expect((await opened.audit.verify()).whole).toBe(true);
  await opened.audit.close();
  await store.close();
}

describe('SQLite', () => {
  it('killed before every write there is', async () => {
    const one = async (at: number): Promise<'killed' | 'ended'> => {
      const directory = join(root, `at-${at}`);
      const said = await write(directory, at);
      await holds(directory, said);
      rmSync(directory, { recursive: true, force: true });
      return said.at(-1)?.startsWith('writes ') === true ? 'ended' : 'killed';
    };
    let broken = 0;
    for (let at = 1; ; at += 3) {
      const outcomes = await Promise.all([at, at + 1, at + 2].map(one));
      broken += outcomes.filter((each) => each === 'killed').length;
      if (outcomes.includes('ended')) break;
    }
    expect(broken).toBeGreaterThan(30);
  }, 300_000);

  it('killed at any moment, again and again, in the same place', async () => {
    const directory = join(root, 'again');
    const all: string[] = [];
    for (const ms of [1, 2, 3, 5, 8, 13]) {
      all.push(...(await write(directory, 0, ms)));
      await holds(directory, all);
    }
    expect(all.length).toBeGreaterThan(6);
  }, 120_000);
});

describe.skipIf(WITHOUT_POSTGRES !== '')('PostgreSQL', () => {
  it('a server process killed inside a transaction: the write is repeated whole, or refused', async () => {
    const postgres = await startPostgres();
    try {
      const opening = async () => {
        const made = await openStoreOn(await postgres.open('killed'), {
          key: STORE_KEY,
          ladder: LADDER,
          maxEntries: 10,
        });
        if (made.kind === 'failed') throw new Error(made.reason);
        return made.store;
      };
      const store = await opening();
      const before = memoryOn(store);
      await before.remember(trace('before'), 'restricted', { from: 0, maskable: true });
      // Somebody holds the table, so that the writer stands inside its transaction when it dies.
      const holder = await postgres.open('killed');
      const held = Promise.resolve(holder.all('SELECT pg_sleep(30)')).then(
        () => 'ended',
        () => 'lost',
      );
      const blocker = await postgres.open('killed');
      const blocking = Promise.resolve(
        blocker.batch([{ sql: 'LOCK TABLE mark IN ACCESS EXCLUSIVE MODE' }, { sql: 'SELECT pg_sleep(5)' }]),
      ).then(
        () => 'ended',
        () => 'lost',
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
      const writing = before.remember(trace('during'), 'restricted', { from: 0, maskable: true }).then(
        () => 'promised',
        () => 'refused',
      );
      await postgres.killWaiting();
      const outcome = await writing;
      expect([await held, ['lost', 'ended'].includes(await blocking)]).toEqual(['lost', true]);
      await expect
        .poll(
          () =>
            before.recall(trace('before')).then(
              ({ label }) => label,
              () => '',
            ),
          { timeout: 20_000 },
        )
        .toBe('restricted');
      const { label } = await before.recall(trace('during'));
      // A refused one may be there or not; a promised one is.
      if (outcome === 'promised') expect(label).toBe('restricted');
      await before.remember(trace('after'), 'restricted', { from: 0, maskable: true });
      expect((await before.recall(trace('after'))).label).toBe('restricted');
      for (const each of [store, holder, blocker]) await each.close();
    } finally {
      await postgres.close();
    }
  }, 120_000);
});
