import { describe, expect, it } from 'vitest';
import { failure, type FailureCode } from '../../../router/upstreams/failure.ts';
import { Gate, type GateLimits } from '../../../router/upstreams/gate.ts';

function gateWith(limits: Partial<GateLimits> = {}) {
  const clock = { at: 0, now: () => clock.at };
  const gate = new Gate({ maxConcurrent: 0, failures: 3, openMs: 1_000, ...limits }, clock);
  const ask = (code?: FailureCode, retryAfterSeconds = 0): string => {
    const entry = gate.enter();
    if (entry.kind === 'refused') return entry.code;
    gate.leave(code === undefined ? undefined : failure('up', code, true, { retryAfterSeconds }));
    return 'asked';
  };
  return { gate, clock, ask };
}

describe('Gate', () => {
  it('opens after failures in a row, not after as many with an answer between', () => {
    const { gate, ask } = gateWith();
    for (const code of ['upstream_reset', 'upstream_timeout', undefined, 'upstream_failed', 'upstream_reset'] as const)
      expect(ask(code)).toBe('asked');
    expect(gate.state).toBe('closed');
    expect(ask('upstream_unreachable')).toBe('asked');
    expect(gate.state).toBe('open');
    expect(gate.isOpenToRequests).toBe(false);
    expect(ask()).toBe('upstream_unreachable');
  });

  it.each<FailureCode>([
    'upstream_rejected',
    'upstream_unauthorized',
    'model_not_found',
    'context_too_long',
    'aborted',
  ])('is not opened by %s, which says that the server is there, or nothing', (code) => {
    const { gate, ask } = gateWith({ failures: 1 });
    for (let time = 0; time < 5; time++) expect(ask(code)).toBe('asked');
    expect(gate.state).toBe('closed');
  });

  it('lets one request find out, closes on an answer and stays away twice as long on a failure', () => {
    const { gate, clock, ask } = gateWith({ failures: 1 });
    ask('upstream_reset');
    clock.at = 1_000;
    expect(gate.state).toBe('half-open');
    expect(gate.enter().kind).toBe('entered');
    expect(gate.enter()).toMatchObject({ kind: 'refused', code: 'upstream_unreachable' });
    gate.leave(failure('up', 'upstream_reset', true));
    clock.at = 2_999;
    expect(gate.state).toBe('open');
    clock.at = 3_000;
    expect(ask()).toBe('asked');
    expect(gate.state).toBe('closed');
    ask('upstream_reset');
    clock.at = 4_000;
    expect(gate.state).toBe('half-open');
  });

  it('asks again when the client of the one that was to find out has gone', () => {
    const { gate, clock, ask } = gateWith({ failures: 1 });
    ask('upstream_reset');
    clock.at = 1_000;
    expect(ask('aborted')).toBe('asked');
    expect(gate.state).toBe('half-open');
    expect(ask()).toBe('asked');
  });

  it('waits as long as Retry-After says, up to a minute, and says how long', () => {
    const { gate, clock, ask } = gateWith();
    ask('upstream_overloaded', 7);
    expect(gate.enter()).toEqual({ kind: 'refused', code: 'upstream_overloaded', retryAfterSeconds: 7 });
    clock.at = 7_000;
    expect(ask('upstream_overloaded', 86_400)).toBe('asked');
    clock.at = 67_000;
    expect(ask()).toBe('asked');
  });

  it('answers no more at a time than allowed', () => {
    const { gate } = gateWith({ maxConcurrent: 2 });
    gate.enter();
    gate.enter();
    expect(gate.enter()).toMatchObject({ kind: 'refused', code: 'upstream_overloaded' });
    gate.leave(undefined);
    expect(gate.enter().kind).toBe('entered');
    expect(gate.inFlight).toBe(2);
  });

  it('never opens with failures: 0', () => {
    const { gate, ask } = gateWith({ failures: 0 });
    for (let time = 0; time < 50; time++) ask('upstream_reset');
    expect(gate.state).toBe('closed');
  });
});
