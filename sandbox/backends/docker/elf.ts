/** What a program or library says it needs to start: its interpreter and libraries. Fails by saying nothing for other files. */
import { closeSync, openSync, readSync } from 'node:fs';

export interface ElfNeeds {
  /** Absolute path; empty for a library. */
  readonly interpreter: string;
  readonly libraries: readonly string[];
  /** Where it looks first; may hold $ORIGIN. */
  readonly runPaths: readonly string[];
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
const MOST = 1024 * 1024;

/** Undefined unless it is a little-endian 64-bit ELF file, which those of x86-64 and arm64 are. */
export function readElf(path: string): ElfNeeds | undefined {
  const file = openSync(path, 'r');
  const read = (at: number, length: number): Buffer => {
    const bytes = Buffer.alloc(Math.min(length, MOST));
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, at));
  };
  try {
    const header = read(0, HEADER_BYTES);
    if (header.length < HEADER_BYTES || header.readUInt32BE(0) !== 0x7f454c46 || header.readUInt16BE(4) !== 0x0201)
      return undefined;
    const table = Number(header.readBigUInt64LE(32));
    const segments = Array.from({ length: header.readUInt16LE(56) }, (_, index) => {
      const entry = read(table + index * header.readUInt16LE(54), PROGRAM_HEADER_BYTES);
      return {
        type: entry.readUInt32LE(0),
        offset: Number(entry.readBigUInt64LE(8)),
        address: Number(entry.readBigUInt64LE(16)),
        size: Number(entry.readBigUInt64LE(32)),
      };
    });
    const find = (type: number) => segments.find((segment) => segment.type === type);
    const textAt = (bytes: Buffer, at: number): string => {
      const end = bytes.indexOf(0, at);
      return bytes.toString('latin1', at, end === -1 ? bytes.length : end);
    };
    const interp = find(PT_INTERP);
    const interpreter = interp === undefined ? '' : textAt(read(interp.offset, interp.size), 0);
    const dynamic = find(PT_DYNAMIC);
    if (dynamic === undefined) return { interpreter, libraries: [], runPaths: [] };
    const rows = read(dynamic.offset, dynamic.size);
    const entries = Array.from({ length: Math.floor(rows.length / 16) }, (_, index) => [
      Number(rows.readBigInt64LE(index * 16)),
      Number(rows.readBigUInt64LE(index * 16 + 8)),
    ]);
    const of = (tag: number): readonly number[] =>
      entries.filter(([name]) => name === tag).map(([, value]) => value ?? 0);
    const address = of(DT_STRTAB)[0] ?? 0;
    const home = segments.find(
      (segment) => segment.type === PT_LOAD && address >= segment.address && address < segment.address + segment.size,
    );
    if (home === undefined) return { interpreter, libraries: [], runPaths: [] };
    const strings = read(home.offset + address - home.address, of(DT_STRSZ)[0] ?? 0);
    return {
      interpreter,
      libraries: of(DT_NEEDED).map((at) => textAt(strings, at)),
      runPaths: [...of(DT_RUNPATH), ...of(DT_RPATH)].flatMap((at) => textAt(strings, at).split(':')),
    };
  } catch (error) {
    // A file that only begins like one.
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    closeSync(file);
  }
}
