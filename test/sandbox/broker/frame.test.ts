import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { FrameDecoder, encodeFrame, openChannel } from '../../../sandbox/broker/frame.ts';
import type { Decoded } from '../../../sandbox/broker/frame.ts';
import {
  fromEngine,
  fromExecutor,
  linkBinding,
  linkHello,
  toEngine,
  toExecutor,
} from '../../../sandbox/broker/messages.ts';

function decode(bytes: Buffer, cuts: readonly number[], limit?: number): readonly Decoded[] {
  const decoder = new FrameDecoder(limit);
  const decoded: Decoded[] = [];
  let from = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    decoded.push(...decoder.push(bytes.subarray(from, cut)));
    from = cut;
  }
  return decoded;
}

const frameOf = (length: number, body: Uint8Array): Buffer => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(length);
  return Buffer.concat([header, body]);
};

describe('FrameDecoder', () => {
  test('reads what encodeFrame writes, at any split of the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 8 }), (values, cuts) => {
        const bytes = Buffer.concat(values.map(encodeFrame));
        const decoded = decode(
          bytes,
          cuts.map((cut) => cut % (bytes.length + 1)),
        );
        expect(decoded).toEqual(
          values.map((value) => ({ kind: 'frame', value: JSON.parse(JSON.stringify(value)) as unknown })),
        );
      }),
    );
  });

  const table: readonly (readonly [string, Buffer, string])[] = [
    ['a length past the limit', frameOf(0xffffffff, Buffer.from('{}')), 'too-long'],
    ['a length of none', frameOf(0, Buffer.alloc(0)), 'empty'],
    ['bytes that are not UTF-8', frameOf(2, Buffer.from([0xff, 0xfe])), 'not-utf8'],
    ['an overlong encoding', frameOf(4, Buffer.from([0x22, 0xc0, 0xaf, 0x22])), 'not-utf8'],
    ['text that is not JSON', frameOf(3, Buffer.from('{a}')), 'not-json'],
    ['JSON with something after it', frameOf(4, Buffer.from('{}{}')), 'not-json'],
  ];
  test.each(table)('refuses %s and reads nothing after it', (_, bytes, problem) => {
    expect(decode(Buffer.concat([bytes, encodeFrame({})]), [])).toEqual([{ kind: 'malformed', problem }]);
  });

  test('no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(400)), (bytes, cuts) => {
        const split = cuts.map((cut) => Math.min(cut, bytes.length));
        expect(decode(Buffer.from(bytes), split, 128).filter(({ kind }) => kind === 'malformed').length).toBeLessThan(
          2,
        );
      }),
    );
  });

  test('asks for no memory before the length is known to be allowed', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoder = new FrameDecoder();
    expect([...decoder.push(frameOf(0x7fffffff, Buffer.alloc(0)))]).toMatchObject([{ problem: 'too-long' }]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });
});

describe('openChannel()', () => {
  const schema = z.strictObject({ kind: z.literal('ping') });
  const open = () => {
    const [near, far] = duplexPair();
    const closed: string[] = [];
    const messages: unknown[] = [];
    const channel = openChannel(near, schema, { message: (m) => messages.push(m), closed: (why) => closed.push(why) });
    return { channel, far, closed, messages, near };
  };

  test.each([
    ['an unknown member', encodeFrame({ kind: 'ping', extra: 1 }), 'schema-mismatch'],
    ['an unknown kind', encodeFrame({ kind: 'pong' }), 'schema-mismatch'],
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'too-long'],
  ])('closes on %s, once, and delivers nothing after', async (_, bytes, problem) => {
    const { far, closed, messages, channel, near } = open();
    far.write(Buffer.concat([bytes, encodeFrame({ kind: 'ping' })]));
    await expect.poll(() => closed).toEqual([problem]);
    expect(messages).toEqual([]);
    expect(channel.open).toBe(false);
    expect(channel.send({ kind: 'ping' })).toBe(false);
    expect(near.destroyed).toBe(true);
  });

  test('tells when the other end goes', async () => {
    const { far, closed } = open();
    far.destroy();
    await expect.poll(() => closed).toEqual(['']);
  });
});

describe('every message schema', () => {
  const schemas = { toEngine, fromEngine, toExecutor, fromExecutor, linkHello, linkBinding };
  test.each(Object.entries(schemas))('%s refuses random values', (_, schema) => {
    fc.assert(
      fc.property(fc.object(), (value) => {
        expect(schema.safeParse(value).success).toBe(false);
      }),
    );
  });

  test('a run that carries more than a plan and its signature is no run', () => {
    const run = { kind: 'run', sequence: 1, plan: { body: '{}', signature: '' } };
    expect(toExecutor.safeParse(run).success).toBe(true);
    expect(toExecutor.safeParse({ ...run, mode: 'host' }).success).toBe(false);
    expect(toExecutor.safeParse({ ...run, plan: { ...run.plan, key: '' } }).success).toBe(false);
  });
});
