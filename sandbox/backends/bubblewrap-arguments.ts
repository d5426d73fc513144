/**
 * bwrap's options for a profile: a pure function. An empty root, the host's /usr read-only, a generated /etc, a private /proc
 * and bounded tmpfs; nothing of the host's home, run, var or sys.
 *
 * No mount destination lies inside a tree the sandbox can write: with bwrap before 0.12 a link planted there makes bwrap
 * create files on the host (CVE-2026-87766).
 */
import {
  EGRESS_SOCKET_INSIDE,
  HOME_INSIDE,
  HONEY_INSIDE,
  LAUNCHER_INSIDE,
  NODE_INSIDE,
  TMP_INSIDE,
  WORKSPACE_INSIDE,
} from '../tools/programs.ts';
import type { Profile } from './profile.ts';

/** What this machine looks like where it matters for the mounts; read once. */
export interface HostLayout {
  /** Top-level names that are links into /usr: [name, target]. */
  readonly links: readonly (readonly [string, string])[];
  /** Top-level system directories of a machine without merged /usr. */
  readonly directories: readonly string[];
  /** Files of /proc that tell about the host or act on it. */
  readonly maskedFiles: readonly string[];
  readonly maskedDirectories: readonly string[];
  /** Whether this bwrap has --bind-fd and --ro-bind-fd. */
  readonly bindDescriptor: boolean;
}

/**
 * A bind source: its path, and the number under which bwrap inherits a descriptor pinned to it. Without a number it is bound
 * by path, and the attestation compares what was mounted with what was opened.
 */
export interface Pinned {
  readonly path: string;
  readonly descriptor: number | undefined;
}

export interface Sources {
  readonly status: number;
  readonly seccomp: number;
  /** Of the program that enters a Landlock domain; undefined where there is none. */
  readonly launcher: number | undefined;
  readonly etc: Pinned;
  readonly node: Pinned;
  readonly workspace: Pinned | undefined;
  readonly home: Pinned | undefined;
  readonly honey: Pinned | undefined;
}

/** User and group inside. Not the number outside, and not 0: nothing inside may look or act like root. */
export const UID_INSIDE = 1000;
export const HOSTNAME_INSIDE = 'sandbox';

function bind(pinned: Pinned, target: string, access: 'ro' | 'rw', layout: HostLayout): readonly string[] {
  const option = access === 'ro' ? 'ro-bind' : 'bind';
  return layout.bindDescriptor && pinned.descriptor !== undefined
    ? [`--${option}-fd`, String(pinned.descriptor), target]
    : [`--${option}`, pinned.path, target];
}

const sizedTmpfs = (bytes: number, mode: string, target: string): readonly string[] => [
  '--size',
  String(bytes),
  '--perms',
  mode,
  '--tmpfs',
  target,
];

/** One option with its values, so that a profile reads as bwrap's command line does. */
const option = (...words: readonly string[]): readonly string[] => words;

const directory = (target: string): readonly string[] => option('--perms', '0755', '--dir', target);

function isolation(): readonly string[] {
  const id = String(UID_INSIDE);
  return [
    ...option('--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts'),
    ...option('--unshare-cgroup-try', '--disable-userns'),
    ...option('--uid', id, '--gid', id, '--hostname', HOSTNAME_INSIDE),
    ...option('--cap-drop', 'ALL', '--new-session', '--die-with-parent', '--clearenv'),
  ];
}

function proc(layout: HostLayout): readonly string[] {
  return [
    ...option('--proc', '/proc'),
    // bwrap covers /proc/sys only where access(2) finds it writable, and a sandbox user that is root outside is not asked.
    ...option('--ro-bind', '/proc/sys', '/proc/sys'),
    ...layout.maskedFiles.flatMap((name) => option('--ro-bind', '/dev/null', `/proc/${name}`)),
    ...layout.maskedDirectories.flatMap((name) => [
      ...sizedTmpfs(4096, '0555', `/proc/${name}`),
      ...option('--remount-ro', `/proc/${name}`),
    ]),
  ];
}

/** bwrap's own /dev is a tmpfs without a size: read-only, with only /dev/shm writable and bounded. */
function dev(profile: Profile): readonly string[] {
  return [
    ...option('--dev', '/dev'),
    ...sizedTmpfs(profile.diskBytes, '1777', '/dev/shm'),
    ...option('--remount-ro', '/dev'),
  ];
}

function ownPlaces(profile: Profile, { workspace, home }: Sources, layout: HostLayout): readonly string[] {
  // A copy-on-write plan arrives here as `rw` on its copy; unconverted it must not reach the original.
  const access = profile.workspace.access === 'rw' ? 'rw' : 'ro';
  return [
    ...sizedTmpfs(profile.diskBytes, '1777', TMP_INSIDE),
    ...option('--symlink', TMP_INSIDE, '/var/tmp'),
    ...(home === undefined
      ? sizedTmpfs(profile.diskBytes, '0700', HOME_INSIDE)
      : bind(home, HOME_INSIDE, 'rw', layout)),
    ...(workspace === undefined ? directory(WORKSPACE_INSIDE) : bind(workspace, WORKSPACE_INSIDE, access, layout)),
    ...(profile.egressSocket === '' ? [] : option('--ro-bind', profile.egressSocket, EGRESS_SOCKET_INSIDE)),
  ];
}

export function bubblewrapArguments(profile: Profile, layout: HostLayout, sources: Sources): readonly string[] {
  return [
    ...isolation(),
    ...option('--json-status-fd', String(sources.status), '--seccomp', String(sources.seccomp)),
    ...option('--ro-bind', '/usr', '/usr'),
    ...layout.links.flatMap(([name, target]) => option('--symlink', target, `/${name}`)),
    ...layout.directories.flatMap((name) => option('--ro-bind', `/${name}`, `/${name}`)),
    ...bind(sources.etc, '/etc', 'ro', layout),
    ...option('/opt', '/opt/node', '/opt/node/bin', '/home', '/run', '/var').flatMap(directory),
    ...bind(sources.node, NODE_INSIDE, 'ro', layout),
    // A copy in the sandbox's own root: a mount of the host's may be noexec.
    ...(sources.launcher === undefined
      ? []
      : option('--perms', '0555', '--file', String(sources.launcher), LAUNCHER_INSIDE)),
    // A read-only mount keeps no access times. Where its owner is root outside, who is nobody here, nobody can write it.
    ...(sources.honey === undefined ? [] : bind(sources.honey, HONEY_INSIDE, 'rw', layout)),
    ...proc(layout),
    ...dev(profile),
    ...ownPlaces(profile, sources, layout),
    ...option('--remount-ro', '/', '--chdir', '/'),
  ];
}
