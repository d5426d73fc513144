import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { startRudeServer } from '../../helpers/rude-server.ts';
import { clearedFor } from '../../helpers/cleared.ts';
import { BODY, closers, door, fakeWith, never, outcome, piping } from './door-harness.ts';

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

  it('sends the head before the first token', async () => {
    const server = await startRudeServer(() => ({
      kind: 'stream',
      headers: { 'content-type': 'text/event-stream' },
      pieces: [],
      end: 'hang',
    }));
    closers.push(() => server.close());
    const pipe = await piping(door(server.url), () => clearedFor('cloud', { ...BODY, stream: true }));
    const controller = new AbortController();
    const response = await fetch(pipe.url, { signal: controller.signal });
    expect(response.headers.get('x-sluice-route')).toBe('cloud');
    controller.abort();
  });

  it('passes on what push() gives and adds what close() gives', async () => {
    const fake = await fakeWith({ text: 'Hello' });
    let pushed = 0;
    const pipe = await piping(door(fake.url), () => clearedFor('cloud', { ...BODY, stream: true }), {
      push: (chunk) => {
        pushed += chunk.length;
        return Buffer.from('data: seen\n\n');
      },
      close: (cause) => `data: ${cause?.code ?? 'whole'}\n\n`,
    });
    expect(await (await fetch(pipe.url)).text()).toMatch(/^(?:data: seen\n\n)+data: whole\n\n$/);
    expect(pipe.outcomes).toEqual([{ kind: 'done', bytes: pushed }]);
  });

  it('ends as malformed when push() will hold no more', async () => {
    const fake = await fakeWith({ text: 'Hello' });
    const pipe = await piping(door(fake.url), () => clearedFor('cloud', { ...BODY, stream: true }), {
      push: () => 'overflow',
    });
    expect(await (await fetch(pipe.url)).text()).toBe('data: {"error":true}\n\ndata: [DONE]\n\n');
    expect(pipe.outcomes).toMatchObject([{ kind: 'failed', failure: { code: 'upstream_malformed' }, headSent: true }]);
  });

  it.each([
    [true, 'application/json'],
    [false, 'text/event-stream'],
  ])('an answer of the other form is malformed, and the response untouched: stream %j, %s', async (stream, type) => {
    const server = await startRudeServer(() => ({
      kind: 'answer',
      status: 200,
      headers: { 'content-type': type },
      body: '{}',
    }));
    closers.push(() => server.close());
    const pipe = await piping(door(server.url), () => clearedFor('cloud', { ...BODY, stream }));
    const response = await fetch(pipe.url);
    expect([response.status, await response.text()]).toEqual([502, 'upstream_malformed']);
  });

  it('a body too long to hold breaks off where the upstream breaks off', async () => {
    const long = Array.from({ length: 80 }, () => Buffer.alloc(65_536, 32));
    const server = await startRudeServer(() => ({ kind: 'stream', pieces: long, end: 'truncated' }));
    closers.push(() => server.close());
    const pipe = await piping(door(server.url), () => clearedFor('cloud', BODY));
    await expect(fetch(pipe.url).then((response) => response.arrayBuffer())).rejects.toThrow('terminated');
    expect(pipe.outcomes).toMatchObject([{ kind: 'failed', failure: { code: 'upstream_truncated' }, headSent: true }]);
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
