/** What a small emulated process sees: the one segment of its executable, and a stack with its words on it. */

const STACK = 0x7000_0000n;
const STACK_BYTES = 4096;

export interface Memory {
  readonly entry: bigint;
  readonly stackPointer: bigint;
  read(address: bigint, length: number): Buffer;
  write(address: bigint, bytes: Buffer): void;
  text(address: bigint): string;
}

/** Throws on an executable a kernel would not start like this, and on every access outside. */
export function loadExecutable(file: Buffer, words: readonly string[], environment: readonly string[]): Memory {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file.readUInt16LE(16) !== 2)
    throw new Error('not a static ELF executable');
  const headers = Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = Number(file.readBigUInt64LE(32)) + index * file.readUInt16LE(54);
    return {
      type: file.readUInt32LE(at),
      flags: file.readUInt32LE(at + 4),
      offset: file.readBigUInt64LE(at + 8),
      address: file.readBigUInt64LE(at + 16),
      size: file.readBigUInt64LE(at + 32),
      alignment: file.readBigUInt64LE(at + 48),
    };
  });
  const [segment, ...others] = headers.filter(({ type }) => type === 1);
  if (segment === undefined || others.length > 0) throw new Error('there is not exactly one segment');
  if ((segment.flags & 2) !== 0) throw new Error('the segment is writable');
  if (segment.address % segment.alignment !== segment.offset % segment.alignment) throw new Error('badly aligned');
  if (headers.find(({ type }) => type === 0x6474e551)?.flags !== 6) throw new Error('the stack is executable');
  const image = file.subarray(Number(segment.offset), Number(segment.offset + segment.size));

  const stack = Buffer.alloc(STACK_BYTES);
  let top = STACK_BYTES;
  const push = (bytes: Buffer): bigint => {
    top -= bytes.length;
    bytes.copy(stack, top);
    return STACK + BigInt(top);
  };
  const pointers = (texts: readonly string[]): readonly bigint[] => texts.map((text) => push(Buffer.from(`${text}\0`)));
  const list = [BigInt(words.length), ...pointers(words), 0n, ...pointers(environment), 0n];
  top = (top & ~15) - list.length * 8;
  top &= ~15;
  for (const [index, value] of list.entries()) stack.writeBigUInt64LE(value, top + index * 8);

  const find = (address: bigint, length: number, writing: boolean): Buffer => {
    for (const [base, bytes] of [
      [segment.address, image],
      [STACK, stack],
    ] as const) {
      const at = address - base;
      if (at < 0n || at + BigInt(length) > BigInt(bytes.length)) continue;
      if (writing && bytes === image) throw new Error('wrote into the executable');
      return bytes.subarray(Number(at), Number(at) + length);
    }
    throw new Error(`no memory at ${address.toString(16)}`);
  };
  return {
    entry: file.readBigUInt64LE(24),
    stackPointer: STACK + BigInt(top),
    read: (address, length) => find(address, length, false),
    write: (address, bytes) => void bytes.copy(find(address, bytes.length, true)),
    text(address) {
      let end = address;
      while (find(end, 1, false)[0] !== 0) end++;
      return find(address, Number(end - address), false).toString();
    },
  };
}

/** Answers a system call; throwing ends the process. */
export type Kernel = (number: number, parameters: readonly bigint[]) => bigint;

/** More than any launcher has. */
export const MOST_INSTRUCTIONS = 2_000;
