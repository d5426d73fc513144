/**
 * Writes the few kinds of tar entries that images and carried workspaces are made of (POSIX ustar, with GNU's entries for
 * names that do not fit). Pure. Names are bytes: they need not be text.
 */

export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string | Buffer; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string | Buffer; readonly mode: number; readonly bytes: Buffer }
  | { readonly kind: 'link'; readonly path: string | Buffer; readonly target: string | Buffer };

export const BLOCK = 512;
const NAME_BYTES = 100;
export const TYPES = { file: '0', link: '2', directory: '5', longName: 'L', longTarget: 'K' } as const;

function block(type: string, name: Buffer, target: Buffer, mode: number, size: number): Buffer {
  const result = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void =>
    void result.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
  result.set(name.subarray(0, NAME_BYTES), 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  // No date: the same tree is the same image.
  octal(0, 136, 12);
  result.write(' '.repeat(8), 148, 'latin1');
  result.write(type, 156, 'latin1');
  result.set(target.subarray(0, NAME_BYTES), 157);
  result.write('ustar\0' + '00', 257, 'latin1');
  octal(
    result.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return result;
}

const NOTHING = Buffer.alloc(0);

/** What fills the last block of `size` bytes of content. */
export const paddingOf = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

function long(type: string, text: Buffer): readonly Buffer[] {
  if (text.length <= NAME_BYTES) return [];
  const size = text.length + 1;
  return [
    block(type, Buffer.from('././@LongLink'), NOTHING, 0, size),
    Buffer.concat([text, Buffer.alloc(1)]),
    paddingOf(size),
  ];
}

/** All that stands before an entry's content; `size` is that of a file's content in bytes. */
export function tarHeader(
  entry: TarEntry | (Omit<TarEntry & { kind: 'file' }, 'bytes'> & { readonly size: number }),
): Buffer {
  const path = Buffer.from(entry.path);
  const name = entry.kind === 'directory' ? Buffer.concat([path, Buffer.from('/')]) : path;
  const target = entry.kind === 'link' ? Buffer.from(entry.target) : NOTHING;
  const size = entry.kind !== 'file' ? 0 : 'size' in entry ? entry.size : entry.bytes.length;
  return Buffer.concat([
    ...long(TYPES.longName, name),
    ...long(TYPES.longTarget, target),
    block(TYPES[entry.kind], name, target, entry.kind === 'link' ? 0o777 : entry.mode, size),
  ]);
}

export const TAR_END = Buffer.alloc(2 * BLOCK);

export function packTar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) =>
    entry.kind === 'file' ? [tarHeader(entry), entry.bytes, paddingOf(entry.bytes.length)] : [tarHeader(entry)],
  );
  return Buffer.concat([...blocks, TAR_END]);
}
