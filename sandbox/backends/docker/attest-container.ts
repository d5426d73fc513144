/**
 * What the engine says a container is, and what the kernel shows of its first process, before it is given anything to run.
 * Fails closed: an option that came out otherwise than it was asked for, or a process that cannot be looked at, is a mismatch.
 */
import { readlinkSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { dataLimit, OPEN_FILES } from '../handover.ts';
import { complaints, identity, NAMESPACES, observe, readNamespaces } from '../attestation.ts';
import type { Judgement, Observation } from '../attestation.ts';
import type { Profile } from '../profile.ts';
import { bindsOf } from './container-options.ts';
import type { ContainerOptions, ContainerSite } from './container-options.ts';

/** The parts of `GET /containers/<id>/json` that are looked at. */
export interface Inspected {
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

export function attestContainer(
  seen: Inspected,
  asked: ContainerOptions,
  profile: Profile,
  site: ContainerSite,
  mounts: Readonly<Record<string, string>>,
): AttestedContainer {
  const pid = Number(seen.State?.Pid);
  if (!Number.isInteger(pid) || pid <= 1) throw new Error('attestation: the engine names no process');
  const own = readNamespaces('self');
  const isGvisor = site.runtime === 'runsc';
  // Inside gVisor the mounts are its own kernel's: the host's identities show for containers only.
  const process = observe(pid, isGvisor ? [] : Object.keys(mounts));
  const expected = { uid: site.uid, gid: site.gid, ownNamespaces: own, mounts: isGvisor ? {} : mounts };
  const wrong = [
    ...configurationComplaints(seen, asked),
    ...(isGvisor ? sentryComplaints(process, own) : complaints(process, expected, REQUIRED_NAMESPACES)),
    ...(isGvisor ? [] : limitComplaints(process, profile)),
    ...(!isGvisor && process.descriptors.some((descriptor) => descriptor > 2) ? ['a descriptor was inherited'] : []),
    ...(!isGvisor && /[^\0]/.test(process.environment) ? ['its environment is not empty'] : []),
  ];
  const pidNamespace = process.namespaces.pid ?? '';
  if (wrong.length > 0) return { pid, pidNamespace, judgement: { kind: 'mismatch', detail: wrong.join('; ') } };
  return {
    pid,
    pidNamespace,
    judgement: {
      kind: 'attested',
      attestation: {
        isolation: isGvisor ? 'docker+gvisor' : 'docker',
        uid: site.uid,
        seccomp: 2,
        noNewPrivileges: true,
        capabilities: 0,
        namespaces: NAMESPACES.filter((name) => process.namespaces[name] !== own[name]).join(','),
        pidNamespace,
        cgroup: 'memory,pids,cpu',
        image: site.image,
      },
    },
  };
}

/** Seen from the host a gVisor sandbox is the process of its kernel, which confines itself. */
function sentryComplaints(sentry: Observation, own: Readonly<Record<string, string>>): readonly string[] {
  return [
    ...(sentry.status.Seccomp === '2' ? [] : ['the sentry has no seccomp filter']),
    ...['mnt', 'net', 'ipc', 'uts', 'pid']
      .filter((name) => sentry.namespaces[name] === own[name])
      .map((name) => `the sentry shares the ${name} namespace`),
  ];
}

/** Whether the number still names that container's process. */
export function isStill(pid: number, pidNamespace: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`) === pidNamespace;
  } catch {
    return false;
  }
}
