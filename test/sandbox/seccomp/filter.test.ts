import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { branch, dispatch, encode, give, OPCODE } from '../../../sandbox/seccomp/bpf.ts';
import { MACHINES, seccompBytes } from '../../../sandbox/seccomp/filter.ts';
import { syscallRules } from '../../../sandbox/seccomp/rules.ts';
import { interpret } from './interpret.ts';

const ARCHITECTURES = ['x64', 'arm64'] as const;
const STRICT = { unixSockets: false };

const ask = (architecture: 'x64' | 'arm64', name: string, args: readonly bigint[] = [], options = STRICT): string => {
  const number = MACHINES[architecture].numbers[name];
  if (number === undefined) throw new Error(`${name} does not exist on ${architecture}`);
  return interpret(seccompBytes(architecture, options), {
    number,
    architecture: MACHINES[architecture].audit,
    arguments: args,
  });
};

describe.each(ARCHITECTURES)('seccomp filter on %s', (architecture) => {
  const program = seccompBytes(architecture, STRICT);
  const { audit, numbers } = MACHINES[architecture];
  const rules = syscallRules(STRICT);

  it('fits the kernel and is not empty', () => {
    expect(program.length % 8).toBe(0);
    expect(program.length / 8).toBeGreaterThan(100);
    expect(program.length / 8).toBeLessThan(4096);
  });

  it('gives every number of the table the answer of its rule', () => {
    const wrong = Object.entries(numbers).filter(([name, number]) => {
      const rule = rules.get(name);
      // Checked rules depend on arguments and have rows of their own below.
      if (rule?.kind === 'checked') return false;
      const expected = rule === undefined ? 'errno 38' : rule.kind === 'error' ? `errno ${rule.errno}` : rule.kind;
      return interpret(program, { number, architecture: audit, arguments: [0n, 0n, 0n] }) !== expected;
    });
    expect(wrong).toEqual([]);
  });

  it('answers ENOSYS for every number nobody has a name for', () => {
    const known = new Set(Object.values(numbers));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x3fffffff }), (number) => {
        fc.pre(!known.has(number));
        expect(interpret(program, { number, architecture: audit })).toBe('errno 38');
      }),
    );
    expect(interpret(program, { number: Math.max(...known) + 1, architecture: audit })).toBe('errno 38');
  });

  it('kills whatever comes through another instruction set, its own allowed numbers included', () => {
    const foreign = fc.integer({ min: 0, max: 0xffffffff }).filter((value) => value !== audit);
    fc.assert(
      fc.property(foreign, fc.constantFrom(...Object.values(numbers)), (other, number) => {
        expect(interpret(program, { number, architecture: other })).toBe('kill');
      }),
    );
  });

  it('allows no namespace flag in any combination', () => {
    const flags = [0x20000n, 0x2000000n, 0x4000000n, 0x8000000n, 0x10000000n, 0x20000000n, 0x40000000n];
    fc.assert(
      fc.property(
        fc.subarray(flags, { minLength: 1 }),
        fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }),
        (set, noise) => {
          const value = set.reduce((all, flag) => all | flag, noise);
          expect(ask(architecture, 'clone', [value])).toBe('errno 1');
          expect(ask(architecture, 'unshare', [value])).toBe('errno 1');
        },
      ),
      { numRuns: 60 },
    );
  });

  const rows: readonly (readonly [string, string, readonly bigint[], string])[] = [
    ['fork by clone with SIGCHLD', 'clone', [17n], 'allow'],
    ['a thread', 'clone', [0x3d0f00n], 'allow'],
    ['clone3 hides its flags', 'clone3', [0n, 88n], 'errno 38'],
    ['unshare of a time namespace', 'unshare', [0x80n], 'errno 1'],
    ['unshare of files only', 'unshare', [0x400n], 'allow'],
    ['TCP', 'socket', [2n, 1n, 6n], 'allow'],
    ['UDP over IPv6, close-on-exec and non-blocking', 'socket', [10n, 0x80802n, 17n], 'allow'],
    ['raw sockets', 'socket', [2n, 3n, 1n], 'errno 1'],
    ['MPTCP', 'socket', [2n, 1n, 262n], 'errno 1'],
    ['unix sockets', 'socket', [1n, 1n, 0n], 'errno 97'],
    ['netlink', 'socket', [16n, 3n, 0n], 'errno 97'],
    ['packet sockets', 'socket', [17n, 3n, 0n], 'errno 97'],
    ['the virtual machine host, AF_VSOCK', 'socket', [40n, 1n, 0n], 'errno 97'],
    ['AF_ALG', 'socket', [38n, 5n, 0n], 'errno 97'],
    ['a family that only looks like IPv4 in its low byte', 'socket', [0x102n, 1n, 0n], 'errno 97'],
    ['a stream pair', 'socketpair', [1n, 0x80001n, 0n], 'allow'],
    ['a datagram pair, which sendto could point at a path', 'socketpair', [1n, 2n, 0n], 'errno 1'],
    ['typing into the terminal', 'ioctl', [0n, 0x5412n], 'errno 1'],
    ['typing into the terminal with high bits set', 'ioctl', [0n, 0xdead_0000_5412n], 'errno 1'],
    ['TIOCLINUX', 'ioctl', [0n, 0x541cn], 'errno 1'],
    ['a copy by reference', 'ioctl', [3n, 0x40049409n], 'errno 1'],
    ['a copy of a range by reference', 'ioctl', [3n, 0x4020940dn], 'errno 1'],
    ['a copy that may be one by reference', 'copy_file_range', [], 'errno 38'],
    ['reading without an access time', 'openat', [0n, 0n, 0o1000000n], 'errno 1'],
    ['the same with every other flag', 'openat', [0n, 0n, 0o7777777n], 'errno 1'],
    ['reading without an access time, later', 'fcntl', [3n, 4n, 0o1004000n], 'errno 1'],
    ['non-blocking', 'fcntl', [3n, 4n, 0o4000n], 'allow'],
    ['a lock whose pointer has that bit', 'fcntl', [3n, 6n, 0o1000000n], 'allow'],
    ['watching what is changed', 'inotify_add_watch', [3n, 0n, 0xfcen], 'allow'],
    ['watching what is opened', 'inotify_add_watch', [3n, 0n, 0x20n], 'errno 1'],
    ['watching everything', 'inotify_add_watch', [3n, 0n, 0xfffn], 'errno 1'],
    ['an exchange of names', 'renameat2', [0n, 0n, 0n, 0n, 2n], 'allow'],
    ['a rename that leaves a device', 'renameat2', [0n, 0n, 0n, 0n, 4n], 'errno 1'],
    ['window size', 'ioctl', [0n, 0x5413n], 'allow'],
    ['naming a thread', 'prctl', [15n], 'allow'],
    ['replacing the filter by prctl', 'prctl', [22n], 'errno 1'],
    ['replacing the filter', 'seccomp', [1n], 'errno 1'],
    ['asking for the personality', 'personality', [0xffffffffn], 'allow'],
    ['switching off address randomisation', 'personality', [0x40000n], 'errno 1'],
    ['set-uid by fchmodat', 'fchmodat', [0n, 0n, 0o4755n], 'errno 1'],
    ['set-gid by fchmod', 'fchmod', [0n, 0o2755n], 'errno 1'],
    ['set-uid by fchmodat2', 'fchmodat2', [0n, 0n, 0o4755n, 0n], 'errno 1'],
    ['an ordinary mode', 'fchmod', [0n, 0o755n], 'allow'],
    ['the sticky bit', 'fchmod', [0n, 0o1777n], 'allow'],
    ['a new set-uid file', 'openat', [0n, 0n, 0o101n, 0o4755n], 'errno 1'],
    ['a new nameless set-uid file', 'openat', [0n, 0n, 0o20200002n, 0o4755n], 'errno 1'],
    ['a mode that means nothing without O_CREAT', 'openat', [0n, 0n, 0n, 0o7777n], 'allow'],
    ['a fifo', 'mknodat', [0n, 0n, 0o010644n], 'allow'],
    ['a block device', 'mknodat', [0n, 0n, 0o060644n], 'errno 1'],
    ['a socket file', 'mknodat', [0n, 0n, 0o140644n], 'errno 1'],
    ['mount', 'mount', [], 'kill'],
    ['the new mount calls', 'move_mount', [], 'kill'],
    ['bpf', 'bpf', [], 'kill'],
    ['kernel modules', 'finit_module', [], 'kill'],
    ['file handles past mounts', 'open_by_handle_at', [], 'kill'],
    ['ptrace', 'ptrace', [], 'errno 1'],
    ['io_uring', 'io_uring_setup', [], 'errno 38'],
    ['openat2, whose flags sit behind a pointer', 'openat2', [], 'errno 38'],
    ['userfaultfd', 'userfaultfd', [], 'errno 1'],
    ['keyrings', 'keyctl', [], 'errno 1'],
  ];
  it.each(rows)('%s', (_what, name, args, expected) => {
    expect(ask(architecture, name, args)).toBe(expected);
  });

  it('opens unix sockets, and nothing else, for a sandbox with an egress socket', () => {
    const open = { unixSockets: true };
    expect(ask(architecture, 'socket', [1n, 1n, 0n], open)).toBe('allow');
    expect(ask(architecture, 'socket', [16n, 3n, 0n], open)).toBe('errno 97');
    expect(ask(architecture, 'socketpair', [1n, 2n, 0n], open)).toBe('errno 1');
  });
});

describe('seccomp filter on x86-64', () => {
  it('kills every x32 number', () => {
    const program = seccompBytes('x64', STRICT);
    fc.assert(
      fc.property(fc.integer({ min: 0x40000000, max: 0x7fffffff }), (number) => {
        expect(interpret(program, { number, architecture: 0xc000003e })).toBe('kill');
      }),
    );
    expect(interpret(program, { number: -1, architecture: 0xc000003e })).toBe('kill');
  });

  it.each([
    ['open with a set-uid mode', 'open', [0n, 0o101n, 0o4755n]],
    ['creat with a set-uid mode', 'creat', [0n, 0o4755n]],
    ['chmod', 'chmod', [0n, 0o2755n]],
    ['mknod of a device', 'mknod', [0n, 0o020644n]],
  ])('refuses %s', (_what, name, args) => {
    expect(ask('x64', name, args)).toBe('errno 1');
  });
});

describe('rule table', () => {
  it('names only calls that exist on some machine', () => {
    const known = new Set(ARCHITECTURES.flatMap((architecture) => Object.keys(MACHINES[architecture].numbers)));
    expect([...syscallRules(STRICT).keys()].filter((name) => !known.has(name))).toEqual([]);
  });

  it('has no table for a machine it does not know', () => {
    expect(() => seccompBytes('riscv64', STRICT)).toThrow('no system call table');
  });
});

describe('dispatch() and branch()', () => {
  it('reach every range, however far apart', () => {
    const ranges = Array.from({ length: 400 }, (_, index) => ({ from: index * 3, body: [give(0x00050000 | index)] }));
    const program = encode([
      { code: OPCODE.loadAbsolute, constant: 0, jumpTrue: 0, jumpFalse: 0 },
      ...dispatch(ranges),
    ]);
    for (let number = 0; number < 1200; number++) {
      expect(interpret(program, { number, architecture: 0 })).toBe(`errno ${Math.floor(number / 3)}`);
    }
  });

  it('bridge a body longer than a jump', () => {
    const long = [
      ...Array.from({ length: 400 }, () => ({ code: OPCODE.and, constant: 0xffffffff, jumpTrue: 0, jumpFalse: 0 })),
      give(0x00050001),
    ];
    const program = encode([
      { code: OPCODE.loadAbsolute, constant: 0, jumpTrue: 0, jumpFalse: 0 },
      ...branch(OPCODE.jumpEqual, 7, long, [give(0x00050002)]),
    ]);
    expect(interpret(program, { number: 7, architecture: 0 })).toBe('errno 1');
    expect(interpret(program, { number: 8, architecture: 0 })).toBe('errno 2');
  });
});
