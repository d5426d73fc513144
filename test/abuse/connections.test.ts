/** Clients that mean harm, on bare sockets: slow ones, endless ones, smuggled and misspelt requests. None reaches a model, none takes others down, each is ended. */
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen, type Listener } from '../../router/listen.ts';
import { rawExchange, rawRequest } from '../helpers/raw-http.ts';
import { COMPLEX, say, startSluice, type TestSluice } from '../helpers/sluice.ts';

let sluice: TestSluice;
/** A second listener on the same Sluice that loses its patience within a test's time. */
let hasty: Listener;
beforeAll(async () => {
  sluice = await startSluice({
    config: 'listen: { maxBodyBytes: 200000, maxOpenBytes: 600000, maxConnections: 40 }',
    cloud: { reply: () => ({ text: 'ok' }) },
    local: { reply: () => ({ text: 'ok' }) },
  });
  const listening = await listen(() => sluice.context, '127.0.0.1', 0, {
    patience: { headersMs: 300, requestMs: 600, checkMs: 100 },
  });
  if (listening.kind === 'failed') throw new Error(listening.code);
  hasty = listening.listener;
});
afterAll(async () => {
  await hasty.drain(10);
  await sluice.close();
});

const CHAT = '/v1/chat/completions';
const body = JSON.stringify(say(COMPLEX));
const asked = (): number => sluice.cloud.requests.length + sluice.local.chats().length;
const alive = async (): Promise<void> => {
  const reply = await sluice.ask(say('hello'));
  await reply.text();
  expect(reply.status).toBe(200);
};

describe('slow and endless clients are ended', () => {
  const hastyUrl = (): string => `http://127.0.0.1:${hasty.port}`;
  it.each([
    [
      'headers that never end',
      [`POST ${CHAT} HTTP/1.1\r\nhost: localhost\r\n`, ...Array.from({ length: 30 }, (_, n) => `x-${n}: y\r\n`)],
    ],
    [
      'a body one byte at a time',
      [
        `POST ${CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000\r\n\r\n`,
        ...Array.from({ length: 40 }, () => ' '),
      ],
    ],
    [
      'a chunked body that never ends',
      [
        `POST ${CHAT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n`,
        ...Array.from({ length: 40 }, () => '1\r\n \r\n'),
      ],
    ],
    ['nothing at all after the first line', [`POST ${CHAT} HTTP/1.1\r\n`]],
  ])('%s', async (_, pieces) => {
    const before = asked();
    const reply = await rawExchange(hastyUrl(), pieces, { pauseMs: 40, waitMs: 3_000 });
    expect(reply.closed).toBe(true);
    expect(reply.statuses.every((status) => status === 408 || status === 400)).toBe(true);
    expect(asked()).toBe(before);
  });

  it('headers past 32 KB are 431, a target past them too', async () => {
    for (const request of [
      rawRequest(CHAT, body, [`x-long: ${'a'.repeat(40_000)}`]),
      rawRequest(`${CHAT}?${'a'.repeat(40_000)}`, body),
    ])
      expect((await rawExchange(sluice.url, [request])).statuses[0]).toBe(431);
    await alive();
  });

  it('an endless body is refused at its limit, not buffered', async () => {
    const before = asked();
    const head = `POST ${CHAT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n`;
    const piece = `10000\r\n${'a'.repeat(0x1_0000)}\r\n`;
    const reply = await rawExchange(sluice.url, [head, ...Array.from({ length: 64 }, () => piece)]);
    expect(reply.statuses).toEqual([413]);
    expect(sluice.context.bodies.held).toBe(0);
    expect(asked()).toBe(before);
    await alive();
  });

  it('all bodies together have a limit, and what was held is given back', async () => {
    const opened: Socket[] = [];
    const { port } = new URL(sluice.url);
    for (let n = 0; n < 3; n += 1) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`POST ${CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 190000\r\n\r\n${' '.repeat(180_000)}`);
      opened.push(socket);
    }
    await expect.poll(() => sluice.context.bodies.held, { timeout: 5_000 }).toBe(540_000);
    const refused = await sluice.ask(say('x'.repeat(100_000)));
    expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([
      503,
      'too_many_bytes_open',
    ]);
    await alive();
    for (const socket of opened) socket.destroy();
    await expect.poll(() => sluice.context.bodies.held, { timeout: 5_000 }).toBe(0);
    const served = await sluice.ask(say('x'.repeat(100_000)));
    await served.text();
    expect(served.status).toBe(200);
  });

  it('a bomb counts what it inflates to', async () => {
    const bomb = gzipSync(Buffer.alloc(100_000_000, 32));
    const reply = await sluice.ask(bomb, { 'content-encoding': 'gzip' });
    await reply.text();
    expect(reply.status).toBe(413);
    const twice = await sluice.ask(gzipSync(gzipSync(body)), { 'content-encoding': 'gzip, gzip' });
    await twice.text();
    expect(twice.status).toBe(415);
    expect(sluice.context.bodies.held).toBe(0);
  });

  it('connections past the limit are closed, and served again when others go', async () => {
    const { port } = new URL(sluice.url);
    const sockets = await Promise.all(
      Array.from(
        { length: 60 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(Number(port), '127.0.0.1', () => resolve(socket));
            socket.on('error', () => resolve(socket));
          }),
      ),
    );
    await expect
      .poll(() => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length, { timeout: 5_000 })
      .toBeGreaterThan(15);
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(
        () =>
          sluice.ask(say('hello')).then(
            (reply) => reply.status,
            () => 0,
          ),
        { timeout: 5_000 },
      )
      .toBe(200);
  });
});

describe('requests that two parsers could read differently are refused', () => {
  const smuggled = rawRequest(CHAT, JSON.stringify(say(`${COMPLEX} smuggled`)));
  it.each([
    [
      'Content-Length and Transfer-Encoding',
      rawRequest(CHAT, `0\r\n\r\n${smuggled}`, ['content-length: 4', 'transfer-encoding: chunked']),
    ],
    ['two Content-Length', rawRequest(CHAT, body, [`content-length: ${body.length}`, 'content-length: 3'])],
    ['a list in Content-Length', rawRequest(CHAT, body, [`content-length: ${body.length}, ${body.length}`])],
    ['a sign in Content-Length', rawRequest(CHAT, body, [`content-length: +${body.length}`])],
    ['Content-Length in hex', rawRequest(CHAT, body, ['content-length: 0x10'])],
    ['an unknown Transfer-Encoding', rawRequest(CHAT, body, ['transfer-encoding: cow'])],
    ['chunked not last', rawRequest(CHAT, body, ['transfer-encoding: chunked, identity'])],
    [
      'a space before the colon',
      rawRequest(CHAT, body, [`content-length : ${body.length}`, `content-length: ${body.length}`]),
    ],
    ['a folded header', rawRequest(CHAT, body, [`content-length: ${body.length}`, 'x-a: b', ' c: d'])],
    ['a bare line feed', `POST ${CHAT} HTTP/1.1\nhost: localhost\ncontent-length: ${body.length}\n\n${body}`],
    ['a NUL in a header', rawRequest(CHAT, body, [`content-length: ${body.length}`, 'x-a: b\0c'])],
    ['two Hosts', rawRequest(CHAT, body, ['host: evil.example'])],
    [
      'no Host',
      `POST ${CHAT} HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    ],
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/3.0', rawRequest(CHAT, body, [], { version: 'HTTP/3.0' })],
    ['a chunk size with a sign', rawRequest(CHAT, `-1\r\n${body}\r\n0\r\n\r\n`, ['transfer-encoding: chunked'])],
    [
      'a chunk size past 64 bits',
      rawRequest(CHAT, `1${'0'.repeat(20)}\r\n${body}\r\n0\r\n\r\n`, ['transfer-encoding: chunked']),
    ],
  ])('%s', async (_, request) => {
    const before = asked();
    const reply = await rawExchange(sluice.url, [request]);
    expect(reply.statuses.filter((status) => status < 400)).toEqual([]);
    expect(reply.text).not.toContain('smuggled');
    expect(asked()).toBe(before);
  });

  it('what follows a refused body on its connection is never a request', async () => {
    const before = asked();
    const refused = `POST ${CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900000\r\n\r\n`;
    const reply = await rawExchange(sluice.url, [refused, smuggled]);
    expect(reply.statuses).toEqual([413]);
    expect(reply.closed).toBe(true);
    expect(asked()).toBe(before);
  });

  it('pipelined requests are answered in order, each by itself', async () => {
    const first = rawRequest(CHAT, JSON.stringify(say('a card 4539 5787 6362 1486')));
    const second = rawRequest('/v1/models', '', ['content-length: 0'], { method: 'GET' });
    const third = rawRequest('/nowhere', '', ['content-length: 0'], { method: 'GET' });
    const reply = await rawExchange(sluice.url, [first + second + third], { waitMs: 2_000 });
    expect(reply.statuses).toEqual([200, 200, 404]);
    expect(reply.text.match(/x-sluice-route: [a-z-]+/g)?.[0]).toBe('x-sluice-route: local');
  });
});

describe('a path is served as it is spelt, or not at all', () => {
  it.each([
    '//v1/chat/completions',
    '/v1//chat/completions',
    '/v1/chat/completions/',
    '/v1/chat/completions/..',
    '/v1/chat/completions/../completions',
    '/v1/./chat/completions/x',
    '/V1/chat/completions',
    '/v1/chat%2fcompletions',
    '/v1/chat/completions%00',
    '/v1/chat/completions%20',
    '/v1/chat/completions;x=1',
    '/v1\\chat\\completions',
    '/proxy/https://api.openai.com/v1/chat/completions',
    '/v1/unknown',
    '/v1/chat/completions/extra',
    '/openai/deployments/x/chat/completions',
    '/%2e%2e/v1/chat/completions',
    '*',
    'localhost:443',
  ])('%s', async (target) => {
    const before = asked();
    const reply = await rawExchange(sluice.url, [rawRequest(target, body)]);
    expect(reply.statuses.filter((status) => status < 400)).toEqual([]);
    expect(asked()).toBe(before);
  });

  it('a target with a host of its own goes nowhere but here', async () => {
    const reply = await rawExchange(sluice.url, [rawRequest('http://api.openai.com/nowhere', body)]);
    expect(reply.statuses.filter((status) => status < 400)).toEqual([]);
  });

  it.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE'])(
    '%s is no way to ask a model, whatever header says POST',
    async (method) => {
      const before = asked();
      const overrides = ['x-http-method-override: POST', 'x-http-method: POST', 'x-method-override: POST'];
      const reply = await rawExchange(sluice.url, [
        rawRequest(CHAT, method === 'HEAD' || method === 'TRACE' ? '' : body, overrides, { method }),
      ]);
      expect(reply.statuses.filter((status) => status < 400)).toEqual([]);
      expect(asked()).toBe(before);
    },
  );

  it('CONNECT opens nothing', async () => {
    const reply = await rawExchange(sluice.url, [
      'CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n',
    ]);
    expect(reply.statuses.filter((status) => status < 400)).toEqual([]);
    expect(reply.closed).toBe(true);
  });

  it('an upgrade is not taken on a path that has none', async () => {
    const before = asked();
    const reply = await rawExchange(
      sluice.url,
      [rawRequest(CHAT, body, ['connection: upgrade', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__'])],
      { waitMs: 1_500 },
    );
    expect(reply.statuses).not.toContain(101);
    expect(asked()).toBeLessThanOrEqual(before + 1);
  });
});
