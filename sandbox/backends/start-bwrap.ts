/**
 * The one place that starts bwrap: which descriptors it gets, as whom it runs, and how directories out of that user's reach
 * come within it. Fails closed: a source that cannot be pinned throws before anything is started.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOME_INSIDE, HONEY_INSIDE, LAUNCHER_INSIDE, SHELL_INSIDE, WORKSPACE_INSIDE } from '../tools/programs.ts';
import { identity } from './attestation.ts';
import type { judge } from './attestation.ts';
import type { bubblewrapArguments, HostLayout, Pinned, Sources } from './bubblewrap-arguments.ts';
import type { CgroupController } from './cgroup.ts';
import type { prologue } from './handover.ts';
import { isReachable } from './host-layout.ts';
import type { Landlock, launcherFor } from './landlock.ts';
import type { Profile } from './profile.ts';
import type { FilterOptions } from '../seccomp/rules.ts';
import type { PlantedHoney } from '../watch/honey-files.ts';

/** Everything a launch takes from the machine; made once per backend. */
export interface Host {
  readonly bwrap: string;
  readonly layout: HostLayout;
  /** Directory only we write, which the sandbox's user can enter. */
  readonly staging: string;
  readonly node: string;
  readonly uid: number;
  readonly gid: number;
  /** Whether this process is root and so has to become `uid` for each sandbox. */
  readonly dropsTo: boolean;
  readonly cgroups: CgroupController;
  readonly plantHoney?: () => PlantedHoney;
  /** What the kernel has of Landlock and the policy asks of it. */
  readonly landlock: Landlock;
  /** Most descriptors this process may have. */
  readonly openFiles: number;
}

/** What a start takes for a moment, and as much again. */
const SPARE_DESCRIPTORS = 32;

/** The replaceable parts: tests weaken one of them to see that the claim about it is then reported unproved. */
export interface Parts {
  readonly buildArguments: typeof bubblewrapArguments;
  readonly filter: (options: FilterOptions) => Buffer;
  readonly launcher: typeof launcherFor;
  readonly prologue: typeof prologue;
  readonly judge: typeof judge;
}

const O_PATH = 0o10000000;
/** Positions in the child's descriptor table. 0 to 3 stay with the program, the rest is bwrap's and gone before it runs. */
const STATUS = 4;
const ARGUMENTS = 5;
const FILTER = 6;
const LAUNCHER = 7;
const FIRST_SOURCE = 8;

interface Opened {
  readonly pinned: Pinned;
  readonly local: number;
  readonly outside: string;
  readonly identity: string;
}

function pin(path: string, descriptor: number, flags: number): Opened {
  const local = openSync(path, O_PATH | constants.O_NOFOLLOW | flags);
  try {
    return { pinned: { path, descriptor }, local, outside: path, identity: identity(`/proc/self/fd/${local}`) };
  } catch (error) {
    closeSync(local);
    throw error;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Root's directories are often out of reach for the sandbox's user, and bwrap looks its sources up by path. Then root binds
 * them to a place within reach, in a mount namespace of this one launch, and drops to the user before bwrap starts.
 */
function reachingCommand(
  host: Host,
  unreachable: readonly (readonly [string, string])[],
  words: readonly string[],
): readonly [string, ...string[]] {
  const mounts = unreachable.map(([from, to]) => `mount --bind -- ${quote(from)} ${quote(to)}`);
  const drop = `exec setpriv --reuid=${host.uid} --regid=${host.gid} --clear-groups -- ${words.map(quote).join(' ')}`;
  return [
    '/usr/bin/unshare',
    '--mount',
    '--propagation',
    'private',
    '--',
    SHELL_INSIDE,
    '-c',
    [...mounts, drop].join(' && '),
  ];
}

export interface Started {
  readonly child: ChildProcess;
  readonly mounts: Readonly<Record<string, string>>;
  readonly outside: Readonly<Record<string, string>>;
  readonly honey: PlantedHoney | undefined;
}

let launches = 0;

export function startBwrap(profile: Profile, host: Host, parts: Parts): Started {
  const opened: Opened[] = [];
  const files: number[] = [];
  const honey = host.plantHoney?.();
  const open = (path: string, flags: number): Opened => {
    const one = pin(path, FIRST_SOURCE + opened.length, flags);
    opened.push(one);
    return one;
  };
  const data = (name: string, bytes: Buffer): number => {
    const path = join(host.staging, `${name}-${process.pid}-${launches++}`);
    writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
    const descriptor = openSync(path, constants.O_RDONLY);
    unlinkSync(path);
    files.push(descriptor);
    return descriptor;
  };
  try {
    const etc = open(join(host.staging, 'etc'), constants.O_DIRECTORY);
    const node = open(host.node, 0);
    const workspace =
      profile.workspace.access === 'none' ? undefined : open(profile.workspace.source, constants.O_DIRECTORY);
    const home = profile.home === '' ? undefined : open(profile.home, constants.O_DIRECTORY);
    const planted = honey === undefined ? undefined : open(honey.directory, constants.O_DIRECTORY);

    const unreachable: (readonly [string, string])[] = [];
    const byPath = new Set<Opened>();
    const within = (one: Opened | undefined, place: string): Pinned | undefined => {
      if (one === undefined || !host.dropsTo || isReachable(one.pinned.path, host.uid, host.gid)) return one?.pinned;
      const path = join(host.staging, place);
      unreachable.push([one.pinned.path, path]);
      byPath.add(one);
      return { path, descriptor: undefined };
    };
    const launcher = parts.launcher(profile, host.layout, host.landlock, honey !== undefined);
    const sources: Sources = {
      status: STATUS,
      seccomp: FILTER,
      launcher: launcher === undefined ? undefined : LAUNCHER,
      etc: etc.pinned,
      node: node.pinned,
      workspace: within(workspace, 'workspace'),
      home: within(home, 'home'),
      honey: planted?.pinned,
    };
    const bwrapArguments = parts.buildArguments(profile, host.layout, sources);
    const argumentFile = data('arguments', Buffer.from(`${bwrapArguments.join('\0')}\0`));
    // The kernel gives the lowest number that is free. A start that fails half way leaks what it had of pipes, so none is tried.
    if (argumentFile > host.openFiles - SPARE_DESCRIPTORS)
      throw Object.assign(new Error('too few descriptors are left'), { code: 'EMFILE', syscall: 'spawn' });
    const filter = data(
      'filter',
      parts.filter({ unixSockets: profile.egressSocket !== '', launcher: launcher !== undefined }),
    );
    const command = launcher === undefined ? [SHELL_INSIDE] : [LAUNCHER_INSIDE, SHELL_INSIDE];
    const words = [host.bwrap, '--args', String(ARGUMENTS), '--', ...command] as const;
    const [program, ...rest] = unreachable.length > 0 ? reachingCommand(host, unreachable, words) : words;
    const child = spawn(program, rest, {
      cwd: '/',
      // bwrap's own environment is what /proc/1/environ shows inside.
      env: {},
      detached: true,
      // What bwrap is not told about it would pass on: a descriptor bound by path instead stays here.
      stdio: [
        'pipe',
        'pipe',
        'pipe',
        'pipe',
        'pipe',
        argumentFile,
        filter,
        launcher === undefined ? 'ignore' : data('launcher', launcher),
        ...opened.map((one) => (byPath.has(one) || !host.layout.bindDescriptor ? 'ignore' : one.local)),
      ],
      ...(host.dropsTo && unreachable.length === 0 ? { uid: host.uid, gid: host.gid } : {}),
    });
    // Out of descriptors, processes or memory it has no number, and says so in an event that would end the executor unheard.
    child.on('error', () => undefined);
    if (child.pid === undefined)
      throw Object.assign(new Error('bwrap was not started'), { code: 'EAGAIN', syscall: 'spawn' });
    const named = [
      [WORKSPACE_INSIDE, workspace],
      [HOME_INSIDE, home],
      [HONEY_INSIDE, planted],
    ] as const;
    const entries = (value: (one: Opened) => string): Readonly<Record<string, string>> =>
      Object.fromEntries(named.flatMap(([inside, one]) => (one === undefined ? [] : [[inside, value(one)]])));
    return { child, mounts: entries((one) => one.identity), outside: entries((one) => one.outside), honey };
  } catch (error) {
    honey?.remove();
    throw error;
  } finally {
    for (const { local } of opened) closeSync(local);
    for (const descriptor of files) closeSync(descriptor);
  }
}
