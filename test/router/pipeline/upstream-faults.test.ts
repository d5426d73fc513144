import { afterEach, describe, expect, it } from 'vitest';
import type { FakeFault } from '../../helpers/fake-openai.ts';
import type { FakeOllamaReply } from '../../helpers/fake-ollama-model.ts';
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
async function start(options: TestSluiceOptions): Promise<TestSluice> {
  sluice = await startSluice(options);
  return sluice;
}
interface Chunk {
  readonly error?: { readonly code: string };
  readonly choices?: readonly { readonly finish_reason: string | null }[];
}
function chunks(sse: string): readonly Chunk[] {
  return sse
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)) as Chunk);
}
const finished = (sse: string): boolean =>
  chunks(sse).some((chunk) => chunk.choices?.some((choice) => choice.finish_reason !== null) === true);

describe('a cloud that fails before its first byte', () => {
  const faults: readonly FakeFault[] = [
    'reset',
    'close',
    'hang-before-headers',
    'not-http',
    'server-error',
    'overloaded',
    'rate-limited',
    'unauthorized',
  ];
  it.each(faults)('%s: falls inwards when policy says so', async (fault) => {
    const { ask, cloud, local } = await start({
      cloud: { replies: [fault] },
      local: { replies: [{ text: 'from home' }] },
    });
    const response = await ask(say(COMPLEX, { stream: true }));
    expect(spoken(await response.text())).toBe('from home');
    expect(response.headers.get('x-sluice-route')).toBe('local');
    expect(response.headers.get('x-sluice-reason')).toMatch(/^cloud-failed/);
    expect(cloud.requests.length).toBe(1);
    expect(local.chats().length).toBe(1);
  });

  it.each([
    ['reset', 502, 'cloud_upstream_failed'],
    ['hang-before-headers', 504, 'upstream_timeout'],
    ['server-error', 502, 'cloud_upstream_failed'],
    ['rate-limited', 429, 'upstream_overloaded'],
    ['unauthorized', 502, 'upstream_unauthorized'],
    ['quotes-the-prompt', 400, 'upstream_rejected'],
  ] as const)('%s: is an error when policy says so, told once', async (fault, status, code) => {
    for (const stream of [false, true]) {
      // One Sluice for each: after a 429 the cloud is left alone for as long as it asked, and the second would not be sent.
      const { ask, cloud, local, logged } = await start({
        config: 'policy: { onCloudFailure: error }',
        cloud: { replies: [fault] },
      });
      const response = await ask(say(`${COMPLEX} canary-prompt`, { stream }));
      const text = await response.text();
      expect([response.status, (JSON.parse(text) as { error: { code: string } }).error.code]).toEqual([status, code]);
      expect(text + logged()).not.toContain('canary-prompt');
      expect(cloud.requests.length).toBe(1);
      expect(local.chats()).toEqual([]);
    }
  });
});

describe('a cloud that points elsewhere', () => {
  it('is not followed', async () => {
    const { ask, cloud, local } = await start({
      cloud: { reply: () => ({ fault: 'redirect', to: 'http://127.0.0.1:1/' }) },
    });
    const response = await ask(say(COMPLEX));
    expect(response.status).toBeGreaterThanOrEqual(400);
    await response.text();
    expect(cloud.requests.length).toBe(1);
    expect(local.chats()).toEqual([]);
  });
});

describe('a cloud that fails inside its answer', () => {
  it.each([
    'hang-mid-stream',
    'truncated',
    'reset-mid-stream',
    'no-terminator',
    'error-mid-stream',
    'silent-200',
  ] as const)('%s: the stream ends with an error and its terminator, never as if whole', async (fault) => {
    const { ask, local } = await start({ config: 'policy: { onCloudFailure: error }', cloud: { replies: [fault] } });
    const response = await ask(say(COMPLEX, { stream: true }));
    const text = await response.text();
    // Nothing had come yet: then it is an error with a status.
    if (response.status !== 200) return expect(response.status).toBe(502);
    expect(text.endsWith('data: [DONE]\n\n'), text).toBe(true);
    expect(
      chunks(text).some((chunk) => chunk.error !== undefined),
      text,
    ).toBe(true);
    expect(finished(text)).toBe(false);
    expect(local.chats()).toEqual([]);
  });

  it.each(['body-too-short', 'truncated', 'reset-mid-stream'] as const)(
    '%s: a whole answer that is cut is no answer',
    async (fault) => {
      const { ask } = await start({ config: 'policy: { onCloudFailure: error }', cloud: { replies: [fault] } });
      const response = await ask(say(COMPLEX));
      await response.text();
      expect(response.status).toBeGreaterThanOrEqual(500);
    },
  );
});

describe('a local server that fails', () => {
  it.each([
    'no-done',
    'error-line',
    'reset-mid-stream',
    'hang-mid-stream',
    'bad-json-line',
    'truncated',
    'silent-200',
    'error-line-first',
  ] as readonly FakeOllamaReply[])('%s: the stream ends with an error and its terminator', async (fault) => {
    const { ask, cloud } = await start({ local: { replies: [fault] } });
    const response = await ask(say(`My card is ${CARD}`, { stream: true }));
    const text = await response.text();
    if (response.status === 200) {
      expect(text.endsWith('data: [DONE]\n\n'), text).toBe(true);
      expect(
        chunks(text).some((chunk) => chunk.error !== undefined),
        text,
      ).toBe(true);
      expect(finished(text)).toBe(false);
    } else expect(response.status).toBeGreaterThanOrEqual(400);
    expect(cloud.requests).toEqual([]);
  });

  it('away: a sensitive request is refused with the fix, a clean one is an upstream failure, and nothing goes to the cloud', async () => {
    const { ask, cloud, url } = await start({ localUrl: `http://127.0.0.1:${await refusedPort()}` });
    const sensitive = await ask(say(`My card is ${CARD}`));
    const told = (await sensitive.json()) as { error: { code: string; message: string; type: string } };
    expect([sensitive.status, told.error.code, told.error.type]).toEqual([
      400,
      'local_model_unavailable',
      'invalid_request_error',
    ]);
    expect(told.error.message).toMatch(/ollama serve/);
    const clean = await ask(say('Say hello'));
    expect([clean.status, ((await clean.json()) as { error: { code: string } }).error.code]).toEqual([
      502,
      'local_upstream_failed',
    ]);
    expect(cloud.requests).toEqual([]);
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(JSON.stringify(await ready.json())).toMatch(/start Ollama/);
  });

  it('too small for the conversation: an error, nothing is cut', async () => {
    const { ask, local } = await start({ config: 'policy: { masking: "off" }' });
    const response = await ask(
      say(`My card is ${CARD}. ${'These are plain words that fill the window. '.repeat(2_000)}`),
    );
    expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
      400,
      'context_too_long',
    ]);
    expect(local.chats()).toEqual([]);
  });

  it('only a stub for somebody else’s machine: refused', async () => {
    const { ask, local } = await start({
      local: { models: [{ name: 'big:cloud', remoteHost: 'https://ollama.com' }] },
    });
    const response = await ask(say(`My card is ${CARD}`));
    expect(response.status).toBeGreaterThanOrEqual(400);
    await response.text();
    expect(local.forwarded).toEqual([]);
  });
});

describe('a client that goes away', () => {
  it('stops the upstream', async () => {
    const { ask, cloud, logged } = await start({
      cloud: { replies: [{ pieces: Array.from({ length: 200 }, (_, index) => `word${index} `), gapMs: 20 }] },
    });
    const abort = new AbortController();
    const response = await ask(say(COMPLEX, { stream: true }));
    const reader = response.body?.getReader();
    await reader?.read();
    abort.abort();
    await reader?.cancel();
    await expect.poll(() => logged(), { timeout: 3_000 }).toContain('"outcome":"client-gone"');
    await expect.poll(() => cloud.requests[0]?.aborted, { timeout: 3_000 }).toBe(true);
  });
});
