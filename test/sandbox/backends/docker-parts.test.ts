import { property, assert as check, array, integer, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configurationComplaints, controllersOf } from '../../../sandbox/backends/docker/attest-container.ts';
import type { Inspected } from '../../../sandbox/backends/docker/attest-container.ts';
import { containerOptions, handoverBytes } from '../../../sandbox/backends/docker/container-options.ts';
import type { ContainerSite } from '../../../sandbox/backends/docker/container-options.ts';
import { isLeftOver, newOwner, OWNER_LABEL, enlist, discharge } from '../../../sandbox/backends/docker/leftovers.ts';
import { seccompProfile } from '../../../sandbox/backends/docker/seccomp-profile.ts';
import { createFrameReader } from '../../../sandbox/backends/docker/stream-frames.ts';
import { packTar } from '../../../sandbox/backends/docker/tar.ts';
import { profileOf } from '../../../sandbox/backends/profile.ts';
import { MACHINES, seccompBytes } from '../../../sandbox/seccomp/filter.ts';
import { interpret } from '../seccomp/interpret.ts';
import { shell } from './fixture.ts';

const site: ContainerSite = {
  runtime: 'runc',
  isFar: false,
  image: 'sluice-sandbox:0',
  uid: 65534,
  gid: 65534,
  system: ['/usr'],
  node: '/opt/node',
  honey: '',
  honeyWritable: false,
  maskedPaths: ['/proc/kallsyms'],
  cores: 4,
  seccomp: (options) => seccompProfile('x64', options),
};
const asked = (changes: Parameters<typeof shell>[1] = {}) =>
  containerOptions(profileOf(shell('true', changes)), site, { a: 'b' });

describe('container options', () => {
  it('are the closed set: nothing shared, nothing kept, nothing unlimited', () => {
    const { HostConfig: host, ...container } = asked({ workspace: { access: 'ro', source: '/work' } });
    expect(container).toMatchObject({ User: '65534:65534', NetworkDisabled: true, Env: [], Cmd: [], Tty: false });
    expect(host).toMatchObject({
      NetworkMode: 'none',
      IpcMode: 'private',
      Privileged: false,
      CapAdd: null,
      CapDrop: ['ALL'],
      ReadonlyRootfs: true,
      Binds: null,
      Devices: [],
      PidsLimit: 34,
      NanoCpus: 3_000_000_000,
      LogConfig: { Type: 'none' },
    });
    expect(host.Memory).toBe(host.MemorySwap);
    expect(host.SecurityOpt).toContain('no-new-privileges');
    expect(Object.values(host.Tmpfs).every((text) => /nosuid,nodev,size=8388608,/.test(text))).toBe(true);
    expect(host.Mounts.map(({ Target, ReadOnly }) => [Target, ReadOnly])).toEqual([
      ['/usr', true],
      ['/opt/node/bin/node', true],
      ['/workspace', true],
    ]);
  });

  it('say nothing of the command: it is handed over after attestation', () => {
    expect(JSON.stringify(asked({ argv: ['/bin/echo', 'CANARY-19'], env: { X: 'CANARY-19' } }))).not.toContain(
      'CANARY',
    );
  });

  it('an unconverted copy-on-write plan never writes its source', () => {
    const { Mounts } = asked({ workspace: { access: 'cow', source: '/work' } }).HostConfig;
    expect(Mounts.at(-1)).toMatchObject({ Target: '/workspace', ReadOnly: true });
  });

  it('the script is announced by its bytes, not its characters', () => {
    expect(handoverBytes('é').toString()).toBe('2\né');
    expect(handoverBytes('é', 'mark workspace').toString()).toBe('2 mark workspace\né');
  });
});

describe('what the engine says it made', () => {
  const inspected = (
    change: (host: Record<string, unknown>, all: Record<string, unknown>) => void = () => undefined,
  ) => {
    const options = asked();
    const host: Record<string, unknown> = structuredClone(options.HostConfig);
    const all: Record<string, unknown> = {
      State: { Running: true, Pid: 7 },
      Config: { User: options.User, Entrypoint: [...options.Entrypoint] },
      HostConfig: host,
      Mounts: options.HostConfig.Mounts.map(({ Target, ReadOnly }) => ({
        Type: 'bind',
        Destination: Target,
        RW: !ReadOnly,
      })),
    };
    change(host, all);
    return configurationComplaints(all as Inspected, options);
  };
  it('is accepted as asked, with empty lists in any spelling', () => {
    expect(inspected()).toEqual([]);
    expect(inspected((host) => Object.assign(host, { Devices: null, Binds: [], CapAdd: [], Links: null }))).toEqual([]);
  });
  it.each([
    ['privileged', { Privileged: true }],
    ['a capability', { CapAdd: ['SYS_ADMIN'] }],
    ['the network of the host', { NetworkMode: 'host' }],
    ['the processes of the host', { PidMode: 'host' }],
    ['a bind by the old name', { Binds: ['/:/host'] }],
    ['a device', { Devices: [{ PathOnHost: '/dev/kvm' }] }],
    ['a GPU', { DeviceRequests: [{ Driver: '' }] }],
    ['no filter', { SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'] }],
    ['no security options', { SecurityOpt: null }],
    ['a writable root', { ReadonlyRootfs: false }],
    ['swap', { MemorySwap: -1 }],
    ['processes without limit', { PidsLimit: null }],
    ['another runtime', { Runtime: 'other' }],
    ['nothing masked', { MaskedPaths: [] }],
    ['a setting of the kernel', { Sysctls: { 'kernel.msgmax': '1' } }],
  ])('is a mismatch with %s', (_what, change) => {
    expect(inspected((host) => Object.assign(host, change))).toHaveLength(1);
  });
  it('is a mismatch with another user, one more mount, a writable one, or when it does not run', () => {
    expect(inspected((_host, all) => Object.assign(all, { Config: { User: '0' } }))).not.toEqual([]);
    expect(
      inspected((_host, all) => (all.Mounts as unknown[]).push({ Type: 'volume', Destination: '/v', RW: true })),
    ).not.toEqual([]);
    expect(inspected((_host, all) => Object.assign((all.Mounts as object[])[0] ?? {}, { RW: true }))).not.toEqual([]);
    expect(inspected((_host, all) => Object.assign(all, { State: { Running: false } }))).not.toEqual([]);
    expect(configurationComplaints({}, asked())).not.toEqual([]);
  });
});

describe('control groups are seen, not assumed', () => {
  const v1 = (path: string) => `7:memory:${path}\n6:pids:${path}\n5:cpu,cpuacct:${path}\n0::/\n`;
  it.each([
    ['version 1, its own', v1('/docker/x'), v1('/'), ['memory', 'pids', 'cpu']],
    ['version 1, ours', v1('/'), v1('/'), []],
    ['version 1, pids only', '7:memory:/\n6:pids:/docker/x\n', v1('/'), ['pids']],
    ['version 2, its own', '0::/system.slice/docker-x.scope\n', '0::/user.slice\n', ['memory', 'pids', 'cpu']],
    ['version 2, ours', '0::/user.slice\n', '0::/user.slice\n', []],
    ['none', '', '0::/\n', []],
  ])('%s', (_what, theirs, own, controllers) => {
    expect(controllersOf(theirs, own)).toEqual(controllers);
  });
});

describe('the profile says what the filter says', () => {
  /** As libseccomp evaluates it: any allowing rule whose conditions all hold; 64-bit values under the mask. */
  const answer = (profile: ReturnType<typeof seccompProfile>, name: string, values: readonly bigint[]): string => {
    for (const rule of profile.syscalls) {
      if (!rule.names.includes(name)) continue;
      const holds = (rule.args ?? []).every(
        ({ index, value, valueTwo }) => ((values[index] ?? 0n) & BigInt(value)) === BigInt(valueTwo),
      );
      if (holds) return rule.action === 'SCMP_ACT_ERRNO' ? 'refused' : rule.action;
    }
    return 'refused';
  };
  const words: Readonly<Record<string, string>> = { allow: 'SCMP_ACT_ALLOW', kill: 'SCMP_ACT_KILL_PROCESS' };
  const INTERESTING = [
    0, 1, 2, 3, 10, 17, 22, 35, 40, 0o2000, 0o4755, 0o100, 0o20000000, 0o100644, 0o020666, 0x5412, 0x5413, 0x541c,
    0x541d, 0x541e, 0x40000, 0x10000011, 0x80, 0xffffffff,
  ];

  it.each(['x64', 'arm64'] as const)('for every call of %s, over interesting arguments', (architecture) => {
    for (const unixSockets of [true, false]) {
      const program = seccompBytes(architecture, { unixSockets });
      const profile = seccompProfile(architecture, { unixSockets });
      const { numbers, audit } = MACHINES[architecture];
      const differing: string[] = [];
      for (const [name, number] of Object.entries(numbers)) {
        const isChecked = profile.syscalls.some((rule) => rule.names.includes(name) && rule.args !== undefined);
        for (const first of isChecked ? INTERESTING : [0])
          for (const second of isChecked ? INTERESTING : [0])
            for (const third of isChecked ? [0, 6, 132, 0o4755] : [0])
              for (const high of [0n, 1n << 32n]) {
                const values = [first, second, third, 0].map((value) => BigInt(value) | high);
                const wanted =
                  words[interpret(program, { number, architecture: audit, arguments: values })] ?? 'refused';
                if (answer(profile, name, values) !== wanted) differing.push(`${name} ${values.join(' ')}`);
              }
      }
      expect(differing.slice(0, 5)).toEqual([]);
    }
  });

  it('names one architecture, so that every other is killed, and refuses by default', () => {
    const profile = seccompProfile('x64', { unixSockets: false });
    expect(profile).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64'] });
    // runc reads two conditions on one argument as alternatives.
    for (const { args = [] } of profile.syscalls)
      expect(new Set(args.map(({ index }) => index)).size).toBe(args.length);
  });
});

describe('the two streams', () => {
  const frame = (stream: number, bytes: Uint8Array): Buffer => {
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(bytes.length, 4);
    return Buffer.concat([header, bytes]);
  };
  it('come apart whatever the cuts', () => {
    check(
      property(
        array(uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        array(integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 9 }),
        (parts, cuts) => {
          const bytes = Buffer.concat(parts.map((part, index) => frame(1 + (index % 2), part)));
          const got = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
          const read = createFrameReader(
            (stream, chunk) => (got[stream] = Buffer.concat([got[stream], chunk])),
            () => expect.unreachable(),
          );
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1;
            read(bytes.subarray(at, at + size));
            at += size;
          }
          const of = (rest: number): Buffer => Buffer.concat(parts.filter((_, index) => index % 2 === rest));
          expect([got.stdout, got.stderr]).toEqual([of(0), of(1)]);
        },
      ),
      { numRuns: 60 },
    );
  });
  it.each([
    ['another stream', Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 65])],
    ['padding that is none', Buffer.from([1, 1, 0, 0, 0, 0, 0, 1, 65])],
  ])('%s ends the reading', (_what, bytes) => {
    let chunks = 0;
    let broken = 0;
    const read = createFrameReader(
      () => chunks++,
      () => broken++,
    );
    read(bytes);
    read(frame(1, Buffer.from('later')));
    expect([chunks, broken]).toEqual([0, 1]);
  });
});

describe('leftovers', () => {
  const labels = (owner: string, deadline: number) => ({
    [OWNER_LABEL]: owner,
    'io.sluice.sandbox.deadline': String(deadline),
  });
  it('what lives in this process stays, its predecessor with the same number goes', () => {
    const owner = newOwner();
    enlist(owner);
    expect(isLeftOver(labels(owner, 0), 1)).toBe(false);
    discharge(owner);
    expect(isLeftOver(labels(owner, 10), 1)).toBe(true);
  });
  it('another numbering of processes is known by its deadline only', () => {
    const elsewhere = '1-1-0123456789abcdef';
    expect(isLeftOver(labels(elsewhere, 10), 1)).toBe(false);
    expect(isLeftOver(labels(elsewhere, 10), 11)).toBe(true);
  });
  it.each(['', 'x', '1-1-short', '1-1-0123456789abcdef0'])('%j is left alone', (owner) => {
    expect(isLeftOver(labels(owner, 0), 1)).toBe(false);
  });
});

describe('packTar()', () => {
  it('a name that does not fit gets an entry of its own rather than be cut', () => {
    const archive = packTar([{ kind: 'directory', path: 'x'.repeat(100), mode: 0o755 }]);
    expect(archive.toString('latin1', 0, 13)).toBe('././@LongLink');
    expect(archive.toString('latin1', 512, 512 + 102)).toBe(`${'x'.repeat(100)}/\0`);
  });
  it('is the same for the same tree, in whole blocks', () => {
    const tree = [{ kind: 'file', path: 'etc/x', mode: 0o644, bytes: Buffer.from('a') }] as const;
    expect(packTar(tree)).toEqual(packTar(tree));
    expect(packTar(tree).length % 512).toBe(0);
  });
});
