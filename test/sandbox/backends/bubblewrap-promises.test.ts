import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../sandbox/backend.ts';
import { bubblewrapArguments } from '../../../sandbox/backends/bubblewrap-arguments.ts';
import { createBubblewrapBackend, createBubblewrapBackendWith } from '../../../sandbox/backends/bubblewrap.ts';
import { seccompBytes } from '../../../sandbox/seccomp/filter.ts';
import { alive, ran, useBubblewrap } from './bubblewrap-fixture.ts';
import { LIMITS, never, options, plan, shell } from './fixture.ts';

const { home, backend, run, workspace } = useBubblewrap();

describe('workspaces', () => {
  it('read-only is read-only, writable is the same directory, and ownership is never root', async () => {
    const source = workspace('ws-modes');
    writeFileSync(join(source, 'in'), 'seen');
    expect(
      ran(
        await run('cat in; touch out 2>/dev/null || echo refused', {
          workspace: { access: 'ro', source },
          cwd: '/workspace',
        }),
      ),
    ).toBe('seenrefused\n');
    expect(
      ran(
        await run('echo made > out; chmod 4755 out 2>/dev/null || echo no-set-id', {
          workspace: { access: 'rw', source },
          cwd: '/workspace',
        }),
      ),
    ).toBe('no-set-id\n');
    expect(readFileSync(join(source, 'out'), 'utf8')).toBe('made\n');
    expect(statSync(join(source, 'out')).uid).not.toBe(0);
  });

  it('a link in place of the workspace is refused, not followed', async () => {
    const link = join(home.path, 'ws-link');
    symlinkSync('/etc', link);
    expect(await run('ls', { workspace: { access: 'ro', source: link } })).toMatchObject({
      kind: 'not-started',
      cause: 'plan-unsupported',
    });
  });

  it('a directory other users cannot reach is mounted all the same', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root has directories the sandbox user cannot reach');
    const parent = workspace('closed');
    const source = join(parent, 'inner');
    mkdirSync(source);
    writeFileSync(join(source, 'in'), 'reached');
    chmodSync(source, 0o777);
    chmodSync(parent, 0o700);
    const outcome = await run('cat in; echo x > out; id -u', {
      workspace: { access: 'rw', source },
      cwd: '/workspace',
    });
    expect(ran(outcome)).toBe('reached1000\n');
    expect(outcome).toMatchObject({ attested: { uid: 65534 } });
    expect(statSync(join(source, 'out')).uid).toBe(65534);
  });

  it('a warm sandbox whose workspace was replaced is not used', async () => {
    const source = workspace('ws-swap');
    writeFileSync(join(source, 'which'), 'old');
    const pooled = createBubblewrapBackend(options(join(home.path, 'state-swap'), 1));
    const call = shell('cat which', { workspace: { access: 'rw', source }, cwd: '/workspace' });
    await pooled.prewarm(call);
    renameSync(source, `${source}.old`);
    mkdirSync(source);
    writeFileSync(join(source, 'which'), 'new');
    expect(ran(await pooled.run(call, { signal: never() }))).toBe('new');
    await pooled.close();
  });

  it('with an egress socket, one of the host in the workspace stops the call; without, the filter keeps it shut', async () => {
    const source = workspace('ws-socket');
    const egress = createServer((socket) => socket.end());
    const hosts = createServer((socket) => socket.end('reached'));
    await new Promise<void>((resolve) => egress.listen(join(home.path, 'egress.sock'), resolve));
    chmodSync(join(home.path, 'egress.sock'), 0o777);
    const connect =
      "require('net').connect('/run/egress.sock').on('connect', () => console.log('through')).on('error', (e) => console.log(e.code))";
    const changes = {
      egress: { kind: 'proxy', socket: join(home.path, 'egress.sock') },
      workspace: { access: 'rw', source },
    } as const;
    const call = plan(['/opt/node/bin/node', '-e', connect], changes);
    expect(ran(await backend.run(call, { signal: never() }))).toBe('through\n');
    await new Promise<void>((resolve) => hosts.listen(join(source, 'host.sock'), resolve));
    expect(await backend.run(call, { signal: never() })).toMatchObject({
      kind: 'not-started',
      cause: 'plan-unsupported',
    });
    await Promise.all([egress, hosts].map((server) => new Promise((resolve) => server.close(resolve))));
  });

  it('a home of a scope is kept between calls', async () => {
    const kept = workspace('kept-home');
    await run('echo kept > $HOME/note', { home: kept });
    expect(ran(await run('cat $HOME/note', { home: kept }))).toBe('kept\n');
    expect(ran(await run('ls $HOME'))).toBe('');
  });
});

describe('failing closed', () => {
  const notRun = async (replaced: Parameters<typeof createBubblewrapBackendWith>[1]): Promise<Outcome> => {
    const source = join(home.path, 'ws-proof');
    rmSync(source, { recursive: true, force: true });
    mkdirSync(source);
    chmodSync(source, 0o777);
    const weak = createBubblewrapBackendWith(options(join(home.path, 'state-weak')), replaced);
    const outcome = await weak.run(shell('touch ran', { workspace: { access: 'rw', source }, cwd: '/workspace' }), {
      signal: never(),
    });
    await weak.close();
    expect(existsSync(join(source, 'ran'))).toBe(false);
    return outcome;
  };
  const without =
    (...dropped: readonly string[]) =>
    (...parameters: Parameters<typeof bubblewrapArguments>): readonly string[] => {
      const all = [...bubblewrapArguments(...parameters)];
      for (const option of dropped)
        all.splice(all.indexOf(option), option === '--seccomp' || option === '--cap-drop' ? 2 : 1);
      return all;
    };

  it.each([
    ['no filter', { buildArguments: without('--seccomp') }, /Seccomp is not 2/],
    ['the host network', { buildArguments: without('--unshare-net') }, /the net namespace is shared/],
    ['the host IPC', { buildArguments: without('--unshare-ipc') }, /the ipc namespace is shared/],
    ['no limits', { prologue: () => 'echo sluice-ready\n' }, /Max processes is not limited/],
  ] as const)('%s: attestation fails and nothing has run', async (_what, replaced, detail) => {
    const outcome = await notRun(replaced);
    expect(outcome).toMatchObject({ kind: 'not-started', cause: 'attestation-failed' });
    expect(outcome.kind === 'not-started' && outcome.detail).toMatch(detail);
  });

  it('a shell that says anything but ready is not given a command', async () => {
    expect(await notRun({ prologue: () => 'echo something else\n' })).toMatchObject({
      kind: 'not-started',
      cause: 'unavailable',
    });
    expect(await notRun({ prologue: () => 'exit 0\n' })).toMatchObject({ kind: 'not-started', cause: 'unavailable' });
    expect(await notRun({ filter: () => Buffer.from('nonsense') })).toMatchObject({ kind: 'not-started' });
  });

  it('an unfiltered call is seen from the host even when it lies about itself', async () => {
    const allowAll = Buffer.from([0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]);
    expect(seccompBytes('x64', { unixSockets: false }).length).toBeGreaterThan(allowAll.length);
    // A filter is there, so attestation holds: that it filters is for the probes to prove.
    const weak = createBubblewrapBackendWith(options(join(home.path, 'state-weak')), { filter: () => allowAll });
    expect(await weak.run(shell('true'), { signal: never() })).toMatchObject({ kind: 'exited', code: 0 });
    await weak.close();
  });

  it.each([
    ['a relative program', { argv: ['sh'] }],
    ['a NUL in an argument', { argv: ['/bin/echo', 'a\0b'] }],
    ['an environment name that is shell text', { env: { 'A;touch /tmp/x;B': '1' } }],
    ['another mode', { mode: 'docker' }],
    ['a workspace that is not there', { workspace: { access: 'rw', source: '/nonexistent/ws' } }],
  ] as const)('%s is a plan it refuses', async (_what, changes) => {
    expect(await backend.run(plan(['/bin/true'], changes), { signal: never() })).toMatchObject({
      kind: 'not-started',
      cause: 'plan-unsupported',
    });
  });

  it('without bwrap it says how to get it, and runs nothing', async () => {
    const missing = createBubblewrapBackend({
      ...options(join(home.path, 'state-none')),
      bwrapPlaces: ['/nonexistent/bwrap'],
    });
    expect(await missing.available()).toEqual({
      usable: false,
      reason: 'bubblewrap is not installed: apt-get install bubblewrap (or run: npm run setup)',
    });
    expect(await missing.run(shell('true'), { signal: never() })).toMatchObject({
      kind: 'not-started',
      cause: 'unavailable',
    });
    await missing.close();
  });

  it('uid 0 is refused', async (context) => {
    if (process.getuid?.() !== 0) context.skip('this service is not root, so uid is not used');
    const root = createBubblewrapBackend({ ...options(join(home.path, 'state-root')), uid: 0 });
    expect(await root.available()).toMatchObject({
      usable: false,
      reason: expect.stringContaining('sandbox.uid is 0'),
    });
    await root.close();
  });

  it('an abort before and during ends in nothing left', async () => {
    const marker = `sluice-abort-${process.pid}`;
    const before = new AbortController();
    before.abort();
    expect(await backend.run(shell('true'), { signal: before.signal })).toMatchObject({
      kind: 'not-started',
      cause: 'aborted',
    });
    const during = new AbortController();
    const pending = backend.run(shell(`echo started; sleep 60; : ${marker}`), { signal: during.signal });
    await expect.poll(() => alive(marker)).toBeGreaterThan(0);
    during.abort();
    expect(await pending).toMatchObject({ kind: 'killed', by: 'abort' });
    await expect.poll(() => alive(marker)).toBe(0);
  });
});

describe('pool', () => {
  it('uses each sandbox once, refills, and leaves nothing when closed', async () => {
    const pooled = createBubblewrapBackend(options(join(home.path, 'state-pool'), 2));
    const call = shell('touch /tmp/trace; ls /tmp | wc -l; readlink /proc/self/ns/pid');
    await pooled.prewarm(call);
    const seen = new Set<string>();
    for (let count = 0; count < 5; count++) {
      const [files, namespace] = ran(await pooled.run(call, { signal: never() }))
        .trim()
        .split('\n');
      expect(files).toBe('1');
      seen.add(namespace as string);
      await pooled.prewarm(call);
    }
    expect(seen.size).toBe(5);
    const staging = readdirSync(join(home.path, 'state-pool'));
    expect(staging).toHaveLength(1);
    await pooled.close();
    expect(readdirSync(join(home.path, 'state-pool'))).toEqual([]);
    expect(await pooled.run(call, { signal: never() })).toMatchObject({ kind: 'not-started' });
  });

  it('a killed service takes its sandboxes with it', async () => {
    const marker = `sluice-orphan-${process.pid}`;
    const file = join(home.path, 'orphan.ts');
    writeFileSync(
      file,
      `import { createBubblewrapBackend } from ${JSON.stringify(join(import.meta.dirname, '../../../sandbox/backends/bubblewrap.ts'))};
      const backend = createBubblewrapBackend(${JSON.stringify(options(join(home.path, 'state-orphan'), 2))});
      await backend.prewarm(${JSON.stringify(shell('true'))});
      await backend.run(${JSON.stringify(shell(`(setsid sh -c "sleep 60; : ${marker}" &) ; sleep 60; : ${marker}`, { limits: { ...LIMITS, wallMs: 60_000 } }))}, { signal: new AbortController().signal });`,
    );
    const child = spawn(process.execPath, [file], { stdio: 'ignore' });
    await expect.poll(() => alive(marker), { timeout: 15_000 }).toBeGreaterThan(1);
    child.kill('SIGKILL');
    await expect.poll(() => alive(marker), { timeout: 15_000 }).toBe(0);
    // What the killed one could not take away is taken away by the next.
    const left = readdirSync(join(home.path, 'state-orphan'));
    expect(left).toHaveLength(1);
    const next = createBubblewrapBackend(options(join(home.path, 'state-orphan')));
    expect(await next.available()).toEqual({ usable: true });
    expect(readdirSync(join(home.path, 'state-orphan'))).not.toContain(left[0]);
    await next.close();
  });
});
