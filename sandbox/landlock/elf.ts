/**
 * A static executable for a program of system calls: one read-only segment of code and data, and a stack that is not
 * executable. Needs no linker, no libc and no compiler. Throws for a machine or a call it has no number for: what cannot be
 * written down must not be started.
 */
import { MACHINES } from '../seccomp/filter.ts';
import { ARM64 } from './machine-arm64.ts';
import { X64 } from './machine-x64.ts';
import type { Program } from './program.ts';

export type Architecture = 'x64' | 'arm64';

const TARGETS = { x64: { id: 62, machine: X64 }, arm64: { id: 183, machine: ARM64 } } as const;
/** A multiple of every page size, arm64's of 64 KiB included. */
const BASE = 0x400000;
const PAGE = 0x10000;
const HEADER = 64;
const PROGRAM_HEADER = 56;
const CODE_AT = HEADER + 2 * PROGRAM_HEADER;

const aligned = (offset: number): number => (offset + 7) & ~7;

export function isArchitecture(name: string): name is Architecture {
  return name === 'x64' || name === 'arm64';
}

export function executable(program: Program, architecture: Architecture): Buffer {
  const { numbers } = MACHINES[architecture];
  const { id, machine } = TARGETS[architecture];
  for (const step of program.steps)
    if (step.kind === 'call' && numbers[step.name] === undefined)
      throw new Error(`elf: ${architecture} has no ${step.name}`);

  const assemble = (addressOf: (blob: number) => number): Buffer =>
    program.steps.reduce(
      (all, step) => Buffer.concat([all, machine.step(step, all.length, addressOf, numbers)]),
      machine.prologue,
    );
  // Instructions have the same length wherever a blob is, so the first pass tells where the blobs go.
  const offsets: number[] = [];
  let end = aligned(assemble(() => 0).length);
  for (const { bytes } of program.data) {
    offsets.push(end);
    end = aligned(end + bytes.length);
  }
  const addressOf = (blob: number): number => {
    const offset = offsets[blob];
    if (offset === undefined) throw new Error('elf: a step names a blob that is not there');
    return offset;
  };

  const file = Buffer.alloc(CODE_AT + end);
  header(id).copy(file);
  // PT_LOAD, readable and executable; PT_GNU_STACK, readable and writable.
  segment({ type: 1, flags: 5, address: BASE, size: file.length, alignment: PAGE }).copy(file, HEADER);
  segment({ type: 0x6474e551, flags: 6, address: 0, size: 0, alignment: 16 }).copy(file, HEADER + PROGRAM_HEADER);
  assemble(addressOf).copy(file, CODE_AT);
  for (const [index, { bytes, pointer }] of program.data.entries()) {
    const at = CODE_AT + addressOf(index);
    bytes.copy(file, at);
    if (pointer !== undefined) file.writeBigUInt64LE(BigInt(BASE + CODE_AT + addressOf(pointer.to)), at + pointer.at);
  }
  return file;
}

function header(machine: number): Buffer {
  const bytes = Buffer.alloc(HEADER);
  // 64 bits, little endian, version 1, System V.
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]).copy(bytes);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(BigInt(BASE + CODE_AT), 24);
  bytes.writeBigUInt64LE(BigInt(HEADER), 32);
  bytes.writeUInt16LE(HEADER, 52);
  bytes.writeUInt16LE(PROGRAM_HEADER, 54);
  bytes.writeUInt16LE(2, 56);
  return bytes;
}

function segment(options: {
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly size: number;
  readonly alignment: number;
}): Buffer {
  const bytes = Buffer.alloc(PROGRAM_HEADER);
  bytes.writeUInt32LE(options.type, 0);
  bytes.writeUInt32LE(options.flags, 4);
  bytes.writeBigUInt64LE(BigInt(options.address), 16);
  bytes.writeBigUInt64LE(BigInt(options.address), 24);
  bytes.writeBigUInt64LE(BigInt(options.size), 32);
  bytes.writeBigUInt64LE(BigInt(options.size), 40);
  bytes.writeBigUInt64LE(BigInt(options.alignment), 48);
  return bytes;
}
