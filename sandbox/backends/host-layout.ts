/**
 * Reads once what this machine looks like, and prepares the directory of generated files that becomes /etc inside. What is
 * copied from the host is only what programs need to start: the linker's cache and the links of Debian's alternatives.
 */
import {
  copyFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HOSTNAME_INSIDE, UID_INSIDE } from './bubblewrap-arguments.ts';
import type { HostLayout } from './bubblewrap-arguments.ts';
import { endOrphans } from './orphans.ts';
import { HOME_INSIDE, SHELL_INSIDE } from '../tools/programs.ts';

const SYSTEM_NAMES = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** Kernel addresses, keys, boot options, switches, and what tells of the host's doings (key strokes, disks, locks). Only those an unprivileged process could open need a mask. */
const REVEALING_FILES = [
  'cmdline',
  'config.gz',
  'kallsyms',
  'kcore',
  'key-users',
  'keys',
  'kmsg',
  'latency_stats',
  'modules',
  'sched_debug',
  'sysrq-trigger',
  'timer_list',
  'timer_stats',
  'vmallocinfo',
  'zoneinfo',
  'kpagecount',
  'kpageflags',
  'interrupts',
  'locks',
  'diskstats',
  'partitions',
  'swaps',
];
const REVEALING_DIRECTORIES = ['acpi', 'asound', 'bus', 'driver', 'dynamic_debug', 'firmware', 'fs', 'irq', 'scsi'];

/** All of them, for a kernel that cannot be looked at. */
export const REVEALING: readonly string[] = [...REVEALING_FILES, ...REVEALING_DIRECTORIES];

const isOpenToOthers = (path: string): boolean => {
  try {
    return (statSync(path).mode & 0o006) !== 0;
  } catch {
    return false;
  }
};

export function readHostLayout(bindDescriptor: boolean): HostLayout {
  const present = SYSTEM_NAMES.filter((name) => existsSync(`/${name}`));
  const isLink = (name: string): boolean => lstatSync(`/${name}`).isSymbolicLink();
  return {
    // Only links into /usr are repeated; a link to elsewhere would dangle or point somewhere unexpected.
    links: present
      .filter(isLink)
      .map((name) => [name, readlinkSync(`/${name}`)] as const)
      .filter(([, target]) => /^\/?usr\/[\w./-]+$/.test(target)),
    directories: present.filter((name) => !isLink(name)),
    maskedFiles: REVEALING_FILES.filter((name) => isOpenToOthers(`/proc/${name}`)),
    maskedDirectories: REVEALING_DIRECTORIES.filter((name) => isOpenToOthers(`/proc/${name}`)),
    bindDescriptor,
  };
}

const GENERATED: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nagent:x:${UID_INSIDE}:${UID_INSIDE}:agent:${HOME_INSIDE}:${SHELL_INSIDE}\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
  group: `root:x:0:\nagent:x:${UID_INSIDE}:\nnogroup:x:65534:\n`,
  hosts: `127.0.0.1 localhost ${HOSTNAME_INSIDE}\n::1 localhost\n`,
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n',
  hostname: `${HOSTNAME_INSIDE}\n`,
  profile: 'export PATH=/usr/local/bin:/usr/bin:/bin\n',
};

/** Makes the directory that is mounted read-only as /etc. It holds nothing of the host that is not world-readable. */
export function stageEtc(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (const [name, text] of Object.entries(GENERATED)) writeFileSync(join(directory, name), text, { mode: 0o644 });
  if (existsSync('/etc/ld.so.cache')) copyFileSync('/etc/ld.so.cache', join(directory, 'ld.so.cache'));
  if (existsSync('/etc/localtime')) copyFileSync('/etc/localtime', join(directory, 'localtime'));
  const alternatives = join(directory, 'alternatives');
  mkdirSync(alternatives, { mode: 0o755 });
  if (!existsSync('/etc/alternatives')) return;
  for (const name of readdirSync('/etc/alternatives')) {
    const link = join('/etc/alternatives', name);
    if (lstatSync(link).isSymbolicLink()) symlinkSync(readlinkSync(link), join(alternatives, name));
  }
}

/** Whether a process of this user, in no group of ours, can enter the directory by its path. */
export function isReachable(path: string, uid: number, gid: number): boolean {
  for (let directory = path; ; directory = dirname(directory)) {
    const { mode, uid: owner, gid: group } = statSync(directory);
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if (statSync(directory).isDirectory() && (mode & bit) === 0) return false;
    if (directory === '/') return true;
  }
}

const STAGING = 'sluice-sandbox-';

/** Whether a name was given by a process of ours that is gone: one that was killed could not clean up. */
export function isAbandoned(name: string, prefix: string): boolean {
  const pid = Number(name.startsWith(prefix) ? /^(\d{1,10})-/.exec(name.slice(prefix.length))?.[1] : Number.NaN);
  if (!Number.isInteger(pid)) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * A directory for what sandboxes mount. Inside `stateDir` when the sandbox's user can get there, else in the system's
 * temporary directory under a random name: a service run by root keeps its state in places other users cannot enter.
 */
export function stagingDirectory(stateDir: string, uid: number, gid: number): string {
  mkdirSync(stateDir, { recursive: true, mode: 0o711 });
  const parent = isReachable(stateDir, uid, gid) ? stateDir : tmpdir();
  const abandoned = readdirSync(parent)
    .filter((name) => isAbandoned(name, STAGING))
    .map((name) => join(parent, name));
  endOrphans(abandoned);
  for (const path of abandoned) rmSync(path, { recursive: true, force: true });
  const directory = mkdtempSync(join(parent, `${STAGING}${process.pid}-`));
  chmodSync(directory, 0o711);
  return directory;
}
