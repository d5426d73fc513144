/**
 * What a Landlock domain grants in a sandbox: the mount plan once more, said to a part of the kernel that shares no code with
 * mounts. Pure. Fails closed: a place that is not named grants nothing but the listing of its names.
 */
import { HOME_INSIDE, HONEY_INSIDE, TMP_INSIDE, WORKSPACE_INSIDE } from '../tools/programs.ts';

/** First version with LANDLOCK_ACCESS_FS_REFER: without it no file can be moved between directories, which breaks git and npm. */
export const OLDEST_ABI = 2;
export const TCP_ABI = 4;
const SCOPES_ABI = 6;

/** LANDLOCK_ACCESS_FS_* of linux/landlock.h. */
const FS = {
  execute: 1 << 0,
  writeFile: 1 << 1,
  readFile: 1 << 2,
  readDirectory: 1 << 3,
  removeDirectory: 1 << 4,
  removeFile: 1 << 5,
  makeDevice: (1 << 6) | (1 << 11),
  makeDirectory: 1 << 7,
  makeRegular: 1 << 8,
  makeSocket: 1 << 9,
  makeFifo: 1 << 10,
  makeLink: 1 << 12,
  moveBetween: 1 << 13,
  truncate: 1 << 14,
  deviceControl: 1 << 15,
} as const;
const TCP = { bind: 1 << 0, connect: 1 << 1 } as const;
const SCOPE = { abstractSocket: 1 << 0, signal: 1 << 1 } as const;

/** The rights of each version since OLDEST_ABI; a newer kernel knows more, and is asked for no more than these. */
function known(abi: number): number {
  const first = (1 << 14) - 1;
  return first | (abi >= 3 ? FS.truncate : 0) | (abi >= 5 ? FS.deviceControl : 0);
}

const READ = FS.readFile | FS.readDirectory;
const RUN = READ | FS.execute;
/** Everything a program does with files of its own. Neither devices nor sockets: no bind mount may bring a host one to talk to. */
const OWN =
  READ |
  FS.writeFile |
  FS.removeDirectory |
  FS.removeFile |
  FS.makeDirectory |
  FS.makeRegular |
  FS.makeFifo |
  FS.makeLink |
  FS.moveBetween |
  FS.truncate;

export interface Place {
  readonly path: string;
  /** Bits of LANDLOCK_ACCESS_FS_*. */
  readonly allowed: number;
}

export interface Ruleset {
  /** `struct landlock_ruleset_attr`, as long as this version of the kernel takes it. */
  readonly attributes: Buffer;
  readonly places: readonly Place[];
}

export interface RulesetOptions {
  /** What the kernel answered, OLDEST_ABI or more. */
  readonly abi: number;
  readonly workspace: 'none' | 'ro' | 'rw';
  /** Whether there is an egress proxy's socket, and so the filter lets programs make sockets. */
  readonly egress: boolean;
  /** Whether honey files are mounted. */
  readonly honey: boolean;
  /** Top-level system directories beside /usr, without the slash. */
  readonly directories: readonly string[];
  /** No TCP at all, the sandbox's own loopback included. Needs TCP_ABI. */
  readonly withoutTcp: boolean;
}

export function landlockRuleset(options: RulesetOptions): Ruleset {
  const { abi, workspace, egress, honey, directories, withoutTcp } = options;
  if (abi < OLDEST_ABI || (withoutTcp && abi < TCP_ABI))
    throw new Error('landlock: this kernel is too old for the rules');
  const sockets = egress ? FS.makeSocket : 0;
  const place = (path: string, allowed: number): readonly Place[] => [{ path, allowed: allowed & known(abi) }];
  return {
    attributes: attributes(abi, withoutTcp),
    places: [
      // A rule holds for all beneath it, so `ls /` cannot be had without `ls` of whatever else would be mounted by mistake.
      ...place('/', FS.readDirectory),
      ...['usr', ...directories].flatMap((name) => place(`/${name}`, RUN)),
      ...place('/etc', READ),
      ...place('/opt/node', RUN),
      ...(honey ? place(HONEY_INSIDE, READ) : []),
      ...place('/proc', READ),
      ...place('/dev', READ | FS.writeFile),
      ...place('/dev/pts', FS.deviceControl),
      ...place('/dev/tty', FS.deviceControl),
      ...place('/dev/shm', OWN),
      ...place(TMP_INSIDE, OWN | FS.execute | sockets),
      ...place(HOME_INSIDE, OWN | FS.execute | sockets),
      ...(workspace === 'none' ? [] : place(WORKSPACE_INSIDE, workspace === 'rw' ? OWN | FS.execute : RUN)),
    ].filter(({ allowed }) => allowed !== 0),
  };
}

function attributes(abi: number, withoutTcp: boolean): Buffer {
  const words = [
    known(abi),
    ...(abi >= TCP_ABI ? [withoutTcp ? TCP.bind | TCP.connect : 0] : []),
    ...(abi >= SCOPES_ABI ? [SCOPE.abstractSocket | SCOPE.signal] : []),
  ];
  const bytes = Buffer.alloc(words.length * 8);
  for (const [index, word] of words.entries()) bytes.writeBigUInt64LE(BigInt(word), index * 8);
  return bytes;
}
