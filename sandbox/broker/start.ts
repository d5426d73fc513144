/**
 * Starts the engine and the executor, and nothing else: the only place outside the backends that starts a process. Each gets
 * an empty environment, its connection to the router on descriptor 3 and one end of a common socket pair on descriptor 4.
 * The router closes its own hold on that pair before its event loop turns, so the key that passes there is never read here.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { statSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { siblingModule } from '../sibling.ts';

export interface BrokerEntries {
  readonly engine: URL;
  readonly executor: URL;
}

export const BROKER_ENTRIES: BrokerEntries = {
  engine: siblingModule('engine-main', import.meta.url),
  executor: siblingModule('executor-main', import.meta.url),
};

export interface BrokerProcesses {
  readonly engine: Duplex;
  readonly executor: Duplex;
  /** Settles once, when either process has ended: which, how, and what it said before it was ready. For operators. */
  readonly ended: Promise<string>;
  /** Stops keeping what the processes say: from the first request on it could hold content. */
  silence(): void;
  /** Closes both connections, lets the executor stop its sandboxes, then kills. Settles when both have ended. */
  stop(): Promise<void>;
  /** Kills both now. Sandboxes die with the executor. */
  kill(): void;
}

/** Enough for an import error and its first stack frames. */
const SAID_LIMIT = 2048;
/** Longer than the executor gives its backends. */
const STOP_TIMEOUT_MS = 5_000;
/** What programs that a backend starts by name are looked up in; nothing is inherited. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };

const SETPRIV = '/usr/bin/setpriv';
/**
 * To become the sandbox's user, own and enter its directories, bind those only root can reach (sys_admin), look at it from
 * outside and end it. Gone are modules, raw network, devices, the clock and the rest.
 */
const EXECUTOR_CAPABILITIES = [
  'chown',
  'dac_override',
  'fowner',
  'kill',
  'setgid',
  'setuid',
  'sys_admin',
  'sys_ptrace',
] as const;

export function startBroker(entries: BrokerEntries = BROKER_ENTRIES): BrokerProcesses {
  const start = (entry: URL, link: 'pipe' | Socket, kept: readonly string[]): ChildProcess => {
    const [program, ...rest] = withCapabilities(kept, [process.execPath, fileURLToPath(entry)]);
    return spawn(program, rest, { cwd: '/', env: ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe', 'pipe', link] });
  };
  const engine = start(entries.engine, 'pipe', []);
  const link = engine.stdio[4];
  if (!(link instanceof Socket)) throw new TypeError('the link between engine and executor was not made');
  const executor = start(entries.executor, link, EXECUTOR_CAPABILITIES);
  link.destroy();

  let said = '';
  let silent = false;
  for (const child of [engine, executor])
    child.stderr?.on('data', (chunk: Buffer) => {
      if (!silent && said.length < SAID_LIMIT) said = (said + chunk.toString('utf8')).slice(0, SAID_LIMIT);
    });

  const endOf = (child: ChildProcess, name: string): Promise<string> =>
    new Promise((resolve) => {
      child.on('error', (error: NodeJS.ErrnoException) => resolve(`the ${name} could not be started (${error.code})`));
      child.on('close', (code, signal) => resolve(`the ${name} ended (${signal ?? `exit ${code}`})`));
    });
  const ends = [endOf(engine, 'engine'), endOf(executor, 'executor')];
  return {
    engine: channelOf(engine),
    executor: channelOf(executor),
    ended: Promise.race(ends).then((how) => (said === '' ? how : `${how}: ${said.trim()}`)),
    silence() {
      silent = true;
      said = '';
    },
    async stop() {
      channelOf(engine).destroy();
      channelOf(executor).destroy();
      const timer = setTimeout(() => kill(engine, executor), STOP_TIMEOUT_MS);
      await Promise.all(ends);
      clearTimeout(timer);
    },
    kill: () => kill(engine, executor),
  };
}

function kill(...children: readonly ChildProcess[]): void {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}

function channelOf(child: ChildProcess): Socket {
  const channel = child.stdio[3];
  if (!(channel instanceof Socket)) throw new TypeError('the connection to a broker process was not made');
  return channel;
}

/**
 * The command that runs `command` with no capability but those kept, now or ever again. It stays uid 0 where the service is
 * root, so this takes mounts, modules, raw network and the tracing of others away, not files. Where setpriv is missing or may
 * not do it the processes start with what the service has.
 */
function withCapabilities(
  kept: readonly string[],
  command: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return command;
  // A set-uid bwrap of an old distribution needs what this takes away from everything the executor starts.
  if (kept.length > 0 && isSetUid('/usr/bin/bwrap')) return command;
  const options = [
    `--bounding-set=${['-all', ...kept.map((name) => `+${name}`)].join(',')}`,
    '--inh-caps=-all',
    '--no-new-privs',
  ];
  const trial = spawnSync(SETPRIV, [...options, '--', '/bin/true'], { stdio: 'ignore', env: {} });
  return trial.status === 0 ? [SETPRIV, ...options, '--', ...command] : command;
}

function isSetUid(path: string): boolean {
  try {
    return (statSync(path).mode & 0o4000) !== 0;
  } catch {
    return false;
  }
}
