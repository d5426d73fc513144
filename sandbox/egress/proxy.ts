/**
 * One sandbox's way out: an HTTP proxy on a Unix socket that only this sandbox sees, so the socket is the identity and there
 * is no token to steal. Takes one request per connection, checks it, dials the checked address, and relays. Fails closed:
 * whatever is malformed, not allowed, not resolved or not reached is answered with the reason and goes nowhere.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { chmodSync, chownSync, rmSync } from 'node:fs';
import type { EgressCredential } from './credentials.ts';
import { dial } from './dial.ts';
import type { Dialler } from './dial.ts';
import type { Meter, Passage } from './passage.ts';
import { relayRequest } from './relay-request.ts';
import { relayTunnel } from './relay-tunnel.ts';
import { MAX_HEAD_BYTES, parseRequestHead } from './request-head.ts';
import type { RequestHead } from './request-head.ts';
import { resolveHost } from './resolve.ts';
import type { Lookup } from './resolve.ts';
import { decideEgress } from './rules.ts';
import type { EgressRules } from './rules.ts';

export interface EgressLimits {
  readonly connections: number;
  /** Of all connections together, each way. */
  readonly bytes: number;
  readonly headMs: number;
  readonly idleMs: number;
  readonly resolveMs: number;
  readonly connectMs: number;
}

export const EGRESS_LIMITS: EgressLimits = {
  connections: 32,
  bytes: 256 * 1024 * 1024,
  headMs: 10_000,
  idleMs: 60_000,
  resolveMs: 5_000,
  connectMs: 10_000,
};

export interface ProxyOptions {
  readonly socket: string;
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly rules: EgressRules;
  /** By key of the rule. */
  readonly credentials?: ReadonlyMap<string, EgressCredential>;
  readonly lookup: Lookup;
  readonly dial?: Dialler;
  readonly limits?: EgressLimits;
  /** Made for each connection; answers true when what it was shown must not leave. */
  readonly inspector?: () => (bytes: Buffer) => boolean;
  readonly report: (passage: Passage) => void;
}

export interface EgressProxy {
  close(): Promise<void>;
}

export async function openEgressProxy(options: ProxyOptions): Promise<EgressProxy> {
  const limits = options.limits ?? EGRESS_LIMITS;
  const clients = new Set<Socket>();
  const total = { bytesOut: 0, bytesIn: 0 };
  const meter: Meter = (passage, direction, bytes) => {
    passage[direction] += bytes;
    total[direction] += bytes;
    if (total[direction] <= limits.bytes) return true;
    passage.code = 'over-limit';
    return false;
  };
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    if (clients.size >= limits.connections) {
      client.destroy();
      return options.report({ code: 'over-limit', rule: '', credentials: 0, bytesOut: 0, bytesIn: 0 });
    }
    clients.add(client);
    const passage: Passage = { code: 'bad-request', rule: '', credentials: 0, bytesOut: 0, bytesIn: 0 };
    client.on('error', () => client.destroy());
    client.on('close', () => {
      clients.delete(client);
      options.report(passage);
    });
    client.setTimeout(limits.idleMs, () => client.destroy());
    serveConnection(client, passage, { ...options, limits, meter, dial: options.dial ?? dial }).catch(() =>
      client.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.socket, resolve);
  });
  // A program that opens connections faster than they are closed makes accept fail; that must not end the executor.
  server.on('error', () => undefined);
  server.maxConnections = limits.connections * 2;
  chmodSync(options.socket, 0o600);
  if (options.owner !== undefined) chownSync(options.socket, options.owner.uid, options.owner.gid);
  return {
    async close() {
      for (const client of clients) client.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      rmSync(options.socket, { force: true });
    },
  };
}

export type Serving = ProxyOptions & { readonly limits: EgressLimits; readonly meter: Meter; readonly dial: Dialler };

async function serveConnection(client: Socket, passage: Passage, serving: Serving): Promise<void> {
  const inspect = serving.inspector?.() ?? (() => false);
  const read = await readHead(client, serving.limits.headMs);
  if (read.kind === 'gone') return void client.destroy();
  if (read.kind === 'refused') return answer(client, 400, read.why);
  const { head, rest } = read;
  // Seen before a name is looked up: a name can carry it as well as a body.
  if (inspect(read.bytes)) {
    passage.code = 'honey-credential';
    return answer(client, 403, 'it holds a credential of this sandbox');
  }

  const decision = decideEgress(serving.rules, head);
  if (decision.kind === 'denied') {
    passage.code = decision.code;
    return answer(client, decision.code === 'bad-request' ? 400 : 403, decision.why);
  }
  passage.rule = decision.rule;
  const credential = decision.credentialed ? serving.credentials?.get(decision.rule) : undefined;
  if (decision.credentialed && credential === undefined) {
    passage.code = 'credential-unavailable';
    return answer(client, 502, 'the credential for this host cannot be used; tell the operator');
  }
  if (decision.via === 'tunnel' && rest.length > 0) return answer(client, 400, 'something follows the request');

  const resolved = await resolveHost(decision.host, serving.lookup, serving.limits.resolveMs);
  if (resolved.kind === 'refused') {
    passage.code = resolved.code;
    return answer(client, resolved.code === 'name-not-found' ? 502 : 403, resolved.why);
  }
  const upstream = await serving.dial({
    addresses: resolved.addresses,
    port: decision.port,
    tlsFor: decision.via === 'https' ? decision.host : '',
    timeoutMs: serving.limits.connectMs,
  });
  if (upstream === undefined || client.destroyed) {
    passage.code = 'not-reached';
    upstream?.destroy();
    return answer(client, 502, 'the host could not be reached');
  }
  upstream.setTimeout(serving.limits.idleMs, () => upstream.destroy());
  upstream.on('error', () => upstream.destroy());
  upstream.on('close', () => client.end());
  client.on('close', () => upstream.destroy());
  if (decision.via === 'tunnel') relayTunnel(client, upstream, decision.host, passage, serving.meter);
  else relayRequest(client, upstream, { head, rest, decision, inspect, credential }, passage, serving.meter);
}

type ReadHead =
  | { readonly kind: 'head'; readonly head: RequestHead; readonly rest: Buffer; readonly bytes: Buffer }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'gone' };

/** Reads up to the end of the head and pauses, so that no byte after it is read before it may be. */
function readHead(client: Socket, timeoutMs: number): Promise<ReadHead> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const settle = (read: ReadHead): void => {
      clearTimeout(timer);
      client.pause();
      client.removeListener('data', onData);
      client.removeListener('end', onGone);
      client.removeListener('close', onGone);
      resolve(read);
    };
    const onGone = (): void => settle({ kind: 'gone' });
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const parsed = parseRequestHead(bytes);
      if (parsed.kind === 'refused') settle(parsed);
      else if (parsed.kind === 'head')
        settle({ kind: 'head', head: parsed.head, rest: bytes.subarray(parsed.head.length), bytes });
      else if (bytes.length > MAX_HEAD_BYTES) settle({ kind: 'refused', why: 'the head is too long' });
    };
    const timer = setTimeout(() => settle({ kind: 'refused', why: 'the head did not arrive in time' }), timeoutMs);
    client.on('data', onData);
    client.on('end', onGone);
    client.on('close', onGone);
    client.resume();
  });
}

const LINGER_MS = 2_000;

/** Written for the agent: what was refused, that it is policy, what to do. */
export function answer(client: Socket, status: 400 | 403 | 502, why: string): void {
  if (client.destroyed) return;
  const reason = { 400: 'Bad Request', 403: 'Forbidden', 502: 'Bad Gateway' }[status];
  const next = status === 403 ? ' This is the sandbox policy; trying again will not help.' : '';
  const body = `The sandbox's network proxy refused this request: ${why}.${next}\n`;
  // What is still coming is read away: a Unix socket closed with bytes unread loses the answer.
  client.removeAllListeners('timeout');
  client.setTimeout(LINGER_MS, () => client.destroy());
  client.on('data', () => undefined);
  client.resume();
  client.end(
    `HTTP/1.1 ${status} ${reason}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
