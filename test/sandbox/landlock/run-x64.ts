/** An x86-64 processor for launchers, written against the manual and not against the assembler. Knows only what they need. */
import { MOST_INSTRUCTIONS } from './memory.ts';
import type { Kernel, Memory } from './memory.ts';

const RAX = 0;
const RSP = 4;
const SYSCALL_ARGUMENTS = [7, 6, 2, 10, 8, 9];

export function runX64(memory: Memory, kernel: Kernel): never {
  const registers = new BigUint64Array(16);
  registers[RSP] = memory.stackPointer;
  let at = memory.entry;
  let sign = false;
  const get = (register: number): bigint => registers[register] ?? 0n;
  const next = (length: number): Buffer => {
    const bytes = memory.read(at, length);
    at += BigInt(length);
    return bytes;
  };
  const byte = (): number => next(1).readUInt8();
  /** The address of a memory operand; rip counts from the end of the instruction, which ends with the displacement here. */
  const address = (modrm: number, prefix: number): bigint => {
    const mode = modrm >> 6;
    const base = modrm & 7;
    if (mode === 0 && base === 5) {
      const distance = next(4).readInt32LE();
      return at + BigInt(distance);
    }
    let found: bigint;
    if (base === 4) {
      const sib = byte();
      const index = ((sib >> 3) & 7) | ((prefix & 2) << 2);
      found = get((sib & 7) | ((prefix & 1) << 3)) + (index === 4 ? 0n : get(index) << BigInt(sib >> 6));
    } else found = get(base | ((prefix & 1) << 3));
    if (mode === 1) found += BigInt(next(1).readInt8());
    else if (mode !== 0) throw new Error('an addressing mode no launcher needs');
    return found;
  };

  for (let count = 0; count < MOST_INSTRUCTIONS; count++) {
    let operation = byte();
    let prefix = 0;
    if (operation >> 4 === 4) {
      prefix = operation & 15;
      operation = byte();
    }
    const wide = (prefix & 8) !== 0;
    const width = wide ? 8 : 4;
    const reg = (modrm: number): number => ((modrm >> 3) & 7) | ((prefix & 4) << 1);
    const rm = (modrm: number): number => (modrm & 7) | ((prefix & 1) << 3);
    if (operation >= 0xb8 && operation <= 0xbf) registers[rm(operation)] = BigInt(next(4).readUInt32LE());
    else if (operation === 0x89) {
      const modrm = byte();
      const value = wide ? get(reg(modrm)) : get(reg(modrm)) & 0xffffffffn;
      if (modrm >> 6 === 3) registers[rm(modrm)] = value;
      else {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(value);
        memory.write(address(modrm, prefix), bytes.subarray(0, width));
      }
    } else if (operation === 0x8b && wide) {
      const modrm = byte();
      registers[reg(modrm)] = memory.read(address(modrm, prefix), 8).readBigUInt64LE();
    } else if (operation === 0x8d && wide) {
      const modrm = byte();
      registers[reg(modrm)] = address(modrm, prefix);
    } else if (operation === 0xc7 && wide) {
      const place = address(byte(), prefix);
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(next(4).readInt32LE()));
      memory.write(place, bytes);
    } else if (operation === 0x83 && wide) {
      const modrm = byte();
      if (modrm >> 3 !== 0b11101) throw new Error('not a subtraction');
      registers[rm(modrm)] = get(rm(modrm)) - BigInt(next(1).readInt8());
    } else if (operation === 0x85 && wide) {
      if (byte() !== 0xc0) throw new Error('a test of another register');
      sign = BigInt.asIntN(64, get(RAX)) < 0n;
    } else if (operation === 0x79) {
      const distance = next(1).readInt8();
      if (!sign) at += BigInt(distance);
    } else if (operation === 0x0f && byte() === 0x05) {
      registers[RAX] = BigInt.asUintN(64, kernel(Number(get(RAX)), SYSCALL_ARGUMENTS.map(get)));
      registers[1] = at;
      registers[11] = 0xdeadn;
    } else throw new Error(`unknown instruction ${operation.toString(16)}`);
  }
  throw new Error('does not end');
}
