/** A classic BPF machine for seccomp programs, independent of the code that builds them: it reads encoded bytes. */

export interface SystemCall {
  readonly number: number;
  readonly architecture: number;
  readonly arguments?: readonly bigint[];
}

export const NAMES = { 0x80000000: 'kill', 0x7fff0000: 'allow' } as const;

/** `kill`, `allow` or `errno N`. Throws on whatever the kernel's checker would refuse. */
export function interpret(program: Buffer, call: SystemCall): string {
  const data = Buffer.alloc(64);
  data.writeInt32LE(call.number | 0, 0);
  data.writeUInt32LE(call.architecture >>> 0, 4);
  for (const [index, value] of (call.arguments ?? []).entries())
    data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index);
  let accumulator = 0;
  let at = 0;
  for (let steps = 0; steps < 5000; steps++) {
    if (at * 8 >= program.length) throw new Error('ran off the end');
    const code = program.readUInt16LE(at * 8);
    const [jumpTrue, jumpFalse] = [program.readUInt8(at * 8 + 2), program.readUInt8(at * 8 + 3)];
    const constant = program.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean): number => at + 1 + (holds ? jumpTrue : jumpFalse);
    switch (code) {
      case 0x20:
        if (constant % 4 !== 0 || constant > 60) throw new Error('unaligned load');
        accumulator = data.readUInt32LE(constant);
        at += 1;
        break;
      case 0x54:
        accumulator = (accumulator & constant) >>> 0;
        at += 1;
        break;
      case 0x05:
        at += 1 + constant;
        break;
      case 0x15:
        at = jump(accumulator === constant);
        break;
      case 0x35:
        at = jump(accumulator >= constant);
        break;
      case 0x45:
        at = jump((accumulator & constant) !== 0);
        break;
      case 0x06: {
        if ((constant & 0xffff0000) >>> 0 === 0x00050000) return `errno ${constant & 0xffff}`;
        const name = NAMES[constant as keyof typeof NAMES];
        if (name === undefined) throw new Error('unknown action');
        return name;
      }
      default:
        throw new Error(`instruction ${code.toString(16)} is not one a seccomp filter needs`);
    }
  }
  throw new Error('does not end');
}
