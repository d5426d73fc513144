/** Who gets in, and what a page of another site can do: nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Logins } from '../../../router/admin/logins.ts';
import { type AdminSluice, keysOf, startAdmin } from '../../helpers/admin.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const READS = [
  'health',
  'config',
  'decisions',
  'decisions/stream',
  'decisions/req_000000000000000000000000',
  'sessions',
  'sandbox',
  'shadow',
  'feedback',
] as const;
const CHANGES = [
  ['POST', 'reload', {}],
  ['POST', 'classify', { text: 'x' }],
  ['POST', 'explain', { text: 'x' }],
  ['POST', 'evaluate', { rows: '' }],
  ['POST', 'tune/sets', { rows: '' }],
  ['POST', 'tune/outcome', { set: 'x' }],
  ['POST', 'sandbox/verify', {}],
  ['POST', 'shadow', { source: 'file' }],
  ['DELETE', 'shadow', undefined],
  ['POST', 'feedback', { kind: 'missed' }],
  ['POST', 'logout', {}],
] as const;

describe('without any admin key', () => {
  let sluice: AdminSluice;
  beforeAll(async () => {
    sluice = await startAdmin();
  });
  afterAll(() => sluice.close());

  it.each(READS)('GET %s asks who it is', async (path) => {
    const answer = await sluice.raw('GET', `/admin/v1/${path}`, undefined, {});
    expect(answer.status).toBe(401);
    expect(answer.json()).toMatchObject({ error: { code: 'admin_unauthorized' } });
  });
  it.each(CHANGES)('%s %s asks who it is', async (method, path, body) => {
    expect((await sluice.raw(method, `/admin/v1/${path}`, JSON.stringify(body), JSON_TYPE)).status).toBe(401);
  });
  it('the link of the start opens it, from this machine', async () => {
    expect((await sluice.call('GET', '/admin/v1/health')).status).toBe(200);
    const session = (await sluice.raw('GET', '/admin/v1/session', undefined, {})).json();
    expect(session).toMatchObject({ access: 'login', way: 'link', csrf: '', policy: '' });
  });
  it.each(['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'])(
    'the link does not through a proxy (%s)',
    async (name) => {
      expect((await sluice.call('GET', '/admin/v1/health', undefined, { [name]: '127.0.0.1' })).status).toBe(401);
    },
  );
  it('an agent’s key is no admin key', async () => {
    expect((await sluice.call('GET', '/admin/v1/health', undefined, { authorization: 'Bearer sk-agent' })).status).toBe(
      401,
    );
  });
});

describe('with an admin key', () => {
  let sluice: AdminSluice;
  beforeAll(async () => {
    sluice = await startAdmin({ keys: keysOf('the-admin-key') });
  });
  afterAll(() => sluice.close());
  const login = async (): Promise<{ readonly cookie: string; readonly csrf: string }> => {
    const answer = await sluice.raw('POST', '/admin/v1/login', '{"key":"the-admin-key"}', JSON_TYPE);
    expect(answer.status).toBe(200);
    const set = String(answer.headers['set-cookie']);
    const cookie = set.split(';')[0] ?? '';
    const session = await sluice.raw('GET', '/admin/v1/session', undefined, { cookie });
    return { cookie, csrf: session.json<{ csrf: string }>().csrf };
  };

  it('the link of the start opens nothing any more', async () => {
    expect((await sluice.call('GET', '/admin/v1/health')).status).toBe(401);
    expect((await sluice.raw('GET', '/admin/v1/session', undefined, {})).json()).toMatchObject({ way: 'key' });
  });
  it('a program comes in with the key', async () => {
    const answer = await sluice.call(
      'POST',
      '/admin/v1/classify',
      { text: 'x' },
      { authorization: 'Bearer the-admin-key' },
    );
    expect(answer.status).toBe(200);
  });
  it('a browser gets a cookie that no script reads and no other site sends', async () => {
    const answer = await sluice.raw('POST', '/admin/v1/login', '{"key":"the-admin-key"}', JSON_TYPE);
    const set = String(answer.headers['set-cookie']);
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/']) expect(set).toContain(attribute);
    expect(answer.text).not.toContain(set.split(';')[0]?.split('=')[1] ?? 'x');
  });
  it('reads with the cookie, changes with the token of its page too', async () => {
    const { cookie, csrf } = await login();
    const change = (headers: Readonly<Record<string, string>>) =>
      sluice.raw('POST', '/admin/v1/classify', '{"text":"x"}', { ...JSON_TYPE, cookie, ...headers });
    expect((await sluice.raw('GET', '/admin/v1/health', undefined, { cookie })).status).toBe(200);
    expect((await change({})).status).toBe(403);
    expect((await change({ 'x-sluice-csrf': 'guess' })).status).toBe(403);
    expect((await change({ 'x-sluice-csrf': '' })).status).toBe(403);
    expect((await change({ 'x-sluice-csrf': csrf })).status).toBe(200);
    const other = await login();
    expect((await change({ 'x-sluice-csrf': other.csrf })).status).toBe(403);
  });
  it.each([
    ['origin of another port', { origin: 'http://127.0.0.1:9' }],
    ['origin of another site', { origin: 'https://evil.example' }],
    ['no origin at all', { origin: 'null' }],
    ['a cross-site fetch', { 'sec-fetch-site': 'cross-site' }],
    ['a same-site fetch of another port', { 'sec-fetch-site': 'same-site' }],
  ])('refuses a page: %s', async (_, headers) => {
    const { cookie, csrf } = await login();
    for (const [method, path, body] of [
      ['GET', 'health', undefined],
      ['GET', 'session', undefined],
      ['POST', 'login', '{"key":"the-admin-key"}'],
      ['POST', 'classify', '{"text":"x"}'],
    ] as const) {
      const answer = await sluice.raw(method, `/admin/v1/${path}`, body, {
        ...JSON_TYPE,
        cookie,
        'x-sluice-csrf': csrf,
        ...headers,
      });
      expect(answer.status, path).toBe(403);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });
  it('answers no name that was pointed here (DNS rebinding)', async () => {
    const answer = await sluice.raw('GET', '/admin/v1/session', undefined, { host: 'evil.example' });
    expect(answer.status).toBe(403);
    expect(answer.json()).toMatchObject({ error: { code: 'host_not_allowed' } });
  });
  it('counts neither of two cookies of one name', async () => {
    const { cookie } = await login();
    const answer = await sluice.raw('GET', '/admin/v1/health', undefined, {
      cookie: `sluice_admin=planted; ${cookie}`,
    });
    expect(answer.status).toBe(401);
  });
  it('forgets a session that is logged out', async () => {
    const { cookie, csrf } = await login();
    const headers = { ...JSON_TYPE, cookie, 'x-sluice-csrf': csrf };
    expect((await sluice.raw('POST', '/admin/v1/logout', '{}', headers)).status).toBe(200);
    expect((await sluice.raw('GET', '/admin/v1/health', undefined, headers)).status).toBe(401);
  });
  it('a body that is no JSON is not read: a form of another page could send it', async () => {
    const { cookie, csrf } = await login();
    const answer = await sluice.raw('POST', '/admin/v1/classify', '{"text":"x"}', {
      'content-type': 'text/plain',
      cookie,
      'x-sluice-csrf': csrf,
    });
    expect(answer.status).toBe(415);
  });
  it('slows guessing down, and says the same whether the key is right or not', async () => {
    const own = await startAdmin({ keys: keysOf('right') });
    try {
      const attempt = (key: string) => own.raw('POST', '/admin/v1/login', JSON.stringify({ key }), JSON_TYPE);
      for (let guess = 0; guess < 5; guess += 1) expect((await attempt(`wrong-${guess}`)).status).toBe(401);
      expect((await attempt('wrong-again')).status).toBe(429);
      expect((await attempt('right')).status).toBe(429);
      expect(own.logged()).not.toContain('wrong-');
    } finally {
      await own.close();
    }
  });
});

describe('sessions', () => {
  it('end when idle, when old, and when there are too many', () => {
    let now = 0;
    const logins = new Logins(() => now);
    const idle = logins.open('a');
    now += 31 * 60_000;
    expect(logins.find(idle.id)).toBeUndefined();
    const old = logins.open('a');
    for (let step = 0; step < 20; step += 1) {
      now += 25 * 60_000;
      logins.find(old.id);
    }
    expect(logins.find(old.id)).toBeUndefined();
    const first = logins.open('a');
    for (let each = 0; each < 64; each += 1) {
      now += 1;
      logins.open('b');
    }
    expect(logins.find(first.id)).toBeUndefined();
    expect(logins.find('never')).toBeUndefined();
  });
});
