/** An AArch64 processor for launchers, written against the manual and not against the assembler. Knows only what they need. */
import { MOST_INSTRUCTIONS } from './memory.ts';
import type { Kernel, Memory } from './memory.ts';

const SP = 31;

export function runArm64(memory: Memory, kernel: Kernel): never {
  const registers = new BigUint64Array(32);
  registers[SP] = memory.stackPointer;
  let at = memory.entry;
  const get = (register: number): bigint => registers[register] ?? 0n;
  for (let count = 0; count < MOST_INSTRUCTIONS; count++) {
    const here = at;
    const word = memory.read(at, 4).readUInt32LE();
    at += 4n;
    const bits = (high: number, low: number): number => (word >>> low) & (2 ** (high - low + 1) - 1);
    const rd = bits(4, 0);
    const rn = bits(9, 5);
    const rm = bits(20, 16);
    if (word >>> 23 === 0b010100101) {
      if (bits(22, 21) !== 0) throw new Error('movz with a shift');
      registers[rd] = BigInt(bits(20, 5));
    } else if (word >>> 21 === 0b01110010101) registers[rd] = (get(rd) & 0xffffn) | (BigInt(bits(20, 5)) << 16n);
    else if (word >>> 21 === 0b00101010000 && rn === 31 && bits(15, 10) === 0) registers[rd] = get(rm) & 0xffffffffn;
    else if (word >>> 22 === 0b1001000100) registers[rd] = get(rn) + BigInt(bits(21, 10));
    else if (word >>> 22 === 0b1101000100) registers[rd] = get(rn) - BigInt(bits(21, 10));
    else if (word >>> 21 === 0b10001011000) registers[rd] = get(rn) + (get(rm) << BigInt(bits(15, 10)));
    else if (word >>> 22 === 0b1111100101)
      registers[rd] = memory.read(get(rn) + BigInt(bits(21, 10) * 8), 8).readBigUInt64LE();
    else if (word >>> 22 === 0b1111100100 || word >>> 22 === 0b1011100100) {
      const size = word >>> 30 === 3 ? 8 : 4;
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(get(rd));
      memory.write(get(rn) + BigInt(bits(21, 10) * size), bytes.subarray(0, size));
    } else if (word >>> 31 === 0 && bits(28, 24) === 0b10000) {
      const distance = (bits(23, 5) << 2) | bits(30, 29);
      registers[rd] = here + BigInt.asIntN(21, BigInt(distance));
    } else if (word >>> 24 === 0b10110110) {
      const bit = BigInt(32 + bits(23, 19));
      if (((get(rd) >> bit) & 1n) === 0n) at = here + BigInt.asIntN(14, BigInt(bits(18, 5))) * 4n;
    } else if (word === 0xd4000001) {
      const answer = kernel(Number(get(8)), [0, 1, 2, 3, 4, 5].map(get));
      registers[0] = BigInt.asUintN(64, answer);
    } else throw new Error(`unknown instruction ${word.toString(16)}`);
  }
  throw new Error('does not end');
}
