/** The machine's clock jumps by hours and by years, forward and back. Only `Date` is moved here: what measures by `performance.now()` must not notice, and what goes by the date must err to its safe side. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyTerms } from '../../config/access-schema.ts';
import { earliestNow, latestNow } from '../../config/clock.ts';
import { Logins } from '../../router/admin/logins.ts';
import { pruneAudit } from '../../router/audit/retention.ts';
import { createLimits } from '../../router/principals/limits.ts';
import type { Principal } from '../../router/principals/principal.ts';
import { createResponseStore } from '../../router/responses/response-store.ts';
import { createKept, pruneKept } from '../../router/store/kept.ts';
import { Proofs } from '../../sandbox/broker/proofs.ts';
import type { Backend } from '../../sandbox/backend.ts';
import { ScopeStore } from '../../sandbox/broker/scope-store.ts';
import { EndedSessions } from '../../sandbox/watch/ended-sessions.ts';
import { auditDatabase, logOn, note, VERIFIER } from '../router/audit/chain.ts';
import { verifyChain } from '../../router/audit/verify.ts';
import { CARD, COMPLEX, say, spoken, startSluice } from '../helpers/sluice.ts';
import { fileStore, STORE_KEY } from '../helpers/stores.ts';

const HOUR = 3_600_000;
const YEARS = 5 * 365 * 24 * HOUR;
const JUMPS: readonly (readonly [string, number])[] = [
  ['three hours forward', 3 * HOUR],
  ['three hours back', -3 * HOUR],
  ['five years forward', YEARS],
  ['five years back', -YEARS],
];

const directories: string[] = [];
const temporary = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'clock-'));
  directories.push(directory);
  return directory;
};
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => {
  vi.useRealTimers();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
const jump = (ms: number): void => void vi.setSystemTime(Date.now() + ms);
const agent = (terms: object): Principal => ({ id: 'bot', keyId: 'k', role: 'agent', terms: KeyTerms.parse(terms) });

it('the two readings bracket the time that passed, whatever the date says', () => {
  const before = [earliestNow(), latestNow()];
  for (const [, ms] of JUMPS) {
    jump(ms);
    expect(earliestNow()).toBeLessThan(before[0]! + 60_000);
    expect(latestNow()).toBeGreaterThanOrEqual(before[1]!);
    jump(-ms);
  }
});

describe.each(JUMPS)('%s', (_, ms) => {
  it('a conversation stays inside, a masked one is restored, a cloud that failed is left alone, and the audit holds it all', async () => {
    const sluice = await startSluice({
      claude: { replies: ['overloaded', { text: 'too early' }] },
      claudeMore: ', breaker: { failures: 1, openMs: 60000 }',
      config: 'pools: { both: { members: [claude, sky] } }',
      cloud: { reply: () => ({ text: 'as you said' }) },
      local: { reply: () => ({ text: 'at home' }) },
    });
    const ask = async (body: object, session: string) => {
      const reply = await sluice.ask(body, { 'x-session-id': session });
      return `${reply.headers.get('x-sluice-route')} ${spoken(await reply.text())}`;
    };
    expect(await ask(say(`block ${CARD}`), 'secret')).toBe('local at home');
    expect(await ask(say(`${COMPLEX} for jane.roe@corp-mail.example`), 'masked')).toBe('cloud-masked as you said');
    expect(sluice.claude.requests).toHaveLength(1);
    const token = /\[\[EMAIL_ADDRESS_[a-z]+\]\]/.exec(sluice.cloud.requests[0]?.raw.toString() ?? '')?.[0];
    jump(ms);
    expect(await ask(say(COMPLEX), 'secret')).toBe('local at home');
    expect(await ask(say(`${COMPLEX} for jane.roe@corp-mail.example`), 'masked')).toBe('cloud-masked as you said');
    expect(sluice.cloud.requests.at(-1)?.raw.toString()).toContain(token);
    // Left alone for a minute by its own stopwatch.
    expect(sluice.claude.requests).toHaveLength(1);
    expect(sluice.sentToCloud()).not.toMatch(/4539|jane\.roe/);
    const report = await sluice.context.audit.verify();
    expect(report.whole).toBe(true);
    await sluice.close();
  });

  it('fills no bucket, and a day’s budget is spent once', async () => {
    const store = await fileStore(undefined);
    const limits = createLimits(store.database);
    const rated = agent({ rate: { perMinute: 1, burst: 2 } });
    const outcomes = async (principal: Principal, times: number) => {
      const kinds: string[] = [];
      for (let time = 0; time < times; time += 1) kinds.push((await limits.take(principal)).kind);
      return kinds;
    };
    expect(await outcomes(rated, 3)).toEqual(['taken', 'taken', 'barred']);
    jump(ms);
    expect(await outcomes(rated, 2)).toEqual(['barred', 'barred']);
    jump(-ms);
    expect(await outcomes(rated, 2)).toEqual(['barred', 'barred']);

    const daily = agent({ budget: { requests: { day: 2 } } });
    expect(await outcomes(daily, 3)).toEqual(['taken', 'taken', 'barred']);
    jump(ms);
    await outcomes(daily, 5);
    await limits.flush();
    jump(-ms);
    // Home again: what was used before the jump is still used, and so is what was used in the other day.
    expect(await outcomes(daily, 1)).toEqual(['barred']);
    jump(ms);
    expect(await outcomes(daily, 1)).toEqual(['barred']);
    await limits.close();
    await store.close();
  });

  it('deletes nothing that nobody could bring back', async () => {
    const database = await auditDatabase();
    const log = logOn(database);
    for (const target of ['a', 'b', 'c']) {
      log.append(note(target));
      await log.flush();
    }
    const root = temporary();
    const scopes = new ScopeStore({ root, idleMs: HOUR, maxAgeMs: 24 * HOUR });
    mkdirSync(join(root, 'a'.repeat(64)));
    const ended = new EndedSessions(join(root, 'ended'), HOUR);
    ended.end('s');
    jump(ms);
    expect(await pruneAudit(log, earliestNow() - 24 * HOUR)).toBe(0);
    expect(await scopes.prune('idle')).toEqual([]);
    ended.sweep();
    expect(new EndedSessions(join(root, 'ended'), HOUR).has('s')).toBe(true);
    log.append(note('after'));
    await log.flush();
    const report = await verifyChain(database, { verifier: VERIFIER });
    expect(report.whole).toBe(true);
    expect(report.notes.map(({ code }) => code).includes('clock-back')).toBe(ms < 0);
  });

  it('makes no proof of the sandbox older or younger', async () => {
    let elapsed = 1_000;
    const backend: Backend = {
      mode: 'bubblewrap',
      available: () => Promise.resolve({ usable: true }),
      prove: () => Promise.resolve([{ claim: 'no network', proved: true, evidence: '' }]),
      run: () => Promise.reject(new Error('nothing runs here')),
      close: () => Promise.resolve(),
    };
    const proofs = new Proofs({
      backends: new Map([['bubblewrap', backend]]),
      intervalMs: HOUR,
      timeoutMs: 1_000,
      now: () => elapsed,
      changed: () => undefined,
    });
    await proofs.prove();
    jump(ms);
    elapsed += HOUR;
    expect(await proofs.fitness('bubblewrap')).toEqual({ kind: 'proved', ageMs: HOUR });
    elapsed += HOUR + 1_001;
    expect(await proofs.fitness('bubblewrap')).toMatchObject({ kind: 'unfit', code: 'claim-unproved' });
    proofs.close();
  });
});

describe('a clock set back brings nothing to life', () => {
  it('no key, and no kept reply', async () => {
    const sluice = await startSluice();
    const { key } = await sluice.context.keys.create({
      principal: 'bot',
      role: 'agent',
      terms: KeyTerms.parse({}),
      expiresAt: Date.now() + 1_200,
    });
    const status = async () => {
      const reply = await sluice.ask(say('hello'), { authorization: `Bearer ${key}` });
      await reply.text();
      return reply.status;
    };
    const kept = createKept(sluice.context.store.database, STORE_KEY, 'test');
    await kept.put('bot', 'one', 'text', { label: 'public', ttlMs: 1_200 });
    expect([await status(), (await kept.get('bot', 'one'))?.label]).toEqual([200, 'public']);
    jump(-3 * HOUR);
    await sleep(1_300);
    expect(await status()).toBe(401);
    expect(await kept.get('bot', 'one')).toBeUndefined();
    expect(await kept.list('bot')).toEqual([]);
    await pruneKept(sluice.context.store.database, latestNow());
    expect(await sluice.context.store.database.all("SELECT 1 AS one FROM kept WHERE kind = 'test'")).toEqual([]);
    await sluice.close();
  });

  it('no browser session, no reply in memory, and no attempt that was used up', () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    const logins = new Logins();
    const { id } = logins.open('ops');
    for (let time = 0; time < 5; time += 1) logins.failed('10.0.0.9');
    const replies = createResponseStore({ maxResponses: 10, maxChars: 1_000, maxAgeMs: HOUR });
    const reply = { id: 'r', principal: 'bot', label: 'public', maskable: true, body: '{}', input: [], output: [] };
    replies.keep({ ...reply, previous: undefined });
    for (const ms of [3 * HOUR, -6 * HOUR]) {
      jump(ms);
      expect(logins.find(id)?.principal).toBe('ops');
      expect(logins.mayTry('10.0.0.9')).toBe(false);
      expect(replies.find('bot', 'r')).toBeDefined();
    }
    vi.advanceTimersByTime(HOUR + 1);
    expect(logins.find(id)).toBeUndefined();
    expect(logins.mayTry('10.0.0.9')).toBe(true);
    expect(replies.find('bot', 'r')).toBeUndefined();
  });
});

it('the hourly tidying keeps placeholders and bands that only the clock calls old', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
  const store = await fileStore(undefined);
  const scope = Buffer.alloc(32, 3);
  await store.placeholders.save(scope, [{ token: '[[EMAIL_ADDRESS_x]]', value: 'jane.roe@corp-mail.example' }]);
  store.bands.keep('chain', 'complex');
  await store.bands.flush();
  jump(YEARS);
  await vi.advanceTimersByTimeAsync(2 * HOUR);
  expect(await store.placeholders.load(scope, () => false)).toHaveLength(1);
  expect(await store.database.all('SELECT band FROM band')).toHaveLength(1);
  await store.close();
});

it('a request that is counted after midnight counts, and a hundred at once take no more than there is', async () => {
  const store = await fileStore(undefined);
  const limits = createLimits(store.database);
  vi.setSystemTime(new Date('2030-05-31T23:59:59.900Z'));
  const principal = agent({ budget: { requests: { day: 3 }, tokens: { day: 100 } } });
  const taken = await Promise.all(Array.from({ length: 100 }, () => limits.take(principal)));
  expect(taken.filter(({ kind }) => kind === 'taken')).toHaveLength(3);
  vi.setSystemTime(new Date('2030-06-01T00:00:01Z'));
  limits.spend(principal, { tokens: 100, micros: 0 });
  expect(await limits.take(principal)).toMatchObject({ kind: 'barred', code: 'budget_exhausted' });
  await limits.flush();
  expect((await limits.used('bot')).day).toEqual({ requests: 0, tokens: 100, micros: 0 });
  await limits.close();
  await store.close();
});
