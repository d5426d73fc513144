/** Pools, aliases and breakers through a whole Sluice: who is asked, after what, and that nothing ever goes where its label may not. */
import { afterEach, describe, expect, it } from 'vitest';
import { refusedPort } from '../../helpers/rude-server.ts';
import {
  CARD,
  COMPLEX,
  say,
  spoken,
  startSluice,
  type TestSluice,
  type TestSluiceOptions,
} from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
const start = async (options: TestSluiceOptions): Promise<TestSluice> => (sluice = await startSluice(options));
const POOL = (more = ''): string => `pools: { both: { members: [claude, sky]${more} } }`;

describe('a pool of two clouds, each with a wire of its own', () => {
  it.each([false, true])(
    'asks the next when the first refuses, in the client’s own wire (stream: %s)',
    async (stream) => {
      const { ask, claude, cloud } = await start({
        config: POOL(),
        claude: { replies: ['overloaded'] },
        cloud: { reply: () => ({ text: 'from the sky' }) },
      });
      for (const path of ['/v1/chat/completions', '/v1/messages']) {
        const body = say(`${COMPLEX} (${path})`, { stream, max_tokens: 50 });
        const response = await ask(body, {}, path);
        expect(response.status).toBe(200);
        expect(response.headers.get('x-sluice-route')).toBe('cloud');
        const text = await response.text();
        expect(path === '/v1/messages' ? text.replace(/[\s\S]*?"text":"([^"]*)"/g, '$1') : spoken(text)).toContain(
          'from the sky',
        );
      }
      expect([claude.requests.length, cloud.requests.length]).toEqual([2, 2]);
    },
  );

  it('tells the client when both fail, and only then falls inwards', async () => {
    const options = {
      config: POOL(),
      claude: { replies: ['overloaded'] },
      cloud: { replies: ['overloaded'] },
    } as const;
    const { ask, local } = await start({ ...options, local: { reply: () => ({ text: 'at home' }) } });
    const response = await ask(say(COMPLEX));
    expect(response.headers.get('x-sluice-reason')).toContain('cloud-failed');
    expect(spoken(await response.text())).toBe('at home');
    expect(local.chats()).toHaveLength(1);
  });

  it('does not ask twice what may have been done once', async () => {
    const { ask, cloud } = await start({
      config: `${POOL()}\npolicy: { onCloudFailure: error }`,
      claude: { replies: ['close'] },
    });
    expect((await ask(say(COMPLEX))).status).toBe(502);
    expect(cloud.requests).toHaveLength(0);
  });

  it('but does with retry: before-first-byte', async () => {
    const { ask, cloud } = await start({
      config: `${POOL(', retry: before-first-byte')}\npolicy: { onCloudFailure: error }`,
      claude: { replies: ['close'] },
    });
    expect((await ask(say(COMPLEX))).status).toBe(200);
    expect(cloud.requests).toHaveLength(1);
  });

  it('never asks the next once the client has bytes', async () => {
    const { ask, cloud } = await start({
      config: POOL(', retry: before-first-byte'),
      claude: { replies: ['truncated'] },
    });
    const response = await ask(say(COMPLEX, { stream: true, max_tokens: 9 }), {}, '/v1/messages');
    expect(await response.text()).toMatch(/event: error\ndata: .*upstream_truncated.*\n\n$/);
    expect(cloud.requests).toHaveLength(0);
  });

  it('masks once for all, and no member sees the value', async () => {
    const { ask, claude, cloud, sentToCloud } = await start({
      config: POOL(),
      claude: { replies: ['overloaded'] },
      cloud: { reply: ({ body }) => ({ text: `heard ${/\[\[\w+\]\]/.exec(body)?.[0]}` }) },
    });
    const response = await ask(say(`${COMPLEX} for jane.roe@corp-mail.example`));
    expect(response.headers.get('x-sluice-route')).toBe('cloud-masked');
    expect(spoken(await response.text())).toBe('heard jane.roe@corp-mail.example');
    expect([claude.requests.length, cloud.requests.length]).toEqual([1, 1]);
    expect(sentToCloud()).not.toContain('jane.roe');
  });

  it('may see what its lowest member may: what only one of them may see goes to that one, and on from it inwards', async () => {
    const { ask, claude, cloud } = await start({
      config: `${POOL()}\npolicy: { masking: off }`,
      claude: { replies: ['overloaded'] },
      claudeSees: 'confidential',
      local: { reply: () => ({ text: 'at home' }) },
    });
    const response = await ask(say(`${COMPLEX} for jane.roe@corp-mail.example`));
    expect(spoken(await response.text())).toBe('at home');
    expect([claude.requests.length, cloud.requests.length]).toEqual([1, 0]);
  });
});

describe('a pool of local servers', () => {
  it('answers as long as one of them does, and stays local', async () => {
    const gone = await refusedPort();
    const { ask, url, context, cloud, local } = await start({
      firstUpstreams: [
        `{ kind: ollama, name: gone, url: "http://127.0.0.1:${gone}", sees: restricted, connectTimeoutMs: 500 }`,
      ],
      config: 'pools: { inside: { members: [gone, home] } }',
      local: { reply: () => ({ text: 'at home' }) },
    });
    expect(context.policy.upstreams[0]).toMatchObject({ name: 'inside', kind: 'local', sees: 'restricted' });
    for (let time = 0; time < 2; time++)
      expect(spoken(await (await ask(say(`my card is ${CARD} ${time}`))).text())).toBe('at home');
    expect([local.chats().length, cloud.requests.length]).toEqual([2, 0]);
    const ready = (await (await fetch(`${url}/readyz`)).json()) as {
      ready: boolean;
      checks: { name: string; ok: boolean }[];
    };
    expect(ready.checks).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'local:gone', ok: false }),
        expect.objectContaining({ name: 'local:inside', ok: true }),
      ]),
    );
    expect(ready.ready).toBe(true);
  });
});

describe('a breaker', () => {
  it('leaves a cloud alone after failures, says so, and asks again later', async () => {
    const { url, ask, claude } = await start({
      claude: { replies: ['server-error', 'server-error', { text: 'back' }] },
      claudeMore: ', breaker: { failures: 2, openMs: 150 }',
      local: { reply: () => ({ text: 'at home' }) },
    });
    for (let time = 0; time < 4; time++)
      expect(spoken(await (await ask(say(`${COMPLEX} ${time}`))).text())).toBe('at home');
    expect(claude.requests).toHaveLength(2);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('sluice_upstream_circuit_open{upstream="claude"} 1');
    expect(metrics).toMatch(/sluice_upstream_requests_total\{upstream="claude",outcome="upstream_failed"\} 2/);
    expect(metrics).toMatch(/sluice_upstream_requests_total\{upstream="claude",outcome="upstream_unreachable"\} 2/);
    expect(JSON.stringify(await (await fetch(`${url}/readyz`)).json())).toContain('left alone after failures');
    await expect
      .poll(async () => spoken(await (await ask(say(`${COMPLEX} later`))).text()), { timeout: 3_000, interval: 60 })
      .toBe('back');
  });

  it('passes Retry-After on, and keeps to it', async () => {
    const { ask, claude } = await start({
      config: 'policy: { onCloudFailure: error }',
      claude: { replies: ['rate-limited'] },
    });
    for (let time = 0; time < 2; time++) {
      const response = await ask(say(`${COMPLEX} ${time}`));
      expect(response.status).toBe(429);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(1);
    }
    expect(claude.requests).toHaveLength(1);
  });
});

describe('an alias', () => {
  const config =
    'aliases: { brainy: { upstream: sky, model: gpt-other }, homely: { upstream: home, model: small:latest } }';
  const options = {
    config,
    local: { models: [{ name: 'small:latest' }], reply: () => ({ text: 'at home' }) },
  } as const;

  it('is listed, and asks for the model it stands for', async () => {
    const { ask, url, cloud } = await start(options);
    const listed = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(listed.data.map((model) => model.id)).toEqual(expect.arrayContaining(['brainy', 'homely']));
    const response = await ask(say('hello', { model: 'brainy' }));
    expect(response.headers.get('x-sluice-reason')).toBe('model-honoured');
    await response.text();
    expect((JSON.parse(cloud.requests[0]?.body ?? '{}') as { model: string }).model).toBe('gpt-other');
    expect(spoken(await (await ask(say('hello', { model: 'homely' }))).text())).toBe('at home');
  });

  it('widens nothing', async () => {
    const { ask, cloud } = await start(options);
    const response = await ask(say(`my card is ${CARD}`, { model: 'brainy' }));
    expect(response.headers.get('x-sluice-route')).toBe('local');
    await response.text();
    expect(cloud.requests).toHaveLength(0);
  });
});
