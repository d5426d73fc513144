/**
 * The one description of a container this backend ever sends, from a profile: a pure function over a closed set of options.
 * Nothing of a plan or of the configuration can name an option; what a plan chooses is sizes and which directories are mounted.
 */
import {
  EGRESS_SOCKET_INSIDE,
  HOME_INSIDE,
  HONEY_INSIDE,
  NODE_INSIDE,
  SHELL_INSIDE,
  TMP_INSIDE,
  WORKSPACE_INSIDE,
} from '../../tools/programs.ts';
import { HOSTNAME_INSIDE } from '../bubblewrap-arguments.ts';
import { dataLimit, OPEN_FILES, PROGRAM_INPUT, READY } from '../handover.ts';
import type { Profile } from '../profile.ts';
import type { SeccompProfile } from './seccomp-profile.ts';

/** What the machine and the operator decide; the same for every container. */
export interface ContainerSite {
  readonly runtime: Runtime;
  readonly image: string;
  readonly uid: number;
  readonly gid: number;
  /** Host directories mounted read-only under their own names: /usr, and /bin and its like where they are not links into it. */
  readonly system: readonly string[];
  readonly node: string;
  /** On another machine nothing of a machine is mounted: system and node come with the image, the rest is carried there. */
  readonly isFar: boolean;
  /** Host directory with the watch's credentials, new for each container; empty for none. */
  readonly honey: string;
  /** `true` where nobody inside owns it: a read-only mount keeps no access times. */
  readonly honeyWritable: boolean;
  readonly maskedPaths: readonly string[];
  readonly cores: number;
  readonly seccomp: (options: { readonly unixSockets: boolean }) => SeccompProfile;
}

/**
 * Pid 1, a shell that knows nothing yet: says that it is there, then takes the number of bytes of a script and the script from
 * standard input, leaving the rest to the program. It stays as init so that the program is an ordinary process, and gets no
 * environment, so that /proc/1 tells nothing. The shell between them says what signal ended the program to nobody.
 *
 * Where directories are to be brought back it is also given a mark and their names: when the program has ended it ends all
 * others, writes the mark and the exit code, and then the directories as a tar stream, and ends as tar does.
 */
const WAITING_SHELL = [
  `printf '${READY.trimEnd()}\\n'`,
  'read -r size mark places || exit 125',
  `( exec ${PROGRAM_INPUT}<&0 4>&2 2>/dev/null; ( eval "$(/usr/bin/head -c "$size")" ) 2>&4 4>&-; exit $? )`,
  'code=$?',
  '[ -n "$mark" ] || exit "$code"',
  'kill -KILL -1 2>/dev/null',
  'cd /',
  '/usr/bin/chmod -R u+rwX $places 2>/dev/null',
  `printf '%s %s\\n' "$mark" "$code"`,
  'exec /usr/bin/tar --format=gnu --hard-dereference --numeric-owner -cf - $places 2>/dev/null',
].join('\n');
/** Pid 1 and the shell between. */
const OWN_PROCESSES = 2;

/** Files of the container's that the engine makes for every one and that tell of the host. */
const MASKED_ALWAYS = [
  '/sys',
  '/etc/resolv.conf',
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
];
const READ_ONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Named, so that an engine whose default is another runtime does not choose it. */
export type Runtime = 'runc' | 'runsc';
/** gVisor's kernel is a process of the host: its own threads, and one or more for each thread inside. */
const SENTRY_THREADS = 256;
const THREADS_PER_PROCESS = 4;

const NANO = 1_000_000_000;
const CPU_SHARES = 1024;

interface BindMount {
  readonly Type: 'bind';
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
  readonly BindOptions: { readonly Propagation: 'rprivate'; readonly NonRecursive: true };
}

/** Not recursive: engines before 25.0 leave what is mounted below a read-only bind writable. */
const bind = (source: string, target: string, readOnly: boolean): BindMount => ({
  Type: 'bind',
  Source: source,
  Target: target,
  ReadOnly: readOnly,
  BindOptions: { Propagation: 'rprivate', NonRecursive: true },
});

/** A directory of the container's own, in memory and bounded, that is filled from here. */
export interface Place {
  readonly target: string;
  readonly bytes: number;
  /** The sandbox's user, who may write it, or the carrier, for what may only be read. */
  readonly owner: 'sandbox' | 'carrier';
}

/** A user no sandbox runs as: what it brings, the sandbox's user cannot change. */
export const carrierOf = (uid: number): number => (uid === 65_533 ? 65_532 : 65_533);

/** Host source by the path inside; what the attestation compares. */
export function bindsOf(profile: Profile, site: ContainerSite): readonly BindMount[] {
  const { workspace, home, egressSocket } = profile;
  if (site.isFar) return [];
  return [
    ...site.system.map((path) => bind(path, path, true)),
    bind(site.node, NODE_INSIDE, true),
    ...(site.honey === '' ? [] : [bind(site.honey, HONEY_INSIDE, !site.honeyWritable)]),
    // A copy-on-write plan arrives as `rw` on its copy; unconverted it must not reach the original.
    ...(workspace.access === 'none' ? [] : [bind(workspace.source, WORKSPACE_INSIDE, workspace.access !== 'rw')]),
    ...(home === '' ? [] : [bind(home, HOME_INSIDE, false)]),
    ...(egressSocket === '' ? [] : [bind(egressSocket, EGRESS_SOCKET_INSIDE, true)]),
  ];
}

const EMPTY = 'ro,noexec,nosuid,nodev,size=4096,mode=555';

function hostConfig(profile: Profile, site: ContainerSite, places: readonly Place[]) {
  const { uid, gid } = site;
  const isGvisor = site.runtime === 'runsc';
  const tmpfs = (mode: string, owner = ''): string =>
    `rw,exec,nosuid,nodev,size=${profile.diskBytes},mode=${mode}${owner}`;
  const limit = (name: string, value: number) => ({ Name: name, Soft: value, Hard: value });
  const carried = places.map(({ target, bytes, owner }): [string, string] => {
    const id = owner === 'carrier' ? carrierOf(uid) : uid;
    return [
      target,
      `rw,exec,nosuid,nodev,size=${bytes},mode=${owner === 'carrier' ? '0755' : '0700'},uid=${id},gid=${id}`,
    ];
  });
  // They are memory, and count as the sandbox's.
  const memory = profile.memoryBytes + places.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    NetworkMode: 'none',
    IpcMode: 'private',
    CgroupnsMode: 'private',
    PidMode: '',
    UTSMode: '',
    UsernsMode: '',
    Privileged: false,
    CapAdd: null,
    CapDrop: ['ALL'],
    SecurityOpt: [
      'no-new-privileges',
      `seccomp=${JSON.stringify(site.seccomp({ unixSockets: profile.egressSocket !== '' }))}`,
    ],
    ReadonlyRootfs: true,
    Runtime: site.runtime,
    Binds: null,
    Devices: [],
    GroupAdd: null,
    Mounts: bindsOf(profile, site),
    Tmpfs: {
      [TMP_INSIDE]: tmpfs('1777'),
      // gVisor masks no paths outside /proc; an empty directory tells as little.
      ...(isGvisor ? { '/sys': EMPTY, '/sys/fs/cgroup': EMPTY } : {}),
      ...(profile.home === '' ? { [HOME_INSIDE]: tmpfs('0700', `,uid=${uid},gid=${gid}`) } : {}),
      ...Object.fromEntries(carried),
    },
    ShmSize: profile.diskBytes,
    Memory: memory,
    MemorySwap: memory,
    PidsLimit: isGvisor
      ? SENTRY_THREADS + THREADS_PER_PROCESS * (profile.processes + OWN_PROCESSES)
      : profile.processes + OWN_PROCESSES,
    CpuShares: CPU_SHARES,
    // One core is left to everybody else, where there is more than one.
    NanoCpus: Math.max(1, site.cores - 1) * NANO,
    // Not nproc with runc: the host's kernel counts that over all processes of the user, every container's and its own.
    Ulimits: [
      limit('core', 0),
      limit('data', dataLimit(profile.memoryBytes)),
      limit('fsize', profile.fileBytes),
      limit('nofile', OPEN_FILES),
      ...(isGvisor ? [limit('nproc', profile.processes + OWN_PROCESSES)] : []),
    ],
    MaskedPaths: [...new Set([...MASKED_ALWAYS, ...site.maskedPaths])],
    ReadonlyPaths: READ_ONLY_PATHS,
    // Output goes to whoever is attached; a log would be a copy of it on the host's disk.
    LogConfig: { Type: 'none', Config: {} },
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: false,
  };
}

export function containerOptions(
  profile: Profile,
  site: ContainerSite,
  labels: Readonly<Record<string, string>>,
  places: readonly Place[] = [],
) {
  return {
    Image: site.image,
    Hostname: HOSTNAME_INSIDE,
    User: `${site.uid}:${site.gid}`,
    Entrypoint: ['/usr/bin/env', '-i', SHELL_INSIDE, '-c', WAITING_SHELL],
    Cmd: [] as readonly string[],
    Env: [] as readonly string[],
    WorkingDir: '/',
    Labels: labels,
    NetworkDisabled: true,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    StopSignal: 'SIGKILL',
    HostConfig: hostConfig(profile, site, places),
  };
}

export type ContainerOptions = ReturnType<typeof containerOptions>;

/** What the waiting shell reads before the program's input. `back` is a mark and the directories to bring back. */
export function handoverBytes(script: string, back = ''): Buffer {
  const text = Buffer.from(script, 'utf8');
  return Buffer.concat([Buffer.from(`${text.length} ${back}`.trimEnd() + '\n'), text]);
}
