/**
 * What the engine says a container is, and what the kernel shows of its first process, before it is given anything to run.
 * Fails closed: an option that came out otherwise than it was asked for, or a process that cannot be looked at, is a mismatch.
 */
import { isDeepStrictEqual } from 'node:util';
import { dataLimit, OPEN_FILES } from '../handover.ts';
import { complaints, identity, NAMESPACES } from '../attestation.ts';
import type { Judgement, Observation } from '../attestation.ts';
import type { Profile } from '../profile.ts';
import { bindsOf } from './container-options.ts';
import type { ContainerOptions, ContainerSite } from './container-options.ts';
import type { Sight } from './eyes.ts';

/** The parts of `GET /containers/<id>/json` that are looked at. */
export interface Inspected {
  /** Digest of the image's configuration, which names the digests of its layers. */
  readonly Image?: unknown;
  readonly State?: {
    readonly Pid?: unknown;
    readonly Running?: unknown;
    readonly OOMKilled?: unknown;
    readonly ExitCode?: unknown;
  };
  readonly Config?: Readonly<Record<string, unknown>>;
  readonly HostConfig?: Readonly<Record<string, unknown>>;
  readonly Mounts?: readonly { readonly Type?: unknown; readonly Destination?: unknown; readonly RW?: unknown }[];
}

/** Engines write an absent list as null, as [] or not at all. */
const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  value === false ||
  (Array.isArray(value) && value.length === 0);

/** Options that open a container, none of which is ever asked for. An engine's defaults must not bring them in. */
const MUST_BE_ABSENT = [
  'Binds',
  'CapAdd',
  'DeviceCgroupRules',
  'DeviceRequests',
  'Devices',
  'ExtraHosts',
  'GroupAdd',
  'Links',
  'PidMode',
  'PortBindings',
  'Privileged',
  'PublishAllPorts',
  'Sysctls',
  'UTSMode',
  'UsernsMode',
  'VolumesFrom',
];
const MUST_BE_EQUAL = [
  'CapDrop',
  'CpuShares',
  'IpcMode',
  'MaskedPaths',
  'Memory',
  'MemorySwap',
  'NanoCpus',
  'NetworkMode',
  'PidsLimit',
  'ReadonlyPaths',
  'ReadonlyRootfs',
  'Runtime',
  'SecurityOpt',
  'ShmSize',
  'Tmpfs',
] as const satisfies readonly (keyof ContainerOptions['HostConfig'])[];

export function configurationComplaints(seen: Inspected, asked: ContainerOptions): readonly string[] {
  const host = seen.HostConfig ?? {};
  const empty = (value: unknown): boolean =>
    isNothing(value) || (typeof value === 'object' && Object.keys(value as object).length === 0);
  const wanted = asked.HostConfig.Mounts.map(({ Target, ReadOnly }) => `bind ${Target} ${!ReadOnly}`).toSorted();
  const got = (seen.Mounts ?? [])
    .filter(({ Type }) => Type !== 'tmpfs')
    .map(({ Type, Destination, RW }) => `${String(Type)} ${String(Destination)} ${String(RW)}`)
    .toSorted();
  return [
    ...MUST_BE_ABSENT.filter((name) => !empty(host[name])).map((name) => `${name} is set`),
    ...MUST_BE_EQUAL.filter((name) => !isDeepStrictEqual(host[name], structuredClone(asked.HostConfig[name]))).map(
      (name) => `${name} differs`,
    ),
    ...(seen.Config?.User === asked.User ? [] : ['User differs']),
    ...(isDeepStrictEqual(seen.Config?.Entrypoint, [...asked.Entrypoint]) ? [] : ['Entrypoint differs']),
    ...(isDeepStrictEqual(wanted, got) ? [] : ['the mounts differ']),
    ...(seen.State?.Running === true ? [] : ['it does not run']),
    ...(!asked.Image.startsWith('sha256:') || seen.Image === asked.Image ? [] : ['it is another image']),
  ];
}

/** Containers share the host's user namespace unless the engine remaps users. */
const REQUIRED_NAMESPACES = NAMESPACES.filter((name) => name !== 'cgroup' && name !== 'user');

function limitComplaints(process: Observation, profile: Profile): readonly string[] {
  const most: Readonly<Record<string, number>> = {
    'Max open files': OPEN_FILES,
    'Max file size': profile.fileBytes,
    'Max core file size': 0,
    'Max data size': dataLimit(profile.memoryBytes),
  };
  return Object.entries(most)
    .filter(([name, value]) => !((process.limits[name] ?? Number.POSITIVE_INFINITY) <= value))
    .map(([name]) => `${name} is not limited`);
}

const CONTROLLERS = ['memory', 'pids', 'cpu'];

/** Controllers whose group is not the one this process is in. Version 2 has one group for all of them. */
export function controllersOf(theirs: string, own: string): readonly string[] {
  const lines = new Set(own.split('\n'));
  const groups = theirs
    .split('\n')
    .filter((line) => !lines.has(line))
    .map((line) => /^\d+:([^:]*):\/./.exec(line)?.[1]);
  const isWithout = !theirs.split('\n').some((line) => /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:/.test(line));
  const named = groups.flatMap((names) => names?.split(',') ?? []);
  return CONTROLLERS.filter((name) => named.includes(name) || (isWithout && groups.includes('')));
}

export interface AttestedContainer {
  readonly pid: number;
  /** Identity of its PID namespace: a number that was reused has another. */
  readonly pidNamespace: string;
  readonly judgement: Judgement;
}

/** Identities of the host's side, read before the container starts. */
export function mountIdentities(profile: Profile, site: ContainerSite): Readonly<Record<string, string>> {
  return Object.fromEntries(bindsOf(profile, site).map(({ Source, Target }) => [Target, identity(Source)]));
}

/** The number of a container's first process where the engine runs. Throws when the engine names none. */
export function pidOf(seen: Inspected): number {
  const pid = Number(seen.State?.Pid);
  if (!Number.isInteger(pid) || pid <= 1) throw new Error('attestation: the engine names no process');
  return pid;
}

export function attestContainer(
  seen: Inspected,
  asked: ContainerOptions,
  profile: Profile,
  site: ContainerSite,
  mounts: Readonly<Record<string, string>>,
  sight: Sight,
): AttestedContainer {
  const pid = pidOf(seen);
  const { process, own } = sight;
  const controllers = controllersOf(sight.cgroup, own.cgroup);
  const inGvisor = site.runtime === 'runsc';
  const wrong = [
    ...configurationComplaints(seen, asked),
    ...(inGvisor ? sentryComplaints(sight) : processComplaints(sight, profile, site, mounts)),
    ...(site.isFar && !inGvisor ? foreignMounts(sight.mountinfo) : []),
    ...CONTROLLERS.filter((name) => !controllers.includes(name)).map((name) => `no control group for ${name}`),
  ];
  const pidNamespace = process.namespaces.pid ?? '';
  if (wrong.length > 0) return { pid, pidNamespace, judgement: { kind: 'mismatch', detail: wrong.join('; ') } };
  const namespaces = NAMESPACES.filter((name) => process.namespaces[name] !== own.namespaces[name]).join(',');
  const found = inGvisor
    ? {
        isolation: 'docker+gvisor',
        uid: site.uid,
        sentrySeccomp: 2,
        sentryNoNewPrivileges: true,
        sentryNamespaces: namespaces,
        notSeenFromOutside: 'filter,capabilities,limits,mounts',
      }
    : { isolation: 'docker', uid: site.uid, seccomp: 2, noNewPrivileges: true, capabilities: 0, namespaces };
  return {
    pid,
    pidNamespace,
    judgement: {
      kind: 'attested',
      attestation: { ...found, pidNamespace, cgroup: controllers.join(','), image: site.image, seenBy: sight.by },
    },
  };
}

function processComplaints(
  { process, own }: Sight,
  profile: Profile,
  site: ContainerSite,
  mounts: Readonly<Record<string, string>>,
): readonly string[] {
  const expected = { uid: site.uid, gid: site.gid, ownNamespaces: own.namespaces, mounts };
  return [
    ...complaints(process, expected, REQUIRED_NAMESPACES),
    ...limitComplaints(process, profile),
    ...(process.descriptors.some((descriptor) => descriptor > 2) ? ['a descriptor was inherited'] : []),
    ...(/[^\0]/.test(process.environment) ? ['its environment is not empty'] : []),
  ];
}

/** Where a container without anything of its machine has mounts; all else would be a directory of that machine. */
const OWN_MOUNTS =
  /^\/(?:$|(?:proc|dev|sys)(?:\/|$)|(?:tmp|workspace|home\/agent|opt\/backup|etc\/(?:resolv\.conf|hostname|hosts))$)/;

function foreignMounts(mountinfo: string): readonly string[] {
  const points = mountinfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ')[4] ?? '?');
  if (!points.includes('/')) return ['its mounts cannot be seen'];
  return points.some((point) => !OWN_MOUNTS.test(point)) ? ['something of its machine is mounted'] : [];
}

/**
 * What stands between a program in gVisor and the host is the process of its kernel, so that is what is looked at: that it is
 * gVisor's, what the host's kernel lets it do, and its namespaces and groups. What is inside it, the filter and the limits of
 * the program, cannot be seen from here and rests on the probes.
 */
function sentryComplaints({ process: sentry, own, commandLine }: Sight): readonly string[] {
  const [name = '', ...flags] = commandLine.split('\0');
  const effective = Number.parseInt(sentry.status.CapEff ?? '', 16);
  return [
    ...(/(?:^|\/)runsc(?:-sandbox)?$/.test(name) && flags.includes('boot') ? [] : ['its kernel is not gVisor’s']),
    ...SENTRY_FLAGS.filter((flag) => !flags.includes(flag)).map((flag) => `runsc runs without ${flag}`),
    ...flags.filter((flag) => SENTRY_OPENINGS.test(flag)).map(() => 'runsc runs with a flag that opens it'),
    ...(sentry.status.Seccomp === '2' ? [] : ['the sentry’s Seccomp is not 2']),
    ...(sentry.status.NoNewPrivs === '1' ? [] : ['the sentry’s NoNewPrivs is not 1']),
    ...((effective & ~SENTRY_CAPABILITIES) === 0 ? [] : ['the sentry has more capabilities than it needs']),
    ...[...REQUIRED_NAMESPACES, 'user']
      .filter((each) => sentry.namespaces[each] === undefined || sentry.namespaces[each] === own.namespaces[each])
      .map((each) => `the sentry shares the ${each} namespace`),
  ];
}

/** Without the first the sentry has a network stack, without the second it ignores our filter. */
const SENTRY_FLAGS = ['--network=none', '--oci-seccomp=true'];
const SENTRY_OPENINGS =
  /^--(?:profile|strace|debug-log|allow-packet-socket-write|net-raw|TESTONLY[\w-]*|host-fifo=open|host-uds=(?:all|create))/;
/** chown, dac_override, dac_read_search, fowner, fsetid and sys_ptrace: for files it opens itself and the memory of its stubs. */
const SENTRY_CAPABILITIES = 0x8001f;
