/** Raw bytes in and out of an egress proxy, and an origin that records what reached it. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Config } from '../../config/schema.ts';
import type { EgressCredential } from '../../sandbox/egress/credentials.ts';
import type { Passage } from '../../sandbox/egress/passage.ts';
import { EGRESS_LIMITS, openEgressProxy } from '../../sandbox/egress/proxy.ts';
import type { EgressLimits } from '../../sandbox/egress/proxy.ts';

export interface Origin {
  readonly port: number;
  /** Everything that arrived, over all connections. */
  readonly received: () => string;
  readonly connections: () => number;
}

export async function startOrigin(
  reply: string | ((socket: Socket) => void) = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
): Promise<Origin> {
  let received = '';
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    socket.on('error', () => socket.destroy());
    if (typeof reply === 'function') reply(socket);
    let answered = false;
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (typeof reply === 'string' && !answered && received.includes('\r\n\r\n')) {
        answered = true;
        setTimeout(() => socket.end(reply), 30);
      }
    });
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, received: () => received, connections: () => connections };
}

export interface Proxy {
  readonly socket: string;
  readonly events: Passage[];
  readonly lookups: string[];
  readonly dialled: string[];
  /** Hosts to which TLS was asked for, in the same order; empty for plain connections. */
  readonly tlsFor: string[];
  /** Sends bytes, in the given pieces, and returns all that comes back until the proxy closes. */
  readonly send: (...pieces: readonly (string | Buffer)[]) => Promise<string>;
  /** The same, but what follows the request waits for the proxy's answer to it. */
  readonly tunnel: (request: string, ...pieces: readonly (string | Buffer)[]) => Promise<string>;
}

/** Names resolve by the table; what is dialled goes to the origin on this machine whatever the address, and is noted. */
export async function startProxy(options: {
  readonly allow: unknown;
  readonly names?: Readonly<Record<string, readonly string[]>>;
  readonly origin?: Origin;
  readonly limits?: Partial<EgressLimits>;
  readonly credentials?: ReadonlyMap<string, EgressCredential>;
  readonly inspector?: () => (bytes: Buffer) => boolean;
}): Promise<Proxy> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-egress-'));
  const socket = join(directory, 'proxy.sock');
  const events: Proxy['events'] = [];
  const lookups: string[] = [];
  const dialled: string[] = [];
  const tlsFor: string[] = [];
  const proxy = await openEgressProxy({
    socket,
    rules: Config.parse({ sandbox: { egress: { allow: options.allow } } }).sandbox.egress.allow,
    lookup: (host) => {
      lookups.push(host);
      return Promise.resolve(options.names?.[host] ?? ['93.184.216.34']);
    },
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    dial: ({ addresses, port, tlsFor: host }) => {
      dialled.push(`${addresses[0]}:${port}`);
      tlsFor.push(host);
      if (options.origin === undefined) return Promise.resolve(undefined);
      const { port: originPort } = options.origin;
      return new Promise((resolve) => {
        const upstream = connect({ host: '127.0.0.1', port: originPort, allowHalfOpen: true }, () => resolve(upstream));
      });
    },
    limits: { ...EGRESS_LIMITS, headMs: 400, idleMs: 2000, ...options.limits },
    ...(options.inspector === undefined ? {} : { inspector: options.inspector }),
    report: (event) => events.push({ ...event }),
  });
  onTestFinished(async () => {
    await proxy.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const exchange = (pieces: readonly (string | Buffer)[], begin: 'at-once' | 'after-reply'): Promise<string> =>
    new Promise((resolve) => {
      const client = connect(socket);
      let answer = '';
      const replied = Promise.withResolvers<void>();
      client.on('data', (chunk) => {
        answer += chunk.toString('latin1');
        replied.resolve();
      });
      client.on('error', () => undefined);
      client.on('close', () => {
        replied.resolve();
        resolve(answer);
      });
      void (async () => {
        for (const [index, piece] of pieces.entries()) {
          if (index === 1 && begin === 'after-reply') await replied.promise;
          client.write(piece);
          await new Promise((next) => setTimeout(next, 15));
        }
      })();
    });
  const send: Proxy['send'] = (...pieces) => exchange(pieces, 'at-once');
  const tunnel: Proxy['tunnel'] = (request, ...pieces) => exchange([request, ...pieces], 'after-reply');
  return { socket, events, lookups, dialled, tlsFor, send, tunnel };
}
