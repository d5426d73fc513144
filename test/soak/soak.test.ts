/** Seconds of what `npm run soak` does for half an hour. */
import { expect, it } from 'vitest';
import { medianOf, soak } from './soak.ts';

it('mixed traffic with faults: every reply ends, every request is accounted for, nothing piles up', async () => {
  const result = await soak({
    seed: Math.floor(Date.now() / 86_400_000),
    seconds: 12,
    clients: 6,
    faultEvery: 8,
    rate: 0,
  });
  expect(result.stderr).not.toContain('"event":"fault"');
  expect(result.exitCode).toBe(0);
  expect(result.unterminated).toBe(0);
  expect(
    Object.keys(result.statuses).filter((status) => status.startsWith('broken')),
    JSON.stringify(result.statuses),
  ).toEqual([]);
  expect(result.statuses['200'] ?? 0).toBeGreaterThan(20);
  expect(result.statuses['500'] ?? 0).toBe(0);
  expect(result.auditWhole).toBe(true);
  expect(result.unaccounted).toEqual([]);
  // Connections and descriptors of open requests come and go; what stays would be a leak.
  expect(medianOf(result.samples, 'descriptors', 0.5, 1)).toBeLessThan(200);
}, 120_000);
