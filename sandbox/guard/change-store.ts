/**
 * Copy-on-write workspaces: a call works on a private copy, and what it changed waits here as a change set until somebody
 * applies or discards it. Fails closed: nothing reaches the workspace by itself, and a file that changed there meanwhile, or
 * that the guard objects to, is never overwritten.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  chownSync,
  closeSync,
  constants,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { copyFile, copyTree, markOf, mayChangeIn, pathKey } from './copy-tree.ts';
import type { CopyOptions, Mark, User } from './copy-tree.ts';
import { guardWorkspace, showPath } from './guard.ts';
import { below, openDirectory, openParent, readLink, walk } from './tree.ts';

const change = z.strictObject({
  /** Path within the workspace as bytes in latin1; `shown` is the one for people. */
  path: z.string(),
  shown: z.string(),
  change: z.enum(['added', 'modified', 'deleted']),
  kind: z.enum(['file', 'directory', 'link']),
  size: z.number(),
  /** Identity of what the copy was made from; empty for what was added. */
  base: z.string(),
});
const finding = z.strictObject({ rule: z.string(), path: z.string() });
const changeSet = z.strictObject({
  id: z.uuid(),
  workspace: z.string(),
  changes: z.array(change),
  /** What the guard would have taken back; such a set is applied only when told to in as many words. */
  findings: z.array(finding),
});
export type Change = z.infer<typeof change>;
export type ChangeSet = z.infer<typeof changeSet>;

export type Applied =
  | { readonly kind: 'applied'; readonly changes: number }
  /** Nothing was changed. */
  | {
      readonly kind: 'refused';
      readonly why: 'unknown' | 'conflict' | 'guard' | 'forbidden';
      readonly paths: readonly string[];
    };

export interface ApplyOptions {
  readonly despiteGuard?: boolean;
  /** Only what this user could change by its own rights, and what is made is its. Absent: as the operator who asked. */
  readonly as?: User;
}

export interface PrivateCopy {
  readonly id: string;
  /** Where the call works. */
  readonly path: string;
  /** To be called once nothing of the call runs any more. */
  finish(): Promise<ChangeSet>;
  discard(): void;
}

/** In the directory of a copy that is in use, with the number of the process that made it. */
const IN_USE = 'in-use';
/** What is being made or deleted bears such a number in its name, and is nobody's once that process is gone. */
const PASSING = /^passing-([1-9]\d{0,9})-/;

export interface ChangeStore {
  open(workspace: string): Promise<PrivateCopy | { readonly kind: 'too-large' }>;
  list(): readonly string[];
  read(id: string): ChangeSet | undefined;
  apply(id: string, options?: ApplyOptions): Promise<Applied>;
  discard(id: string): boolean;
}

export interface ChangeStoreOptions extends CopyOptions {
  /** Directory of the store; only the service writes it. */
  readonly directory: string;
}

/** What a copy-on-write workspace may hold. */
export const COPY_LIMITS = { maxEntries: 50_000, maxBytes: 1024 * 1024 * 1024 } as const;

export function changesDirectory(stateDir: string): string {
  return join(stateDir, 'changes');
}

const ID = /^[0-9a-f-]{36}$/;
const CHUNK = 1024 * 1024;

/** Identity of a file's content, or of a link's target. */
function identityOf(parent: number, name: string): string {
  const stats = lstatSync(below(parent, name));
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return `link ${createHash('sha256').update(readLink(parent, name)).digest('hex')}`;
  if (!stats.isFile()) return 'special';
  const file = openSync(below(parent, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const hash = createHash('sha256').update(`${stats.mode & 0o111} `);
    const buffer = Buffer.alloc(CHUNK);
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer))
      hash.update(buffer.subarray(0, count));
    return hash.digest('hex');
  } finally {
    closeSync(file);
  }
}

function identityAt(root: number, path: readonly string[]): string {
  let parent: number;
  try {
    parent = openParent(root, path);
  } catch (error) {
    // Anything but a directory on the way is not the tree the copy was made from.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? '' : 'blocked';
  }
  try {
    return identityOf(parent, path.at(-1) ?? '');
  } catch {
    return '';
  } finally {
    closeSync(parent);
  }
}

async function compare(
  workspace: string,
  copy: string,
  marks: ReadonlyMap<string, Mark>,
  maxEntries: number,
): Promise<readonly Change[]> {
  const original = openDirectory(workspace);
  const changed = openDirectory(copy);
  const changes: Change[] = [];
  const seen = new Set<string>();
  const add = (
    path: readonly string[],
    kind: Change['kind'],
    size: number,
    what: Change['change'],
    base: string,
  ): void => {
    changes.push({ path: pathKey(path), shown: showPath(path), change: what, kind, size, base });
  };
  try {
    await walk(changed, maxEntries, ({ path, stats, parent }) => {
      const before = marks.get(pathKey(path));
      const now = markOf(stats);
      if (!stats.isFile() && !stats.isDirectory() && !stats.isSymbolicLink()) return;
      seen.add(pathKey(path));
      if (before === undefined) return add(path, now.kind, now.size, 'added', '');
      if (before.inode === now.inode && before.changedMs === now.changedMs) return;
      if (now.kind === 'directory' && before.kind === 'directory') return;
      const base = identityAt(original, path);
      if (base !== identityOf(parent, path.at(-1) ?? '')) add(path, now.kind, now.size, 'modified', base);
    });
    for (const [name, mark] of marks) {
      if (seen.has(name)) continue;
      const path = name.split('/');
      add(path, mark.kind, 0, 'deleted', identityAt(original, path));
    }
    return changes.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  } finally {
    closeSync(original);
    closeSync(changed);
  }
}

const isRoot = (): boolean => process.getuid?.() === 0;
const above = (path: string): string => path.split('/').slice(0, -1).join('/');

/** By the rights of the directory that holds it, through which a user replaces what it cannot open. */
function mayChange(root: number, path: string, user: User): boolean {
  try {
    const parent = openParent(root, path.split('/'));
    try {
      return mayChangeIn(lstatSync(`/proc/self/fd/${parent}/.`), user);
    } finally {
      closeSync(parent);
    }
  } catch {
    return false;
  }
}

/** Puts one changed entry in place by a rename, beneath directories reached step by step. */
function applyOne(from: number, to: number, one: Change, as: User | undefined): void {
  const path = one.path.split('/');
  const name = path.at(-1) ?? '';
  const parent = openParent(to, path);
  try {
    if (one.change === 'deleted')
      return one.kind === 'directory' ? rmdirSync(below(parent, name)) : unlinkSync(below(parent, name));
    if (one.kind === 'directory') {
      if (one.change === 'modified') unlinkSync(below(parent, name));
      mkdirSync(below(parent, name), { mode: 0o755 });
      if (as !== undefined && isRoot()) lchownSync(below(parent, name), as.uid, as.gid);
      return;
    }
    const source = openParent(from, path);
    try {
      const temporary = below(parent, `.sluice-apply-${randomUUID()}`);
      if (one.kind === 'link') symlinkSync(Buffer.from(readLink(source, name), 'latin1'), temporary);
      else {
        const directory = lstatSync(`/proc/self/fd/${parent}/.`);
        copyFile(
          source,
          name,
          temporary,
          lstatSync(below(source, name)).mode & 0o777,
          isRoot() ? (as ?? { uid: directory.uid, gid: directory.gid }) : undefined,
        );
      }
      if (one.base === 'directory') rmdirSync(below(parent, name));
      renameSync(temporary, below(parent, name));
    } finally {
      closeSync(source);
    }
  } finally {
    closeSync(parent);
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

export function createChangeStore(options: ChangeStoreOptions): ChangeStore {
  const { directory } = options;
  const place = (id: string): string => join(directory, id);
  const read = (id: string): ChangeSet | undefined => {
    if (!ID.test(id) || !existsSync(join(place(id), 'changes.json'))) return undefined;
    return changeSet.parse(JSON.parse(readFileSync(join(place(id), 'changes.json'), 'utf8')));
  };
  const passing = (): string => join(directory, `passing-${process.pid}-${randomUUID()}`);
  const discard = (id: string): boolean => {
    if (!ID.test(id) || !existsSync(place(id))) return false;
    const doomed = passing();
    renameSync(place(id), doomed);
    rmSync(doomed, { recursive: true, force: true });
    return true;
  };
  /** Copies of calls that were killed with their executor: nobody will finish them, and no workspace was touched. */
  const sweep = (): void => {
    for (const name of existsSync(directory) ? readdirSync(directory) : []) {
      const maker = Number(PASSING.exec(name)?.[1] ?? contentOf(join(directory, name, IN_USE)));
      if (!(maker > 0) || isAlive(maker)) continue;
      if (PASSING.test(name)) rmSync(join(directory, name), { recursive: true, force: true });
      else if (!existsSync(join(directory, name, 'changes.json'))) discard(name);
    }
  };

  return {
    read,
    discard,
    list: () => (existsSync(directory) ? readdirSync(directory) : []).filter((id) => read(id) !== undefined),
    async open(workspace) {
      sweep();
      const id = randomUUID();
      const path = join(place(id), 'tree');
      mkdirSync(directory, { recursive: true, mode: 0o711 });
      const made = passing();
      mkdirSync(made, { mode: 0o711 });
      writeFileSync(join(made, IN_USE), String(process.pid), { mode: 0o600 });
      renameSync(made, place(id));
      mkdirSync(path, { mode: 0o700 });
      const copied = await copyTree(workspace, path, options).catch((error: unknown) => {
        discard(id);
        throw error;
      });
      if (copied.kind === 'too-large') {
        discard(id);
        return copied;
      }
      if (options.owner !== undefined) chownSync(path, options.owner.uid, options.owner.gid);
      const guard = await guardWorkspace(path, { policy: 'report', quarantine: '' });
      return {
        id,
        path,
        discard: () => void discard(id),
        async finish() {
          const findings = (await guard.finish()).map(({ rule, path: shown }) => ({ rule, path: shown }));
          const changes = await compare(workspace, path, copied.marks, options.maxEntries);
          const set: ChangeSet = { id, workspace, changes: [...changes], findings };
          if (changes.length === 0 && findings.length === 0) discard(id);
          else {
            const written = join(place(id), 'changes.json-new');
            writeFileSync(written, JSON.stringify(set), { mode: 0o600 });
            renameSync(written, join(place(id), 'changes.json'));
            rmSync(join(place(id), IN_USE), { force: true });
          }
          return set;
        },
      };
    },
    async apply(id, { despiteGuard = false, as } = {}) {
      const set = read(id);
      if (set === undefined) return { kind: 'refused', why: 'unknown', paths: [] };
      if (set.findings.length > 0 && !despiteGuard)
        return { kind: 'refused', why: 'guard', paths: set.findings.map(({ path }) => path) };
      const to = openDirectory(set.workspace);
      const from = openDirectory(join(place(id), 'tree'));
      try {
        const conflicts = set.changes.filter(({ path, base }) => identityAt(to, path.split('/')) !== base);
        if (conflicts.length > 0)
          return { kind: 'refused', why: 'conflict', paths: conflicts.map(({ shown }) => shown) };
        const added = new Set(set.changes.filter(({ kind }) => kind === 'directory').map(({ path }) => path));
        const forbidden =
          as === undefined ? [] : set.changes.filter(({ path }) => !added.has(above(path)) && !mayChange(to, path, as));
        if (forbidden.length > 0)
          return { kind: 'refused', why: 'forbidden', paths: forbidden.map(({ shown }) => shown) };
        const deletions = set.changes.filter(({ change: what }) => what === 'deleted').toReversed();
        for (const one of deletions) applyOne(from, to, one, as);
        for (const one of set.changes) if (one.change !== 'deleted') applyOne(from, to, one, as);
      } finally {
        closeSync(to);
        closeSync(from);
      }
      discard(id);
      return { kind: 'applied', changes: set.changes.length };
    },
  };
}
