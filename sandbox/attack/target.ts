/**
 * What attacks aim at: a secret file, sockets, a process and shared memory of the host, all planted for one run and taken
 * away after it, all within reach of the sandbox's user when that user is not confined.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, ListenOptions, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runUnconfined } from '../backends/unconfined.ts';
import type { Placeholders } from './attack-file.ts';

export interface Target {
  readonly canary: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Makes a workspace as a project has it, with a listening socket of the host in it. */
  workspace(): Promise<{ readonly path: string; readonly names: Placeholders; remove(): Promise<void> }>;
  close(): Promise<void>;
}

export interface TargetOptions {
  readonly uid: number;
  readonly gid: number;
}

const PROCESS_MARKER = 'sbx-host-marker';
/** The key attacks look for; System V keys are numbers and cannot be random and known at once. */
const SHARED_MEMORY_KEY = 0x5bc5bc;
const CONTROL_MS = 600_000;

const listen = (server: Server, where: ListenOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => resolve());
  });
const closeServer = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

export async function plantTarget(options: TargetOptions): Promise<Target> {
  const drop = process.getuid?.() === 0 ? { uid: options.uid, gid: options.gid } : {};
  const directory = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
  chmodSync(directory, 0o755);
  const canary = `canary${randomBytes(10).toString('hex')}`;
  const secret = join(directory, 'secret');
  writeFileSync(secret, `${canary}\n`, { mode: 0o644 });
  const hostDirectory = join(directory, 'host');
  mkdirSync(hostDirectory);
  chmodSync(hostDirectory, 0o777);

  const http = createHttpServer((_request, response) => response.end('host'));
  await listen(http, { host: '127.0.0.1', port: 0 });
  const udp = createSocket('udp4');
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const abstract = createServer((socket) => socket.destroy());
  const abstractName = `sluice-attack-${randomBytes(6).toString('hex')}`;
  await listen(abstract, { path: `\0${abstractName}` });
  const path = createServer((socket) => socket.destroy());
  const socketPath = join(directory, 'host.sock');
  await listen(path, { path: socketPath });
  chmodSync(socketPath, 0o777);

  const ending = new AbortController();
  const shell = (script: string, extra: readonly string[] = []) =>
    runUnconfined({
      argv: ['/bin/sh', '-c', script, ...extra],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      ...drop,
      timeoutMs: CONTROL_MS,
      outputBytes: 4096,
      signal: ending.signal,
    });
  const pidFile = join(hostDirectory, 'pid');
  const bystander = shell(`echo $$ > '${pidFile}'; while :; do sleep 30; done`, [PROCESS_MARKER]);
  const perl = (code: string) => shell(`[ -x /usr/bin/perl ] && exec /usr/bin/perl -e '${code}'; exit 0`);
  await perl(`shmget(${SHARED_MEMORY_KEY}, 4096, 01666)`);
  const hostPid = await waitForNumber(pidFile);

  const environmentSecret = `env${randomBytes(10).toString('hex')}`;
  const names: Placeholders = {
    HOST_SECRET: secret,
    HOST_DIR: hostDirectory,
    CANARY: canary,
    ENV_SECRET: environmentSecret,
    HOST_PORT: String((http.address() as AddressInfo).port),
    HOST_UDP: String(udp.address().port),
    HOST_PID: String(hostPid),
    HOST_SOCK: socketPath,
    ABSTRACT: abstractName,
    MARK: `sluicemark${randomBytes(4).toString('hex')}`,
    SECS: '5',
  };
  let count = 0;
  return {
    canary,
    environment: { SBX_SECRET_TOKEN: environmentSecret },
    async workspace() {
      const place = join(directory, `w${count++}`);
      mkdirSync(place);
      chmodSync(place, 0o777);
      writeFileSync(join(place, 'package.json'), '{"name":"project","version":"1.0.0"}\n');
      writeFileSync(join(place, 'README.md'), 'A project.\n');
      chmodSync(join(place, 'package.json'), 0o666);
      const socket = createServer((client) => client.destroy());
      await listen(socket, { path: join(place, 'host.sock') });
      chmodSync(join(place, 'host.sock'), 0o777);
      return {
        path: place,
        names: { ...names, WS: place },
        async remove() {
          await closeServer(socket);
          rmSync(place, { recursive: true, force: true });
        },
      };
    },
    async close() {
      ending.abort();
      udp.close();
      http.closeAllConnections();
      await Promise.all([closeServer(http), closeServer(abstract), closeServer(path), bystander]);
      await runUnconfined({
        argv: ['/bin/sh', '-c', `ipcrm -M ${SHARED_MEMORY_KEY}`],
        cwd: '/',
        env: { PATH: '/usr/bin:/bin' },
        ...drop,
        timeoutMs: 5000,
        outputBytes: 1024,
      });
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function waitForNumber(path: string): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  for (let attempt = 0; attempt < 200; attempt++) {
    const value = Number(await readFile(path, 'latin1').catch(() => ''));
    if (value > 0) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('attack target: the bystander process did not start');
}
