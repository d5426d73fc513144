import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyTerms } from '../../../config/access-schema.ts';
import { openAudit } from '../../../router/audit/audit.ts';
import { Audit } from '../../../config/audit-schema.ts';
import { createMaskStore } from '../../../router/masking/store.ts';
import { FeedbackStore } from '../../../router/feedback/feedback-store.ts';
import { createKept, pruneKept } from '../../../router/store/kept.ts';
import { KeyRing } from '../../../router/principals/key-ring.ts';
import { createLimits } from '../../../router/principals/limits.ts';
import type { Principal } from '../../../router/principals/principal.ts';
import { traceConversation } from '../../../router/sessions/memory.ts';
import type { Database } from '../../../router/store/database.ts';
import { StoreConflict, StoreFault } from '../../../router/store/database.ts';
import { migrate } from '../../../router/store/schema.ts';
import { openSqlite } from '../../../router/store/sqlite.ts';
import { openStoreOn, type Store } from '../../../router/store/store.ts';
import { type TestPostgres, startPostgres, WITHOUT_POSTGRES } from '../../helpers/postgres.ts';
import { LADDER, memoryOn, STORE_KEY } from '../../helpers/stores.ts';
import { note, opening, VERIFIER } from '../audit/chain.ts';
import { verifyChain } from '../../../router/audit/verify.ts';
import { createAuditLog } from '../../../router/audit/log.ts';
import { deriveSigner } from '../../../router/audit/signer.ts';
import { AUDIT_MIGRATIONS } from '../../../router/audit/table.ts';

const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
let postgres: TestPostgres | undefined;
beforeAll(async () => {
  if (WITHOUT_POSTGRES === '') postgres = await startPostgres();
}, 120_000);
afterAll(async () => {
  await postgres?.close();
  rmSync(directory, { recursive: true, force: true });
});
let count = 0;

/** Two instances of one installation: two connections, as two processes have them. */
type Open = (name: string) => Promise<Database>;
const KINDS: readonly (readonly [string, boolean, Open])[] = [
  ['SQLite', true, (name) => Promise.resolve(openSqlite(join(directory, `${name}.db`), { flush: 'off' }))],
  ['PostgreSQL', WITHOUT_POSTGRES === '', (name) => postgres!.open(name)],
];
const say = (text: string) =>
  ({ role: 'user', content: [{ kind: 'text', text }], toolCalls: [], toolCallId: '', name: '' }) as const;
const trace = (...texts: string[]) => traceConversation(STORE_KEY, 'p', texts.map(say), []);

describe.each(KINDS.filter(([, available]) => available))('a store on %s', (_, __, open) => {
  async function two(): Promise<readonly [Store, Store]> {
    const name = `case_${(count += 1)}`;
    const opened = await Promise.all(
      [0, 1].map(async () => {
        const made = await openStoreOn(await open(name), { key: STORE_KEY, ladder: LADDER, maxEntries: 1_000 });
        if (made.kind === 'failed') throw new Error(made.reason);
        return made.store;
      }),
    );
    return [opened[0]!, opened[1]!];
  }
  const close = async (...stores: readonly Store[]): Promise<void> => {
    for (const store of stores) await store.close();
  };

  it('a mark made by one instance is known to the other before its next turn', async () => {
    const [one, two_] = await two();
    const seen = trace('the secret');
    expect((await memoryOn(two_).recall(seen)).label).toBe('public');
    await memoryOn(one).remember(seen, 'confidential', { from: 0, maskable: true });
    expect(await memoryOn(two_).recall(seen)).toMatchObject({ label: 'confidential', maskable: true });
    expect((await memoryOn(two_).recall(trace('another'))).label).toBe('public');
    await close(one, two_);
  });

  it('marks only rise, whoever raises them at once and in whatever order', async () => {
    const [one, two_] = await two();
    const seen = trace('the secret');
    for (const [store, label, maskable] of [
      [one, 'restricted', true],
      [two_, 'internal', false],
      [one, 'confidential', true],
    ] as const)
      await memoryOn(store).remember(seen, label, { from: 0, maskable });
    await Promise.all(
      LADDER.flatMap((label) =>
        [one, two_].map((store) => memoryOn(store).remember(trace('both'), label, { from: 0, maskable: true })),
      ),
    );
    for (const store of [one, two_]) {
      expect(await memoryOn(store).recall(seen)).toMatchObject({ label: 'restricted', maskable: false });
      expect((await memoryOn(store).recall(trace('both'))).label).toBe('restricted');
    }
    await close(one, two_);
  });

  it('a label that left the ladder stays the highest', async () => {
    const [one, two_] = await two();
    await one.marks.raise(trace('x').chains, 'gone', true);
    await two_.marks.raise(trace('x').chains, 'restricted', true);
    expect((await two_.marks.find(trace('x').chains))[0]?.label).toBe('gone');
    await close(one, two_);
  });

  it('thousands of digests in one turn', async () => {
    const [one, two_] = await two();
    const digests = Array.from({ length: 5_000 }, (__, index) => hash('sha256', String(index)));
    await one.marks.raise(digests.slice(0, 2_500), 'internal', true);
    expect((await two_.marks.find(digests)).length).toBe(2_500);
    await close(one, two_);
  });

  it('bands: a history seen by one is seen by the other', async () => {
    const [one, two_] = await two();
    memoryOn(one).rememberBand(trace('a'), 'complex');
    await one.bands.flush();
    expect((await memoryOn(two_).recall(trace('a', 'b'))).band).toBe('complex');
    expect((await memoryOn(two_).recall(trace('c', 'd'))).band).toBeUndefined();
    await close(one, two_);
  });

  it('keys: made by one, let in and revoked by the other', async () => {
    const [one, two_] = await two();
    const [first, second] = [await KeyRing.open(one.database, STORE_KEY), await KeyRing.open(two_.database, STORE_KEY)];
    const { key, record } = await first.create({
      principal: 'bot',
      role: 'agent',
      terms: KeyTerms.parse({}),
      expiresAt: 0,
    });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await second.recognise(key, 'nobody')).toMatchObject({ kind: 'principal', principal: { id: 'bot' } });
    expect(await second.revoke(record.id)).toBe(true);
    expect((await second.recognise(key, 'nobody')).kind).toBe('refused');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await first.recognise(key, 'nobody')).kind).toBe('refused');
    await close(one, two_);
  });

  it('budgets: what one used the other may not use again', async () => {
    const [one, two_] = await two();
    const [first, second] = [createLimits(one.database), createLimits(two_.database)];
    const principal: Principal = {
      id: 'bot',
      keyId: 'k',
      role: 'agent',
      terms: KeyTerms.parse({ budget: { requests: { day: 3 }, tokens: { month: 100 } } }),
    };
    for (const limits of [first, second, first]) expect((await limits.take(principal)).kind).toBe('taken');
    first.spend(principal, { tokens: 40, micros: 5 });
    second.spend(principal, { tokens: 50, micros: 5 });
    await Promise.all([first.flush(), second.flush()]);
    await Promise.all([first.flush(), second.flush()]);
    const fresh = createLimits(two_.database);
    expect((await fresh.used('bot')).month).toEqual({ requests: 3, tokens: 90, micros: 10 });
    expect(await fresh.take(principal)).toMatchObject({ kind: 'barred', code: 'budget_exhausted' });
    for (const limits of [first, second, fresh]) await limits.close();
    await close(one, two_);
  });

  it('placeholders: masked by one, restored by the other, after a restart, and for nobody else', async () => {
    const [one, two_] = await two();
    const masks = (store: Store, key = STORE_KEY) => createMaskStore(key, {}, store.placeholders);
    const first = masks(one);
    const map = await first.load('ann', 'conversation');
    const token = map.tokenFor('jane.roe@corp.example', 'EMAIL_ADDRESS')!;
    await first.keep(map);
    const more = map.tokenFor('4539 5787 6362 1486', 'CREDIT_CARD')!;
    await first.keep(map);
    await first.keep(map);
    const there = await masks(two_).load('ann', 'conversation');
    expect([there.valueOf(token), there.valueOf(more), there.size]).toEqual([
      'jane.roe@corp.example',
      '4539 5787 6362 1486',
      2,
    ]);
    expect(there.tokenFor('jane.roe@corp.example', 'EMAIL_ADDRESS')).toBe(token);
    for (const [who, what] of [
      ['bob', 'conversation'],
      ['ann', 'other'],
      ['ann', ''],
    ] as const)
      expect((await masks(two_).load(who, what)).size, `${who} ${what}`).toBe(0);
    expect((await masks(two_, Buffer.alloc(32, 1)).load('ann', 'conversation')).size).toBe(0);
    // A map that is open learns what the other instance added since.
    const open_ = masks(two_);
    await open_.load('ann', 'conversation');
    const late = map.tokenFor('late@corp.example', 'EMAIL_ADDRESS')!;
    await first.keep(map);
    expect((await open_.load('ann', 'conversation')).valueOf(late)).toBe('late@corp.example');
    const rows = await two_.database.all('SELECT scope, token, sealed FROM placeholder');
    expect(rows.length).toBe(3);
    expect(Buffer.concat(rows.map((row) => row['sealed'] as Uint8Array)).toString('latin1')).not.toContain('jane');
    // A row moved under another token does not open.
    await two_.database.batch([{ sql: 'DELETE FROM placeholder WHERE token = $1', params: [more] }]);
    await two_.database.batch([{ sql: 'UPDATE placeholder SET token = $1 WHERE token = $2', params: [more, token] }]);
    expect((await masks(one).load('ann', 'conversation')).valueOf(more)).toBeUndefined();
    await one.placeholders.prune(Date.now() + 1);
    expect(await two_.database.all('SELECT 1 AS one FROM placeholder')).toEqual([]);
    await close(one, two_);
  });

  it('feedback and samples: kept on one instance, read and erased on another', async () => {
    const [one, two_] = await two();
    const [here, there] = [new FeedbackStore(one, 1), new FeedbackStore(two_, 1)];
    const row = {
      at: 5,
      decision: 'req_1',
      kind: 'missed',
      by: 'ann',
      route: 'cloud',
      label: 'public',
      reasons: [],
      entities: [],
      policy: 'p',
      text: 'the secret text',
    } as const;
    expect(await here.add({ ...row, at: 6, decision: 'req_2' })).toBe('kept');
    expect(await here.add(row)).toBe('kept');
    expect((await there.read()).rows.map(({ decision }) => decision)).toEqual(['req_1', 'req_2']);
    expect(await there.labelledRows()).toContain('"label":"sensitive"');
    const sealed = await one.database.all('SELECT sealed FROM kept');
    for (const each of sealed)
      expect(Buffer.from(each['sealed'] as Uint8Array).toString('latin1')).not.toContain('secret');
    const [taken, seen] = [new FeedbackStore(one, 1, 'samples'), new FeedbackStore(two_, 1, 'samples')];
    expect(await taken.add({ ...row, kind: 'passed' })).toBe('kept');
    expect(await seen.labelledRows()).toContain('"label":"presumed_safe"');
    expect(await there.erase()).toBe(2);
    expect([await taken.count(), await seen.erase(), await taken.count()]).toEqual([1, 1, 0]);
    expect(await here.read()).toEqual({ rows: [], unreadable: 0 });
    expect(await here.erase()).toBe(0);
    await close(one, two_);
  });

  it('kept objects: for their owner, until they end, no larger and no more than allowed', async () => {
    const [one, two_] = await two();
    const kept = createKept(one.database, STORE_KEY, 'response', { maxBytes: 100, maxPerOwner: 2 });
    const other = createKept(two_.database, STORE_KEY, 'response', { maxBytes: 100, maxPerOwner: 2 });
    const how = { label: 'confidential', ttlMs: 60_000 };
    expect(await kept.put('ann', 'r1', 'the secret text', how)).toBe('kept');
    expect(await other.get('ann', 'r1')).toMatchObject({
      label: 'confidential',
      value: Buffer.from('the secret text'),
    });
    expect(await other.get('bob', 'r1')).toBeUndefined();
    expect(await createKept(one.database, STORE_KEY, 'sample').get('ann', 'r1')).toBeUndefined();
    expect(await kept.put('ann', 'r1', 'x'.repeat(101), how)).toBe('too-large');
    expect((await kept.get('ann', 'r1'))?.value.toString()).toBe('the secret text');
    await kept.put('ann', 'r2', 'two', how);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await kept.put('ann', 'r3', 'three', how);
    expect((await kept.list('ann')).map((each) => each.id).toSorted()).toHaveLength(2);
    expect(await kept.get('ann', 'r3')).toBeDefined();
    await kept.put('ann', 'gone', 'soon', { label: 'public', ttlMs: -1 });
    expect(await kept.get('ann', 'gone')).toBeUndefined();
    expect([await other.remove('bob', 'r3'), await other.remove('ann', 'r3'), await other.remove('ann', 'r3')]).toEqual(
      [false, true, false],
    );
    await pruneKept(one.database, Date.now());
    // A row given to another owner does not open for him.
    await one.database.batch([{ sql: "UPDATE kept SET owner = 'bob'" }]);
    for (const { id } of await kept.list('bob')) expect(await kept.get('bob', id)).toBeUndefined();
    await close(one, two_);
  });

  it('the audit: two instances, one chain', async () => {
    const [one, two_] = await two();
    for (const store of [one, two_]) await migrate(store.database, AUDIT_MIGRATIONS, 'audit_version');
    const logs = [one, two_].map((store) =>
      createAuditLog({
        database: store.database,
        signer: deriveSigner(Buffer.alloc(32, 5)),
        required: true,
        flushMs: 50,
        opening: opening(),
      }),
    );
    for (let round = 0; round < 8; round += 1)
      expect(await Promise.all(logs.map((log) => log.commit(note(`r${round}`))))).toEqual(['written', 'written']);
    for (const log of logs) await log.close();
    const report = await verifyChain(two_.database, { verifier: VERIFIER, heads: [] });
    expect(report).toMatchObject({ whole: true, records: 20 });
    await close(one, two_);
  });

  it('starts twice at once, and is refused to another installation', async () => {
    const name = `case_${(count += 1)}`;
    const opened = await Promise.all(
      Array.from({ length: 4 }, async () =>
        openStoreOn(await open(name), { key: STORE_KEY, ladder: LADDER, maxEntries: 1_000 }),
      ),
    );
    expect(opened.map((each) => each.kind)).toEqual(['store', 'store', 'store', 'store']);
    const other = await openStoreOn(await open(name), { key: Buffer.alloc(32, 9), ladder: LADDER, maxEntries: 1_000 });
    expect(other).toMatchObject({ kind: 'failed', reason: 'other_key' });
    const newer = await open(name);
    await newer.batch([{ sql: 'INSERT INTO store_version (version, at) VALUES (999, 0)' }]);
    expect(await openStoreOn(newer, { key: STORE_KEY, ladder: LADDER, maxEntries: 1_000 })).toMatchObject({
      kind: 'failed',
      reason: 'newer_schema',
    });
    for (const each of opened) if (each.kind === 'store') await each.store.close();
  });

  it('a batch is all or nothing, and a taken key is a conflict', async () => {
    const [one, two_] = await two();
    const insert = (id: number) => ({ sql: 'INSERT INTO store_version (version, at) VALUES ($1, 0)', params: [id] });
    await expect((async () => one.database.batch([insert(500), insert(500)]))()).rejects.toThrow(StoreConflict);
    expect(await two_.database.all('SELECT 1 AS one FROM store_version WHERE version = 500')).toEqual([]);
    await expect((async () => one.database.all('SELECT nothing'))()).rejects.toThrow(StoreFault);
    await close(one, two_);
  });
});

describe.skipIf(WITHOUT_POSTGRES !== '')('PostgreSQL that goes away', () => {
  const fresh = async (): Promise<Store> => {
    const made = await openStoreOn(await postgres!.open(`case_${(count += 1)}`), {
      key: STORE_KEY,
      ladder: LADDER,
      maxEntries: 1_000,
    });
    if (made.kind === 'failed') throw new Error(made.reason);
    return made.store;
  };

  it('connections that were dropped are made anew, and nothing is lost', async () => {
    const store = await fresh();
    const memory = memoryOn(store);
    await memory.remember(trace('a'), 'restricted', { from: 0, maskable: true });
    await postgres!.dropConnections();
    expect((await memory.recall(trace('a'))).label).toBe('restricted');
    await postgres!.dropConnections();
    await memory.remember(trace('b'), 'restricted', { from: 0, maskable: true });
    expect((await memory.recall(trace('b'))).label).toBe('restricted');
    await store.close();
  });

  it('killed: every read and write says so; started again: what was promised is there', async () => {
    const store = await fresh();
    const memory = memoryOn(store);
    const audited = await openAudit({
      config: Audit.parse({ required: true }),
      installationKey: STORE_KEY,
      environment: {},
      at: { database: store.database },
      opening: opening(),
    });
    if (audited.kind === 'failed') throw new Error(audited.reason);
    const { log } = audited.audit;
    await memory.remember(trace('a'), 'restricted', { from: 0, maskable: true });
    expect(await log.commit(note('before'))).toBe('written');
    // Writes that are under way when the server dies: each either holds or was refused.
    const writing = Array.from({ length: 20 }, (__, index) =>
      memory.remember(trace(`w${index}`), 'restricted', { from: 0, maskable: true }).then(
        () => index,
        () => -1,
      ),
    );
    await postgres!.kill();
    const promised = (await Promise.all(writing)).filter((index) => index >= 0);
    await expect(memory.recall(trace('a'))).rejects.toThrow(StoreFault);
    await expect(memory.remember(trace('c'), 'internal', { from: 0, maskable: true })).rejects.toThrow(StoreFault);
    expect(await log.commit(note('while away'))).toBe('failed');
    await postgres!.start();
    expect((await memory.recall(trace('a'))).label).toBe('restricted');
    for (const index of promised)
      expect((await memory.recall(trace(`w${index}`))).label, String(index)).toBe('restricted');
    expect(await log.commit(note('after'))).toBe('written');
    expect((await audited.audit.verify()).whole).toBe(true);
    await audited.audit.close();
    await store.close();
  });
});
