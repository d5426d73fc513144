/**
 * Control groups for sandboxes, on whichever hierarchy this machine lets us write: v2, v1, a mixture, or none. Probed by
 * making a group, never assumed. Groups are made below this process's own, so limits set on the service keep holding.
 * Fails open by itself (no group, rlimits only): what that leaves unproved is for the probes to say.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbandoned } from './host-layout.ts';
import type { Profile } from './profile.ts';

export interface SandboxGroup {
  readonly controllers: readonly string[];
  /** Moves processes into the group. To be done before they are given anything to run, so nothing forks past it. */
  join(pids: readonly number[]): Promise<void>;
  /** Whether the process is in the group in every hierarchy: a child is where its parent was when it was made. */
  holds(pid: number): boolean;
  /** How often the kernel killed something here for want of memory. */
  memoryKills(): Promise<number>;
  /** Most processes there were at once, the backend's own included; 0 where the kernel does not say. */
  processPeak(): Promise<number>;
  /** Kills what is left inside, then removes the group. */
  remove(): Promise<void>;
}

export interface CgroupController {
  readonly controllers: readonly string[];
  create(profile: Pick<Profile, 'memoryBytes' | 'processes'>): SandboxGroup;
  close(): void;
}

/** A hierarchy and the directory below which groups may be made. */
interface Hierarchy {
  readonly controllers: readonly string[];
  readonly directory: string;
  readonly version: 1 | 2;
}

type Setting = readonly [file: string, value: string, required: boolean];

/**
 * The ordinary weight of one group: all processes of a sandbox together count as much as one other group, so a fork bomb
 * slows nobody. Less than that was measured to triple the time of a short call on a busy machine.
 */
const CPU_SHARES_V1 = '1024';
const CPU_WEIGHT_V2 = '100';
/** bwrap's init and the waiting shell count as well. */
const OWN_PROCESSES = 2;

function settings(hierarchy: Hierarchy, profile: Pick<Profile, 'memoryBytes' | 'processes'>): readonly Setting[] {
  const memory = String(profile.memoryBytes);
  const processes = String(profile.processes + OWN_PROCESSES);
  const has = (name: string): boolean => hierarchy.controllers.includes(name);
  const v1: readonly Setting[] = [
    ...(has('memory')
      ? ([
          ['memory.limit_in_bytes', memory, true],
          ['memory.memsw.limit_in_bytes', memory, false],
        ] as const)
      : []),
    ...(has('pids') ? ([['pids.max', processes, true]] as const) : []),
    ...(has('cpu') ? ([['cpu.shares', CPU_SHARES_V1, false]] as const) : []),
  ];
  const v2: readonly Setting[] = [
    ...(has('memory')
      ? ([
          ['memory.max', memory, true],
          ['memory.swap.max', '0', false],
          ['memory.oom.group', '1', false],
        ] as const)
      : []),
    ...(has('pids') ? ([['pids.max', processes, true]] as const) : []),
    ...(has('cpu') ? ([['cpu.weight', CPU_WEIGHT_V2, false]] as const) : []),
  ];
  return hierarchy.version === 1 ? v1 : v2;
}

const GROUP_PREFIX = 'sluice-';
const WANTED = ['memory', 'pids', 'cpu'];

/** Lines of /proc/self/cgroup: `4:memory:/path`, and `0::/path` for v2. */
function ownPaths(text: string): ReadonlyMap<string, string> {
  const rows = text
    .split('\n')
    .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
    .filter((match) => match !== null);
  return new Map(
    rows.flatMap(([, names, path]) => (names as string).split(',').map((name) => [name, path as string] as const)),
  );
}

/** The service's own group where the mount shows it; a container sees its group as the root of the mount. */
function ownDirectory(mount: string, path: string | undefined): string {
  const nested = join(mount, path ?? '/');
  return existsSync(nested) ? nested : mount;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function findHierarchies(root: string, selfText: string, pid: number): readonly Hierarchy[] {
  const own = ownPaths(selfText);
  const v1 = WANTED.map((name) => ({ name, mount: join(root, name) }))
    .filter(({ mount }) => existsSync(join(mount, 'cgroup.procs')))
    .map(({ name, mount }): Hierarchy => ({
      controllers: [name],
      directory: ownDirectory(mount, own.get(name)),
      version: 1,
    }))
    .filter(({ directory }) => isWritable(directory));
  const unified = [root, join(root, 'unified')].find((mount) => existsSync(join(mount, 'cgroup.controllers')));
  if (unified === undefined) return v1;
  const directory = ownDirectory(unified, own.get(''));
  const taken = v1.flatMap(({ controllers }) => controllers);
  const controllers = readFileSync(join(directory, 'cgroup.controllers'), 'latin1')
    .trim()
    .split(/\s+/)
    .filter((name) => WANTED.includes(name) && !taken.includes(name));
  if (controllers.length === 0 || !isWritable(directory) || !delegate(directory, controllers, pid)) return v1;
  return [...v1, { controllers, directory, version: 2 }];
}

/**
 * v2 gives controllers only to the children of a group that holds no process itself, so the service moves its own into a
 * leaf beside the sandboxes. That changes no limit: the leaf is inside the group that already bound it.
 */
function delegate(directory: string, controllers: readonly string[], pid: number): boolean {
  const enable = (): void =>
    writeFileSync(join(directory, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '));
  try {
    enable();
    return true;
  } catch {
    try {
      const leaf = join(directory, 'sluice-service');
      mkdirSync(leaf, { recursive: true });
      const members = readFileSync(join(directory, 'cgroup.procs'), 'latin1')
        .trim()
        .split('\n')
        .filter((text) => text !== '');
      for (const member of new Set([...members, String(pid)])) writeFileSync(join(leaf, 'cgroup.procs'), member);
      enable();
      return true;
    } catch {
      return false;
    }
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // Removal of what may not be there, and optional settings.
  }
}

const REMOVE_ATTEMPTS = 50;

async function removeDirectory(directory: string, directories: GroupDirectories): Promise<void> {
  for (let attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
    try {
      return await directories.remove(directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
    }
    // EBUSY while members are dying. Whoever is left is not meant to be: nothing outlives its call.
    const members = await readFile(join(directory, 'cgroup.procs'), 'latin1').catch(() => '');
    for (const member of members.split('\n').filter((text) => /^[1-9]\d*$/.test(text)))
      quietly(() => process.kill(Number(member), 'SIGKILL'));
    await new Promise((resolve) => setTimeout(resolve, 2 + attempt));
  }
}

/** The calls by which the kernel makes and removes groups; tests put a tree of plain files in their place. */
export interface GroupDirectories {
  make(path: string): void;
  removeNow(path: string): void;
  remove(path: string): Promise<void>;
}

const KERNEL: GroupDirectories = {
  make: (path) => void mkdirSync(path),
  removeNow: rmdirSync,
  remove: (path) => rmdir(path),
};

export interface CgroupOptions {
  readonly directories?: GroupDirectories;
  readonly root?: string;
  readonly selfText?: string;
  readonly pid?: number;
}

export function createCgroupController(options: CgroupOptions = {}): CgroupController {
  const root = options.root ?? '/sys/fs/cgroup';
  const directories = options.directories ?? KERNEL;
  const pid = options.pid ?? process.pid;
  const selfText =
    options.selfText ?? (existsSync('/proc/self/cgroup') ? readFileSync('/proc/self/cgroup', 'latin1') : '');
  const prefix = `${GROUP_PREFIX}${pid}-${Math.random().toString(36).slice(2, 8)}`;
  let counter = 0;

  const make = (hierarchy: Hierarchy, profile: Pick<Profile, 'memoryBytes' | 'processes'>, name: string): string => {
    const directory = join(hierarchy.directory, name);
    directories.make(directory);
    try {
      for (const [file, value, required] of settings(hierarchy, profile)) {
        if (required) writeFileSync(join(directory, file), value, { flag: 'r+' });
        else quietly(() => writeFileSync(join(directory, file), value, { flag: 'r+' }));
      }
    } catch (error) {
      quietly(() => directories.removeNow(directory));
      throw error;
    }
    return directory;
  };

  const works = (hierarchy: Hierarchy): boolean => {
    try {
      directories.removeNow(make(hierarchy, { memoryBytes: 64 * 1024 * 1024, processes: 16 }, `${prefix}-probe`));
      return true;
    } catch {
      return false;
    }
  };
  const hierarchies = findHierarchies(root, selfText, pid).filter(works);
  for (const { directory } of hierarchies) {
    const abandoned = readdirSync(directory).filter((name) => isAbandoned(name, GROUP_PREFIX));
    for (const name of abandoned) void removeDirectory(join(directory, name), directories);
  }

  return {
    controllers: hierarchies.flatMap(({ controllers }) => controllers),
    create(profile) {
      const name = `${prefix}-${counter++}`;
      const made: { readonly hierarchy: Hierarchy; readonly directory: string }[] = [];
      try {
        for (const hierarchy of hierarchies) made.push({ hierarchy, directory: make(hierarchy, profile, name) });
      } catch (error) {
        for (const { directory } of made) quietly(() => directories.removeNow(directory));
        throw error;
      }
      const memory = made.find(({ hierarchy }) => hierarchy.controllers.includes('memory'));
      return {
        controllers: made.flatMap(({ hierarchy }) => hierarchy.controllers),
        async join(pids) {
          // Each waits for the kernel to see every processor pass by, so never on this thread.
          await Promise.all(
            made.map(async ({ directory }) => {
              for (const member of pids)
                await writeFile(join(directory, 'cgroup.procs'), String(member), { flag: 'r+' });
            }),
          );
        },
        holds(member) {
          const lines = contentOf(`/proc/${member}/cgroup`).split('\n');
          return lines.filter((line) => line.endsWith(`/${name}`)).length >= made.length;
        },
        async memoryKills() {
          if (memory === undefined) return 0;
          const file = memory.hierarchy.version === 1 ? 'memory.oom_control' : 'memory.events';
          return Number(/^oom_kill (\d+)$/m.exec(contentOf(join(memory.directory, file)))?.[1] ?? 0);
        },
        async processPeak() {
          const pids = made.find(({ hierarchy }) => hierarchy.controllers.includes('pids'));
          if (pids === undefined) return 0;
          const peak = Number(contentOf(join(pids.directory, 'pids.peak')).trim());
          return Math.max(0, peak - OWN_PROCESSES) || 0;
        },
        async remove() {
          await Promise.all(made.map(({ directory }) => removeDirectory(directory, directories)));
        },
      };
    },
    close() {
      for (const { directory } of hierarchies) quietly(() => directories.removeNow(join(directory, `${prefix}-probe`)));
    },
  };
}
