/**
 * What a backend finds out and lays out once: where bwrap is, as whom it runs, the staged /etc and Node. Fails closed: what
 * is missing makes the backend unusable, with the cure in the reason.
 */
import { chmodSync, copyFileSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { GuardOptions } from '../guard/guard.ts';
import type { HoneyKey } from '../watch/honey.ts';
import { honeyPlanter } from '../watch/honey-files.ts';
import type { CgroupController } from './cgroup.ts';
import { closeInheritedDescriptors, descriptorLimit } from './descriptors.ts';
import { isReachable, readHostLayout, stageEtc, stagingDirectory } from './host-layout.ts';
import { askLandlock, decideLandlock } from './landlock.ts';
import type { LandlockPolicy } from './landlock.ts';
import { findBwrap } from './machine.ts';
import type { Host } from './start-bwrap.ts';

export interface BubblewrapOptions {
  /** User and group of every sandbox when the service is root; never 0. A service that is not root runs them as itself. */
  readonly uid: number;
  readonly gid: number;
  /** Pre-warmed sandboxes per profile. */
  readonly pool: number;
  readonly stateDir: string;
  /** What happens to what a call leaves in a writable workspace for the host to run; `revert` when absent. */
  readonly guard?: GuardOptions['policy'];
  /** Plants honey credentials of this key in every sandbox; none when absent. */
  readonly honey?: HoneyKey;
  /** `auto` and `loopback` when absent. */
  readonly landlock?: LandlockPolicy;
  /** Where to look for bwrap; the usual places when absent. */
  readonly bwrapPlaces?: readonly string[];
  /** Inherited descriptors that are not closed. Sandboxes would inherit them too, so none starts while they are open. */
  readonly keepDescriptors?: readonly number[];
}

export type Prepared =
  | { readonly kind: 'prepared'; readonly host: Host }
  | { readonly kind: 'unusable'; readonly reason: string };

const ROOT_REASON = 'sandbox.uid is 0: bubblewrap run as root is itself a way out; set an unprivileged uid';

/** Node where the sandbox's user can reach it. */
function stageNode(staging: string, uid: number, gid: number): string {
  if (isReachable(process.execPath, uid, gid)) return process.execPath;
  const place = join(staging, 'node');
  try {
    linkSync(process.execPath, place);
  } catch {
    // Another file system.
    copyFileSync(process.execPath, place);
    chmodSync(place, 0o755);
  }
  return place;
}

export async function prepareHost(
  options: BubblewrapOptions,
  cgroups: CgroupController,
  ask: typeof askLandlock = askLandlock,
): Promise<Prepared> {
  const machine = await findBwrap(options.bwrapPlaces);
  if (machine.kind === 'unusable') return machine;
  const { bwrap } = machine;
  closeInheritedDescriptors(options.keepDescriptors);
  const dropsTo = process.getuid?.() === 0;
  const uid = dropsTo ? options.uid : (process.getuid?.() ?? 0);
  const gid = dropsTo ? options.gid : (process.getgid?.() ?? 0);
  if (uid === 0 || gid === 0) return { kind: 'unusable', reason: ROOT_REASON };
  const staging = stagingDirectory(options.stateDir, uid, gid);
  const found = decideLandlock(await ask(staging), options.landlock ?? { use: 'auto', tcp: 'loopback' });
  if (found.kind === 'unusable') {
    rmSync(staging, { recursive: true, force: true });
    return found;
  }
  const { landlock } = found;
  stageEtc(join(staging, 'etc'));
  for (const place of ['workspace', 'home']) mkdirSync(join(staging, place), { mode: 0o755 });
  const layout = readHostLayout(bwrap.bindDescriptor);
  const node = stageNode(staging, uid, gid);
  const { honey } = options;
  const planting = honey === undefined ? {} : { plantHoney: honeyPlanter(honey, staging, true) };
  return {
    kind: 'prepared',
    host: {
      bwrap: bwrap.path,
      layout,
      staging,
      node,
      uid,
      gid,
      dropsTo,
      cgroups,
      landlock,
      openFiles: descriptorLimit(),
      ...planting,
    },
  };
}
