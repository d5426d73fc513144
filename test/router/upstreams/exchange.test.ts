import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { UpstreamFailure } from '../../../router/chat.ts';
import { Exchange, type Controls, type Sink } from '../../../router/upstreams/exchange.ts';

const TIMEOUTS = { connectTimeoutMs: 100, firstByteTimeoutMs: 1_000, idleTimeoutMs: 300 };

interface Recorded {
  readonly calls: string[];
  readonly failures: UpstreamFailure[];
  readonly sink: Sink;
}

function recorder(): Recorded {
  const calls: string[] = [];
  const failures: UpstreamFailure[] = [];
  return {
    calls,
    failures,
    sink: {
      onHead: (status) => void calls.push(`head ${status}`),
      onData: (chunk) => void calls.push(`data ${chunk.length}`),
      onEnd: () => void calls.push('end'),
      onFailure: (failure) => {
        calls.push('failure');
        failures.push(failure);
      },
    },
  };
}

function controls(): Controls & { readonly log: string[] } {
  const log: string[] = [];
  return {
    log,
    paused: false,
    pause: () => void log.push('pause'),
    resume: () => void log.push('resume'),
    abort: () => void log.push('abort'),
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('time runs out', () => {
  it('while connecting: nothing was sent, and a late connection is not used', () => {
    const { sink, failures } = recorder();
    const exchange = new Exchange('cloud', TIMEOUTS, sink, undefined);
    exchange.begin();
    exchange.dispatched();
    vi.advanceTimersByTime(100);
    expect(failures).toEqual([
      { code: 'upstream_timeout', upstream: 'cloud', status: 0, retryAfterSeconds: 0, sent: false },
    ]);
    const late = controls();
    exchange.onRequestStart(late);
    expect([late.log, exchange.sent]).toEqual([['abort'], false]);
  });

  it('waiting for the head: the connect time no longer counts', () => {
    const { sink, failures } = recorder();
    const exchange = new Exchange('cloud', TIMEOUTS, sink, undefined);
    exchange.dispatched();
    const held = controls();
    exchange.onRequestStart(held);
    exchange.onResponseStart(held, 103, {});
    vi.advanceTimersByTime(999);
    expect(failures).toEqual([]);
    vi.advanceTimersByTime(1);
    expect([failures[0]?.code, failures[0]?.sent, held.log]).toEqual(['upstream_timeout', true, ['abort']]);
  });

  it('inside the body: each chunk starts it anew, and holding the sender back stops it', () => {
    const { sink, failures } = recorder();
    const exchange = new Exchange('cloud', TIMEOUTS, sink, undefined);
    const held = controls();
    exchange.onRequestStart(held);
    exchange.onResponseStart(held, 200, {});
    for (let chunk = 0; chunk < 3; chunk += 1) {
      vi.advanceTimersByTime(299);
      exchange.onResponseData(held, Buffer.from('x'));
    }
    exchange.pause();
    vi.advanceTimersByTime(10_000);
    expect(failures).toEqual([]);
    exchange.resume();
    vi.advanceTimersByTime(299);
    expect(failures).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(failures[0]).toMatchObject({ code: 'upstream_timeout', status: 200 });
  });

  it('never at once for a time longer than a timer can hold', () => {
    const { sink, failures } = recorder();
    const exchange = new Exchange(
      'cloud',
      { ...TIMEOUTS, firstByteTimeoutMs: Number.MAX_SAFE_INTEGER },
      sink,
      undefined,
    );
    exchange.onRequestStart(controls());
    vi.advanceTimersByTime(60_000);
    expect(failures).toEqual([]);
    exchange.cancel();
  });
});

describe('what the client says went wrong', () => {
  const error = (code: string, name = 'Error'): Error => Object.assign(new Error('words'), { code, name });
  it.each([
    ['waiting', error('ECONNREFUSED'), 'upstream_unreachable'],
    ['waiting', error('ENOTFOUND'), 'upstream_unreachable'],
    ['waiting', error('CERT_HAS_EXPIRED'), 'upstream_unreachable'],
    ['waiting', error('UND_ERR_CONNECT_TIMEOUT'), 'upstream_timeout'],
    ['sent', error('ECONNRESET'), 'upstream_reset'],
    ['sent', error('UND_ERR_SOCKET'), 'upstream_reset'],
    ['sent', error('', 'HTTPParserError'), 'upstream_malformed'],
    ['sent', error('UND_ERR_HEADERS_OVERFLOW'), 'upstream_malformed'],
    ['body', error('ECONNRESET'), 'upstream_reset'],
    ['body', error('UND_ERR_SOCKET'), 'upstream_truncated'],
    ['body', error('UND_ERR_RES_CONTENT_LENGTH_MISMATCH'), 'upstream_truncated'],
    ['sent', new Error('nobody knows'), 'upstream_reset'],
  ] as const)('%s: %s', (state, cause, code) => {
    const { sink, failures } = recorder();
    const exchange = new Exchange('cloud', TIMEOUTS, sink, undefined);
    const held = controls();
    if (state !== 'waiting') exchange.onRequestStart(held);
    if (state === 'body') exchange.onResponseStart(held, 200, {});
    exchange.onResponseError(held, cause);
    expect(failures).toMatchObject([{ code, sent: state !== 'waiting' }]);
    expect(JSON.stringify(failures)).not.toContain('words');
  });
});

it('settles once whatever comes in whatever order, and is silent afterwards', () => {
  const steps = [
    'start',
    'head',
    'data',
    'end',
    'error',
    'abort',
    'cancel',
    'giveUp',
    'pause',
    'resume',
    'time',
  ] as const;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...steps), { maxLength: 30 }), (order) => {
      const { sink, calls, failures } = recorder();
      const controller = new AbortController();
      const exchange = new Exchange('cloud', TIMEOUTS, sink, controller.signal);
      const held = controls();
      if (exchange.begin()) exchange.dispatched();
      const act: Readonly<Record<(typeof steps)[number], () => void>> = {
        start: () => exchange.onRequestStart(held),
        head: () => exchange.onResponseStart(held, 200, {}),
        data: () => exchange.onResponseData(held, Buffer.from('x')),
        end: () => exchange.onResponseEnd(),
        error: () => exchange.onResponseError(held, new Error('x')),
        abort: () => controller.abort(),
        cancel: () => exchange.cancel(),
        giveUp: () => exchange.giveUp('upstream_malformed'),
        pause: () => exchange.pause(),
        resume: () => exchange.resume(),
        time: () => void vi.advanceTimersByTime(1_000),
      };
      for (const step of order) act[step]();
      act.cancel();
      const last = calls.findIndex((call) => call === 'end' || call === 'failure');
      expect(last).toBe(calls.length - 1);
      // A byte may have gone out only after the request was started, and nothing comes in before that.
      expect(failures[0]?.sent === false && calls.length > 1).toBe(false);
      expect(vi.getTimerCount()).toBe(0);
    }),
    { numRuns: 300 },
  );
});
