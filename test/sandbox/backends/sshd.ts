/** A real sshd of the tests' own on a loopback port. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface TestSshd {
  /** Why there is none; empty when there is one. */
  readonly missing: string;
  readonly user: string;
  readonly port: number;
  /** File references. */
  readonly key: string;
  readonly knownHosts: string;
  stop(): Promise<void>;
}

/** Where .ci/run unpacks the package (nothing of it is started then), then where packages put theirs. */
const PROGRAM = ['/usr/sbin/sshd', join(homedir(), '.cache/sluice-test/openssh/usr/sbin/sshd')].find((path) =>
  existsSync(path),
);
const NOBODY = 65534;
const USER = 'far';

function keygen(path: string): void {
  const { status } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  if (status !== 0) throw new Error('ssh-keygen failed');
}

export async function startSshd(directory: string): Promise<TestSshd> {
  const absent = (missing: string): TestSshd => ({
    missing,
    user: USER,
    port: 1,
    key: 'file:/nonexistent',
    knownHosts: 'file:/nonexistent',
    stop: () => Promise.resolve(),
  });
  if (PROGRAM === undefined) return absent('sshd is not installed: apt-get install openssh-server');
  if (!existsSync('/usr/bin/ssh')) return absent('ssh is not installed: apt-get install openssh-client');
  if (process.getuid?.() !== 0) return absent('an sshd of its own needs root');
  mkdirSync(directory, { recursive: true });
  const at = (name: string): string => join(directory, name);
  for (const name of ['host', 'client']) keygen(at(name));
  writeFileSync(at('authorized_keys'), readFileSync(at('client.pub')));
  const port = await freePort();
  writeFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${readFileSync(at('host.pub'), 'utf8')}`);
  writeFileSync(
    at('sshd_config'),
    `Port ${port}\nListenAddress 127.0.0.1\nHostKey ${at('host')}\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nAuthorizedKeysFile ${at('authorized_keys')}\n`,
  );
  // Its users are the tests' own, in a mount namespace of its own: one to log in, and the one sshd gives its rights up to.
  writeFileSync(
    at('passwd'),
    `root:x:0:0::/:/bin/sh\n${USER}:x:${NOBODY}:${NOBODY}::/:/bin/sh\nsshd:x:107:65534::/:/bin/false\n`,
  );
  writeFileSync(at('shadow'), `root:*:1::::::\n${USER}:*:1::::::\nsshd:*:1::::::\n`, { mode: 0o600 });
  const script = [
    ...['passwd', 'shadow'].map((name) => `mount --bind ${at(name)} /etc/${name}`),
    'mount -t tmpfs none /run',
    'mkdir -m 0755 /run/sshd',
    `exec ${PROGRAM} -D -e -f ${at('sshd_config')}`,
  ].join(' && ');
  let said = '';
  const daemon = spawn('/usr/bin/unshare', ['--mount', '--', '/bin/sh', '-c', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  daemon.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => {
    daemon.once('error', () => resolve());
    daemon.once('close', () => resolve());
  });
  for (let look = 0; look < 100 && !said.includes('Server listening') && daemon.exitCode === null; look++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  if (daemon.exitCode !== null || !said.includes('Server listening')) {
    daemon.kill('SIGKILL');
    return absent(`sshd does not start on this machine: ${said.trim().split('\n').at(-1)?.slice(0, 200) ?? ''}`);
  }
  return {
    missing: '',
    user: USER,
    port,
    key: `file:${at('client')}`,
    knownHosts: `file:${at('known_hosts')}`,
    async stop() {
      daemon.kill('SIGTERM');
      await ended;
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
