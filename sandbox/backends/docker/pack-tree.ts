/**
 * A private directory as a tar stream. Nobody else writes the directory, so what is announced is what is sent; a file that is
 * shorter all the same is a fault, because every later entry would stand in the wrong place.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { below, openDirectory, openParent, readLink, walk } from '../../guard/tree.ts';
import { BLOCK, paddingOf, TAR_END, tarHeader } from './tar.ts';

export interface PackedTree {
  /** Path in the archive. */
  readonly inside: string;
  readonly directory: string;
  /** Bits that no file or directory of it keeps: 0o022 where others must not write. */
  readonly without?: number;
}

export interface Packed {
  /** Of the whole stream. */
  readonly bytes: number;
  /** Of content. */
  readonly content: number;
  /** Of the largest file. */
  readonly largest: number;
  readonly entries: number;
  stream(): AsyncIterable<Buffer>;
}

interface Item {
  readonly tree: PackedTree;
  readonly path: readonly string[];
  readonly header: Buffer;
  readonly size: number;
}

const CHUNK = 256 * 1024;
const O_READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export async function packTrees(trees: readonly PackedTree[], maxEntries: number): Promise<Packed> {
  const items: Item[] = [];
  for (const tree of trees) {
    const root = openDirectory(tree.directory);
    const keep = 0o777 & ~(tree.without ?? 0);
    try {
      const end = await walk(root, maxEntries, ({ path, stats, parent }) => {
        const name = Buffer.concat([Buffer.from(`${tree.inside}/`), Buffer.from(path.join('/'), 'latin1')]);
        const mode = stats.mode & keep;
        if (stats.isDirectory())
          items.push({
            tree,
            path,
            size: -1,
            header: tarHeader({ kind: 'directory', path: name, mode: mode | 0o500 }),
          });
        else if (stats.isSymbolicLink()) {
          const target = Buffer.from(readLink(parent, path.at(-1) ?? ''), 'latin1');
          items.push({ tree, path, size: -1, header: tarHeader({ kind: 'link', path: name, target }) });
        } else if (stats.isFile()) {
          const { size } = stats;
          items.push({ tree, path, size, header: tarHeader({ kind: 'file', path: name, mode: mode | 0o400, size }) });
        }
      });
      if (end.skipped > 0) throw new Error('pack: the tree could not be seen whole');
    } finally {
      closeSync(root);
    }
  }
  const blocks = (size: number): number => (size <= 0 ? 0 : Math.ceil(size / BLOCK) * BLOCK);
  const sizes = items.map(({ size }) => Math.max(0, size));
  return {
    bytes: items.reduce((sum, { header, size }) => sum + header.length + blocks(size), TAR_END.length),
    content: sizes.reduce((sum, size) => sum + size, 0),
    largest: Math.max(0, ...sizes),
    entries: items.length,
    stream: () => streamOf(items),
  };
}

async function* streamOf(items: readonly Item[]): AsyncIterable<Buffer> {
  const roots = new Map<PackedTree, number>();
  try {
    for (const { tree, path, header, size } of items) {
      yield header;
      if (size <= 0) continue;
      const root = roots.get(tree) ?? openDirectory(tree.directory);
      roots.set(tree, root);
      yield* contentOf(root, path, size);
      yield paddingOf(size);
    }
    yield TAR_END;
  } finally {
    for (const root of roots.values()) closeSync(root);
  }
}

async function* contentOf(root: number, path: readonly string[], size: number): AsyncIterable<Buffer> {
  const parent = openParent(root, path);
  let file: number;
  try {
    file = openSync(below(parent, path.at(-1) ?? ''), O_READ);
  } finally {
    closeSync(parent);
  }
  try {
    for (let left = size; left > 0;) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, left));
      const count = readSync(file, chunk);
      if (count === 0) throw new Error('pack: a file changed');
      left -= count;
      yield chunk.subarray(0, count);
      await setImmediate();
    }
  } finally {
    closeSync(file);
  }
}
