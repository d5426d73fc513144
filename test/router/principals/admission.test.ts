import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { KeyTerms } from '../../../config/access-schema.ts';
import { contextOf } from '../../../router/principals/narrow.ts';
import type { Role } from '../../../router/principals/principal.ts';
import { CARD, COMPLEX, recordingExecutor, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const open: TestSluice[] = [];
const directories: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((sluice) => sluice.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
async function start(options: Parameters<typeof startSluice>[0] = {}): Promise<TestSluice> {
  const sluice = await startSluice(options);
  open.push(sluice);
  return sluice;
}
const mint = async (sluice: TestSluice, principal: string, terms: object = {}, role: Role = 'agent', expiresAt = 0) =>
  (await sluice.context.keys.create({ principal, role, terms: KeyTerms.parse(terms), expiresAt })).key;
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const codeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code;
const route = async (response: Response): Promise<string> => {
  await response.text();
  return response.headers.get('x-sluice-route') ?? '';
};

describe('who is let in', () => {
  it('lets agents in on loopback while no key was ever made, and then only with one', async () => {
    const sluice = await start();
    expect((await sluice.ask(say('hello'))).status).toBe(200);
    const key = await mint(sluice, 'bot');
    const bare = await sluice.ask(say('hello'));
    expect([bare.status, await codeOf(bare)]).toEqual([401, 'api_key_missing']);
    expect((await sluice.ask(say('hello'), bearer(key))).status).toBe(200);
    const { id } = (await sluice.context.keys.list())[0]!;
    expect(await sluice.context.keys.revoke(id)).toBe(true);
    expect(await sluice.context.keys.revoke(id)).toBe(false);
    // Revoking the last key opens nothing.
    expect((await sluice.ask(say('hello'))).status).toBe(401);
    const revoked = await sluice.ask(say('hello'), bearer(key));
    expect([revoked.status, await codeOf(revoked)]).toEqual([401, 'api_key_invalid']);
  });

  it('asks for a key from the start where the file says so', async () => {
    const sluice = await start({ config: 'access: { open: never }' });
    expect((await sluice.ask(say('hello'))).status).toBe(401);
  });

  it.each([
    ['authorization', (key: string) => ({ authorization: `Bearer ${key}` })],
    ['lower-case bearer', (key: string) => ({ authorization: `bearer ${key}` })],
    ['x-api-key', (key: string) => ({ 'x-api-key': key })],
    ['api-key', (key: string) => ({ 'api-key': key })],
    ['a placeholder beside it', (key: string) => ({ authorization: 'Bearer ollama', 'x-api-key': key })],
  ])('takes a key as %s', async (_, headers) => {
    const sluice = await start();
    expect((await sluice.ask(say('hello'), headers(await mint(sluice, 'bot')))).status).toBe(200);
  });

  it.each([
    ['unknown', (key: string) => ({ 'x-api-key': `${key.slice(0, -1)}${key.endsWith('a') ? 'b' : 'a'}` })],
    ['of another id', (key: string) => ({ 'x-api-key': `slu_aaaaaaaaaa${key.slice(14)}` })],
    ['cut', (key: string) => ({ 'x-api-key': key.slice(0, -1) })],
    ['longer', (key: string) => ({ 'x-api-key': `${key}a` })],
    ['the prefix alone', () => ({ 'x-api-key': 'slu_' })],
    ['two different ones', (key: string) => ({ 'x-api-key': key, authorization: 'Bearer slu_other' })],
  ])('refuses a key that is %s', async (_, headers) => {
    const sluice = await start();
    const response = await sluice.ask(say('hello'), headers(await mint(sluice, 'bot')));
    expect([response.status, await codeOf(response)]).toEqual([401, 'api_key_invalid']);
  });

  it('refuses a key that ended, and even one shown where none is asked for', async () => {
    const sluice = await start();
    const key = await mint(sluice, 'bot', {}, 'agent', Date.now() - 1);
    expect((await sluice.ask(say('hello'), bearer(key))).status).toBe(401);
    const fresh = await start();
    expect((await fresh.ask(say('hello'), bearer(key))).status).toBe(401);
  });

  it('keeps the roles apart on every path', async () => {
    const sluice = await start();
    const agent = await mint(sluice, 'bot');
    const admin = await mint(sluice, 'ops', {}, 'admin');
    const status = async (path: string, key: string | undefined): Promise<number> =>
      (await fetch(`${sluice.url}${path}`, { headers: key === undefined ? {} : bearer(key) })).status;
    // `/admin/v1` has a gate of its own, with tests of its own; whatever else looks like it is nobody's.
    for (const path of ['/admin', '/admin/v2/audit', '/admin/v1/../v2/keys']) {
      expect(await status(path, undefined), path).toBe(401);
      expect(await status(path, agent), path).toBe(403);
    }
    for (const path of ['/v1/models', '/api/tags', '/sandbox/v1/tools', '/nothing/here']) {
      expect(await status(path, undefined), path).toBe(401);
      expect(await status(path, admin), path).toBe(403);
    }
    expect((await sluice.ask(say('hello'), bearer(admin))).status).toBe(403);
    for (const path of ['/healthz', '/metrics', '/', '/api/version']) expect(await status(path, undefined)).toBe(200);
  });

  it('sees a key that another process makes or revokes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'keys-'));
    directories.push(directory);
    const one = await start({ stateDir: directory });
    const two = await start({ stateDir: directory });
    const key = await mint(one, 'bot');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await two.ask(say('hello'))).status).toBe(401);
    expect((await two.ask(say('hello'), bearer(key))).status).toBe(200);
    await one.context.keys.revoke((await one.context.keys.list())[0]!.id);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await two.ask(say('hello'), bearer(key))).status).toBe(401);
  });

  it('keeps no key anywhere: not in the store, not in the log, not upstream', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'keys-'));
    directories.push(directory);
    const sluice = await start({ stateDir: directory });
    const key = await mint(sluice, 'bot');
    await (await sluice.ask(say(COMPLEX), bearer(key))).text();
    await (await sluice.ask(say(COMPLEX), { 'x-api-key': `${key}x` })).text();
    const secret = key.split('_')[2]!;
    for (const name of readdirSync(directory))
      expect(readFileSync(join(directory, name)).includes(secret), name).toBe(false);
    expect(sluice.logged()).not.toContain(secret);
    expect(sluice.sentToCloud()).not.toContain(secret);
    expect(sluice.sentToCloud()).not.toContain('slu_');
  });
});

describe('nothing is shared between principals', () => {
  it('not what a conversation is remembered for', async () => {
    const answer = 'Noted: the card of that customer is blocked now, and a new one is on its way to the address.';
    const sluice = await start({ local: { replies: [{ text: answer }] } });
    const [ann, bob] = [await mint(sluice, 'ann'), await mint(sluice, 'bob')];
    expect(await route(await sluice.ask(say(`Block ${CARD}`), bearer(ann)))).toBe('local');
    expect(await route(await sluice.ask(say(`${COMPLEX}\n${answer}`), bearer(bob)))).toBe('cloud');
    expect(await route(await sluice.ask(say(`${COMPLEX}\n${answer}`), bearer(ann)))).toBe('local');
    // A key that replaces another is of the same principal, and the latch holds.
    const again = await mint(sluice, 'ann');
    expect(await route(await sluice.ask(say(`${COMPLEX}\n${answer}`), bearer(again)))).toBe('local');
  });

  it('not the sandbox: each call runs as its principal and its agent', async () => {
    const executor = recordingExecutor(() => 'done');
    const sluice = await start({ sandbox: executor });
    const key = await mint(sluice, 'ann', { agent: 'careful' });
    await fetch(`${sluice.url}/sandbox/v1/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(key) },
      body: JSON.stringify({ tool: 'exec', arguments: { command: 'id' }, session: 's' }),
    });
    expect(executor.requests[0]).toMatchObject({ principal: 'ann', agent: 'careful' });
  });
});

describe('a key can only take away', () => {
  const MAIL = 'jane.roe@corp-mail.example';
  it.each([
    ['nothing', {}, say(COMPLEX), 'cloud'],
    ['the cloud', { routes: ['local'] }, say(COMPLEX), 'local'],
    ['masking', { routes: ['local', 'cloud'] }, say(`${COMPLEX} Mail ${MAIL}`), 'local'],
    ['the ceiling, to a label that is no longer there', { ceilings: { cloud: 'gone' } }, say(COMPLEX), 'local'],
    ['home', { routes: ['cloud'] }, say(`Block ${CARD}`), 'refuse'],
    ['high labels', { ceilings: { local: 'internal' } }, say(`Block ${CARD}`), 'refuse'],
    ['a model name', { models: ['gpt-fake'] }, { ...say(COMPLEX), model: 'gpt-other' }, 'cloud'],
    ['all cloud models', { models: ['none-*'] }, { ...say(COMPLEX), model: 'gpt-other' }, 'local'],
  ] as const)('takes away %s', async (what, terms, body, expected) => {
    const sluice = await start();
    const response = await sluice.ask(body, bearer(await mint(sluice, 'bot', terms)));
    expect(await route(response)).toBe(expected);
    if (what === 'a model name') expect(response.headers.get('x-sluice-model')).toBe('gpt-fake');
    if (expected !== 'cloud') expect(sluice.cloud.requests).toEqual([]);
  });

  it('takes away tools, offered and called', async () => {
    const executor = recordingExecutor(() => 'done', ['exec', 'read']);
    const sluice = await start({ sandbox: executor, config: 'tools: { offer: [all] }' });
    const key = await mint(sluice, 'bot', { tools: ['re*'] });
    const offered = await fetch(`${sluice.url}/sandbox/v1/tools`, { headers: bearer(key) });
    expect(((await offered.json()) as { tools: { name: string }[] }).tools.map((tool) => tool.name)).toEqual(['read']);
    const run = await fetch(`${sluice.url}/sandbox/v1/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(key) },
      body: JSON.stringify({ tool: 'exec', arguments: { command: 'id' } }),
    });
    expect(await run.json()).toMatchObject({ kind: 'refused', code: 'denied-by-policy' });
    expect(executor.requests).toEqual([]);
  });

  it('lists only what it may ask for', async () => {
    const sluice = await start();
    const models = async (key: string): Promise<string[]> =>
      (
        (await (await fetch(`${sluice.url}/v1/models`, { headers: bearer(key) })).json()) as { data: { id: string }[] }
      ).data.map((model) => model.id);
    expect(await models(await mint(sluice, 'all'))).toContain('gpt-other');
    expect(await models(await mint(sluice, 'some', { models: ['gpt-fake'] }))).toEqual(['auto', 'gpt-fake']);
  });
});

describe('limits', () => {
  it('answers 429 with the time to wait beyond the rate', async () => {
    const sluice = await start();
    const key = await mint(sluice, 'bot', { rate: { perMinute: 2, burst: 2 } });
    const other = await mint(sluice, 'other', { rate: { perMinute: 2, burst: 2 } });
    const statuses: number[] = [];
    for (let count = 0; count < 3; count += 1) statuses.push((await sluice.ask(say('hello'), bearer(key))).status);
    expect(statuses).toEqual([200, 200, 429]);
    const barred = await sluice.ask(say('hello'), bearer(key));
    expect(Number(barred.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await codeOf(barred)).toBe('rate_limited');
    expect((await sluice.ask(say('hello'), bearer(other))).status).toBe(200);
  });

  it('refuses beyond a budget, in a way agents do not repeat, on every instance and after a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'keys-'));
    directories.push(directory);
    const one = await start({ stateDir: directory });
    const key = await mint(one, 'bot', { budget: { requests: { day: 2 } } });
    for (let count = 0; count < 2; count += 1) expect((await one.ask(say('hello'), bearer(key))).status).toBe(200);
    const over = await one.ask(say('hello'), bearer(key));
    expect([over.status, await codeOf(over)]).toEqual([400, 'budget_exhausted']);
    await one.context.limits.flush();
    const two = await start({ stateDir: directory });
    expect((await two.ask(say('hello'), bearer(key))).status).toBe(400);
  });

  it('counts tokens and what they cost', async () => {
    const sluice = await start({
      config: 'telemetry: { prices: [{ model: gpt-fake, input: 1000000, output: 2000000 }] }',
    });
    const key = await mint(sluice, 'bot', { budget: { tokens: { month: 1 }, cost: { month: 1_000_000 } } });
    await (await sluice.ask(say(COMPLEX), bearer(key))).text();
    const used = await sluice.context.limits.used('bot');
    expect(used.month.requests).toBe(1);
    expect(used.month.tokens).toBeGreaterThan(1);
    expect(used.month.micros).toBeGreaterThan(used.month.tokens * 1_000_000);
    expect(await codeOf(await sluice.ask(say(COMPLEX), bearer(key)))).toBe('budget_exhausted');
  });
});

describe('a key in a prompt', () => {
  it('is a secret like any other: it does not leave', async () => {
    const sluice = await start();
    const key = await mint(sluice, 'bot');
    const response = await sluice.ask(say(`${COMPLEX} The key is ${key}.`), bearer(key));
    expect(await route(response)).not.toBe('cloud');
    expect(sluice.sentToCloud()).not.toContain(key.split('_')[2]);
  });
});

describe('what is remembered of texts', () => {
  const how = { signal: new AbortController().signal, nearMisses: 'omit' } as const;
  const segment = {
    pointer: '/messages/0/content',
    role: 'user',
    form: 'text',
    text: `${COMPLEX} My number is ${CARD}.`,
    hint: '',
    flow: -1,
  } as const;

  it('is each key holder’s own, so that no answer is faster for what somebody else has sent', async () => {
    const { context } = await start();
    const contextFor = (id: string, keyId: string, terms: object = {}) =>
      contextOf({ id, keyId, role: 'agent', terms: KeyTerms.parse(terms) }, context);
    const scanned = async (of: typeof context): Promise<number> =>
      (await of.classifier.classify([segment], [], how)).scannedChars;
    const ann = contextFor('ann', 'key1');
    expect(await scanned(ann)).toBeGreaterThan(0);
    expect(await scanned(ann)).toBe(0);
    // Another key of the same principal: a key can be replaced.
    expect(await scanned(contextFor('ann', 'key2', { routes: ['local'] }))).toBe(0);
    for (const other of [contextFor('bob', 'key3'), contextFor('bea', 'key4', { routes: ['local'] }), context])
      expect(await scanned(other)).toBeGreaterThan(0);
  });
});
