/**
 * Unpacks a tar stream that an enemy may have written, an agent or the engine of another machine, into directories that only
 * this process writes. Fails closed: an entry of a kind, name, size or number that was not agreed ends it, nothing lies
 * outside the given directories then, and the caller throws what is inside away.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { BLOCK, TYPES } from './tar.ts';

export interface UntarOptions {
  /** Existing, empty directories by the path in the archive that fills them; everything else in it is refused. */
  readonly places: ReadonlyMap<string, string>;
  readonly maxEntries: number;
  /** Of content, in sum. */
  readonly maxBytes: number;
  /** Owner of what is made; absent leaves it to this process. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** `code` says what was wrong, and never a name out of the archive. */
export class UntarFault extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`untar: ${code}`);
    this.code = code;
  }
}

/** The one fault that a lost connection makes as well. */
export const CUT_SHORT = 'truncated';
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;
const MAX_DEPTH = 64;
const FIFO = '6';

/** Bytes by the piece, as many as are asked for. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);
  constructor(bytes: AsyncIterable<Buffer>) {
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `most`. */
  async some(most: number): Promise<Buffer> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) throw new UntarFault(CUT_SHORT);
      this.#held = next.value;
    }
    const taken = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  async exactly(count: number): Promise<Buffer> {
    const result = Buffer.alloc(count);
    for (let have = 0; have < count;) {
      const piece = await this.some(count - have);
      result.set(piece, have);
      have += piece.length;
    }
    return result;
  }

  /** Reads to the end, which may be padding only. */
  async rest(): Promise<void> {
    let more = this.#held;
    for (;;) {
      if (more.some((byte) => byte !== 0)) throw new UntarFault('more after the end');
      const next = await this.#chunks.next();
      if (next.done === true) return;
      more = next.value;
    }
  }
}

interface Header {
  readonly type: string;
  readonly name: Buffer;
  readonly target: Buffer;
  readonly mode: number;
  readonly size: number;
}

const untilZero = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
};

function octal(bytes: Buffer): number {
  const text = untilZero(bytes).toString('latin1').trim();
  if (!/^[0-7]{1,11}$/.test(text)) throw new UntarFault('a number is none');
  return Number.parseInt(text, 8);
}

/** Undefined for a block of zeros. */
function parseHeader(block: Buffer): Header | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (octal(block.subarray(148, 156)) !== sum) throw new UntarFault('a checksum is wrong');
  // GNU's magic has no prefix field; ustar's does, and nobody we ask writes one.
  if (!block.subarray(257, 262).equals(Buffer.from('ustar'))) throw new UntarFault('not tar');
  if (block[262] === 0 && block[345] !== 0) throw new UntarFault('a prefix');
  return {
    type: String.fromCharCode(block[156] ?? 0),
    name: untilZero(block.subarray(0, 100)),
    target: untilZero(block.subarray(157, 257)),
    mode: octal(block.subarray(100, 108)),
    size: octal(block.subarray(124, 136)),
  };
}

/** Names from the root down, as bytes shown in latin1. */
function namesOf(path: Buffer): readonly string[] {
  if (path.length > MAX_PATH_BYTES || path.includes(0)) throw new UntarFault('a name is too long');
  const names = path.toString('latin1').replace(/\/$/, '').split('/');
  if (names.length > MAX_DEPTH) throw new UntarFault('too deep');
  for (const name of names)
    if (name === '' || name === '.' || name === '..' || name.length > MAX_NAME_BYTES)
      throw new UntarFault('a name leads elsewhere');
  return names;
}

export async function untar(bytes: AsyncIterable<Buffer>, options: UntarOptions): Promise<void> {
  const source = new Source(bytes);
  const { owner } = options;
  /** What was made, by path in the archive. Nobody else writes there, so this is what is there. */
  const made = new Map<string, 'directory' | 'other'>();
  const links: { readonly at: Buffer; readonly target: Buffer }[] = [];
  const directories: { readonly at: Buffer; readonly mode: number }[] = [];
  let left = options.maxBytes;
  let entries = 0;

  /** Where an entry goes; its parent is a directory that was made here, and it is not there yet. */
  const place = (names: readonly string[], kind: 'directory' | 'other'): Buffer | undefined => {
    const path = names.join('/');
    const [root, directory] =
      [...options.places].find(([inside]) => path === inside || path.startsWith(`${inside}/`)) ?? [];
    if (root === undefined || directory === undefined) {
      // The way to a place: `home` of `home/agent`.
      const onTheWay =
        kind === 'directory' && [...options.places.keys()].some((inside) => inside.startsWith(`${path}/`));
      if (onTheWay) return undefined;
      throw new UntarFault('an entry was not asked for');
    }
    if (path === root) {
      if (kind !== 'directory' || made.has(path)) throw new UntarFault('a place is no directory');
      made.set(path, 'directory');
      return undefined;
    }
    if (made.has(path) || made.get(names.slice(0, -1).join('/')) !== 'directory')
      throw new UntarFault('an entry stands where it cannot');
    made.set(path, kind);
    return Buffer.concat([Buffer.from(directory), Buffer.from(path.slice(root.length), 'latin1')]);
  };

  const writeFile = async (at: Buffer, size: number, mode: number): Promise<void> => {
    const file = openSync(at, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      for (let rest = size; rest > 0;) {
        const piece = await source.some(rest);
        rest -= piece.length;
        for (let written = 0; written < piece.length;) written += writeSync(file, piece, written);
      }
      if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
      fchmodSync(file, (mode & 0o777) | 0o400);
    } finally {
      closeSync(file);
    }
    await source.exactly((BLOCK - (size % BLOCK)) % BLOCK);
  };

  let longName: Buffer | undefined;
  let longTarget: Buffer | undefined;
  for (;;) {
    const header = parseHeader(await source.exactly(BLOCK));
    if (header === undefined) break;
    if (++entries > options.maxEntries) throw new UntarFault('too many entries');
    const { type, size, mode } = header;
    if (type === TYPES.longName || type === TYPES.longTarget) {
      if (size > MAX_PATH_BYTES + 1) throw new UntarFault('a name is too long');
      const text = untilZero(await source.exactly(size));
      await source.exactly((BLOCK - (size % BLOCK)) % BLOCK);
      if (type === TYPES.longName) longName = text;
      else longTarget = text;
      continue;
    }
    const names = namesOf(longName ?? header.name);
    const target = longTarget ?? header.target;
    longName = undefined;
    longTarget = undefined;
    if (type !== TYPES.file && type !== '\0' && size !== 0) throw new UntarFault('content where none belongs');
    left -= size;
    if (left < 0) throw new UntarFault('too large');
    switch (type) {
      case TYPES.directory: {
        const at = place(names, 'directory');
        if (at === undefined) continue;
        mkdirSync(at, { mode: 0o700 });
        if (owner !== undefined) chownSync(at, owner.uid, owner.gid);
        directories.push({ at, mode: (mode & 0o777) | 0o700 });
        continue;
      }
      case TYPES.link: {
        const at = place(names, 'other');
        if (at === undefined || target.length === 0 || target.length > MAX_PATH_BYTES || target.includes(0))
          throw new UntarFault('a link is none');
        links.push({ at, target });
        continue;
      }
      case TYPES.file:
      case '\0': {
        const at = place(names, 'other');
        if (at === undefined) throw new UntarFault('a place is no directory');
        await writeFile(at, size, mode);
        continue;
      }
      case FIFO:
        // Special files stay behind, as they do in every copy of a workspace.
        continue;
      default:
        throw new UntarFault('an entry of another kind');
    }
  }
  await source.rest();
  // Last, so that there was no link to follow while anything was written.
  for (const { at, target } of links) {
    symlinkSync(target, at);
    if (owner !== undefined) lchownSync(at, owner.uid, owner.gid);
  }
  for (const { at, mode } of directories) chmodSync(at, mode);
}
