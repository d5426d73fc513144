/**
 * What the host sees of a sandbox's processes before they are given anything to run. Configured is not enforced: only what
 * the kernel says of the living process counts. Fails closed: a file that cannot be read or parsed is a failed attestation.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Attestation } from '../backend.ts';
import type { Profile } from './profile.ts';
import { dataLimit, OPEN_FILES, PROGRAM_INPUT } from './handover.ts';

export const NAMESPACES = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'] as const;
/** Missing where the kernel has no cgroup namespaces; bwrap is asked with --unshare-cgroup-try. */
const REQUIRED_NAMESPACES = NAMESPACES.filter((name) => name !== 'cgroup');

/** One process as /proc shows it to the host. */
export interface Observation {
  readonly status: Readonly<Record<string, string>>;
  readonly namespaces: Readonly<Record<string, string>>;
  readonly descriptors: readonly number[];
  /** Soft limits by the names of /proc/<pid>/limits. */
  readonly limits: Readonly<Record<string, number>>;
  /** `device:inode` of what is mounted, by the path inside. */
  readonly mounts: Readonly<Record<string, string>>;
  readonly environment: string;
}

export interface Expectation {
  readonly profile: Profile;
  readonly uid: number;
  readonly gid: number;
  readonly ownNamespaces: Readonly<Record<string, string>>;
  /** Version of Landlock whose domain the launcher enters; 0 where there is none. */
  readonly landlock: number;
  /** What must be mounted where: the identity of the directory that was opened, not of whatever its path names by now. */
  readonly mounts: Readonly<Record<string, string>>;
}

export type Judgement =
  | { readonly kind: 'attested'; readonly attestation: Attestation }
  | { readonly kind: 'mismatch'; readonly detail: string };

export function readNamespaces(pid: number | 'self'): Readonly<Record<string, string>> {
  return Object.fromEntries(NAMESPACES.map((name) => [name, readlinkSync(`/proc/${pid}/ns/${name}`)]));
}

export function identity(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

/** The texts an observation is made of, as the kernel gives them. */
export interface ProcessTexts {
  readonly status: string;
  readonly limits: string;
  readonly environment: string;
  readonly namespaces: Readonly<Record<string, string>>;
  readonly descriptors: readonly number[];
}

export function toObservation(texts: ProcessTexts, mounts: Readonly<Record<string, string>>): Observation {
  const status = Object.fromEntries(
    texts.status
      .split('\n')
      .map((line) => line.split(':\t', 2) as [string, string])
      .map(([name, value]) => [name, (value ?? '').trim()]),
  );
  const limits = Object.fromEntries(
    [...texts.limits.matchAll(/^(Max [a-z ]*[a-z]) {2,}(\S+)/gm)].map(([, name, soft]) => [
      name as string,
      soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft),
    ]),
  );
  const descriptors = texts.descriptors.toSorted((a, b) => a - b);
  return { status, limits, namespaces: texts.namespaces, descriptors, mounts, environment: texts.environment };
}

export function observe(pid: number, mounted: readonly string[]): Observation {
  const text = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'latin1');
  return toObservation(
    {
      status: text('status'),
      limits: text('limits'),
      environment: text('environ'),
      namespaces: readNamespaces(pid),
      descriptors: readdirSync(`/proc/${pid}/fd`).map(Number),
    },
    Object.fromEntries(mounted.map((inside) => [inside, identity(`/proc/${pid}/root${inside}`)])),
  );
}

const CAPABILITY_SETS = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'];

/** The complaints about one process, each naming what was expected; empty when there is none. */
export function complaints(
  seen: Observation,
  expected: Omit<Expectation, 'profile' | 'landlock'>,
  namespaces: readonly string[] = REQUIRED_NAMESPACES,
): readonly string[] {
  const { status } = seen;
  const wrong: string[] = [];
  const want = (holds: boolean, detail: string): void => {
    if (!holds) wrong.push(detail);
  };
  want(status.Seccomp === '2', 'Seccomp is not 2');
  want(Number(status.Seccomp_filters ?? '1') >= 1, 'no seccomp filter');
  want(status.NoNewPrivs === '1', 'NoNewPrivs is not 1');
  for (const name of CAPABILITY_SETS) want(/^0+$/.test(status[name] ?? ''), `${name} is not empty`);
  const everyId = (name: string, id: number): boolean =>
    (status[name] ?? '').split(/\s+/).every((text) => text === String(id));
  want(expected.uid !== 0 && everyId('Uid', expected.uid), 'Uid differs');
  want(expected.gid !== 0 && everyId('Gid', expected.gid), 'Gid differs');
  want(['', String(expected.gid)].includes(status.Groups ?? '?'), 'supplementary groups are left');
  for (const name of namespaces) {
    const inode = seen.namespaces[name];
    want(inode !== undefined && inode !== expected.ownNamespaces[name], `the ${name} namespace is shared`);
  }
  for (const [inside, wanted] of Object.entries(expected.mounts)) {
    want(seen.mounts[inside] === wanted, `${inside} is another directory`);
  }
  return wrong;
}

/** The shell that waits is what becomes the program: its limits and descriptors are what the program gets. */
function shellComplaints(shell: Observation, expected: Expectation): readonly string[] {
  const { profile } = expected;
  const wrong: string[] = [];
  const limit = (name: string, most: number): void => {
    if (!((shell.limits[name] ?? Number.POSITIVE_INFINITY) <= most)) wrong.push(`${name} is not limited`);
  };
  limit('Max processes', profile.processes);
  limit('Max open files', OPEN_FILES);
  limit('Max file size', profile.fileBytes);
  limit('Max core file size', 0);
  limit('Max data size', dataLimit(profile.memoryBytes));
  if (shell.descriptors.some((descriptor) => descriptor > PROGRAM_INPUT)) wrong.push('a descriptor was inherited');
  return wrong;
}

/**
 * The kernel shows nobody a Landlock domain. What it shows is the filter that a launcher adds after it entered one and before
 * it starts the shell, on top of the one both processes have.
 */
function launcherComplaints({ init, shell }: Processes, expected: Expectation): readonly string[] {
  const count = ({ status }: Observation): number => Number(status.Seccomp_filters ?? Number.NaN);
  return expected.landlock === 0 || count(shell) > count(init) ? [] : ['the launcher did not close Landlock'];
}

export interface Processes {
  readonly init: Observation;
  readonly shell: Observation;
}

export function judge(seen: Processes, expected: Expectation, controllers: readonly string[]): Judgement {
  const wrong = [
    ...complaints(seen.init, expected).map((detail) => `init: ${detail}`),
    ...complaints(seen.shell, expected),
    ...shellComplaints(seen.shell, expected),
    ...launcherComplaints(seen, expected),
    ...(/[^\0]/.test(seen.init.environment) && !/^PWD=[^\0]*\0?$/.test(seen.init.environment)
      ? ['init: its environment is not empty']
      : []),
  ];
  if (wrong.length > 0) return { kind: 'mismatch', detail: wrong.join('; ') };
  return {
    kind: 'attested',
    attestation: {
      isolation: 'bubblewrap',
      uid: expected.uid,
      seccomp: 2,
      seccompFilters: Number(seen.shell.status.Seccomp_filters ?? 1),
      landlock: expected.landlock,
      noNewPrivileges: true,
      capabilities: 0,
      namespaces: NAMESPACES.filter((name) => seen.shell.namespaces[name] !== expected.ownNamespaces[name]).join(','),
      pidNamespace: seen.shell.namespaces.pid ?? '',
      descriptors: seen.shell.descriptors.length,
      maxProcesses: seen.shell.limits['Max processes'] ?? 0,
      cgroup: controllers.length === 0 ? 'none' : controllers.join(','),
    },
  };
}

/** The only child of the sandbox's init. Throws when there is none: the shell that was announced is not there. */
export function onlyChild(pid: number): number {
  const children = childrenOf(pid);
  const [child] = children;
  if (child === undefined || children.length !== 1) throw new Error('attestation: the waiting shell is not alone');
  return child;
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    // Kernels without CONFIG_PROC_CHILDREN: search for the parent's number instead.
    const isChild = (candidate: string): boolean => {
      try {
        return new RegExp(`^PPid:\\t${pid}$`, 'm').test(readFileSync(`/proc/${candidate}/status`, 'latin1'));
      } catch {
        return false;
      }
    };
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && isChild(name))
      .map(Number);
  }
}
