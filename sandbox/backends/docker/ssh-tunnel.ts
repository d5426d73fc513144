/**
 * One ssh process per endpoint that brings the far engine's Unix socket here, into a directory only this user can enter. Uses
 * no agent, no configuration and no host key but the ones it is given. Fails closed: without a process that authenticated
 * there is no socket, and a process that ends takes every connection with it.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EngineFault, whenConnected } from './engine.ts';
import type { Dial } from './engine.ts';

export interface SshAddress {
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** Of the engine, on the far machine. */
  readonly socket: string;
  /** Files. */
  readonly key: string;
  readonly knownHosts: string;
}

export interface SshTunnel {
  readonly dial: Dial;
  close(): Promise<void>;
}

const SSH = ['/usr/bin/ssh', '/bin/ssh', '/usr/local/bin/ssh'];
const SETPRIV = '/usr/bin/setpriv';
const OPEN_MS = 20_000;
const LOOK_MS = 25;
const SAID_LIMIT = 4096;

/** The closed set of options; of the configuration's come an address, a user and two files. */
export function sshArguments(address: SshAddress, socketHere: string): readonly string[] {
  const options: Readonly<Record<string, string>> = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: `"${address.knownHosts}"`,
    GlobalKnownHostsFile: '/dev/null',
    UpdateHostKeys: 'no',
    VerifyHostKeyDNS: 'no',
    CheckHostIP: 'no',
    PreferredAuthentications: 'publickey',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    AddKeysToAgent: 'no',
    ControlMaster: 'no',
    ControlPath: 'none',
    PermitLocalCommand: 'no',
    ProxyCommand: 'none',
    ClearAllForwardings: 'no',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    Tunnel: 'no',
    ExitOnForwardFailure: 'yes',
    StreamLocalBindMask: '0177',
    ConnectTimeout: '10',
    ServerAliveInterval: '5',
    ServerAliveCountMax: '3',
    LogLevel: 'ERROR',
  };
  return [
    '-F',
    '/dev/null',
    '-N',
    '-n',
    '-T',
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    '-i',
    address.key,
    '-p',
    String(address.port),
    '-L',
    `${socketHere}:${address.socket}`,
    '-l',
    address.user,
    '--',
    address.host,
  ];
}

/** ssh's own words to a code: they may name files and hosts, and go no further. */
function codeOf(said: string): string {
  if (/host key verification failed|identification has changed|no .*host key is known/i.test(said)) return 'HOST_KEY';
  if (/permission denied|load key|bad permissions|unprotected private key/i.test(said)) return 'SSH_AUTH';
  return 'SSH';
}

interface Standing {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly directory: string;
  readonly ended: Promise<void>;
}

export function openSshTunnel(address: SshAddress): SshTunnel {
  let opening: Promise<Standing> | undefined;
  let closed = false;

  const open = async (): Promise<Standing> => {
    const program = SSH.find((path) => existsSync(path));
    if (program === undefined) throw new EngineFault('SSH', 0);
    for (const path of [address.key, address.knownHosts]) {
      try {
        accessSync(path, constants.R_OK);
      } catch {
        throw new EngineFault('NO_FILE', 0);
      }
    }
    // In /tmp, because a socket's path is at most 107 bytes.
    const directory = mkdtempSync(join(tmpdir(), 'sluice-ssh-'));
    const socket = join(directory, 'engine.sock');
    const command = [program, ...sshArguments(address, socket)];
    // Ends with this process however that ends; where setpriv is missing an orphan ends with its connection.
    const [first = program, ...rest] = existsSync(SETPRIV)
      ? [SETPRIV, '--pdeathsig', 'KILL', '--', ...command]
      : command;
    const child = spawn(first, rest, { cwd: '/', env: { PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (said.length < SAID_LIMIT) said += chunk.toString('latin1');
    });
    let isEnded = false;
    const ended = new Promise<void>((resolve) => {
      const end = (): void => {
        isEnded = true;
        rmSync(directory, { recursive: true, force: true });
        resolve();
      };
      child.once('error', end);
      child.once('close', end);
    });
    const standing = { child, socket, directory, ended };
    for (const deadline = performance.now() + OPEN_MS; performance.now() < deadline; await pause(LOOK_MS)) {
      if (isEnded) throw new EngineFault(codeOf(said), 0);
      if (existsSync(socket)) return standing;
    }
    child.kill('SIGKILL');
    await ended;
    throw new EngineFault('ETIMEDOUT', 0);
  };
  const opened = (): Promise<Standing> => {
    if (closed) return Promise.reject(new EngineFault('ECONNABORTED', 0));
    const current = (opening ??= open());
    const forget = (): void => {
      if (opening === current) opening = undefined;
    };
    current.then(({ ended }) => void ended.then(forget), forget);
    return current;
  };
  return {
    async dial() {
      const { socket } = await opened();
      return whenConnected(connect({ path: socket }), 'connect');
    },
    async close() {
      closed = true;
      const standing = await opening?.catch(() => undefined);
      standing?.child.kill('SIGTERM');
      await standing?.ended;
    },
  };
}
