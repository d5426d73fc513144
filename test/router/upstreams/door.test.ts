import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { Secret } from '../../../config/secret.ts';
import type { Cleared } from '../../../router/clearance.ts';
import { openLocalDoor } from '../../../router/upstreams/door.ts';
import { clearedFor } from '../../helpers/cleared.ts';
import { startRudeServer } from '../../helpers/rude-server.ts';
import { BODY, CANARY, closers, door, fakeWith, never, outcome, textOf } from './door-harness.ts';

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
    await expect(opened.pipeRaw(forged, {} as never, { onHead: () => ({}) })).rejects.toMatchObject({
      code: 'not_cleared',
    });
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
    const opened = door(fake.url, {
      key: { header: 'authorization', scheme: 'Bearer', key: new Secret('sk-test-key') },
    });
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
    expect(reply.body.bytesHeld).toBeLessThan(1_048_576);
    let read = 0;
    for await (const chunk of reply.body) {
      read += chunk.length;
      if (read > before) break;
    }
    expect(read).toBeGreaterThan(before);
  });
});
