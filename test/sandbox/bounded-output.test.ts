import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOutputCollector } from '../../sandbox/bounded-output.ts';

const collect = (limit: number, chunks: readonly Uint8Array[]) => {
  const collector = createOutputCollector(limit);
  for (const chunk of chunks) collector.push(chunk);
  return { total: collector.total, ...collector.result() };
};
const split = (bytes: Buffer, sizes: readonly number[]): readonly Buffer[] => {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
};

describe('createOutputCollector()', () => {
  it('gives back whole what fits, however it arrives', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.array(fc.nat(20)), (text, sizes) => {
        const bytes = Buffer.from(text, 'utf8');
        const result = collect(Math.max(2, bytes.length), split(bytes, sizes));
        expect(result).toEqual({ total: bytes.length, head: bytes.toString('utf8'), tail: '', omittedBytes: 0 });
      }),
    );
  });

  it('keeps the true beginning and end of a flood and counts the rest, however it arrives', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 32, max: 126 }), { minLength: 33, maxLength: 300 }),
        fc.array(fc.nat(90)),
        (codes, sizes) => {
          const bytes = Buffer.from(codes);
          const { head, tail, omittedBytes } = collect(32, split(bytes, sizes));
          const text = bytes.toString('latin1');
          expect(head).toBe(text.slice(0, 16));
          expect(tail).toBe(text.slice(-16));
          expect(head.length + tail.length + omittedBytes).toBe(bytes.length);
        },
      ),
    );
  });

  it('cuts between characters and counts the pieces as omitted', () => {
    const { head, tail, omittedBytes } = collect(10, [Buffer.from('€€€€€€€€')]);
    expect([head, tail, omittedBytes]).toEqual(['€', '€', 18]);
  });

  it('does not grow with a gigabyte', () => {
    const collector = createOutputCollector(1024);
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    for (let count = 0; count < 1024; count++) collector.push(chunk);
    expect(collector.result().omittedBytes).toBe(1024 ** 3 - 1024);
  });
});
