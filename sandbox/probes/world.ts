/**
 * What a probe tries to reach: real things of this host, planted for the purpose and proved reachable from outside, so that
 * not reaching them from inside means something.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, ListenOptions, Server } from 'node:net';
import { join } from 'node:path';

export interface World {
  readonly canary: string;
  /** World-readable file that holds the canary; its name is unique on this machine. */
  readonly secretFile: string;
  readonly secretName: string;
  /** World-writable directory of the host. */
  readonly hostDirectory: string;
  /** Writable workspace, with a listening socket in it and links that old bwraps followed out of it. */
  readonly workspace: string;
  readonly tcpPort: number;
  readonly abstractName: string;
  /** Connections that reached one of the host's sockets. */
  arrivals(): number;
  /** Whether the planted sockets answer a program that is not confined; false makes their probes worthless. */
  readonly live: boolean;
  readonly hostPid: number;
  readonly uid: number;
  close(): Promise<void>;
}

const listen = (server: Server, where: ListenOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => resolve());
  });

const reaches = (
  where: { readonly port: number; readonly host: string } | { readonly path: string },
): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(where);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

export async function createWorld(parent: string, uid: number): Promise<World> {
  const directory = mkdtempSync(join(parent, 'probe-'));
  // Listable: a probe that searches for the file by name must be able to find it where it can look.
  chmodSync(directory, 0o755);
  const name = randomBytes(6).toString('hex');
  const canary = `canary-${randomBytes(12).toString('hex')}`;
  const secretName = `secret-${name}`;
  const secretFile = join(directory, secretName);
  writeFileSync(secretFile, canary, { mode: 0o644 });
  const hostDirectory = join(directory, 'host');
  const workspace = join(directory, 'workspace');
  for (const path of [hostDirectory, workspace]) {
    mkdirSync(path);
    chmodSync(path, 0o777);
  }
  // CVE-2026-87766: where a mount destination lies beneath such a link, bwrap before 0.12 makes files on the host.
  for (const link of ['.git', '.vscode', 'node_modules'])
    symlinkSync(`/oldroot${hostDirectory}`, join(workspace, link));
  symlinkSync(hostDirectory, join(workspace, 'direct'));

  let arrived = 0;
  const servers: Server[] = [];
  const serve = async (where: ListenOptions): Promise<Server> => {
    const server = createServer((socket) => {
      arrived++;
      socket.destroy();
    });
    servers.push(server);
    await listen(server, where);
    return server;
  };
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const tcp = await serve({ host: '127.0.0.1', port: 0 });
    const socketPath = join(workspace, 'host.sock');
    await serve({ path: socketPath });
    chmodSync(socketPath, 0o777);
    const abstractName = `sluice-${name}`;
    await serve({ path: `\0${abstractName}` });
    const tcpPort = (tcp.address() as AddressInfo).port;
    const control = await Promise.all([
      reaches({ host: '127.0.0.1', port: tcpPort }),
      reaches({ path: socketPath }),
      reaches({ path: `\0${abstractName}` }),
    ]);
    const before = control.length;
    return {
      canary,
      secretFile,
      secretName,
      hostDirectory,
      workspace,
      tcpPort,
      abstractName,
      arrivals: () => arrived - before,
      live: control.every(Boolean),
      hostPid: process.pid,
      uid,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
