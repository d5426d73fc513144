/** Writes the few kinds of tar entries an image is made of (POSIX ustar). Pure; throws for a name that does not fit. */

export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly bytes: Buffer }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

const BLOCK = 512;
const TYPES = { file: '0', link: '2', directory: '5' } as const;

function header(entry: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK);
  const text = (value: string, at: number, length: number): void => {
    if (Buffer.byteLength(value) > length) throw new RangeError('tar: a name is too long');
    block.write(value, at, 'utf8');
  };
  const octal = (value: number, at: number, length: number): void =>
    text(value.toString(8).padStart(length - 1, '0'), at, length);
  text(entry.kind === 'directory' ? `${entry.path}/` : entry.path, 0, 100);
  octal(entry.kind === 'link' ? 0o777 : entry.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.kind === 'file' ? entry.bytes.length : 0, 124, 12);
  // No date: the same tree is the same image.
  octal(0, 136, 12);
  text('        ', 148, 8);
  text(TYPES[entry.kind], 156, 1);
  if (entry.kind === 'link') text(entry.target, 157, 100);
  text('ustar\0' + '00', 257, 8);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}

export function packTar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    if (entry.kind !== 'file') return [header(entry)];
    const padding = Buffer.alloc((BLOCK - (entry.bytes.length % BLOCK)) % BLOCK);
    return [header(entry), entry.bytes, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}
