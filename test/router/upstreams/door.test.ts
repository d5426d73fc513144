import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Readable } from 'node:stream';
import { Secret } from '../../../config/secret.ts';
import type { UpstreamFailure } from '../../../router/chat.ts';
import type { Cleared } from '../../../router/clearance.ts';
import { openCloudDoor, openLocalDoor, type CloudDoor, type DoorOptions } from '../../../router/upstreams/door.ts';
import { failureOf } from '../../../router/upstreams/failure.ts';
import { explainOpenAI } from '../../../router/upstreams/openai.ts';
import type { PipeOutcome } from '../../../router/upstreams/pipe-sink.ts';
import { clearedFor } from '../../helpers/cleared.ts';
import { startFakeOpenAI, type FakeFault, type FakeOpenAI, type FakeOpenAIReply } from '../../helpers/fake-openai.ts';
import { refusedPort, startRudeServer } from '../../helpers/rude-server.ts';

const CANARY = 'canary-7f3a';
const BODY = { model: 'gpt-fake', messages: [{ role: 'user', content: CANARY }] };

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

function door(url: string, more: Partial<DoorOptions> = {}): CloudDoor {
  const opened = openCloudDoor({
    name: 'cloud',
    url,
    connectTimeoutMs: 2_000,
    firstByteTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    explain: explainOpenAI,
    ...more,
  });
  closers.push(() => opened.close());
  return opened;
}

async function fakeWith(...replies: readonly FakeOpenAIReply[]): Promise<FakeOpenAI> {
  const fake = await startFakeOpenAI({ replies });
  closers.push(() => fake.close());
  return fake;
}

const never = (): AbortSignal => new AbortController().signal;

async function textOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function outcome(
  opened: CloudDoor,
  cleared: Cleared,
  signal = never(),
): Promise<{ readonly text: string } | { readonly failure: UpstreamFailure }> {
  const reply = await opened.sendCleared(cleared, { signal });
  if (reply.kind === 'failed') return { failure: reply.failure };
  try {
    return { text: await textOf(reply.body) };
  } catch (error) {
    return { failure: failureOf(error, 'cloud') };
  }
}

/** A client's view of pipeRaw: a real HTTP server whose every request is piped from the door. */
async function piping(
  opened: CloudDoor,
  cleared: () => Cleared,
): Promise<{ readonly url: string; readonly outcomes: PipeOutcome[]; readonly server: Server }> {
  const outcomes: PipeOutcome[] = [];
  const server = createServer((_request, response) => {
    void opened
      .pipeRaw(cleared(), response, { onHead: (headers) => ({ ...headers, 'x-sluice-route': 'cloud' }) })
      .then((result) => {
        outcomes.push(result);
        if (result.kind === 'failed' && !response.headersSent) response.writeHead(502).end(result.failure.code);
        else if (result.kind === 'failed') response.end('data: {"error":true}\n\ndata: [DONE]\n\n');
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    outcomes,
    server,
  };
}

describe('sendCleared() lets nothing out that clear() did not make', () => {
  it.each([
    [
      'a look-alike object',
      { upstream: 'cloud', path: '/chat/completions', body: '{}', stream: false } as unknown as Cleared,
    ],
    ['a copy of a cleared request', { ...clearedFor('cloud', BODY) } as Cleared],
    [
      'a cleared request with another body behind it',
      Object.create(clearedFor('cloud', BODY), { body: { value: CANARY } }) as Cleared,
    ],
  ])('%s', async (_name, forged) => {
    const fake = await fakeWith();
    const opened = door(fake.url);
    await expect(opened.sendCleared(forged, { signal: never() })).rejects.toMatchObject({ code: 'not_cleared' });
    const sink = await piping(opened, () => forged);
    await expect(opened.pipeRaw(forged, {} as never, { onHead: () => ({}) })).rejects.toMatchObject({
      code: 'not_cleared',
    });
    expect(sink.outcomes).toEqual([]);
    expect(fake.wire().length).toBe(0);
  });

  it('a request cleared for another upstream', async () => {
    const fake = await fakeWith();
    await expect(door(fake.url).sendCleared(clearedFor('elsewhere', BODY), { signal: never() })).rejects.toMatchObject({
      code: 'wrong_upstream',
    });
    expect(fake.wire().length).toBe(0);
  });

  it('a cleared request for a path that is none of the protocol', async () => {
    const fake = await fakeWith();
    const odd = clearedFor('cloud', BODY, { path: '/../../admin' as '/responses' });
    await expect(door(fake.url).sendCleared(odd, { signal: never() })).rejects.toMatchObject({
      code: 'path_not_allowed',
    });
    expect(fake.wire().length).toBe(0);
  });
});

describe('what goes out', () => {
  it('is the cleared body byte for byte under our own headers and no others', async () => {
    const fake = await fakeWith({ text: 'ok' });
    const opened = door(fake.url, { authorization: new Secret('sk-test-key') });
    await outcome(opened, clearedFor('cloud', { ...BODY, text: 'ünï ☃ \u{1F600}' }));
    const [request] = fake.requests;
    expect(request?.body).toBe(JSON.stringify({ ...BODY, text: 'ünï ☃ \u{1F600}' }));
    expect(request?.path).toBe('/v1/chat/completions');
    expect(Object.keys(request?.headers ?? {}).toSorted()).toEqual([
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
    ]);
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer sk-test-key',
      'accept-encoding': 'identity',
      accept: 'application/json',
      host: `127.0.0.1:${fake.port}`,
    });
    expect(request?.headers['user-agent']).toMatch(/^sluice\//);
  });

  it('asks for an event stream when the request streams', async () => {
    const fake = await fakeWith({ text: 'ok' });
    await outcome(door(fake.url), clearedFor('cloud', { ...BODY, stream: true }));
    expect(fake.requests[0]?.headers['accept']).toBe('text/event-stream');
  });

  it('does not take a detour through proxies of the environment', async () => {
    const proxy = await fakeWith();
    const fake = await fakeWith({ text: 'ok' });
    vi.stubEnv('HTTP_PROXY', proxy.url)
      .stubEnv('http_proxy', proxy.url)
      .stubEnv('ALL_PROXY', proxy.url)
      .stubEnv('NODE_USE_ENV_PROXY', '1');
    try {
      await outcome(door(fake.url), clearedFor('cloud', BODY));
    } finally {
      vi.unstubAllEnvs();
    }
    expect([fake.requests.length, proxy.wire().length]).toEqual([1, 0]);
  });

  it.each(['ftp://example.com', 'http://user:pass@127.0.0.1/v1', 'http://127.0.0.1/v1?key=1', 'not a url'])(
    'never to %s',
    (url) => {
      expect(() => door(url)).toThrowError(expect.objectContaining({ code: 'invalid_url' }));
    },
  );

  it.each(['https://ollama.com', 'https://OLLAMA.COM./', 'https://api.ollama.com/v1'])(
    'a local door does not open on %s',
    (url) => {
      expect(() =>
        openLocalDoor({
          name: 'local',
          url,
          connectTimeoutMs: 1,
          firstByteTimeoutMs: 1,
          idleTimeoutMs: 1,
          explain: () => 'upstream_rejected',
        }),
      ).toThrowError(expect.objectContaining({ code: 'not_local' }));
    },
  );
});

describe('what comes in', () => {
  it('keeps the headers a client may see and drops the rest', async () => {
    const fake = await fakeWith({
      text: 'ok',
      headers: { 'retry-after': '1', 'x-long': 'v', 'x-ratelimit-limit-tokens': 'v'.repeat(300) },
    });
    const reply = await door(fake.url).sendCleared(clearedFor('cloud', BODY), { signal: never() });
    if (reply.kind === 'failed') throw new Error(reply.failure.code);
    await textOf(reply.body);
    expect(reply.headers).toEqual({
      'content-type': 'application/json',
      'x-request-id': 'req_fake',
      'openai-processing-ms': '7',
      'x-ratelimit-remaining-requests': '99',
      'retry-after': '1',
    });
  });

  it('reuses a connection for one request after another', async () => {
    const fake = await fakeWith({ text: 'ok' });
    const opened = door(fake.url);
    for (let turn = 0; turn < 4; turn += 1) {
      expect(await outcome(opened, clearedFor('cloud', BODY))).toHaveProperty('text');
      // The client lets a connection rest for one turn of the event loop before it is used again.
      await sleep(5);
    }
    expect(fake.connections()).toBe(1);
  });

  it('does not read on while nobody takes what was read', async () => {
    let produced = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        produced += 65_536;
        yield Buffer.alloc(65_536, 120);
      }
    }
    const server = await startRudeServer(() => ({ kind: 'stream', pieces: endless() }));
    closers.push(() => server.close());
    const reply = await door(server.url, { idleTimeoutMs: 50 }).sendCleared(clearedFor('cloud', BODY), {
      signal: never(),
    });
    if (reply.kind === 'failed') throw new Error(reply.failure.code);
    // Kernel buffers fill, then the server cannot write. Its silence must not count as idleness either.
    let before = -1;
    while (before !== produced) {
      before = produced;
      await sleep(100);
    }
    expect(reply.body.readableLength).toBeLessThan(1_048_576);
    expect(reply.body.errored).toBeNull();
    let read = 0;
    for await (const chunk of reply.body) {
      read += (chunk as Buffer).length;
      if (read > before) break;
    }
    expect(read).toBeGreaterThan(before);
  });
});

describe('faults become failures, with one request on the wire', () => {
  const rows: readonly (readonly [FakeFault, boolean, Partial<UpstreamFailure>])[] = [
    ['reset', false, { code: 'upstream_reset', sent: true, status: 0 }],
    ['close', false, { code: 'upstream_reset', sent: true, status: 0 }],
    ['hang-before-headers', false, { code: 'upstream_timeout', sent: true, status: 0 }],
    ['hang-mid-stream', true, { code: 'upstream_timeout', sent: true, status: 200 }],
    ['truncated', true, { code: 'upstream_truncated', sent: true, status: 200 }],
    ['reset-mid-stream', true, { code: 'upstream_reset', sent: true, status: 200 }],
    ['body-too-short', false, { code: 'upstream_truncated', sent: true, status: 200 }],
    ['not-http', false, { code: 'upstream_malformed', sent: true, status: 0 }],
    ['gzip', false, { code: 'upstream_malformed', sent: true, status: 200 }],
    ['created', false, { code: 'upstream_malformed', sent: true, status: 201 }],
    ['unauthorized', false, { code: 'upstream_unauthorized', sent: true, status: 401 }],
    ['model-not-found', false, { code: 'model_not_found', sent: true, status: 404 }],
    ['context-too-long', false, { code: 'context_too_long', sent: true, status: 400 }],
    ['rate-limited', false, { code: 'upstream_overloaded', sent: true, status: 429, retryAfterSeconds: 3 }],
    ['overloaded', false, { code: 'upstream_overloaded', sent: true, status: 503 }],
    ['server-error', false, { code: 'upstream_failed', sent: true, status: 500 }],
    ['endless-error', false, { code: 'upstream_failed', sent: true, status: 500 }],
    ['quotes-the-prompt', false, { code: 'upstream_rejected', sent: true, status: 400 }],
  ];

  it.each(rows)('%j', async (fault, stream, expected) => {
    const fake = await fakeWith(fault);
    const opened = door(fake.url, { firstByteTimeoutMs: 150, idleTimeoutMs: 150 });
    const result = await outcome(opened, clearedFor('cloud', { ...BODY, stream }));
    expect(result).toMatchObject({ failure: { upstream: 'cloud', ...expected } });
    expect(JSON.stringify(result)).not.toContain(CANARY);
    // A hidden second try would come at once, on a new connection.
    await sleep(20);
    expect(fake.requests.length).toBe(1);
  });

  it.each(rows)('%j through pipeRaw()', async (fault, stream, expected) => {
    const fake = await fakeWith(fault);
    const opened = door(fake.url, { firstByteTimeoutMs: 150, idleTimeoutMs: 150 });
    const pipe = await piping(opened, () => clearedFor('cloud', { ...BODY, stream }));
    const response = await fetch(pipe.url);
    const text = await response.text();
    expect(pipe.outcomes).toMatchObject([
      { kind: 'failed', failure: { upstream: 'cloud', ...expected }, headSent: stream },
    ]);
    expect(text.endsWith(stream ? 'data: [DONE]\n\n' : (expected.code ?? ''))).toBe(true);
    expect(text).not.toContain(CANARY);
    expect(fake.requests.length).toBe(1);
  });

  it('retry-after as a date counts from now', async () => {
    const fake = await fakeWith('overloaded');
    const result = await outcome(door(fake.url), clearedFor('cloud', BODY));
    if (!('failure' in result)) throw new Error('no failure');
    expect(result.failure.retryAfterSeconds).toBeGreaterThan(50);
    expect(result.failure.retryAfterSeconds).toBeLessThanOrEqual(60);
  });

  it('bytes past the declared length are not read as the next answer', async () => {
    const fake = await fakeWith('body-too-long', { text: 'second' });
    const opened = door(fake.url);
    const first = await outcome(opened, clearedFor('cloud', BODY));
    expect(first).toHaveProperty('text');
    const second = await outcome(opened, clearedFor('cloud', BODY));
    expect('text' in second ? second.text : '').toContain('second');
  });

  it('a port nobody listens on is unreachable, and nothing was sent', async () => {
    const result = await outcome(door(`http://127.0.0.1:${await refusedPort()}/v1`), clearedFor('cloud', BODY));
    expect(result).toEqual({
      failure: { code: 'upstream_unreachable', upstream: 'cloud', status: 0, retryAfterSeconds: 0, sent: false },
    });
  });

  it('a redirect is not followed', async () => {
    const elsewhere = await fakeWith();
    const fake = await fakeWith({ fault: 'redirect', to: `${elsewhere.url}/chat/completions` });
    expect(await outcome(door(fake.url), clearedFor('cloud', BODY))).toMatchObject({
      failure: { code: 'upstream_rejected', status: 307 },
    });
    expect(elsewhere.wire().length).toBe(0);
  });

  it('a kept-alive connection the server closes as it is used is a reset, not a second request', async () => {
    let served = 0;
    const server = await startRudeServer((_request, index) => {
      served += 1;
      return index === 0 ? { kind: 'answer', status: 200, body: '{}' } : { kind: 'close' };
    });
    closers.push(() => server.close());
    const opened = door(server.url);
    expect(await outcome(opened, clearedFor('cloud', BODY))).toEqual({ text: '{}' });
    await sleep(5);
    expect(await outcome(opened, clearedFor('cloud', BODY))).toMatchObject({
      failure: { code: 'upstream_reset', sent: true },
    });
    await sleep(20);
    expect([served, server.connections()]).toEqual([2, 1]);
  });

  it('a connection the server closed while it was idle is replaced unseen', async () => {
    const server = await startRudeServer((_request, index) => ({
      kind: 'bytes',
      bytes: `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${index}!`,
      end: index === 0 ? 'close' : 'keep',
    }));
    closers.push(() => server.close());
    const opened = door(server.url);
    expect(await outcome(opened, clearedFor('cloud', BODY))).toEqual({ text: '0!' });
    await sleep(20);
    expect(await outcome(opened, clearedFor('cloud', BODY))).toEqual({ text: '1!' });
    expect(server.requests.length).toBe(2);
  });
});

describe('abort', () => {
  it('before anything is sent sends nothing', async () => {
    const fake = await fakeWith();
    const result = await outcome(door(fake.url), clearedFor('cloud', BODY), AbortSignal.abort());
    expect(result).toMatchObject({ failure: { code: 'aborted', sent: false } });
    expect(fake.wire().length).toBe(0);
  });

  it.each(['hang-before-headers', 'hang-mid-stream'] as const)('during %s closes the connection', async (fault) => {
    const fake = await fakeWith(fault);
    const controller = new AbortController();
    const result = outcome(door(fake.url), clearedFor('cloud', { ...BODY, stream: true }), controller.signal);
    await vi.waitUntil(() => fake.requests.length === 1);
    await sleep(20);
    controller.abort();
    expect(await result).toMatchObject({ failure: { code: 'aborted', sent: true } });
    await vi.waitUntil(() => fake.requests[0]?.aborted === true);
  });

  it('a reader that stops reading closes the connection', async () => {
    const fake = await fakeWith('hang-mid-stream');
    const reply = await door(fake.url).sendCleared(clearedFor('cloud', { ...BODY, stream: true }), { signal: never() });
    if (reply.kind === 'failed') throw new Error(reply.failure.code);
    for await (const _chunk of reply.body) break;
    await vi.waitUntil(() => fake.requests[0]?.aborted === true);
    expect(fake.requests.length).toBe(1);
  });

  it('a client that goes away closes the connection', async () => {
    const fake = await fakeWith('hang-mid-stream');
    const pipe = await piping(door(fake.url), () => clearedFor('cloud', { ...BODY, stream: true }));
    const controller = new AbortController();
    const response = await fetch(pipe.url, { signal: controller.signal });
    await response.body?.getReader().read();
    controller.abort();
    await vi.waitUntil(() => fake.requests[0]?.aborted === true);
    expect(pipe.outcomes).toMatchObject([{ kind: 'failed', failure: { code: 'aborted' }, headSent: true }]);
  });
});

describe('pipeRaw()', () => {
  it.each([true, false])('passes the bytes through unchanged, stream %j', async (stream) => {
    const answer = { text: 'a longer answer, in several pieces ☃', usage: { prompt: 3, completion: 9 } };
    const fake = await fakeWith(answer);
    const direct = await (
      await fetch(`${fake.url}/chat/completions`, { method: 'POST', body: JSON.stringify({ ...BODY, stream }) })
    ).text();
    const pipe = await piping(door(fake.url), () => clearedFor('cloud', { ...BODY, stream }));
    const response = await fetch(pipe.url);
    expect(await response.text()).toBe(direct);
    expect(response.headers.get('x-sluice-route')).toBe('cloud');
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(pipe.outcomes).toEqual([{ kind: 'done', bytes: Buffer.byteLength(direct) }]);
  });

  it('holds the upstream back while the client does not read', async () => {
    const fake = await fakeWith({ fault: 'flood', bytes: 64 * 1024 * 1024 });
    const pipe = await piping(door(fake.url), () => clearedFor('cloud', { ...BODY, stream: true }));
    const before = process.memoryUsage().arrayBuffers;
    const response = await fetch(pipe.url);
    await sleep(300);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(24 * 1024 * 1024);
    let bytes = 0;
    for await (const chunk of response.body ?? []) bytes += chunk.length;
    expect(pipe.outcomes).toEqual([{ kind: 'done', bytes }]);
    expect(bytes).toBeGreaterThan(64 * 1024 * 1024);
  });
});
