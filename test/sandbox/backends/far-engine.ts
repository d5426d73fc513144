/**
 * An engine as on another machine: reached over TLS on a port of the loopback, through a relay that can be cut or made deaf
 * at any moment.
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { SandboxEndpoint } from '../../../config/sandbox-endpoint-schema.ts';
import { createAuthority } from './authority.ts';
import type { Authority } from './authority.ts';
import { startEngine } from './docker-engine.ts';
import type { TestEngine } from './docker-engine.ts';

export interface Relay {
  readonly port: number;
  /** `cut` ends connections and refuses new ones, `deaf` takes them and passes nothing on. */
  mode: 'open' | 'cut' | 'deaf';
  /** Called with what goes to the engine, before it goes. */
  watch: ((bytes: Buffer) => void) | undefined;
  close(): Promise<void>;
}

export async function startRelay(target: () => { readonly port: number } | { readonly path: string }): Promise<Relay> {
  const open = new Set<Socket>();
  let mode: Relay['mode'] = 'open';
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (mode === 'cut') return near.destroy();
    const there = target();
    const far =
      'port' in there
        ? connect({ ...there, host: '127.0.0.1', allowHalfOpen: true })
        : connect({ ...there, allowHalfOpen: true });
    for (const one of [near, far]) {
      open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        open.delete(one);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes: Buffer) => {
      relay.watch?.(bytes);
      if (mode === 'open') far.write(bytes);
    });
    near.on('end', () => mode === 'open' && far.end());
    far.on('data', (bytes: Buffer) => mode === 'open' && near.write(bytes));
    far.on('end', () => mode === 'open' && near.end());
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relay: Relay = {
    port: (server.address() as AddressInfo).port,
    watch: undefined,
    get mode() {
      return mode;
    },
    set mode(next) {
      mode = next;
      if (next === 'cut') for (const one of open) one.destroy();
    },
    async close() {
      relay.mode = 'cut';
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return relay;
}

export interface FarEngine {
  /** Why there is none; empty when there is one. */
  readonly missing: string;
  /** The engine past the relay, for looking at. */
  readonly test: TestEngine;
  readonly authority: Authority;
  readonly relay: Relay;
  endpoint(changes?: Partial<SandboxEndpoint>): SandboxEndpoint;
  stop(): Promise<void>;
}

/** `gvisor` are arguments of the daemon's configuration, if any. */
export async function startFarEngine(directory: string, configuration: object = {}): Promise<FarEngine> {
  const authority = createAuthority(join(directory, 'authority'));
  const port = await freePort();
  const path = (reference: string): string => reference.slice('file:'.length);
  const listen = ((): readonly string[] => {
    if (authority.missing !== '') return [];
    const { cert, key } = authority.issue('engine', 'server');
    return [
      '-H',
      `tcp://127.0.0.1:${port}`,
      '--tlsverify',
      '--tlscacert',
      path(authority.ca),
      '--tlscert',
      path(cert),
      '--tlskey',
      path(key),
    ];
  })();
  const test = await startEngine(configuration, listen);
  const relay = await startRelay(() => ({ port }));
  const missing = test.missing === '' ? authority.missing : test.missing;
  const client =
    missing === '' ? authority.issue('client', 'client') : { cert: 'file:/nonexistent', key: 'file:/nonexistent' };
  return {
    missing,
    test,
    authority,
    relay,
    endpoint: (changes = {}) => ({
      name: 'far',
      url: `tcp://127.0.0.1:${relay.port}`,
      ca: authority.ca,
      ...client,
      capacity: 8,
      ...changes,
    }),
    async stop() {
      await relay.close();
      await test.stop();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
