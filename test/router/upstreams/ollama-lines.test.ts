import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readLines } from '../../../router/upstreams/ollama-lines.ts';

async function linesOf(chunks: readonly Buffer[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of readLines(Readable.from(chunks))) lines.push(line === 'malformed' ? 'malformed' : line.text);
  return lines;
}

it('reads the same lines however the bytes are cut', async () => {
  const source = fc.array(
    fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => JSON.stringify(text)),
    { maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(source, fc.array(fc.nat(200), { maxLength: 8 }), fc.boolean(), async (lines, cuts, closed) => {
      const bytes = Buffer.from(lines.join('\n') + (closed && lines.length > 0 ? '\r\n' : ''));
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
      const chunks = at
        .slice(1)
        .map((end, index) => bytes.subarray(at[index], end))
        .filter((chunk) => chunk.length > 0);
      expect(await linesOf(chunks)).toEqual(lines.map((line) => line.trim()));
    }),
    { numRuns: 100 },
  );
});

it('reads byte by byte', async () => {
  const bytes = Buffer.from('{"a":"ü☃\u{1F600}"}\n\n{"b":1}\n');
  expect(await linesOf([...bytes].map((byte) => Buffer.from([byte])))).toEqual(['{"a":"ü☃\u{1F600}"}', '{"b":1}']);
});

it('gives the lines before a bad one, however the bytes are cut', async () => {
  const bytes = Buffer.concat([
    Buffer.from('{"a":1}\n{"b":2}\n'),
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    Buffer.from('{"c":3}\n'),
  ]);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    expect(await linesOf([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(['{"a":1}', '{"b":2}', 'malformed']);
  }
});

it('stops at a line that never ends, before it has taken all of it', async () => {
  let given = 0;
  function* endless(): Generator<Buffer> {
    for (;;) {
      given += 1;
      yield Buffer.alloc(1024 * 1024, 120);
    }
  }
  const lines: unknown[] = [];
  for await (const line of readLines(Readable.from(endless()))) lines.push(line);
  expect(lines).toEqual(['malformed']);
  expect(given).toBeLessThan(40);
});
