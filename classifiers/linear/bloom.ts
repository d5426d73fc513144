/**
 * BloomList is a list of words or phrases one can only ask for membership: a few bits per entry instead of the entry.
 * It never misses a member; one in about 200 strangers is taken for one, so it may raise a score and never decides.
 */
import { bucketOf, combine } from './words.ts';

export interface BloomData {
  /** 2^bits positions. */
  readonly bits: number;
  readonly sha256: string;
  readonly base64: string;
}

const PROBES = 4;
const SALTS = [0x3c6ef372, 0x1f83d9ab, 0x5be0cd19, 0x510e527f] as const;

export class BloomList {
  readonly #bits: number;
  readonly bytes: Uint8Array;

  constructor(bits: number, bytes: Uint8Array) {
    if (bytes.length !== 1 << (bits - 3)) throw new Error('bloom: table has the wrong size');
    this.#bits = bits;
    this.bytes = bytes;
  }
  static decode(data: BloomData): BloomList {
    return new BloomList(data.bits, Buffer.from(data.base64, 'base64'));
  }
  add(hash: number): void {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const at = this.#position(hash, probe);
      this.bytes[at >>> 3] = (this.bytes[at >>> 3] as number) | (1 << (at & 7));
    }
  }
  has(hash: number): boolean {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const at = this.#position(hash, probe);
      if (((this.bytes[at >>> 3] as number) & (1 << (at & 7))) === 0) return false;
    }
    return true;
  }
  #position(hash: number, probe: number): number {
    return bucketOf(combine(hash, SALTS[probe] as number), this.#bits);
  }
}
