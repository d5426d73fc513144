import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveOverlaps } from '../../classifiers/spans.ts';
import type { Ranked } from '../../classifiers/spans.ts';

interface Item extends Ranked {
  readonly name: string;
}
const widen = (item: Item, start: number, end: number): Item => ({ ...item, start, end });
const item = (name: string, start: number, end: number, score: number, rank: number): Item => ({
  name,
  start,
  end,
  score,
  rank,
});
const kept = (...items: readonly Item[]): readonly string[] =>
  resolveOverlaps(items, widen).kept.map(({ name, start, end }) => `${name} ${start}-${end}`);

describe('resolveOverlaps()', () => {
  it.each<readonly [string, readonly Item[], readonly string[]]>([
    ['apart', [item('b', 5, 9, 1, 1), item('a', 0, 4, 1, 1)], ['a 0-4', 'b 5-9']],
    ['same span, higher score', [item('a', 0, 4, 0.6, 1), item('b', 0, 4, 0.9, 1)], ['b 0-4']],
    ['higher label over higher score', [item('a', 0, 9, 1, 1), item('b', 2, 4, 0.5, 2)], ['b 0-9']],
    ['partial overlap covers both', [item('a', 0, 6, 0.9, 1), item('b', 4, 9, 0.8, 1)], ['a 0-9']],
    [
      'evidence gives way and widens nothing',
      [item('url', 0, 50, 1, 0), item('mail', 10, 20, 0.5, 1), item('name', 30, 40, 0.9, 0)],
      ['mail 10-20'],
    ],
    ['evidence beside stays', [item('name', 0, 4, 0.9, 0), item('mail', 4, 20, 0.5, 1)], ['name 0-4', 'mail 4-20']],
  ])('%s', (_name, items, expected) => {
    expect(kept(...items)).toEqual(expected);
  });

  it('keeps nothing overlapping, uncovers nothing sensitive and loses no label', () => {
    const items = fc.array(
      fc
        .record({
          start: fc.nat({ max: 30 }),
          length: fc.integer({ min: 1, max: 12 }),
          score: fc.double({ min: 0, max: 1, noNaN: true }),
          rank: fc.nat({ max: 2 }),
        })
        .map(({ start, length, score, rank }) => item('x', start, start + length, score, rank)),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(items, (all) => {
        const result = resolveOverlaps(all, widen);
        for (const [index, one] of result.kept.entries())
          expect(one.start).toBeGreaterThanOrEqual(result.kept[index - 1]?.end ?? 0);
        for (const one of all) {
          if (one.rank === 0) continue;
          for (let unit = one.start; unit < one.end; unit++) {
            const over = result.kept.find((other) => other.start <= unit && unit < other.end);
            expect(over?.rank ?? -1).toBeGreaterThanOrEqual(one.rank);
          }
        }
      }),
    );
  });
});
