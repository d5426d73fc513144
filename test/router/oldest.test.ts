import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oldestOf } from '../../router/oldest.ts';

describe('the oldest of a Map', () => {
  it('is what a fresh look at the Map would give, whatever happened before', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), key: fc.integer({ min: 0, max: 12 }) }),
      fc.record({ kind: fc.constant('renew' as const), key: fc.integer({ min: 0, max: 12 }) }),
      fc.record({ kind: fc.constant('delete' as const), key: fc.integer({ min: 0, max: 12 }) }),
      fc.record({ kind: fc.constant('take' as const), key: fc.constant(0) }),
      fc.record({ kind: fc.constant('clear' as const), key: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const map = new Map<number, number>();
        const take = oldestOf(map);
        steps.forEach(({ kind, key }, at) => {
          if (kind === 'set') map.set(key, at);
          else if (kind === 'delete') map.delete(key);
          else if (kind === 'clear') map.clear();
          else if (kind === 'renew') {
            map.delete(key);
            map.set(key, at);
          } else {
            const expected = map.entries().next().value;
            expect(take()).toEqual(expected);
            if (expected !== undefined) expect(map.has(expected[0])).toBe(false);
          }
        });
      }),
    );
  });

  it('keeps a Map of thousands at its size, oldest out first', () => {
    const map = new Map<number, string>();
    const take = oldestOf(map);
    for (let at = 0; at < 5_000; at += 1) map.set(at, 'held');
    for (let at = 5_000; at < 30_000; at += 1) {
      map.set(at, 'held');
      expect(take()?.[0]).toBe(at - 5_000);
    }
    expect(map.size).toBe(5_000);
  });
});
