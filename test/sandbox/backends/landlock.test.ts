/** Landlock in real sandboxes: what it denies by itself, that it holds where the mounts were weakened, and what its absence does. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../sandbox/backend.ts';
import { bubblewrapArguments } from '../../../sandbox/backends/bubblewrap-arguments.ts';
import { createBubblewrapBackendWith } from '../../../sandbox/backends/bubblewrap.ts';
import type { BubblewrapOptions } from '../../../sandbox/backends/bubblewrap.ts';
import { askLandlock, decideLandlock, launcherFor } from '../../../sandbox/backends/landlock.ts';
import type { LandlockPolicy } from '../../../sandbox/backends/landlock.ts';
import { landlockLauncher } from '../../../sandbox/landlock/launcher.ts';
import { landlockRuleset } from '../../../sandbox/landlock/rights.ts';
import type { ClaimReport } from '../../../sandbox/executor.ts';
import { ran, useBubblewrap } from './bubblewrap-fixture.ts';
import { area, never, options, shell } from './fixture.ts';

const { home, run, workspace } = useBubblewrap();
const CLAIM = 'landlock-where-present';
let abi = 0;

type Replaced = Parameters<typeof createBubblewrapBackendWith>[1];
let states = 0;
async function withBackend<T>(
  replaced: Replaced,
  use: (backend: ReturnType<typeof createBubblewrapBackendWith>) => Promise<T>,
  changes: Partial<BubblewrapOptions> = {},
): Promise<T> {
  const stateDir = join(home.path, `state-landlock-${states++}`);
  const backend = createBubblewrapBackendWith({ ...options(stateDir), ...changes }, replaced);
  try {
    return await use(backend);
  } finally {
    await backend.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
const claimOf = async (replaced: Replaced, policy?: LandlockPolicy): Promise<ClaimReport | undefined> =>
  withBackend(
    replaced,
    async (backend) => (await backend.prove()).find(({ claim }) => claim === CLAIM),
    policy === undefined ? {} : { landlock: policy },
  );
const attested = (outcome: Outcome): unknown =>
  outcome.kind === 'not-started' ? outcome.detail : outcome.attested.landlock;
const none: Replaced = { askLandlock: () => Promise.resolve(0) };

beforeAll(async () => {
  const directory = area();
  abi = await askLandlock(directory.path);
  directory.remove();
});

describe('with Landlock', () => {
  beforeEach((context) => {
    if (abi < 2) context.skip(`this kernel has no Landlock that is used (version ${abi})`);
  });

  it('is in the receipt', async () => {
    expect(attested(await run('true'))).toBe(abi);
  });

  it('is proved from inside', async () => {
    expect(await claimOf({})).toMatchObject({ proved: true, evidence: expect.stringMatching(/^on, version \d/) });
  });

  it.each([
    [
      'reads and writes in its places',
      'for d in /tmp /home/agent /dev/shm; do echo x > $d/f && cat $d/f && rm $d/f; done',
      'x\nx\nx\n',
    ],
    [
      'moves and links between directories',
      'cd /tmp && mkdir a b && echo x > a/f && mv a/f b/g && ln b/g a/h && cat a/h',
      'x\n',
    ],
    ['truncates', 'cd /tmp && echo long > f && : > f && truncate -s 3 f && wc -c < f', '3\n'],
    ['lists the root', 'ls / | grep -c -x -e usr -e tmp -e opt', '3\n'],
    ['uses devices', 'echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c', '4\n4\n'],
    ['writes to its own pipe by name', '(echo x > /dev/stdout) | cat', 'x\n'],
    ['starts what it made', 'cp /bin/echo /tmp/e && /tmp/e made', 'made\n'],
    ['signals its own', 'sleep 30 & kill $! && wait $! 2>/dev/null; echo $?', '143\n'],
  ])('a program %s', async (_what, script, expected) => {
    expect(ran(await run(script))).toBe(expected);
  });

  it.each([
    ['read what no rule names', 'cat /opt/launch > /dev/null', 'Permission denied'],
    ['start what no rule names', '/opt/launch /bin/true', 'Permission denied'],
    ['write in /proc', 'echo x > /proc/self/comm', 'Permission denied'],
    ['start a program in /dev/shm', 'cp /bin/true /dev/shm/t; /dev/shm/t', 'Permission denied'],
    ['look into pid 1', 'cat /proc/1/environ', 'Permission denied'],
    ['change the memory of pid 1', 'echo x > /proc/1/mem', 'Permission denied'],
    ['make a socket file', 'python3 -c "import os; os.mknod(\'/tmp/s\', 0o140600)"', 'not permitted'],
  ])('a program cannot %s', async (_what, script, message) => {
    const outcome = await run(`${script} || echo denied`);
    expect(ran(outcome)).toContain('denied');
    expect(outcome.kind === 'exited' && outcome.stderr.head).toContain(message);
  });

  it('no program may enter a domain or add a filter of its own', async (context) => {
    const code = `
import ctypes, errno
call = ctypes.CDLL(None, use_errno=True).syscall
for name, words in (('ruleset', (444, 0, 0, 1)), ('restrict', (446, 3, 0)), ('filter', (157, 22, 2, 0))):
    ctypes.set_errno(0)
    print(name, call(*words), errno.errorcode[ctypes.get_errno()])`;
    if (process.arch !== 'x64') context.skip('the numbers are those of x86-64');
    const outcome = await run(`exec /usr/bin/python3 -c "$CODE"`, { env: { PATH: '/usr/bin:/bin', CODE: code } });
    if (outcome.kind === 'exited' && outcome.code === 127) context.skip('python3 is not installed');
    expect(ran(outcome)).toBe('ruleset -1 ENOSYS\nrestrict -1 ENOSYS\nfilter -1 EPERM\n');
  });

  it('a read-only workspace is read, started from and not written', async () => {
    const source = workspace('landlock-ro');
    const script = 'cat f; ./p; echo x > new';
    await run('echo in > f; cp /bin/echo p', { workspace: { access: 'rw', source }, cwd: '/workspace' });
    const outcome = await run(script, { workspace: { access: 'ro', source }, cwd: '/workspace' });
    expect(ran(outcome)).toBe('in\n\n');
    expect(outcome).toMatchObject({ kind: 'exited', code: 2 });
  });

  it('TCP on its own loopback works, until the policy says none', async (context) => {
    const script =
      "exec /opt/node/bin/node -e \"require('net').createServer().on('error', (e) => console.log(e.code)).listen(0, '127.0.0.1', function () { console.log('listening'); this.close(); })\"";
    expect(ran(await run(script))).toBe('listening\n');
    if (abi < 4) context.skip('this kernel’s Landlock does not know TCP');
    const policy = { use: 'auto', tcp: 'none' } as const;
    await withBackend(
      {},
      async (backend) => {
        expect(ran(await backend.run(shell(script), { signal: never() }))).toBe('EACCES\n');
      },
      { landlock: policy },
    );
    expect(await claimOf({}, policy)).toMatchObject({ proved: true, evidence: expect.stringContaining('TCP') });
    // A launcher that leaves TCP alone must not pass for one that does not.
    const launcher: typeof launcherFor = (profile, layout, landlock, honey) =>
      launcherFor(profile, layout, { ...landlock, tcp: 'loopback' }, honey);
    expect(await claimOf({ launcher }, policy)).toMatchObject({ proved: false });
  });

  const weakened =
    (edit: (all: string[]) => void) =>
    (...parameters: Parameters<typeof bubblewrapArguments>): readonly string[] => {
      const all = [...bubblewrapArguments(...parameters)];
      edit(all);
      return all;
    };
  const at = (all: readonly string[], ...words: readonly string[]): number => {
    const found = all.findLastIndex((_, index) => words.every((word, offset) => all[index + offset] === word));
    if (found < 0) throw new Error(`the arguments have no ${words.join(' ')}`);
    return found;
  };
  /** Without the first layer the second is all there is. */
  it.each([
    ['a writable root', weakened((all) => void all.splice(at(all, '--remount-ro', '/'), 2)), 'echo x > /run/f'],
    ['a writable /dev', weakened((all) => void all.splice(at(all, '--remount-ro', '/dev'), 2)), 'echo x > /dev/f'],
    [
      'a directory of the host',
      weakened((all) => void all.splice(at(all, '--remount-ro', '/'), 0, '--bind', home.path, '/elsewhere')),
      'cat /elsewhere/secret',
    ],
  ] as const)('holds by itself: %s', async (_what, buildArguments, script) => {
    const call = shell(`(${script}) 2>/dev/null && echo through; true`);
    const source = workspace(`ws-${states}`);
    const secret = join(home.path, 'secret');
    writeFileSync(secret, 'secret\n');
    chmodSync(secret, 0o644);
    const withRw = { ...call, workspace: { access: 'rw', source } as const };
    const outcomeOf = (replaced: Replaced): Promise<string> =>
      withBackend({ ...replaced, buildArguments }, async (backend) =>
        ran(await backend.run(withRw, { signal: never() })),
      );
    expect(await outcomeOf(none)).toContain('through');
    expect(await outcomeOf({})).not.toContain('through');
  });

  it.each<readonly [string, Replaced]>([
    [
      'a domain that allows everything',
      {
        launcher: () => {
          const { attributes } = landlockRuleset({
            abi,
            workspace: 'none',
            egress: false,
            honey: false,
            directories: [],
            withoutTcp: false,
          });
          const all = Number(attributes.readBigUInt64LE());
          return landlockLauncher({ attributes, places: [{ path: '/', allowed: all }] }, process.arch as 'x64');
        },
      },
    ],
    [
      'no domain at all',
      { launcher: () => undefined, judge: () => ({ kind: 'attested', attestation: { isolation: 'bubblewrap' } }) },
    ],
  ])('the claim fails with %s', async (_what, replaced) => {
    expect(await claimOf(replaced)).toMatchObject({ proved: false });
  });

  it('a sandbox whose shell did not come through the launcher is given nothing to run', async () => {
    await withBackend({ launcher: () => undefined }, async (backend) => {
      expect(await backend.run(shell('true'), { signal: never() })).toMatchObject({
        kind: 'not-started',
        cause: 'attestation-failed',
        detail: expect.stringContaining('launcher'),
      });
    });
  });

  it('a ruleset the kernel refuses stops the call, and the reason says which step', async () => {
    const ruleset = { attributes: Buffer.alloc(8), places: [] };
    const launcher = (): Buffer => landlockLauncher(ruleset, process.arch as 'x64');
    await withBackend({ launcher }, async (backend) => {
      expect(await backend.run(shell('true'), { signal: never() })).toMatchObject({
        kind: 'not-started',
        detail: expect.stringContaining('the kernel took no Landlock ruleset'),
      });
    });
  });
});

describe('without Landlock', () => {
  it('auto runs with one layer less, and receipt and claim say so', async () => {
    await withBackend(none, async (backend) => {
      expect(attested(await backend.run(shell('true'), { signal: never() }))).toBe(0);
    });
    expect(await claimOf(none)).toMatchObject({ proved: true, evidence: expect.stringMatching(/^OFF/) });
  });

  it('a kernel that has it after all is not called one that has none', async () => {
    let asked = 0;
    const report = await claimOf({ askLandlock: () => Promise.resolve(asked++ === 0 ? 0 : 7) });
    expect(report).toMatchObject({ proved: false });
  });

  it.each([
    [0, { use: 'required', tcp: 'loopback' }, 'sandbox.landlock.use required needs Landlock 2, this kernel has none'],
    [1, { use: 'required', tcp: 'loopback' }, 'needs Landlock 2, this kernel has 1'],
    [3, { use: 'auto', tcp: 'none' }, 'sandbox.landlock.tcp none needs Landlock 4, this kernel has 3'],
  ] as const)('version %i is refused where the policy asks for more', async (version, landlock, reason) => {
    await withBackend(
      { askLandlock: () => Promise.resolve(version) },
      async (backend) => {
        expect(await backend.available()).toMatchObject({ usable: false, reason: expect.stringContaining(reason) });
        expect(await backend.run(shell('true'), { signal: never() })).toMatchObject({ kind: 'not-started' });
      },
      { landlock },
    );
  });

  it('version 1, under which no file can be moved, is not used', () => {
    expect(decideLandlock(1, { use: 'auto', tcp: 'loopback' })).toEqual({
      kind: 'found',
      landlock: { abi: 0, tcp: 'loopback' },
    });
  });
});
