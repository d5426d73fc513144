/**
 * A loopback HTTP server that records every byte it is sent and answers as rudely as the real world does. It speaks
 * HTTP on bare sockets, because the faults worth testing are the ones no HTTP library would produce.
 *
 *     const server = await startRudeServer((request) => ({ kind: 'answer', status: 200, body: 'ok' }));
 *     server.url; server.requests; server.wire(); await server.close();
 */
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The request as it came, head and body. */
  readonly raw: Buffer;
  /** Which connection it came on, from 0. */
  readonly connection: number;
  /** Becomes true when the other side goes away before the answer is complete. */
  aborted: boolean;
}

export type RudeReply =
  /** A well-framed answer. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string | Buffer;
    }
  /** Chunked, piece by piece. `end` other than `proper` breaks off after the last piece. */
  | {
      readonly kind: 'stream';
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly pieces: Iterable<string | Buffer> | AsyncIterable<string | Buffer>;
      readonly gapMs?: number;
      readonly end?: 'proper' | 'truncated' | 'reset' | 'hang';
    }
  /** These very bytes, then what `end` says. */
  | { readonly kind: 'bytes'; readonly bytes: string | Buffer; readonly end: 'keep' | 'close' | 'reset' | 'hang' }
  /** Reads the request and resets the connection. */
  | { readonly kind: 'reset' }
  /** Reads the request and closes politely without a byte. */
  | { readonly kind: 'close' }
  /** Reads the request and never answers. */
  | { readonly kind: 'hang' };

export interface RudeServer {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly RecordedRequest[];
  /** How many connections were opened so far. */
  connections(): number;
  /** Every byte received, in order of arrival. */
  wire(): Buffer;
  /** Drops what was recorded: a run of hours would fill the memory with it. */
  forget(): void;
  close(): Promise<void>;
}

/** How a connection breaks, by name, whatever is spoken on it. */
export const BREAKS = [
  'reset',
  'close',
  'hang-before-headers',
  'hang-mid-stream',
  'truncated',
  'reset-mid-stream',
] as const;
export type Break = (typeof BREAKS)[number];

export const isBreak = (name: string): name is Break => (BREAKS as readonly string[]).includes(name);

/** breaking is a connection that breaks after the pieces that were said. */
export function breaking(name: Break, headers: Readonly<Record<string, string>>, pieces: readonly string[]): RudeReply {
  switch (name) {
    case 'reset':
    case 'close':
      return { kind: name };
    case 'hang-before-headers':
      return { kind: 'hang' };
    case 'hang-mid-stream':
      return { kind: 'stream', headers, pieces, end: 'hang' };
    case 'truncated':
      return { kind: 'stream', headers, pieces, end: 'truncated' };
    case 'reset-mid-stream':
      // A pause, so that the pieces are read before the reset discards them.
      return { kind: 'stream', headers, pieces, gapMs: 20, end: 'reset' };
  }
}

export type RudeHandler = (request: RecordedRequest, index: number) => RudeReply | Promise<RudeReply>;

/** `wanted` 0 takes a free one; a server that comes back after a restart names its old one. */
export async function startRudeServer(handler: RudeHandler, wanted = 0): Promise<RudeServer> {
  const requests: RecordedRequest[] = [];
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const server = createServer((socket) => {
    const connection = connections;
    connections += 1;
    sockets.add(socket);
    let pending: Buffer = Buffer.alloc(0);
    let answering: RecordedRequest | undefined;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      if (answering !== undefined) answering.aborted = true;
    });
    socket.on('data', (data) => {
      const chunk = Buffer.from(data);
      received.push(chunk);
      pending = Buffer.concat([pending, chunk]);
      const taken = takeRequest(pending, connection);
      if (taken === undefined) return;
      pending = pending.subarray(taken.raw.length);
      requests.push(taken);
      answering = taken;
      void (async () => {
        await write(socket, await handler(taken, requests.length - 1));
        answering = undefined;
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    connections: () => connections,
    wire: () => Buffer.concat(received),
    forget: () => {
      requests.length = 0;
      received.length = 0;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** refusedPort is a loopback port nobody listens on. */
export async function refusedPort(): Promise<number> {
  const server = await startRudeServer(() => ({ kind: 'close' }));
  await server.close();
  return server.port;
}

function takeRequest(bytes: Buffer, connection: number): RecordedRequest | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [method = '', path = ''] = first.split(' ');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const length = Number(headers['content-length'] ?? '0');
  // Clients of chunked bodies are not recorded here; ours always knows its length, the SDKs too.
  if (bytes.length < end + 4 + length) return undefined;
  const raw = Buffer.from(bytes.subarray(0, end + 4 + length));
  return { method, path, headers, body: raw.subarray(end + 4).toString('utf8'), raw, connection, aborted: false };
}

async function write(socket: Socket, reply: RudeReply): Promise<void> {
  switch (reply.kind) {
    case 'answer': {
      const body = Buffer.from(reply.body);
      socket.write(
        head(reply.status, {
          'content-type': 'application/json',
          ...reply.headers,
          'content-length': String(body.length),
        }),
      );
      socket.write(body);
      return;
    }
    case 'stream':
      socket.write(
        head(reply.status ?? 200, {
          'content-type': 'application/json',
          ...reply.headers,
          'transfer-encoding': 'chunked',
        }),
      );
      for await (const piece of reply.pieces) {
        if (socket.destroyed) return;
        const bytes = Buffer.from(piece);
        const room = socket.write(
          Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]),
        );
        if (!room) await roomIn(socket);
        if (reply.gapMs !== undefined) await sleep(reply.gapMs);
      }
      if (reply.end === 'truncated') socket.end();
      else if (reply.end === 'reset') socket.resetAndDestroy();
      else if (reply.end === 'hang') await new Promise<void>((resolve) => socket.once('close', resolve));
      else socket.write('0\r\n\r\n');
      return;
    case 'bytes':
      socket.write(reply.bytes);
      if (reply.end === 'close') socket.end();
      else if (reply.end === 'reset') socket.resetAndDestroy();
      else if (reply.end === 'hang') await new Promise<void>((resolve) => socket.once('close', resolve));
      return;
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'close':
      socket.end();
      return;
    case 'hang':
      await new Promise<void>((resolve) => socket.once('close', resolve));
  }
}

async function roomIn(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

function head(status: number, headers: Readonly<Record<string, string>>): string {
  return `HTTP/1.1 ${status} Rude\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
}
