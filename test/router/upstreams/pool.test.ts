import { describe, expect, it } from 'vitest';
import { Pool as PoolSchema } from '../../../config/upstream-schema.ts';
import { failure } from '../../../router/upstreams/failure.ts';
import { Gate } from '../../../router/upstreams/gate.ts';
import { createPool } from '../../../router/upstreams/pool.ts';

const gates = () =>
  new Map(['a', 'b', 'c'].map((name) => [name, new Gate({ maxConcurrent: 1, failures: 1, openMs: 1_000 })]));
const pool = (given: object, at = gates()) =>
  createPool('p', PoolSchema.parse({ members: ['a', 'b', 'c'], ...given }), at);

describe('createPool()', () => {
  it('asks in order, and those that cannot be asked last', () => {
    const at = gates();
    expect(pool({}, at).order('x')).toEqual(['a', 'b', 'c']);
    at.get('a')?.enter();
    expect(pool({}, at).order('x')).toEqual(['b', 'c', 'a']);
  });

  it('shares conversations by weight, each with one member for as long as that one can be asked', () => {
    const at = gates();
    const weighed = pool({ weights: { a: 3, b: 1, c: 0 } }, at);
    const firsts = Array.from({ length: 2_000 }, (_, index) => weighed.order(`conversation ${index}`)[0]);
    const share = firsts.filter((first) => first === 'a').length / firsts.length;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.8);
    expect(firsts).not.toContain('c');
    expect(Array.from({ length: 2_000 }, (_, index) => weighed.order(`conversation ${index}`)[0])).toEqual(firsts);
    at.get('a')?.enter();
    const moved = Array.from({ length: 200 }, (_, index) => weighed.order(`conversation ${index}`)[0]);
    expect(new Set(moved)).toEqual(new Set(['b']));
  });

  it.each([
    ['never', 'upstream_unreachable', false, false],
    ['unsent', 'upstream_unreachable', false, true],
    ['unsent', 'upstream_timeout', false, true],
    ['unsent', 'upstream_overloaded', true, true],
    ['unsent', 'upstream_unauthorized', true, true],
    ['unsent', 'model_not_found', true, true],
    ['unsent', 'upstream_reset', true, false],
    ['unsent', 'upstream_failed', true, false],
    ['unsent', 'upstream_rejected', true, false],
    ['before-first-byte', 'upstream_reset', true, true],
    ['before-first-byte', 'upstream_timeout', true, true],
    ['before-first-byte', 'upstream_failed', true, true],
    ['before-first-byte', 'upstream_rejected', true, false],
    ['before-first-byte', 'context_too_long', true, false],
    ['before-first-byte', 'upstream_malformed', true, false],
    ['before-first-byte', 'aborted', false, false],
  ] as const)('retry: %s after %s, sent: %s', (retry, code, sent, expected) => {
    expect(pool({ retry }).mayAskAnother(failure('a', code, sent))).toBe(expected);
  });
});
