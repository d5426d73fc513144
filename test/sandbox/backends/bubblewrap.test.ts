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
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../sandbox/backend.ts';
import { bubblewrapArguments } from '../../../sandbox/backends/bubblewrap-arguments.ts';
import { createBubblewrapBackend, createBubblewrapBackendWith } from '../../../sandbox/backends/bubblewrap.ts';
import type { BubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { seccompBytes } from '../../../sandbox/seccomp/filter.ts';
import { area, LIMITS, never, options, plan, shell } from './fixture.ts';

const home = area();
const backend: BubblewrapBackend = createBubblewrapBackend(options(join(home.path, 'state')));
let unusable = '';

beforeAll(async () => {
  const available = await backend.available();
  unusable = available.usable ? '' : available.reason;
});
afterAll(async () => {
  await backend.close();
  home.remove();
});

const run = (script: string, changes: Parameters<typeof shell>[1] = {}): Promise<Outcome> =>
  backend.run(shell(script, changes), { signal: never() });
const ran = (outcome: Outcome): string => {
  if (outcome.kind === 'not-started') throw new Error(`${outcome.cause}: ${outcome.detail}`);
  return outcome.stdout.head + outcome.stdout.tail;
};
const workspace = (name: string): string => {
  const path = join(home.path, name);
  mkdirSync(path);
  chmodSync(path, 0o777);
  return path;
};
/** Processes whose command line holds the marker, as the host sees them. */
const alive = (marker: string): number =>
  readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(marker);
    } catch {
      return false;
    }
  }).length;

describe('bubblewrap backend', () => {
  it('is usable here, or says in one line what to do', (context) => {
    // A reason that names no cure is a failure; one that does means there is nothing to test on this machine.
    expect(unusable).toMatch(/^$|apt-get install bubblewrap|user namespaces|docker/);
    if (unusable !== '') context.skip(unusable);
  });
});

describe.skipIf(process.platform !== 'linux')('what a call gets', () => {
  it('exit code, both streams, standard input and arguments byte for byte', async () => {
    const awkward = [`it's`, '$(id) `id` $HOME "x" \\', '* ? [a]', '-n', 'two\nlines', '€ \u202e'];
    const outcome = await backend.run(
      plan(['/bin/sh', '-c', 'cat >&2; printf "<%s>" "$@"; exit 7', 'name', ...awkward], {
        stdin: Buffer.from([0, 1, 0xff, 10]).toString('base64'),
      }),
      { signal: never() },
    );
    expect(outcome).toMatchObject({ kind: 'exited', code: 7 });
    expect(ran(outcome)).toBe(awkward.map((word) => `<${word}>`).join(''));
    expect(outcome.kind === 'exited' && outcome.stderr.head).toBe('\0\u0001\ufffd\n');
  });

  it('the environment of the plan and the working directory, nothing else', async () => {
    process.env.SLUICE_TEST_CANARY = 'leak-me';
    const outcome = await run('/usr/bin/env; for f in /proc/[0-9]*/environ; do tr "\\0" "\\n" < $f; done | sort -u', {
      env: { A: `x'y`, UID: '7', PATH: '/usr/bin:/bin' },
    });
    delete process.env.SLUICE_TEST_CANARY;
    const lines = new Set(ran(outcome).trim().split('\n'));
    expect([...lines].filter((line) => !/^(|A=x'y|UID=7|PATH=.*|PWD=.*)$/.test(line))).toEqual([]);
    expect(lines).toContain(`A=x'y`);
    expect(lines).toContain('UID=7');
  });

  it.each([
    ['sh, coreutils and awk', 'echo b a | tr " " "\\n" | sort | awk \'{print NR $1}\'', '1a\n2b\n'],
    [
      'git with history',
      'cd /tmp && git init -q r && cd r && echo x > f && git add f && git -c user.email=a@b -c user.name=n commit -qm m && git log --format=%s',
      'm\n',
    ],
    ['tar and grep', 'cd /tmp && echo needle > f && tar cf a.tar f && tar xOf a.tar | grep -c needle', '1\n'],
    [
      'node with a child, a thread and a timer',
      `/opt/node/bin/node -e 'const c=require("child_process");new (require("worker_threads").Worker)("",{eval:true}).on("exit",()=>setTimeout(()=>console.log(c.execFileSync("/bin/echo",["hi"]).toString().trim(),os.userInfo().username),1))'`,
      'hi agent\n',
    ],
    ['fifos', 'mkfifo /tmp/p && (echo through > /tmp/p &) && cat /tmp/p', 'through\n'],
  ])('working tools: %s', async (_what, script, expected) => {
    const outcome = await run(script);
    expect(ran(outcome)).toBe(expected);
  });

  it.skipIf(!existsSync('/usr/bin/python3'))(
    'working python: subprocess, threads, pools, sockets on its own loopback',
    async () => {
      const code = `
import multiprocessing, socket, subprocess, threading
server = socket.create_server(('127.0.0.1', 0))
threading.Thread(target=lambda: server.accept()[0].sendall(b'pong')).start()
client = socket.create_connection(server.getsockname())
print(subprocess.check_output(['echo', 'sub']).decode().strip(), multiprocessing.Pool(2).map(abs, [-1, -2]), client.recv(4).decode())`;
      const outcome = await backend.run(plan(['/usr/bin/python3', '-c', code]), { signal: never() });
      expect(ran(outcome)).toBe('sub [1, 2] pong\n');
    },
  );

  it('a receipt of what the host saw', async () => {
    const outcome = await run(
      'grep -E "^(Seccomp|NoNewPrivs|CapBnd|Uid)" /proc/self/status; readlink /proc/self/ns/pid',
    );
    expect(outcome).toMatchObject({
      attested: { isolation: 'bubblewrap', seccomp: 2, noNewPrivileges: true, capabilities: 0 },
    });
    if (outcome.kind === 'not-started') throw new Error(outcome.detail);
    expect(outcome.attested.uid).not.toBe(0);
    // The receipt names the very namespace the program was in.
    expect(ran(outcome)).toContain(String(outcome.attested.pidNamespace));
  });
});

describe.skipIf(process.platform !== 'linux')('what a call cannot do', () => {
  it('read the host: no home, no run, no var, no sys, no other process', async () => {
    const secret = join(home.path, 'secret');
    writeFileSync(secret, 'CANARY-7351', { mode: 0o644 });
    const outcome = await run(
      `cat '${secret}' /proc/*/root'${secret}' 2>/dev/null; ls /sys /home /run /root /var/lib 2>/dev/null; ls -d /proc/[0-9]* | wc -l`,
    );
    expect(ran(outcome)).not.toContain('CANARY-7351');
    expect(ran(outcome)).toMatch(/^\/home:\nagent\n\n\/run:\n[1-6]\n$/);
  });

  it('write anywhere but its own bounded places', async () => {
    const outcome = await run(
      'for d in / /usr /usr/bin /etc /dev /proc/sys/kernel /opt/node/bin /home /run /var; do touch $d/zz 2>/dev/null && echo wrote $d; done; for d in /tmp /home/agent /dev/shm; do touch $d/zz || echo refused $d; done',
    );
    expect(ran(outcome)).toBe('');
  });

  it('fill a disk', async () => {
    const outcome = await run(
      'for f in /tmp/a /home/agent/a /dev/shm/a; do for i in 1 2 3; do head -c 4000000 /dev/zero > $f$i 2>/dev/null; done; done; du -cm /tmp /home/agent /dev/shm | tail -1',
    );
    expect(Number.parseInt(ran(outcome), 10)).toBeLessThanOrEqual(3 * 8);
  });

  it('keep an inherited descriptor: a planted one stops the call before it starts', async () => {
    const script = `import { createBubblewrapBackend } from ${JSON.stringify(join(import.meta.dirname, '../../../sandbox/backends/bubblewrap.ts'))};
      const keepDescriptors = process.argv[2] === 'sealed' ? [] : [47];
      const backend = createBubblewrapBackend({ ...${JSON.stringify(options(join(home.path, 'state-fd')))}, keepDescriptors });
      const outcome = await backend.run(${JSON.stringify(shell('ls /proc/self/fd | wc -l'))}, { signal: new AbortController().signal });
      console.log(outcome.kind, outcome.detail ?? '', outcome.stdout?.head ?? '');
      await backend.close();`;
    const file = join(home.path, 'inherit.ts');
    writeFileSync(file, script);
    const outputOf = (mode: string): Promise<string> =>
      new Promise((resolve) => {
        // 47 stands for whatever a supervisor or a shell left open when it started the service.
        const child = spawn(
          '/bin/bash',
          ['-c', `exec 47</etc/hostname; exec '${process.execPath}' '${file}' ${mode}`],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        );
        let text = '';
        child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
        child.on('close', () => resolve(text));
      });
    expect(await outputOf('open')).toMatch(/^not-started a descriptor was inherited/);
    expect(await outputOf('sealed')).toBe('exited  4\n\n');
  });

  it.each([
    ['make a namespace', 'unshare -r true || unshare -m true', /^$/],
    ['become root', 'su -c "id -u" </dev/null; python3 -c "import os; os.setuid(0); print(0)"', /^$/],
    ['see the host in pid 1', 'tr "\\0" " " < /proc/1/cmdline', /^\/usr\/bin\/bwrap --args \d+ -- \/bin\/sh $/],
    ['reach any network', 'tail -n +3 /proc/net/dev | grep -vc " lo:"; cat /etc/resolv.conf', /^0\n$/],
    [
      'write kernel settings',
      'for f in $(find /proc/sys -type f 2>/dev/null); do [ -w $f ] && echo $f; done; true',
      /^$/,
    ],
  ])('%s', async (_what, script, expected) => {
    expect(ran(await run(script))).toMatch(expected);
  });

  it('survive a tripwire', async () => {
    const outcome = await run('exec mount -t tmpfs none /tmp');
    expect(outcome).toMatchObject({ kind: 'killed', by: 'seccomp' });
  });

  it('fork without end, while another sandbox keeps working', async () => {
    const bomb = run(
      'i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done 2>/dev/null; jobs | wc -l; kill $(jobs -p)',
      { limits: { ...LIMITS, wallMs: 3000 } },
    );
    const other = await run('for i in 1 2 3 4 5 6 7 8; do sleep 0.05 & done; wait; echo fine');
    expect(ran(other)).toBe('fine\n');
    const outcome = await bomb;
    expect(outcome.kind === 'exited' && Number(ran(outcome)) > LIMITS.processes).toBe(false);
  });

  it.skipIf(!existsSync('/usr/bin/python3'))('use more memory than the plan gives', async (context) => {
    const probe = await run('true');
    if (probe.kind !== 'exited' || !String(probe.attested.cgroup).includes('memory'))
      context.skip('no writable memory control group here');
    const outcome = await backend.run(
      plan(['/usr/bin/python3', '-c', 'b = []\nwhile True: b.append(bytearray(16 << 20))']),
      { signal: never() },
    );
    expect(outcome).toMatchObject({ kind: 'killed', by: 'memory' });
  });

  it('flood: cut at the bound, ended past its multiple', async () => {
    const outcome = await run('yes 0123456789');
    expect(outcome).toMatchObject({ kind: 'killed', by: 'output-limit' });
    if (outcome.kind !== 'killed') return;
    expect(outcome.stdout.head.length + outcome.stdout.tail.length).toBeLessThanOrEqual(LIMITS.outputBytes);
    expect(outcome.stdout.omittedBytes).toBeGreaterThan(500_000);
  });

  it('outlive its time, its parent shell or its call', async () => {
    const marker = `sluice-marker-${process.pid}`;
    const slow = await run(
      `trap "" TERM INT HUP; (setsid sh -c "sleep 60; : ${marker}" >/dev/null 2>&1 &); while :; do :; done`,
      { limits: { ...LIMITS, wallMs: 300 } },
    );
    expect(slow).toMatchObject({ kind: 'killed', by: 'timeout' });
    const daemon = await run(`(setsid sh -c "sleep 60; : ${marker}" >/dev/null 2>&1 &); echo left`);
    expect(ran(daemon)).toBe('left\n');
    await expect.poll(() => alive(marker)).toBe(0);
  });
});

describe.skipIf(process.platform !== 'linux')('workspaces', () => {
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

  it('a home of a scope is kept between calls', async () => {
    const kept = workspace('kept-home');
    await run('echo kept > $HOME/note', { home: kept });
    expect(ran(await run('cat $HOME/note', { home: kept }))).toBe('kept\n');
    expect(ran(await run('ls $HOME'))).toBe('');
  });
});

describe.skipIf(process.platform !== 'linux')('failing closed', () => {
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

describe.skipIf(process.platform !== 'linux')('pool', () => {
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
  });
});
