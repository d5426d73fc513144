/**
 * A walk over a directory an agent can write. Every step goes through a descriptor of the directory it stands in and follows
 * no link, so nothing that is swapped meanwhile can lead it elsewhere. Names are bytes: they need not be text.
 */
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

const O_PATH = 0o10000000;

export interface Entry {
  /** Names from the root down, as bytes shown in latin1 so that nothing is lost. */
  readonly path: readonly string[];
  readonly stats: Stats;
  /** Open on the directory that holds the entry; valid only during the visit. */
  readonly parent: number;
  /** Names beside it, itself included. */
  readonly siblings: ReadonlySet<string>;
}

export interface WalkEnd {
  readonly entries: number;
  /** Directories that could not be entered, or lay too deep, or came after the limit. */
  readonly skipped: number;
}

const MAX_DEPTH = 64;
/** Entries handled before other work of the process gets its turn. */
const BREATH = 256;

/** The path of one entry of an open directory, for calls that do not follow a final link. */
export const below = (directory: number, name: string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), Buffer.from(name, 'latin1')]);

export function openDirectory(path: string | Buffer): number {
  return openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

export async function walk(root: number, maxEntries: number, visit: (entry: Entry) => void): Promise<WalkEnd> {
  let entries = 0;
  let skipped = 0;
  const enter = async (directory: number, path: readonly string[]): Promise<void> => {
    const names = readdirSync(Buffer.from(`/proc/self/fd/${directory}`), { encoding: 'buffer' }).map((name) =>
      name.toString('latin1'),
    );
    const siblings = new Set(names);
    for (const name of names) {
      if (entries >= maxEntries) {
        skipped++;
        return;
      }
      entries++;
      if (entries % BREATH === 0) await setImmediate();
      const here = [...path, name];
      let stats: Stats;
      try {
        stats = lstatSync(below(directory, name));
      } catch {
        continue;
      }
      visit({ path: here, stats, parent: directory, siblings });
      if (!stats.isDirectory()) continue;
      if (here.length >= MAX_DEPTH) {
        skipped++;
        continue;
      }
      let child: number;
      try {
        child = openDirectory(below(directory, name));
      } catch {
        skipped++;
        continue;
      }
      try {
        await enter(child, here);
      } catch {
        skipped++;
      } finally {
        closeSync(child);
      }
    }
  };
  await enter(root, []);
  return { entries, skipped };
}

/** A regular file's bytes, up to a limit; undefined for what is larger, gone or not a regular file. */
export function readBounded(directory: number, name: string, limit: number): Buffer | undefined {
  let file: number;
  try {
    // Without O_NONBLOCK a fifo put in its place would hold us until somebody writes.
    file = openSync(below(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const buffer = Buffer.alloc(limit + 1);
    let length = 0;
    for (;;) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0) return Buffer.from(buffer.subarray(0, length));
      if (length > limit) return undefined;
    }
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

export function readLink(directory: number, name: string): string {
  try {
    return readlinkSync(below(directory, name), { encoding: 'buffer' }).toString('latin1');
  } catch {
    return '/';
  }
}

/** Opens the directory that holds `path`, step by step from the root. The caller closes it. Throws when a step is missing. */
export function openParent(root: number, path: readonly string[]): number {
  let directory = openDirectory(`/proc/self/fd/${root}/.`);
  for (const name of path.slice(0, -1)) {
    const next = ((): number => {
      try {
        return openDirectory(below(directory, name));
      } finally {
        closeSync(directory);
      }
    })();
    directory = next;
  }
  return directory;
}

const MAX_LINKS = 40;

/** Whether a link at `path` leads out of the root, following every link on its way as the kernel would. */
export function leavesRoot(root: number, path: readonly string[]): boolean {
  let place = path.slice(0, -1);
  const pending: string[] = [path.at(-1) ?? ''];
  let links = 0;
  while (pending.length > 0) {
    const name = pending.shift() as string;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (place.length === 0) return true;
      place = place.slice(0, -1);
      continue;
    }
    const here = [...place, name];
    let target: string | undefined;
    let parent: number | undefined;
    try {
      parent = openParent(root, here);
      if (lstatSync(below(parent, name)).isSymbolicLink()) target = readLink(parent, name);
    } catch {
      // Does not exist: it leads nowhere yet, and what it names may be made later. The rest is judged by its letters.
    } finally {
      if (parent !== undefined) closeSync(parent);
    }
    if (target === undefined) {
      place = here;
      continue;
    }
    if (target.startsWith('/')) return !isSystemTarget(target);
    if (++links > MAX_LINKS) return true;
    pending.unshift(...target.split('/'));
  }
  return false;
}

/** Programs and libraries that are the same inside and out and that no agent can write: what virtual environments link to. */
function isSystemTarget(target: string): boolean {
  return /^\/(usr|bin|lib|lib64)\//.test(target) && !target.split('/').includes('..');
}

/**
 * Whether a tree holds a Unix socket. One of the host's would be a way out for a sandbox that may make such sockets, so a
 * tree that cannot be seen whole counts as holding one.
 */
export async function holdsSocket(path: string, maxEntries: number): Promise<boolean> {
  const root = openDirectory(path);
  let found = false;
  try {
    const { skipped } = await walk(root, maxEntries, ({ stats }) => {
      found ||= stats.isSocket();
    });
    return found || skipped > 0;
  } finally {
    closeSync(root);
  }
}
