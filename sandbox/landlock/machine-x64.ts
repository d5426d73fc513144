/**
 * x86-64 code for a program of system calls. rbx keeps the stack it was started with, r12 and r13 what calls returned; the
 * kernel changes only rax, rcx and r11.
 */
import type { Kept, Step, Value } from './program.ts';

/** Numbers of rdi, rsi, rdx, r10, r8, r9: where the kernel looks for arguments, in order. */
const ARGUMENTS = [7, 6, 2, 10, 8, 9] as const;
const KEPT: Readonly<Record<Kept, number>> = { first: 12, second: 13 };
const DI = 7;
const SP = 4;

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes;
};
const code = (...bytes: readonly number[]): Buffer => Buffer.from(bytes);
/** REX prefix bits: W for 64 bits, R and B for registers from r8 on. */
const rex = (wide: boolean, reg: number, rm: number): number =>
  0x40 | (wide ? 8 : 0) | (reg >= 8 ? 4 : 0) | (rm >= 8 ? 1 : 0);
const registers = (reg: number, rm: number): number => 0xc0 | ((reg & 7) << 3) | (rm & 7);

const number = (register: number, value: number): Buffer =>
  Buffer.concat([register >= 8 ? code(0x41, 0xb8 + (register & 7)) : code(0xb8 + register), word(value)]);
const copy = (from: number, to: number, wide: boolean): Buffer => code(rex(wide, from, to), 0x89, registers(from, to));

/** `at` is the offset of the instruction, `addressOf` those of blobs, all from the start of the code. */
function load(register: number, value: Value, at: number, addressOf: (blob: number) => number): Buffer {
  const low = (register & 7) << 3;
  if (typeof value === 'number') return number(register, value);
  if (value === 'record') return copy(SP, register, true);
  // mov register, [rbx+16]; lea register, [rbx+16]
  if (value === 'program') return code(rex(true, register, 0), 0x8b, 0x43 | low, 16);
  if (value === 'arguments') return code(rex(true, register, 0), 0x8d, 0x43 | low, 16);
  // mov rax, [rbx]; lea register, [rbx+rax*8+16]
  if (value === 'environment') return code(0x48, 0x8b, 0x03, rex(true, register, 0), 0x8d, 0x44 | low, 0xc3, 16);
  if ('kept' in value) return copy(KEPT[value.kept], register, false);
  // lea register, [rip+distance], counted from the end of its seven bytes.
  return Buffer.concat([code(rex(true, register, 0), 0x8d, 0x05 | low), word(addressOf(value.data) - (at + 7))]);
}

export const X64 = {
  /** mov rbx, rsp; sub rsp, 32 */
  prologue: code(0x48, 0x89, 0xe3, 0x48, 0x83, 0xec, 0x20),

  step(step: Step, at: number, addressOf: (blob: number) => number, numbers: Readonly<Record<string, number>>): Buffer {
    if (step.kind === 'record') {
      // mov qword [rsp], rights; mov dword [rsp+8], descriptor
      return Buffer.concat([
        code(0x48, 0xc7, 0x04, 0x24),
        word(step.rights),
        code(0x44, 0x89, 0x44 | ((KEPT[step.descriptor] & 7) << 3), 0x24, 8),
      ]);
    }
    const parts: Buffer[] = [];
    const length = (): number => parts.reduce((sum, part) => sum + part.length, 0);
    for (const [index, value] of step.values.entries())
      parts.push(load(ARGUMENTS[index] as number, value, at + length(), addressOf));
    const syscall = code(0x0f, 0x05);
    parts.push(number(0, numbers[step.name] as number), syscall);
    if (step.orExit !== undefined) {
      const leave = Buffer.concat([number(DI, step.orExit), number(0, numbers.exit_group as number), syscall]);
      // test rax, rax; jns past the exit
      parts.push(code(0x48, 0x85, 0xc0, 0x79, leave.length), leave);
    }
    if (step.keep !== undefined) parts.push(copy(0, KEPT[step.keep], false));
    return Buffer.concat(parts);
  },
} as const;
