import { describe, expect, test } from 'vitest';
import { startOrigin, startProxy } from '../../helpers/proxy-client.ts';

const ALLOW = [
  { host: 'api.example.com', ports: [80, 8080], methods: ['GET', 'POST'], paths: ['/v1', '/files/'] },
  { host: '*.tunnel.example.com', ports: [443], methods: ['CONNECT'] },
];
const GET = 'GET http://api.example.com/v1/x HTTP/1.1\r\nHost: api.example.com\r\n\r\n';

describe('an allowed request', () => {
  test('is sent on with a head of the proxy’s own making, to the address that was checked', async () => {
    const origin = await startOrigin();
    const proxy = await startProxy({ allow: ALLOW, origin });
    const answer = await proxy.send(
      'GET http://API.example.com:8080/v1/x?q=1 HTTP/1.1\r\nHost: api.example.com:8080\r\nAccept: */*\r\nProxy-Authorization: Basic x\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nTE: trailers\r\nExpect: 100-continue\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
    expect(origin.received()).toBe(
      'GET /v1/x?q=1 HTTP/1.1\r\nHost: api.example.com:8080\r\nAccept: */*\r\nConnection: close\r\n\r\n',
    );
    expect(proxy.lookups).toEqual(['api.example.com']);
    expect(proxy.dialled).toEqual(['93.184.216.34:8080']);
    await expect
      .poll(() => proxy.events)
      .toEqual([
        {
          code: 'relayed',
          rule: 'sandbox.egress.allow.0',
          credentials: 0,
          bytesOut: origin.received().length,
          bytesIn: answer.length,
        },
      ]);
  });

  test('carries a body of known length, in any pieces', async () => {
    const origin = await startOrigin();
    const proxy = await startProxy({ allow: ALLOW, origin });
    await proxy.send('POST http://api.example.com/v1 HTTP/1.1\r\nContent-Length: 6\r\n\r\nab', 'cd', 'ef');
    expect(origin.received()).toMatch(/\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabcdef$/);
  });

  test('carries a chunked body, framed anew', async () => {
    const origin = await startOrigin();
    const proxy = await startProxy({ allow: ALLOW, origin });
    await proxy.send(
      'POST http://api.example.com/v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n00',
      '03\r\nabc\r\n2\r\nde\r',
      '\n0\r\n\r\n',
    );
    expect(origin.received()).toMatch(/Transfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n$/);
  });
});

describe('a request that is not allowed goes nowhere', () => {
  const table: readonly (readonly [name: string, request: string, status: number, code: string])[] = [
    ['another host', GET.replaceAll('api.example.com', 'evil.org'), 403, 'host-not-allowed'],
    ['a host beneath an exact one', GET.replaceAll('api.', 'x.api.'), 403, 'host-not-allowed'],
    ['another port', 'GET http://api.example.com:22/v1 HTTP/1.1\r\n\r\n', 403, 'port-not-allowed'],
    ['another method', GET.replace('GET', 'DELETE'), 403, 'method-not-allowed'],
    ['another path', GET.replace('/v1/x', '/v2'), 403, 'path-not-allowed'],
    ['a path that only begins alike', GET.replace('/v1/x', '/v10'), 403, 'path-not-allowed'],
    ['a tunnel where none is allowed', 'CONNECT api.example.com:80 HTTP/1.1\r\n\r\n', 403, 'method-not-allowed'],
    ['the apex of a wildcard', 'CONNECT tunnel.example.com:443 HTTP/1.1\r\n\r\n', 403, 'host-not-allowed'],
    ['metadata by address', GET.replaceAll('api.example.com', '169.254.169.254'), 400, 'bad-request'],
    ['loopback in decimal', GET.replaceAll('api.example.com', '2130706433'), 400, 'bad-request'],
    ['loopback in octal', GET.replaceAll('api.example.com', '0177.0.0.1'), 400, 'bad-request'],
    ['loopback in v6', 'CONNECT [::1]:443 HTTP/1.1\r\n\r\n', 400, 'bad-request'],
    ['a user in the URL', GET.replace('http://', 'http://evil.org@'), 400, 'bad-request'],
    ['the allowed host as user', 'GET http://api.example.com@evil.org/v1 HTTP/1.1\r\n\r\n', 400, 'bad-request'],
    ['a back slash', 'GET http://api.example.com\\.evil.org/v1 HTTP/1.1\r\n\r\n', 400, 'bad-request'],
    ['a trailing dot', GET.replaceAll('api.example.com', 'api.example.com.'), 400, 'bad-request'],
    ['a per cent in the host', GET.replaceAll('api.example.com', 'api%2eexample.com'), 400, 'bad-request'],
    ['origin form', GET.replace('http://api.example.com', ''), 400, 'bad-request'],
    ['another scheme', GET.replace('http:', 'file:'), 400, 'bad-request'],
    ['a fragment', GET.replace('/v1/x', '/v1/x#y'), 400, 'bad-request'],
    ['a Host header of another', GET.replace('Host: api.example.com', 'Host: evil.org'), 400, 'bad-request'],
    [
      'a Host header with another port',
      GET.replace('Host: api.example.com', 'Host: api.example.com:22'),
      400,
      'bad-request',
    ],
    ['dot segments', GET.replace('/v1/x', '/v1/../v2'), 400, 'bad-request'],
    ['encoded dot segments', GET.replace('/v1/x', '/v1/%2e%2E/v2'), 400, 'bad-request'],
    ['doubly encoded dot segments', GET.replace('/v1/x', '/v1/%252e%252e/v2'), 400, 'bad-request'],
    ['an encoded slash', GET.replace('/v1/x', '/v1%2f..%2fv2'), 400, 'bad-request'],
    ['a path parameter', GET.replace('/v1/x', '/v1/..;/v2'), 400, 'bad-request'],
    ['two slashes', GET.replace('/v1/x', '//v1'), 400, 'bad-request'],
  ];
  test.each(table)('%s', async (_, request, status, code) => {
    const origin = await startOrigin();
    const proxy = await startProxy({ allow: ALLOW, origin });
    expect(await proxy.send(request)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(proxy.lookups).toEqual([]);
    expect(origin.connections()).toBe(0);
    await expect.poll(() => proxy.events).toMatchObject([{ code, rule: '', bytesOut: 0 }]);
  });
});

describe('request smuggling is refused before anything is dialled', () => {
  const post = (headers: string, body = ''): string =>
    `POST http://api.example.com/v1 HTTP/1.1\r\n${headers}\r\n\r\n${body}`;
  const second = 'GET http://evil.org/ HTTP/1.1\r\n\r\n';
  const table: readonly (readonly [name: string, request: string])[] = [
    ['Content-Length and Transfer-Encoding', post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n')],
    ['two Content-Lengths', post('Content-Length: 5\r\nContent-Length: 6', 'abcde')],
    ['two equal Content-Lengths', post('Content-Length: 5\r\nContent-Length: 5', 'abcde')],
    ['two Hosts', post('Host: api.example.com\r\nHost: evil.org')],
    ['two Transfer-Encodings', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity')],
    ['Transfer-Encoding in a list', post('Transfer-Encoding: gzip, chunked')],
    ['Transfer-Encoding spelled oddly', post('Transfer-Encoding: xchunked')],
    ['Transfer-Encoding with a tab before its colon', post('Transfer-Encoding\t: chunked')],
    ['a space before a colon', post('Content-Length : 5', 'abcde')],
    ['a signed Content-Length', post('Content-Length: +5', 'abcde')],
    ['a hexadecimal Content-Length', post('Content-Length: 0x5', 'abcde')],
    ['a Content-Length list', post('Content-Length: 5, 5', 'abcde')],
    ['a Content-Length with a leading zero', post('Content-Length: 05', 'abcde')],
    ['a folded header', post('X-A: b\r\n Content-Length: 5', 'abcde')],
    ['a line feed alone', post('X-A: b\nContent-Length: 5', 'abcde')],
    ['a carriage return alone', post('X-A: b\rContent-Length: 5', 'abcde')],
    ['a NUL in a header', post('X-A: b\0c')],
    ['a byte beyond ASCII in a header', post('X-A: \u00e9')],
    ['an empty header name', post(': x')],
    ['a header without colon', post('Content-Length')],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET http://api.example.com/v1\r\n\r\n'],
    ['two spaces in the request line', GET.replace('GET ', 'GET  ')],
    ['an upgrade', post('Connection: Upgrade\r\nUpgrade: h2c')],
    ['an upgrade hidden in Connection', post('Connection: keep-alive, Upgrade')],
    ['a second request after one without body', GET + second],
    ['a second request after a body', post('Content-Length: 2', `ab${second}`)],
    ['a second request after a chunked body', post('Transfer-Encoding: chunked', `0\r\n\r\n${second}`)],
    ['a trailer', post('Transfer-Encoding: chunked', '0\r\nX: y\r\n\r\n')],
    ['a chunk extension', post('Transfer-Encoding: chunked', '1;a=b\r\nx\r\n0\r\n\r\n')],
    ['a chunk longer than it says', post('Transfer-Encoding: chunked', '1\r\nxy\r\n0\r\n\r\n')],
    ['a chunk size with a sign', post('Transfer-Encoding: chunked', '+1\r\nx\r\n0\r\n\r\n')],
    ['bytes behind CONNECT', `CONNECT a.tunnel.example.com:443 HTTP/1.1\r\n\r\n${second}`],
    ['a body of CONNECT', 'CONNECT a.tunnel.example.com:443 HTTP/1.1\r\nContent-Length: 2\r\n\r\nab'],
  ];
  test.each(table)('%s', async (_, request) => {
    const origin = await startOrigin();
    const proxy = await startProxy({ allow: ALLOW, origin });
    expect(await proxy.send(Buffer.from(request, 'latin1'))).not.toMatch(/^HTTP\/1\.1 200/);
    expect(origin.received()).toBe('');
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'bad-request' }]);
  });

  test('a second request that comes later is not read', async () => {
    const origin = await startOrigin();
    const proxy = await startProxy({ allow: ALLOW, origin });
    await proxy.send(GET, second);
    expect(origin.received()).not.toContain('evil');
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'bad-request' }]);
  });

  test('a head without end is cut, by length and by time', async () => {
    const proxy = await startProxy({ allow: ALLOW });
    expect(await proxy.send(`GET http://api.example.com/v1 HTTP/1.1\r\nX: ${'a'.repeat(40_000)}`)).toMatch(
      /^HTTP\/1\.1 400 .*[\s\S]*too long/,
    );
    expect(await proxy.send('GET http://api')).toMatch(/did not arrive in time/);
  });
});

describe('names', () => {
  const rows: readonly (readonly [string, readonly string[], string, number])[] = [
    ['a private address', ['10.0.0.1'], 'address-not-public', 403],
    ['metadata', ['169.254.169.254'], 'address-not-public', 403],
    ['a mapped loopback', ['::ffff:127.0.0.1'], 'address-not-public', 403],
    ['one good and one bad address', ['93.184.216.34', '127.0.0.1'], 'address-not-public', 403],
    ['nothing', [], 'name-not-found', 502],
  ];
  test.each(rows)('that lead to %s are not dialled', async (_, addresses, code, status) => {
    const proxy = await startProxy({ allow: ALLOW, names: { 'api.example.com': addresses } });
    expect(await proxy.send(GET)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(proxy.dialled).toEqual([]);
    await expect.poll(() => proxy.events).toMatchObject([{ code }]);
  });

  test('are asked for once, and the address that was checked is dialled', async () => {
    const origin = await startOrigin();
    const answers = [['93.184.216.34'], ['127.0.0.1']];
    const names = {
      get 'api.example.com'() {
        return answers.shift() ?? [];
      },
    };
    const proxy = await startProxy({ allow: ALLOW, origin, names });
    await proxy.send(GET);
    expect(proxy.lookups).toHaveLength(1);
    expect(proxy.dialled).toEqual(['93.184.216.34:80']);
  });
});

describe('limits', () => {
  test('bytes of all connections together', async () => {
    const origin = await startOrigin((socket) => void socket.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(100_000)}`));
    const proxy = await startProxy({ allow: ALLOW, origin, limits: { bytes: 50_000 } });
    expect((await proxy.send(GET)).length).toBeLessThan(100_000);
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'over-limit' }]);
  });

  test('connections at once', async () => {
    const origin = await startOrigin(() => undefined);
    const proxy = await startProxy({ allow: ALLOW, origin, limits: { connections: 1, idleMs: 300 } });
    const first = proxy.send(GET);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await proxy.send(GET)).toBe('');
    await first;
  });
});
