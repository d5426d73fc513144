/** A Docker Engine of the tests' own, away from any other on this machine. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../../../sandbox/backends/docker/engine.ts';
import type { Engine } from '../../../sandbox/backends/docker/engine.ts';
import { OWNER_LABEL } from '../../../sandbox/backends/docker/leftovers.ts';

export interface TestEngine {
  /** Why there is none; empty when there is one. */
  readonly missing: string;
  readonly socket: string;
  readonly engine: Engine;
  stop(): Promise<void>;
}

const PROGRAM = ['/usr/bin/dockerd', '/usr/sbin/dockerd'].find((path) => existsSync(path));
const START_MS = 40_000;

/** Where .ci/run builds one (build-runsc.sh), then where packages put theirs. */
const RUNSC = [join(homedir(), '.cache/sluice-test/runsc'), '/usr/local/bin/runsc', '/usr/bin/runsc'].find((path) =>
  existsSync(path),
);

/** The flags without which the mode refuses a runsc. */
export const RUNSC_FLAGS = ['--network=none', '--oci-seccomp', '--host-uds=open'];

/** An engine with gVisor beside its own runtime, or the reason why there is none. */
export async function startGvisorEngine(flags = RUNSC_FLAGS): Promise<TestEngine> {
  if (RUNSC === undefined)
    return absentEngine('runsc is not installed: test/sandbox/backends/build-runsc.sh builds it');
  return startEngine({ runtimes: { runsc: { path: RUNSC, runtimeArgs: flags } } });
}

function absentEngine(missing: string): TestEngine {
  return {
    missing,
    socket: '/nonexistent/docker.sock',
    engine: openEngine('/nonexistent/docker.sock'),
    stop: () => Promise.resolve(),
  };
}

/** `listen` are further arguments: another address to listen on. */
export async function startEngine(configuration: object = {}, listen: readonly string[] = []): Promise<TestEngine> {
  if (PROGRAM === undefined) return absentEngine('docker engine is not installed: apt-get install docker.io');
  if (process.getuid?.() !== 0) return absentEngine('a docker engine of its own needs root');
  const directory = mkdtempSync(join(tmpdir(), 'sluice-dockerd-'));
  const socket = join(directory, 'd.sock');
  const log = join(directory, 'log');
  const output = openSync(log, 'w');
  writeFileSync(join(directory, 'daemon.json'), JSON.stringify(configuration));
  const daemon = spawn(
    PROGRAM,
    [
      '--config-file',
      join(directory, 'daemon.json'),
      '--data-root',
      join(directory, 'data'),
      '--exec-root',
      join(directory, 'exec'),
      '--pidfile',
      join(directory, 'pid'),
      '-H',
      `unix://${socket}`,
      '--iptables=false',
      '--ip6tables=false',
      '--bridge=none',
      ...listen,
    ],
    { stdio: ['ignore', output, output] },
  );
  const ended = new Promise<void>((resolve) => {
    daemon.once('error', () => resolve());
    daemon.once('close', () => resolve());
  });
  const stop = async (): Promise<void> => {
    daemon.kill('SIGTERM');
    await ended;
    // runsc leaves an empty network namespace mounted.
    spawnSync('umount', ['-l', join(directory, 'exec/runtime-runc/moby/null-netns')], { stdio: 'ignore' });
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const engine = openEngine(socket);
  for (const deadline = Date.now() + START_MS; Date.now() < deadline && daemon.exitCode === null;) {
    const answered = await engine.ask({ method: 'GET', path: '/info' }).then(
      () => true,
      () => false,
    );
    if (answered) return { missing: '', socket, engine, stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const last = readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '';
  await stop();
  return absentEngine(`a docker engine does not start on this machine: ${last.slice(0, 200)}`);
}

/** Containers of ours, running or not. */
export async function containersOn(engine: Engine): Promise<number> {
  const filters = encodeURIComponent(JSON.stringify({ label: [OWNER_LABEL] }));
  const answer = await engine.ask({ method: 'GET', path: `/containers/json?all=1&filters=${filters}` });
  return (answer as readonly unknown[]).length;
}
