/**
 * A private copy of a workspace, made by descriptors, within bounds. Fails closed: a workspace too large to copy is not
 * copied in part. Special files and set-id bits stay behind.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  fchownSync,
  fchmodSync,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { below, openDirectory, readLink, walk } from './tree.ts';

export interface CopyOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Owner of the copy; absent leaves it to this process. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Leaves behind what this user could not read by its own rights; absent copies all that this process can read. */
  readonly visibleTo?: User;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

const READ = 4;
const WRITE = 2;
const ENTER = 1;

function may({ uid, gid, mode }: Stats, user: User, bits: number): boolean {
  const shift = user.uid === uid ? 6 : user.gid === gid ? 3 : 0;
  return ((mode >> shift) & bits) === bits;
}

const isVisibleTo = (stats: Stats, user: User): boolean =>
  stats.isSymbolicLink() || may(stats, user, stats.isDirectory() ? READ | ENTER : READ);

/** Whether the user could put, replace or remove entries of this directory. */
export const mayChangeIn = (directory: Stats, user: User): boolean =>
  may(directory, user, WRITE | ENTER) && ((directory.mode & 0o1000) === 0 || directory.uid === user.uid);

/** What tells, without reading it, that a file of the copy was not touched. No program can set the change time. */
export interface Mark {
  readonly inode: number;
  readonly changedMs: number;
  readonly size: number;
  readonly mode: number;
  readonly kind: 'file' | 'directory' | 'link';
}

export const pathKey = (path: readonly string[]): string => path.join('/');

export const markOf = (stats: Stats): Mark => ({
  inode: stats.ino,
  changedMs: stats.ctimeMs,
  size: stats.size,
  mode: stats.mode & 0o777,
  kind: stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'file',
});

export type Copied =
  | { readonly kind: 'copied'; readonly marks: ReadonlyMap<string, Mark> }
  | { readonly kind: 'too-large' };

/** Copies into `destination`, which must be an empty directory that nobody else writes yet. */
export async function copyTree(source: string, destination: string, options: CopyOptions): Promise<Copied> {
  const root = openDirectory(source);
  const { owner } = options;
  let bytes = 0;
  const made: (readonly string[])[] = [];
  const left = new Set<string>();
  const target = (path: readonly string[]): Buffer =>
    Buffer.concat([Buffer.from(`${destination}/`), Buffer.from(pathKey(path), 'latin1')]);
  try {
    const end = await walk(root, options.maxEntries, ({ path, stats, parent }) => {
      const name = path.at(-1) ?? '';
      const to = target(path);
      const isHidden = options.visibleTo !== undefined && !isVisibleTo(stats, options.visibleTo);
      if (isHidden || left.has(pathKey(path.slice(0, -1)))) return void left.add(pathKey(path));
      if (stats.isDirectory()) {
        mkdirSync(to, { mode: 0o700 });
        if (owner !== undefined) chownSync(to, owner.uid, owner.gid);
      } else if (stats.isSymbolicLink()) {
        symlinkSync(Buffer.from(readLink(parent, name), 'latin1'), to);
        if (owner !== undefined) lchownSync(to, owner.uid, owner.gid);
      } else if (stats.isFile()) {
        bytes += stats.size;
        if (bytes > options.maxBytes) return;
        copyFile(parent, name, to, stats.mode & 0o777, owner);
      } else return;
      made.push(path);
    });
    if (bytes > options.maxBytes || end.skipped > 0) return { kind: 'too-large' };
  } finally {
    closeSync(root);
  }
  // Modes of directories last, so that a read-only one could be filled; then the marks, when nothing of ours changes any more.
  const marks = new Map<string, Mark>();
  for (const path of made.toReversed()) {
    const to = target(path);
    if (lstatSync(to).isDirectory()) chmodSync(to, 0o755);
    marks.set(pathKey(path), markOf(lstatSync(to)));
  }
  return { kind: 'copied', marks };
}

export function copyFile(parent: number, name: string, to: Buffer, mode: number, owner: CopyOptions['owner']): void {
  const from = openSync(below(parent, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(from).isFile()) return;
    copyFileSync(`/proc/self/fd/${from}`, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    const made = openSync(to, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      if (owner !== undefined) fchownSync(made, owner.uid, owner.gid);
      fchmodSync(made, mode | 0o400);
    } finally {
      closeSync(made);
    }
  } finally {
    closeSync(from);
  }
}
