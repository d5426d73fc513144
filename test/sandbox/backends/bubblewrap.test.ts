import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alive, ran, useBubblewrap } from './bubblewrap-fixture.ts';
import { LIMITS, never, options, plan, shell } from './fixture.ts';

const { home, backend, run } = useBubblewrap();

describe('what a call gets', () => {
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
    if ('detail' in outcome) throw new Error(outcome.detail);
    expect(outcome.attested.uid).not.toBe(0);
    // The receipt names the very namespace the program was in.
    expect(ran(outcome)).toContain(String(outcome.attested.pidNamespace));
  });
});

describe('what a call cannot do', () => {
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
    [
      'see the host in pid 1',
      'tr "\\0" " " < /proc/1/cmdline',
      /^\/usr\/bin\/bwrap --args \d+ -- (\/opt\/launch )?\/bin\/sh $/,
    ],
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
