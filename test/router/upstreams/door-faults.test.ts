import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { UpstreamFailure } from '../../../router/chat.ts';
import { clearedFor } from '../../helpers/cleared.ts';
import { type FakeFault } from '../../helpers/fake-openai.ts';
import { refusedPort, startRudeServer } from '../../helpers/rude-server.ts';
import { BODY, CANARY, closers, door, fakeWith, outcome, piping } from './door-harness.ts';

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
