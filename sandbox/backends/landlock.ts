/**
 * What this machine has of Landlock, and the launcher a sandbox of a profile starts with. Fails closed where the policy
 * requires it; elsewhere a kernel without it means one layer less, which receipts and proofs say.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isArchitecture } from '../landlock/elf.ts';
import { abiQuestion, landlockLauncher } from '../landlock/launcher.ts';
import { landlockRuleset, OLDEST_ABI, TCP_ABI } from '../landlock/rights.ts';
import type { RulesetOptions } from '../landlock/rights.ts';
import type { HostLayout } from './bubblewrap-arguments.ts';
import type { Profile } from './profile.ts';

export interface LandlockPolicy {
  /** `auto` uses it where the kernel has it, `required` runs nothing without. */
  readonly use: 'auto' | 'required';
  /** Which TCP a sandbox without network may use: among its own programs, or none. */
  readonly tcp: 'loopback' | 'none';
}

export interface Landlock {
  /** Version that is used; 0 where none is. */
  readonly abi: number;
  readonly tcp: LandlockPolicy['tcp'];
}

export type FoundLandlock =
  | { readonly kind: 'found'; readonly landlock: Landlock }
  | { readonly kind: 'unusable'; readonly reason: string };

const CURE = 'boot a kernel with CONFIG_SECURITY_LANDLOCK and landlock in its lsm= list';

/** Of a kernel that answered `abi`, 0 for none. */
export function decideLandlock(abi: number, policy: LandlockPolicy): FoundLandlock {
  const needed = policy.tcp === 'none' ? TCP_ABI : policy.use === 'required' ? OLDEST_ABI : 0;
  if (abi < needed) {
    const key = policy.tcp === 'none' ? 'sandbox.landlock.tcp none' : 'sandbox.landlock.use required';
    return {
      kind: 'unusable',
      reason: `${key} needs Landlock ${needed}, this kernel has ${abi === 0 ? 'none' : abi}: ${CURE}`,
    };
  }
  return { kind: 'found', landlock: { abi: abi < OLDEST_ABI ? 0 : abi, tcp: policy.tcp } };
}

/** Asks the kernel, by a program in `staging` that asks and ends. 0 where there is none or it could not be asked. */
export function askLandlock(staging: string): Promise<number> {
  const { arch } = process;
  if (!isArchitecture(arch)) return Promise.resolve(0);
  const path = join(staging, `landlock-abi-${randomUUID()}`);
  writeFileSync(path, abiQuestion(arch), { mode: 0o700, flag: 'wx' });
  return new Promise((resolve) => {
    execFile(path, [], { env: {}, timeout: 5000 }, (error) => {
      rmSync(path, { force: true });
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve(code < 128 ? code : 0);
    });
  });
}

/** The executable a sandbox starts with, made once for each kind of profile; undefined where there is no Landlock. */
export function launcherFor(
  profile: Profile,
  layout: HostLayout,
  landlock: Landlock,
  honey: boolean,
): Buffer | undefined {
  const { arch } = process;
  if (landlock.abi === 0 || !isArchitecture(arch)) return undefined;
  const egress = profile.egressSocket !== '';
  // A copy-on-write plan arrives as `rw` on its copy; unconverted it is mounted read-only.
  const { access } = profile.workspace;
  const options: RulesetOptions = {
    abi: landlock.abi,
    workspace: access === 'cow' ? 'ro' : access,
    egress,
    honey,
    directories: layout.directories,
    withoutTcp: landlock.tcp === 'none' && !egress,
  };
  const key = JSON.stringify(options);
  let made = launchers.get(key);
  if (made === undefined) launchers.set(key, (made = landlockLauncher(landlockRuleset(options), arch)));
  return made;
}

const launchers = new Map<string, Buffer>();
