/**
 * AArch64 code for a program of system calls. x19 keeps the stack it was started with, x20 and x21 what calls returned, x9 is
 * scratch; the kernel changes only x0.
 */
import type { Kept, Step, Value } from './program.ts';

const KEPT: Readonly<Record<Kept, number>> = { first: 20, second: 21 };
const NUMBER = 8;
const SCRATCH = 9;
const START = 19;
const SP = 31;
const SVC = 0xd4000001;

const code = (...instructions: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(instructions.length * 4);
  for (const [index, instruction] of instructions.entries()) bytes.writeUInt32LE(instruction >>> 0, index * 4);
  return bytes;
};

/** movz and, for the upper half, movk. */
const number = (register: number, value: number): readonly number[] => {
  const upper = (value >>> 16) & 0xffff;
  return [
    0x52800000 | ((value & 0xffff) << 5) | register,
    ...(upper === 0 ? [] : [0x72a00000 | (upper << 5) | register]),
  ];
};
const copy = (from: number, to: number): number => 0x2a0003e0 | (from << 16) | to;
const addImmediate = (to: number, from: number, value: number): number => 0x91000000 | (value << 10) | (from << 5) | to;
const load64 = (to: number, from: number, offset: number): number =>
  0xf9400000 | ((offset / 8) << 10) | (from << 5) | to;

function load(register: number, value: Value, at: number, addressOf: (blob: number) => number): readonly number[] {
  if (typeof value === 'number') return number(register, value);
  if (value === 'record') return [addImmediate(register, SP, 0)];
  if (value === 'program') return [load64(register, START, 16)];
  if (value === 'arguments') return [addImmediate(register, START, 16)];
  if (value === 'environment')
    return [
      load64(SCRATCH, START, 0),
      // add register, x19, x9, lsl #3
      0x8b000000 | (SCRATCH << 16) | (3 << 10) | (START << 5) | register,
      addImmediate(register, register, 16),
    ];
  if ('kept' in value) return [copy(KEPT[value.kept], register)];
  // adr: a distance of 21 bits, its two lowest apart.
  const distance = addressOf(value.data) - at;
  return [0x10000000 | ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5) | register];
}

export const ARM64 = {
  /** add x19, sp, #0; sub sp, sp, #32 */
  prologue: code(addImmediate(START, SP, 0), 0xd1000000 | (32 << 10) | (SP << 5) | SP),

  step(step: Step, at: number, addressOf: (blob: number) => number, numbers: Readonly<Record<string, number>>): Buffer {
    if (step.kind === 'record')
      return code(
        ...number(SCRATCH, step.rights),
        // str x9, [sp]; str descriptor, [sp, #8]
        0xf9000000 | (SP << 5) | SCRATCH,
        0xb9000000 | (2 << 10) | (SP << 5) | KEPT[step.descriptor],
      );
    const words: number[] = [];
    for (const [index, value] of step.values.entries())
      words.push(...load(index, value, at + words.length * 4, addressOf));
    words.push(...number(NUMBER, numbers[step.name] as number), SVC);
    if (step.orExit !== undefined) {
      const leave = [...number(0, step.orExit), ...number(NUMBER, numbers.exit_group as number), SVC];
      // tbz x0, #63, past the exit
      words.push(0xb6000000 | (31 << 19) | ((leave.length + 1) << 5), ...leave);
    }
    if (step.keep !== undefined) words.push(copy(0, KEPT[step.keep]));
    return code(...words);
  },
} as const;
