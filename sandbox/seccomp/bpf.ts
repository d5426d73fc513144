/**
 * The few instructions of classic BPF that a seccomp filter needs, and their encoding (struct sock_filter, little endian).
 * A conditional jump reaches 255 instructions; `dispatch` bridges longer distances, so a filter may grow freely.
 */

export interface Instruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly constant: number;
}

export const OPCODE = {
  loadAbsolute: 0x20,
  and: 0x54,
  jumpAlways: 0x05,
  jumpEqual: 0x15,
  jumpGreaterOrEqual: 0x35,
  jumpAnySet: 0x45,
  return: 0x06,
} as const;

/** Offsets in struct seccomp_data. Arguments are 64 bits wide: the low word comes first on both supported machines. */
export const OFFSET = { number: 0, architecture: 4 } as const;
export const argumentLow = (index: number): number => 16 + 8 * index;

export const ACTION = {
  killProcess: 0x80000000,
  allow: 0x7fff0000,
  error: (errno: number): number => 0x00050000 | errno,
} as const;

const MAXIMUM_INSTRUCTIONS = 4096;

const instruction = (code: number, constant: number, jumpTrue = 0, jumpFalse = 0): Instruction => ({
  code,
  jumpTrue,
  jumpFalse,
  constant,
});

export const load = (offset: number): Instruction => instruction(OPCODE.loadAbsolute, offset);
export const and = (mask: number): Instruction => instruction(OPCODE.and, mask);
export const give = (action: number): Instruction => instruction(OPCODE.return, action);

/** `then` runs when the accumulator satisfies the test, `otherwise` when it does not. Both must end in a return. */
export function branch(
  code: number,
  constant: number,
  then: readonly Instruction[],
  otherwise: readonly Instruction[],
): readonly Instruction[] {
  if (then.length <= 255) return [instruction(code, constant, 0, then.length), ...then, ...otherwise];
  return [
    instruction(code, constant, 0, 1),
    instruction(OPCODE.jumpAlways, 1),
    instruction(OPCODE.jumpAlways, then.length),
    ...then,
    ...otherwise,
  ];
}

export interface Range {
  /** First number of the range; it ends where the next one starts. */
  readonly from: number;
  readonly body: readonly Instruction[];
}

/** A binary search over ranges sorted by `from`; the first must start at 0 so that every number has an answer. */
export function dispatch(ranges: readonly Range[]): readonly Instruction[] {
  const [first] = ranges;
  if (first === undefined) throw new Error('bpf: no ranges to dispatch over');
  if (ranges.length === 1) return first.body;
  const middle = ranges.length >> 1;
  const upper = ranges.slice(middle);
  return branch(
    OPCODE.jumpGreaterOrEqual,
    (upper[0] as Range).from,
    dispatch(upper),
    dispatch(ranges.slice(0, middle)),
  );
}

export function encode(program: readonly Instruction[]): Buffer {
  if (program.length > MAXIMUM_INSTRUCTIONS)
    throw new Error(`bpf: ${program.length} instructions, the kernel takes 4096`);
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, { code, jumpTrue, jumpFalse, constant }] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jumpTrue, index * 8 + 2);
    bytes.writeUInt8(jumpFalse, index * 8 + 3);
    bytes.writeUInt32LE(constant >>> 0, index * 8 + 4);
  }
  return bytes;
}
