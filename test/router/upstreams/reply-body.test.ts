import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Exchange, type Controls } from '../../../router/upstreams/exchange.ts';
import { type FailureCode, UpstreamError } from '../../../router/upstreams/failure.ts';
import { ReplyBody } from '../../../router/upstreams/reply-body.ts';

interface Opened {
  readonly body: ReplyBody;
  /** What was done to the connection. */
  readonly log: string[];
  data(bytes: number | string): void;
  end(): void;
  fail(code: FailureCode): void;
}

function open(): Opened {
  const log: string[] = [];
  const controls: Controls = {
    paused: false,
    pause: () => void log.push('pause'),
    resume: () => void log.push('resume'),
    abort: () => void log.push('abort'),
  };
  const exchange: Exchange = new Exchange(
    'cloud',
    { connectTimeoutMs: 60_000, firstByteTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
    {
      onHead() {},
      onData: (chunk) => body.accept(chunk),
      onEnd: () => body.finish(),
      onFailure: (cause) => body.fail(cause),
    },
    undefined,
  );
  const body = new ReplyBody(exchange);
  exchange.onRequestStart(controls);
  exchange.onResponseStart(controls, 200, {});
  return {
    body,
    log,
    data: (bytes) =>
      exchange.onResponseData(controls, typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.alloc(bytes)),
    end: () => exchange.onResponseEnd(),
    fail: (code) => exchange.giveUp(code),
  };
}

const textOf = async (body: ReplyBody): Promise<string> => {
  const step = await body.next();
  return step.done === true ? '(end)' : step.value.toString();
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('ReplyBody', () => {
  it('gives what came before it was asked in one piece, then what comes', async () => {
    const { body, data, end } = open();
    data('a');
    data('b');
    expect(await textOf(body)).toBe('ab');
    const waiting = textOf(body);
    data('c');
    data('d');
    expect(await waiting).toBe('c');
    end();
    expect([await textOf(body), await textOf(body), await textOf(body)]).toEqual(['d', '(end)', '(end)']);
  });

  it('gives a failure after the bytes that came before it, once', async () => {
    const { body, data, fail } = open();
    data('a');
    fail('upstream_truncated');
    expect(await textOf(body)).toBe('a');
    await expect(body.next()).rejects.toBeInstanceOf(UpstreamError);
    expect(await textOf(body)).toBe('(end)');
  });

  it('gives a failure to a reader that waits', async () => {
    const { body, fail } = open();
    const waiting = body.next();
    fail('upstream_reset');
    await expect(waiting).rejects.toMatchObject({
      message: 'upstream_reset',
      failure: { upstream: 'cloud', status: 200, sent: true },
    });
  });

  it('drops what came when the request was aborted', async () => {
    const { body, data, fail } = open();
    data('a');
    fail('aborted');
    await expect(body.next()).rejects.toMatchObject({ message: 'aborted' });
  });

  it('holds the connection back past its bound and lets it go when read', async () => {
    const { body, data, log } = open();
    data(60_000);
    expect(log).toEqual([]);
    data(60_000);
    expect([log, body.bytesHeld]).toEqual([['pause'], 120_000]);
    await body.next();
    expect([log, body.bytesHeld]).toEqual([['pause', 'resume'], 0]);
  });

  it('closes the connection when the reader leaves, and wakes whoever waits', async () => {
    const { body, log } = open();
    const waiting = body.next();
    await body.return();
    expect([(await waiting).done, log]).toEqual([true, ['abort']]);
  });

  it('released, it runs out unread and keeps the connection', () => {
    const { body, data, end, log } = open();
    data(70_000);
    body.release();
    data(70_000);
    end();
    vi.advanceTimersByTime(60_000);
    expect([log, body.bytesHeld, vi.getTimerCount()]).toEqual([['pause', 'resume'], 0, 0]);
  });

  it('released, it does not wait for a server that keeps the body open', () => {
    const { body, log } = open();
    body.release();
    vi.advanceTimersByTime(1_000);
    expect(log).toEqual(['abort']);
  });

  it('an unread failure is silent', async () => {
    const { fail } = open();
    fail('upstream_reset');
    await vi.advanceTimersByTimeAsync(10);
    expect(vi.getTimerCount()).toBe(0);
  });
});
