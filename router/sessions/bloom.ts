/**
 * A set that can only over-report: what was added is always found, what was not is sometimes. Old conversation marks fold into one, so
 * forgetting goes in the safe direction. 2^23 bits (1 MiB), 7 probes: one false positive in 10,000 at 400,000 marks, and
 * past saturation everything is reported.
 */
const BITS = 1 << 23;
const PROBES = 7;

export class BloomSet {
  readonly #bits: Uint8Array;

  constructor(bits: Uint8Array = new Uint8Array(BITS / 8)) {
    this.#bits = bits;
  }

  /** `digest` is a keyed digest of at least 28 bytes: its own bits are the hash functions. */
  add(digest: Buffer): void {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = digest.readUInt32LE(probe * 4) % BITS;
      this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  has(digest: Buffer): boolean {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = digest.readUInt32LE(probe * 4) % BITS;
      if (((this.#bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
    }
    return true;
  }

  bytes(): Uint8Array {
    return this.#bits;
  }
}
