import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const CANARY = 'canary-9b1f44';
let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startSluice({ config: 'listen: { maxBodyBytes: 100000 }' });
});
afterAll(() => sluice.close());

const deep = (levels: number): string => `${'[{"a":'.repeat(levels)}1${'}]'.repeat(levels)}`;

describe('bad input is refused with a code and a place, and nothing is sent', () => {
  const rows: readonly (readonly [string, string | Uint8Array, number, string, string | null])[] = [
    ['no JSON', `{"model": ${CANARY}`, 400, 'invalid_json', null],
    ['an empty body', '', 400, 'invalid_json', null],
    ['trailing text', `{"model":"auto","messages":[]} ${CANARY}`, 400, 'invalid_json', null],
    ['no object', `["${CANARY}"]`, 400, 'not_an_object', null],
    [
      'duplicate keys',
      `{"model":"auto","messages":[{"role":"user","content":"a","content":"${CANARY}"}]}`,
      400,
      'duplicate_key',
      '/messages/0/content',
    ],
    ['duplicate keys, one escaped', '{"model":"auto","mod\\u0065l":"x","messages":[]}', 400, 'duplicate_key', '/model'],
    [
      'invalid UTF-8',
      Buffer.concat([
        Buffer.from('{"model":"auto","messages":[{"role":"user","content":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}]}'),
      ]),
      400,
      'invalid_utf8',
      null,
    ],
    [
      'a lone surrogate',
      '{"model":"auto","messages":[{"role":"user","content":"\\ud800"}]}',
      400,
      'lone_surrogate',
      '/messages/0/content',
    ],
    ['100 levels', `{"model":"auto","messages":[],"x":${deep(50)}}`, 400, 'too_deep', null],
    ['no messages', '{"model":"auto"}', 400, 'missing_field', '/messages'],
    ['messages that are no array', `{"model":"auto","messages":"${CANARY}"}`, 400, 'wrong_type', '/messages'],
    [
      'an unknown role',
      `{"model":"auto","messages":[{"role":"${CANARY}","content":"x"}]}`,
      400,
      'unknown_role',
      '/messages/0/role',
    ],
    [
      'content of the wrong type',
      '{"model":"auto","messages":[{"role":"user","content":7}]}',
      400,
      'wrong_type',
      '/messages/0/content',
    ],
    [
      'a model that is no string',
      '{"model":7,"messages":[{"role":"user","content":"x"}]}',
      400,
      'wrong_type',
      '/model',
    ],
    [
      'a number out of range',
      '{"model":"auto","temperature":1e999,"messages":[{"role":"user","content":"x"}]}',
      400,
      'number_out_of_range',
      '/temperature',
    ],
    ['a body over the limit', JSON.stringify(say(`${CANARY}${'x'.repeat(100_001)}`)), 413, 'body_too_large', null],
  ];
  it.each(rows)('%s', async (_, body, status, code, pointer) => {
    const response = await sluice.ask(body);
    const text = await response.text();
    const { error } = JSON.parse(text) as { error: { code: string; param: string | null; type: string } };
    expect([response.status, error.code]).toEqual([status, code]);
    if (pointer !== null) expect(error.param).toBe(pointer);
    expect(error.type).toBe('invalid_request_error');
    expect(text).not.toContain(CANARY);
    expect(sluice.logged()).not.toContain(CANARY);
    expect(response.headers.get('x-sluice-route')).toBe('none');
    expect([...sluice.cloud.requests, ...sluice.local.chats()]).toEqual([]);
  });

  const good = Buffer.from(JSON.stringify(say('Say hello')));
  it.each([
    ['gzip', gzipSync(good), 200],
    ['br', brotliCompressSync(good), 200],
    ['zstd', zstdCompressSync(good), 200],
    ['identity', good, 200],
    ['gzip', Buffer.from('not gzip'), 415],
    ['gzip', gzipSync(Buffer.alloc(50_000_000, 32)), 413],
    ['compress', good, 415],
  ] as const)('content-encoding %s', async (encoding, body, status) => {
    const response = await sluice.ask(body, { 'content-encoding': encoding });
    await response.text();
    expect(response.status).toBe(status);
  });

  it('a body that stops half-way', async () => {
    const { port } = new URL(sluice.url);
    const before = sluice.local.requests.length;
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.write(
          `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n{"model":"auto","messages":[`,
        );
        setTimeout(() => socket.destroy(), 50);
      });
      socket.on('close', () => setTimeout(resolve, 50));
    });
    expect(sluice.local.requests.length).toBe(before);
    expect((await fetch(`${sluice.url}/healthz`)).status).toBe(200);
  });
});

describe('what is not served is refused', () => {
  it.each([
    ['POST', '/', 404],
    ['POST', '/v1/files', 404],
    ['POST', '/v1/chat/completions/', 404],
    ['POST', '//v1/chat/completions', 404],
    ['POST', '/v1/../v1/files', 404],
    ['POST', '/v1/audio/transcriptions', 404],
    ['GET', '/v1/chat/completions', 405],
    ['DELETE', '/v1/models/auto', 404],
    ['GET', '/v1/models/none', 404],
    ['GET', '/v1/models/%E0%A4%A', 404],
    ['GET', '/v1/models/auto', 200],
  ])('%s %s is %i', async (method, path, status) => {
    const response = await fetch(`${sluice.url}${path}`, {
      method,
      ...(method === 'POST' ? { body: JSON.stringify(say('hi')) } : {}),
    });
    await response.text();
    expect(response.status).toBe(status);
    expect(sluice.cloud.requests).toEqual([]);
  });

  it.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example'])('Host %s is refused', async (host) => {
    const { port } = new URL(sluice.url);
    const head = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(`GET /healthz HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`),
      );
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString())).on('close', () => resolve(text));
    });
    expect(head.split('\r\n', 1)[0]).toBe('HTTP/1.1 403 Forbidden');
  });
});
