/** Claims about the kernel's surface: system calls, capabilities, namespaces, identity. */
import { MACHINES } from '../seccomp/filter.ts';
import { SHELL_INSIDE, WORKSPACE_INSIDE } from '../tools/programs.ts';
import { describeEnd, judgeScript, probePlan, scriptProbe } from './probe.ts';
import type { ExecutionPlan } from '../plan.ts';
import type { Probe } from './probe.ts';
import type { World } from './world.ts';

/**
 * Calls that must not get as far as the kernel looking at their arguments, with arguments that do no harm if they did.
 * A namespace flag stands for each way of asking for one.
 */
const ATTEMPTS: readonly (readonly [string, ...number[]])[] = [
  ['mount'],
  ['umount2'],
  ['pivot_root'],
  ['move_mount'],
  ['fsopen'],
  ['open_tree'],
  ['mount_setattr'],
  ['bpf', 99],
  ['perf_event_open'],
  ['userfaultfd', 0xffff],
  ['io_uring_setup'],
  ['io_uring_enter', 0xffff],
  ['ptrace', 0, 0],
  ['process_vm_readv', 1],
  ['process_vm_writev', 1],
  ['pidfd_getfd', 0xffff],
  ['kcmp', 1, 1, 99],
  ['keyctl', 99],
  ['add_key'],
  ['request_key'],
  ['kexec_load', 0, 0xffff],
  ['init_module'],
  ['finit_module', 0xffff],
  ['delete_module'],
  ['reboot'],
  ['swapon'],
  ['acct'],
  ['quotactl', 0xffff],
  ['open_by_handle_at', 0xffff],
  ['name_to_handle_at', 0xffff],
  ['setns', 0xffff],
  ['unshare', 0x10000000],
  ['unshare', 0x20000],
  ['unshare', 0x40000000],
  ['unshare', 0x80],
  ['clone', 0x10000011],
  ['clone', 0x40000011],
  ['clone3', 0, 88],
  ['fanotify_init', 0xffff],
  ['landlock_create_ruleset', 1, 1],
  ['personality', 0x40000],
  ['seccomp', 1],
  ['prctl', 22, 2],
  ['syslog', 10],
  ['sethostname'],
  ['settimeofday'],
  ['chroot'],
  ['socket', 40, 1, 0],
  ['socket', 16, 3, 0],
  ['socket', 17, 3, 0],
  ['socket', 38, 5, 0],
  ['socket', 2, 3, 1],
  ['socket', 1, 1, 0],
  ['socketpair', 1, 2, 0],
  ['openat2', 0xffff],
  ['memfd_secret'],
  ['statmount'],
  ['ioctl', 0, 0x5412],
];

/** Prints `position status` per attempt: 256 + errno, 512 + signal, or 0 when the call went through. Never throws. */
const PYTHON = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
for position, text in enumerate(sys.argv[1:]):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        numbers = [int(part) for part in text.split(',')]
        numbers += [0] * (7 - len(numbers))
        ctypes.set_errno(0)
        result = libc.syscall(*[ctypes.c_long(number) for number in numbers])
        os._exit(0 if result >= 0 else min(ctypes.get_errno(), 254) or 255)
    status = os.waitpid(child, 0)[1]
    print(position, 512 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else 256 + os.WEXITSTATUS(status) if os.WEXITSTATUS(status) else 0)
`;
const PERL = `
$| = 1;
my $position = 0;
for my $text (@ARGV) {
  my $child = fork;
  if ($child == 0) {
    my @numbers = (map { int } split(/,/, $text), 0, 0, 0, 0, 0, 0, 0)[0 .. 6];
    my $result = syscall($numbers[0], @numbers[1 .. 6]);
    require POSIX;
    POSIX::_exit($result >= 0 ? 0 : ($! + 0) || 255);
  }
  waitpid($child, 0);
  print $position++, ' ', ($? & 127) ? 512 + ($? & 127) : ($? >> 8) ? 256 + ($? >> 8) : 0, "\\n";
}
`;

const REFUSALS = new Set([256 + 1, 256 + 38, 256 + 97, 512 + 31]);

const syscalls: Probe = {
  claim: 'system-calls',
  async prove(run) {
    const machine = process.arch === 'arm64' ? MACHINES.arm64 : MACHINES.x64;
    const attempts = ATTEMPTS.filter(([name]) => machine.numbers[name] !== undefined);
    const encoded = attempts.map(([name, ...parameters]) => [machine.numbers[name], ...parameters].join(','));
    const script = `if [ -x /usr/bin/python3 ]; then exec /usr/bin/python3 -c "$PYTHON" "$@"; fi; [ -x /usr/bin/perl ] && exec /usr/bin/perl -e "$PERL" -- "$@"; exit 99`;
    const outcome = await run(
      probePlan([SHELL_INSIDE, '-c', script, 'probe', ...encoded], { env: { PATH: '/usr/bin:/bin', PYTHON, PERL } }),
    );
    if (outcome.kind !== 'exited')
      return { proved: false, evidence: `the probe did not run to its end: ${describeEnd(outcome)}` };
    if (outcome.code === 99)
      return {
        proved: false,
        evidence: 'neither python3 nor perl is installed to make raw calls with: apt-get install python3',
      };
    const rows = outcome.stdout.head.matchAll(/^(\d+) (\d+)$/gm);
    const results = new Map(Array.from(rows, ([, position, status]) => [Number(position), Number(status)] as const));
    const open = attempts
      .filter((_, position) => !REFUSALS.has(results.get(position) ?? 0))
      .map(([name, ...parameters]) => [name, ...parameters].join(' '));
    if (open.length > 0)
      return {
        proved: false,
        evidence: `${open.length} of ${attempts.length} got through: ${open.slice(0, 4).join('; ')}`,
      };
    return {
      proved: true,
      evidence: `${attempts.length} raw calls (mounts, namespaces, bpf, keys, io_uring, raw and host sockets) were refused or killed before the kernel read them`,
    };
  },
};

const foreign: Probe = {
  claim: 'tripwire',
  async prove(run) {
    const outcome = await run(probePlan([SHELL_INSIDE, '-c', 'exec mount -t tmpfs none /tmp']));
    const proved = outcome.kind === 'killed' && outcome.by === 'seccomp';
    return {
      proved,
      evidence: proved
        ? 'mount(2) killed the program that made it, and the host was told'
        : `mount ended with ${describeEnd(outcome)}`,
    };
  },
};

const capabilities = scriptProbe(
  'no-capabilities',
  'all five capability sets are empty, no_new_privs and the filter are on, in init as in the program',
  () => `
for process in self 1; do
  awk '/^Cap(Inh|Prm|Eff|Bnd|Amb)/ && $2 !~ /^0+$/ { print "VIOLATION", $0 }' /proc/$process/status
  grep -q '^NoNewPrivs:.1' /proc/$process/status || echo "VIOLATION no_new_privs is off in $process"
  grep -q '^Seccomp:.2' /proc/$process/status || echo "VIOLATION no filter in $process"
done
for name in b c; do mknod /tmp/node-$name $name 1 3 2>/dev/null && echo "VIOLATION made a device"; done
chown 0 /tmp 2>/dev/null && echo VIOLATION gave a file away; true`,
);

const USER = `
[ "$(id -u)" = 0 ] && echo VIOLATION uid 0
[ "$(id -g)" = 0 ] && echo VIOLATION gid 0
[ "$(id -G)" = "$(id -g)" ] || echo VIOLATION supplementary groups
(echo '0 0 1' > /proc/self/uid_map) 2>/dev/null && echo VIOLATION rewrote the uid map
cp /bin/true set-id && chmod 6755 set-id 2>/dev/null && echo VIOLATION set-id bits
rm -f set-id`;
const inWorkspace = (world: World): Partial<ExecutionPlan> => ({
  workspace: { access: 'rw', source: world.workspace },
  cwd: WORKSPACE_INSIDE,
});

const identity = scriptProbe(
  'unprivileged-user',
  'uid and gid are not 0, no supplementary groups, root is not mapped, set-id bits cannot be set',
  () => `awk '$1 == 0 || $3 > 1 { print "VIOLATION uid map", $0 }' /proc/self/uid_map${USER}`,
  inWorkspace,
);

/** For containers, which share the user namespace of the host: root has a number there, and must stay out of reach. */
export const CONTAINER_IDENTITY = scriptProbe(
  'unprivileged-user',
  "uid and gid are not 0, no supplementary groups, neither setpriv nor chroot helps, set-id bits cannot be set; the user namespace is the host's",
  () => `${USER}
for become in 'setpriv --reuid=0 true' 'chroot / true'; do $become 2>/dev/null && echo "VIOLATION $become"; done; true`,
  inWorkspace,
);

const namespaces: Probe = {
  claim: 'no-namespaces',
  async prove(run) {
    const script =
      'for flag in U m n i u C p T; do unshare -$flag true 2>/dev/null && echo "VIOLATION unshare -$flag"; done; unshare -Ur true 2>/dev/null && echo VIOLATION became root; echo probe-complete';
    return judgeScript(
      await run(probePlan([SHELL_INSIDE, '-c', script])),
      'no namespace of any of eight kinds could be made',
    );
  },
};

const isolation = scriptProbe(
  'processes-hidden',
  'only its own processes are visible; the host service cannot be seen or signalled',
  (world) => `
count=$(ls -d /proc/[0-9]* | wc -l)
[ "$count" -gt 8 ] && echo "VIOLATION $count processes are visible"
kill -0 ${world.hostPid} 2>/dev/null && [ ${world.hostPid} -gt 20 ] && echo VIOLATION the service can be signalled
[ "$(hostname)" = sandbox ] || echo VIOLATION the host name shows
[ -n "$(ipcs -m 2>/dev/null | grep 0x)" ] && echo VIOLATION shared memory of the host; true`,
);

export const KERNEL_PROBES: readonly Probe[] = [syscalls, foreign, capabilities, identity, namespaces, isolation];
