/**
 * A client that stops reading stops the upstream, on every way a reply can take; one that goes away ends it. Counted at the far end: an upstream that would write for
 * ever gets rid of no more than the kernel's buffers hold.
 */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { startSluice, type TestSluice } from '../../helpers/sluice.ts';

const MEGABYTE = 1024 * 1024;
/** Loopback holds up to 6 MB a direction at each of two hops; a proxy that does not hold back passes any number. */
const HELD_AT_MOST = 40 * MEGABYTE;
const WORDS = 'word '.repeat(3_000);

interface Endless {
  readonly url: string;
  written(): number;
  /** Requests for a reply whose connection is closed now. */
  closed(): number;
  close(): Promise<void>;
}

/** Answers the catalogue, and everything else with a stream of `piece` that never ends. */
async function startEndless(type: string, piece: string): Promise<Endless> {
  let written = 0;
  let closed = 0;
  const sockets = new Set<Socket>();
  const framed = `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`;
  const json = (value: unknown): string => {
    const body = JSON.stringify(value);
    return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let heard = '';
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      const head = heard.indexOf('\r\n\r\n');
      const length = Number(/content-length: {0,2}(\d+)/i.exec(heard)?.[1] ?? 0);
      if (head === -1 || heard.length < head + 4 + length) return;
      const path = heard.split(' ', 2)[1] ?? '';
      heard = '';
      if (path === '/api/tags')
        socket.write(
          json({
            models: [{ name: 'small:latest', model: 'small:latest', modified_at: '2026-01-01T00:00:00Z', size: 1 }],
          }),
        );
      else if (path === '/api/show') socket.write(json({ model_info: {}, capabilities: ['completion', 'tools'] }));
      else if (path.startsWith('/api/') && path !== '/api/chat') socket.write(json({ models: [], version: '0.31.2' }));
      else {
        socket.once('close', () => (closed += 1));
        socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`);
        const pour = (): void => {
          while (!socket.destroyed) {
            written += framed.length;
            if (!socket.write(framed)) {
              socket.once('drain', pour);
              return;
            }
          }
        };
        pour();
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    written: () => written,
    closed: () => closed,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const SSE = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: WORDS }, finish_reason: null }] })}\n\n`;
const NDJSON = `${JSON.stringify({ model: 'small:latest', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content: WORDS }, done: false })}\n`;
const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];

/** A client of bare sockets, which reads when it is told to. */
function ask(url: string, body: object): { readonly socket: Socket; readonly begun: Promise<void>; read(): number } {
  const text = JSON.stringify({ model: 'auto', stream: true, ...body });
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
  let read = 0;
  const begun = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      read += chunk.length;
      if (read > 4_096) resolve();
    });
  });
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return { socket, begun, read: () => read };
}

/** Until a count has stood still for a while. */
async function settled(count: () => number): Promise<number> {
  for (let before = -1; before !== count(); await sleep(400)) before = count();
  return count();
}

let close: readonly (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const each of close) await each();
  close = [];
});

describe('a client that stops reading', () => {
  const ways: readonly (readonly [string, string, string, (url: string) => Promise<TestSluice>, object])[] = [
    [
      'bytes that pass through',
      'text/event-stream',
      SSE,
      (url) => startSluice({ cloudUrl: `${url}/v1`, config: 'policy: { clean: { simple: cloud } }' }),
      {},
    ],
    [
      'a reply that is read as events',
      'text/event-stream',
      SSE,
      (url) =>
        startSluice({
          cloudUrl: `${url}/v1`,
          config: 'policy: { clean: { simple: cloud } }\ntools: { rules: [{ match: look, action: deny }] }',
        }),
      { tools },
    ],
    ['a local model', 'application/x-ndjson', NDJSON, (url) => startSluice({ localUrl: url }), {}],
  ];
  it.each(ways)('stops the upstream, and going away ends it: %s', async (_, type, piece, start, more) => {
    const upstream = await startEndless(type, piece);
    const sluice = await start(upstream.url);
    close = [() => sluice.close(), () => upstream.close()];
    const client = ask(sluice.url, { messages: [{ role: 'user', content: 'Tell me something.' }], ...more });
    await client.begun;
    client.socket.pause();
    const stood = await settled(upstream.written);
    expect(stood).toBeGreaterThan(0);
    expect(stood).toBeLessThan(HELD_AT_MOST);

    const before = client.read();
    client.socket.resume();
    while (client.read() < before + 2 * HELD_AT_MOST) await sleep(20);
    expect(upstream.written()).toBeGreaterThan(stood);
    expect(upstream.written() - client.read()).toBeLessThan(HELD_AT_MOST);

    client.socket.destroy();
    while (upstream.closed() === 0) await sleep(20);
    expect(upstream.closed()).toBe(1);
  });
});
