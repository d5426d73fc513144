/**
 * What travels with a call to a container on another machine: directories that its own user fills before the program and that
 * may come back after it, and such that a carrier fills for it to read. Everything is in the container's memory there, bounded,
 * and gone with it. Fails closed: what does not come back whole is not taken.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PROGRAM_INPUT } from '../handover.ts';
import type { Place } from './container-options.ts';
import { packTrees } from './pack-tree.ts';
import type { Packed } from './pack-tree.ts';
import { untar } from './untar.ts';
import type { UntarOptions } from './untar.ts';

/** A private directory here, and where it goes. */
export interface CarriedTree {
  /** Absolute path inside. */
  readonly target: string;
  readonly directory: string;
  readonly access: 'ro' | 'rw';
  /** What may be written beside what is brought. */
  readonly spareBytes: number;
}

export interface Carriage {
  readonly places: readonly Place[];
  /** Filled by the carrier, after the attestation and before the handover. */
  readonly forCarrier: Packed | undefined;
  /** Filled by the sandbox's own user, as the beginning of its script. */
  readonly forSandbox: Packed | undefined;
  /** Of the largest file: no larger one can be written there. */
  readonly largest: number;
  /** Nobody can guess it before; empty when nothing is brought back. */
  readonly mark: string;
  /** In the words of the waiting shell. */
  readonly back: string;
  /** Rejects when what comes is not whole or not what was agreed; the private directories are to be thrown away then. */
  receive(bytes: AsyncIterable<Buffer>): Promise<void>;
}

export const CARRY_LIMITS = { maxEntries: 20_000, maxBytes: 256 * 1024 * 1024 } as const;
/** tmpfs counts a page for every file however small, and one for every name. */
const PAGE = 4096;
const insideArchive = (target: string): string => target.slice(1);

/** Undefined when it is more than may be carried. */
export async function makeCarriage(
  trees: readonly CarriedTree[],
  owner: UntarOptions['owner'],
): Promise<Carriage | undefined> {
  const pack = async (some: readonly CarriedTree[], without: number): Promise<Packed | undefined> =>
    some.length === 0
      ? undefined
      : packTrees(
          some.map(({ target, directory }) => ({ inside: insideArchive(target), directory, without })),
          CARRY_LIMITS.maxEntries,
        );
  const readOnly = trees.filter(({ access }) => access === 'ro');
  const writable = trees.filter(({ access }) => access === 'rw');
  // Read by the sandbox's user, who is neither owner nor of the group.
  const forCarrier = await pack(readOnly, 0o022);
  const forSandbox = await pack(writable, 0);
  const size = (packed: Packed | undefined): number =>
    (packed?.content ?? 0) + PAGE * 2 * (packed?.entries ?? 0) + PAGE * 16;
  if (size(forCarrier) + size(forSandbox) > CARRY_LIMITS.maxBytes) return undefined;
  const mark = writable.length === 0 ? '' : randomBytes(24).toString('hex');
  return {
    forCarrier,
    forSandbox,
    mark,
    largest: Math.max(forCarrier?.largest ?? 0, forSandbox?.largest ?? 0),
    back: [mark, ...writable.map(({ target }) => insideArchive(target))].join(' '),
    places: trees.map(({ target, access, spareBytes }) => ({
      target,
      owner: access === 'ro' ? 'carrier' : 'sandbox',
      bytes: size(access === 'ro' ? forCarrier : forSandbox) + spareBytes,
    })),
    async receive(bytes) {
      for (const { directory } of writable)
        for (const name of readdirSync(directory, { encoding: 'buffer' }))
          rmSync(Buffer.concat([Buffer.from(`${directory}/`), name]), { recursive: true, force: true });
      await untar(bytes, {
        places: new Map(writable.map(({ target, directory }) => [insideArchive(target), directory])),
        maxEntries: CARRY_LIMITS.maxEntries * 3,
        maxBytes: writable.reduce((sum, { spareBytes }) => sum + spareBytes, size(forSandbox)),
        ...(owner === undefined ? {} : { owner }),
      });
    },
  };
}

/** What the carrier runs. The size is ours, so that it ends without an end of its input. */
export const carrierCommand = (bytes: number): readonly string[] => [
  '/bin/sh',
  '-c',
  `/usr/bin/head -c ${bytes} | /usr/bin/tar -xp --no-same-owner -C / -f - && echo carried`,
];

/** Follows the mark when the program was never begun. */
export const NOT_CARRIED = '!';

/** Before the script that becomes the program: the same for the sandbox's own user. */
export const carryScript = (bytes: number, mark: string): string =>
  `/usr/bin/head -c ${bytes} <&${PROGRAM_INPUT} | /usr/bin/tar -xp --no-same-owner -C / -f - || { printf '${mark}${NOT_CARRIED}'; exit 125; }\n`;

/**
 * Parts a stream at a mark that nobody could know before. What might be the mark's beginning is held back until the next
 * byte tells; `before` and `after` get the rest at once.
 */
export function createMarkSplitter(
  mark: string,
  before: (chunk: Buffer) => void,
  after: (chunk: Buffer) => void,
): { readonly push: (chunk: Buffer) => void; readonly flush: () => void; readonly found: () => boolean } {
  const wanted = Buffer.from(mark);
  let held: Buffer = Buffer.alloc(0);
  let isFound = false;
  return {
    found: () => isFound,
    push(chunk) {
      if (isFound) return after(chunk);
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const at = bytes.indexOf(wanted);
      if (at !== -1) {
        isFound = true;
        if (at > 0) before(bytes.subarray(0, at));
        return after(bytes.subarray(at + wanted.length));
      }
      const from = Math.max(0, bytes.length - wanted.length + 1);
      let keep = bytes.length;
      for (let start = from; start < bytes.length; start++)
        if (wanted.subarray(0, bytes.length - start).equals(bytes.subarray(start))) {
          keep = start;
          break;
        }
      if (keep > 0) before(bytes.subarray(0, keep));
      held = Buffer.from(bytes.subarray(keep));
    },
    flush() {
      if (!isFound && held.length > 0) before(held);
      held = Buffer.alloc(0);
    },
  };
}

export const privateDirectory = (parent: string): string => join(parent, `carried-${randomBytes(8).toString('hex')}`);
