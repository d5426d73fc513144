/** Bodies and heads that mean harm: bombs in every encoding and many at once, JSON made to be deep, wide or doubled, heads and trailers without end, pipelines. Each costs its sender more than the listener, and none reaches a cloud. */
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawExchange, rawRequest } from '../helpers/raw-http.ts';
import { CARD, COMPLEX, say, startSluice, type TestSluice } from '../helpers/sluice.ts';

const MAX_BODY = 1_000_000;
let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startSluice({
    config: `listen: { maxBodyBytes: ${MAX_BODY}, maxOpenBytes: 3500000 }`,
    cloud: { reply: () => ({ text: 'ok' }) },
    local: { reply: () => ({ text: 'ok' }) },
  });
});
afterAll(() => sluice.close());
const CHAT = '/v1/chat/completions';
const codeOf = async (reply: Response): Promise<string> =>
  `${reply.status} ${/"code":"([a-z_]+)"/.exec(await reply.text())?.[1] ?? ''}`;
const alive = async (): Promise<void> => {
  const reply = await sluice.ask(say('hello'));
  await reply.text();
  expect(reply.status).toBe(200);
};

const zeros = Buffer.alloc(60_000_000, 32);
const BOMBS: readonly (readonly [string, Buffer])[] = [
  ['gzip', gzipSync(zeros, { level: 9 })],
  ['deflate', deflateSync(zeros, { level: 9 })],
  // A sixty megabyte body in fifty bytes.
  ['br', brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })],
  ['zstd', zstdCompressSync(zeros)],
];

describe('bombs', () => {
  it.each(BOMBS)('%s: cut at the limit', async (encoding, bomb) => {
    expect(await codeOf(await sluice.ask(bomb, { 'content-encoding': encoding }))).toBe('413 body_too_large');
    expect(sluice.context.bodies.held).toBe(0);
  });

  it.each(BOMBS)('%s: sixty at once inflate no more than the budget has room for', async (encoding, bomb) => {
    let most = 0;
    const looking = setInterval(() => (most = Math.max(most, sluice.context.bodies.held)), 1);
    const codes = await Promise.all(
      Array.from({ length: 60 }, async () => codeOf(await sluice.ask(bomb, { 'content-encoding': encoding }))),
    );
    clearInterval(looking);
    expect([...new Set(codes)].toSorted()).toEqual(['413 body_too_large', '503 too_many_bytes_open']);
    expect(most).toBeLessThanOrEqual(3_500_000);
    expect(sluice.context.bodies.held).toBe(0);
    await alive();
  });

  it('what was honestly compressed is read, and what it holds is found', async () => {
    for (const [encoding, compress] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
      ['zstd', zstdCompressSync],
    ] as const) {
      const body = compress(
        Buffer.from(JSON.stringify(say(`${COMPLEX} (${encoding}) ${CARD} ${'x y z '.repeat(90_000)}`))),
      );
      const reply = await sluice.ask(body, { 'content-encoding': encoding });
      await reply.text();
      expect(reply.status).toBe(200);
      expect(reply.headers.get('x-sluice-reason')).toContain('CREDIT_CARD');
      expect(sluice.sentToCloud()).not.toContain(CARD);
    }
  });

  it('damaged, cut or mislabelled: refused', async () => {
    const whole = gzipSync(JSON.stringify(say('hello')));
    for (const [encoding, bytes] of [
      ['gzip', whole.subarray(0, -9)],
      ['gzip', Buffer.concat([whole.subarray(0, 12), Buffer.from('????'), whole.subarray(16)])],
      ['br', whole],
      ['zstd', whole],
      ['gzip', Buffer.alloc(0)],
      ['compress', whole],
      ['gzip;q=1', whole],
      ['identity, gzip', whole],
    ] as const)
      expect(await codeOf(await sluice.ask(bytes, { 'content-encoding': encoding })), encoding).toMatch(/^4(?:00|15) /);
  });
});

describe('JSON made to hurt', () => {
  const message = (content: string): string => `{"model":"auto","messages":[{"role":"user","content":${content}}]`;
  const nested = (depth: number): string => {
    let text = `"${CARD}"`;
    for (let level = 0; level < depth && text.length < 400_000; level += 1) text = JSON.stringify(`{"a":${text}}`);
    return text;
  };
  it.each<readonly [string, string, RegExp]>([
    ['four hundred thousand brackets', `${message('"x"')},"a":${'['.repeat(400_000)}`, /^400 /],
    ['as many, closed', `${message('"x"')},"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, /^400 /],
    ['objects in objects', `${message('"x"')},"a":${'{"a":'.repeat(80_000)}1${'}'.repeat(80_000)}}`, /^400 /],
    ['JSON in strings in JSON', `${message(nested(14))}}`, /^(?:200|400) /],
    ['a number of half a million digits', `${message('"x"')},"a":${'9'.repeat(500_000)}}`, /^(?:200|400) /],
    ['an exponent past everything', `${message('"x"')},"temperature":1e999999}`, /^(?:200|400) /],
    [
      'a hundred thousand keys',
      `${message('"x"')},"a":{${Array.from({ length: 60_000 }, (_, n) => `"k${n}":1`).join()}}}`,
      /^(?:200|400) /,
    ],
    ['one key twice', `${message('"x"')},"messages":[]}`, /^400 /],
    ['one key twice, spelt differently', `${message('"x"')},"mess\\u0061ges":[]}`, /^400 /],
    ['half a million escapes', `${message(`"${'\\u0041'.repeat(160_000)}"`)}}`, /^(?:200|400) /],
    ['lone surrogates', `${message(`"${'\\ud800'.repeat(1_000)}"`)}}`, /^(?:200|400) /],
    ['a byte order mark', `\ufeff${message('"x"')}}`, /^400 /],
    ['something after the end', `${message('"x"')}}{}`, /^400 /],
    ['comments', `${message('"x"')}/**/}`, /^400 /],
  ])('%s', async (_, body, expected) => {
    const startedAt = performance.now();
    expect(await codeOf(await sluice.ask(body))).toMatch(expected);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(sluice.sentToCloud()).not.toContain(CARD);
    await alive();
  });

  it('bytes that are no UTF-8', async () => {
    const [head = '', tail = ''] = JSON.stringify(say('here')).split('here');
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]])
      expect(
        await codeOf(await sluice.ask(Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]))),
      ).toMatch(/^400 /);
  });
});

describe('heads, chunks and pipelines without end', () => {
  const small = JSON.stringify(say('hello'));
  const chunked = (extension: string, trailer: string): string =>
    `POST ${CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${small.length.toString(16)}${extension}\r\n${small}\r\n0\r\n${trailer}\r\n`;
  it.each([
    [
      'five thousand headers',
      rawRequest(
        CHAT,
        small,
        Array.from({ length: 5_000 }, (_, n) => `x-${n}: y`),
      ),
    ],
    ['a header name of forty thousand letters', rawRequest(CHAT, small, [`${'x'.repeat(40_000)}: y`])],
    ['a chunk extension of a hundred thousand letters', chunked(`;${'x'.repeat(100_000)}`, '')],
    ['trailers of a hundred thousand letters', chunked('', `x: ${'y'.repeat(100_000)}\r\n`)],
  ])('%s: refused, and the connection is closed', async (_, request) => {
    const before = sluice.cloud.requests.length;
    const reply = await rawExchange(sluice.url, [request], { waitMs: 2_000 });
    expect(reply.closed).toBe(true);
    // Trailers come after the body: what was whole may have been answered, but nobody reads on for ever.
    expect(
      reply.statuses.every((status) => [200, 400, 413, 431].includes(status)),
      reply.statuses.join(),
    ).toBe(true);
    expect(sluice.cloud.requests.length).toBe(before);
    await alive();
  });

  it('a header of a trailer changes nothing of the request', async () => {
    const reply = await rawExchange(sluice.url, [chunked('', 'x-session-id: other\r\nauthorization: Bearer x\r\n')], {
      waitMs: 2_000,
    });
    expect(reply.statuses).toEqual([200]);
  });

  it('three hundred requests on one connection are answered one after the other', async () => {
    const one = rawRequest(CHAT, small);
    const reply = await rawExchange(sluice.url, [one.repeat(300)], { waitMs: 8_000 });
    expect(reply.statuses.length).toBeGreaterThan(100);
    expect(new Set(reply.statuses)).toEqual(new Set([200]));
    expect(sluice.context.bodies.held).toBeLessThanOrEqual(small.length * 300);
    await alive();
    await expect.poll(() => sluice.context.bodies.held, { timeout: 10_000 }).toBe(0);
  }, 30_000);
});
