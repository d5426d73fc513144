import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseClientHello } from '../../../sandbox/egress/client-hello.ts';
import { startOrigin, startProxy } from '../../helpers/proxy-client.ts';

const ALLOW = [{ host: '*.example.com', ports: [443], methods: ['CONNECT'] }];
const CONNECT = 'CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n';

/** The first bytes OpenSSL sends for a server name; an address as host sends none. */
async function helloFor(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      const client = connectTls({
        host: '127.0.0.1',
        port,
        rejectUnauthorized: false,
        ...(servername === '' ? {} : { servername }),
      });
      client.on('error', () => client.destroy());
    });
  });
}

let hello: Buffer;
let nameless: Buffer;
beforeAll(async () => {
  hello = await helloFor('api.example.com');
  nameless = await helloFor('');
});

/** The same handshake bytes in records of the given sizes. */
function recut(bytes: Buffer, sizes: readonly number[]): Buffer {
  const payload = bytes.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0, index = 0; at < payload.length; index += 1) {
    const piece = payload.subarray(at, at + (sizes[index] ?? payload.length));
    at += piece.length;
    const header = Buffer.from([22, 3, 1, 0, 0]);
    header.writeUInt16BE(piece.length, 3);
    records.push(header, piece);
  }
  return Buffer.concat(records);
}

describe('parseClientHello()', () => {
  test('reads the name OpenSSL sends', () => {
    expect(parseClientHello(hello)).toEqual({ kind: 'hello', serverName: 'api.example.com' });
  });

  test('waits at every byte short of the end', () => {
    for (let length = 0; length < hello.length; length += 1)
      expect(parseClientHello(hello.subarray(0, length))).toEqual({ kind: 'incomplete' });
  });

  test('reads it from any split over records', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 20 }), (sizes) => {
        expect(parseClientHello(recut(hello, sizes))).toEqual({ kind: 'hello', serverName: 'api.example.com' });
      }),
    );
  });

  test('never names another server and never throws, whatever bytes are changed', () => {
    fc.assert(
      fc.property(fc.nat(hello.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(hello);
        changed[at] = value;
        expect(['hello', 'incomplete', 'refused']).toContain(parseClientHello(changed).kind);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(parseClientHello(Buffer.concat([Buffer.from([22, 3, 1]), bytes])).kind).not.toBe('hello');
      }),
    );
  });

  const patched = (change: (body: Buffer) => Buffer): Buffer => {
    const message = Buffer.from(change(hello.subarray(9)));
    const handshake = Buffer.concat([Buffer.from([1, 0, 0, 0]), message]);
    handshake.writeUIntBE(message.length, 1, 3);
    const record = Buffer.from([22, 3, 1, 0, 0]);
    record.writeUInt16BE(handshake.length, 3);
    return Buffer.concat([record, handshake]);
  };
  /** Adds an extension at the end and repairs the list's length. */
  const withExtension = (type: number, value: Buffer): Buffer =>
    patched((body) => {
      let at = 34;
      at += 1 + body.readUInt8(at);
      at += 2 + body.readUInt16BE(at);
      at += 1 + body.readUInt8(at);
      const extension = Buffer.alloc(4);
      extension.writeUInt16BE(type, 0);
      extension.writeUInt16BE(value.length, 2);
      const copy = Buffer.from(body);
      copy.writeUInt16BE(copy.readUInt16BE(at) + 4 + value.length, at);
      return Buffer.concat([copy, extension, value]);
    });
  const secondName = Buffer.concat([Buffer.from([0, 11, 0, 0, 8]), Buffer.from('evil.org')]);

  test.each([
    ['no server name', () => nameless, /names no server/],
    ['two server names', () => withExtension(0, secondName), /names two servers/],
    ['an encrypted hello', () => withExtension(0xfe0d, Buffer.from([0])), /hides the server name/],
    ['plain HTTP', () => Buffer.from('GET / HTTP/1.1\r\n\r\n'), /not TLS/],
    ['SSL 2', () => Buffer.from([0x80, 0x2e, 1, 3, 1]), /not TLS/],
    ['a server’s hello', () => Buffer.from([22, 3, 3, 0, 4, 2, 0, 0, 0]), /does not begin/],
    ['an empty record', () => Buffer.from([22, 3, 1, 0, 0]), /no honest length/],
    [
      'a hello without end',
      () => Buffer.concat([Buffer.from([22, 3, 1, 0x3f, 0xff, 1, 0xff, 0xff, 0xff]), Buffer.alloc(100)]),
      /too long/,
    ],
    ['bytes after the extensions', () => patched((body) => Buffer.concat([body, Buffer.from([1])])), /malformed/],
  ] as const)('refuses %s', (_, bytes, why) => {
    expect(parseClientHello(bytes())).toMatchObject({ kind: 'refused', why: expect.stringMatching(why) as string });
  });
});

describe('a tunnel', () => {
  test('carries TLS for its own host, both ways', async () => {
    const origin = await startOrigin((socket) => void socket.once('data', () => socket.end('SERVER')));
    const proxy = await startProxy({ allow: ALLOW, origin });
    const answer = await proxy.tunnel(CONNECT, hello.subarray(0, 7), hello.subarray(7));
    expect(answer).toBe('HTTP/1.1 200 Connection established\r\n\r\nSERVER');
    expect(Buffer.from(origin.received(), 'latin1')).toEqual(hello);
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'relayed', bytesOut: hello.length, bytesIn: 6 }]);
  });

  test.each([
    ['for another host (domain fronting)', () => helloFor('www.example.com')],
    ['for another host beneath', () => helloFor('x.api.example.com')],
    ['without a name', () => Promise.resolve(nameless)],
    ['that is plain HTTP', () => Promise.resolve(Buffer.from('GET / HTTP/1.1\r\nHost: evil.org\r\n\r\n'))],
    ['that is SSH', () => Promise.resolve(Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'))],
  ])('%s carries not one byte', async (_, bytes) => {
    const origin = await startOrigin(() => undefined);
    const proxy = await startProxy({ allow: ALLOW, origin });
    await proxy.tunnel(CONNECT, await bytes());
    expect(origin.received()).toBe('');
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'not-tls-for-host', bytesOut: 0 }]);
  });
});
