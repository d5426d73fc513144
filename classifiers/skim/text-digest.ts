/**
 * TextDigest makes a keyed hash of a text and the key it stands under, ten times faster than SHA-256 through the crypto module: for
 * memories of what was read, inside this process only. Two lanes of NH (skim/digest.as) under a random key of the process; where
 * WebAssembly is missing, SHA-256 with a secret.
 */
import { hash, randomBytes } from 'node:crypto';
import { DIGEST_MODULE } from './digest-module.ts';

/** Layout of the module's memory; digest.as has the same numbers. */
const AT = { out: 256, key: 512, rowKey: 10_240, input: 20_480 } as const;
/** Bytes hashed in one go; longer input is hashed as the row of its chunks' hashes. */
const CHUNK = 8192;
const HEAD = 16;
const HASH_BYTES = 16;
/** Texts with more bytes have no digest. */
const LONGEST = (CHUNK / HASH_BYTES - 1) * CHUNK;
/** Longer keys than this have none either. */
const LONGEST_HINT = 1024;
const UTF16 = 1;
const ROW = 2;

interface Exports {
  digest(length: number, key: number): void;
}

export class TextDigest {
  /** What the last call came to: 128 bits. */
  readonly words: Int32Array;
  readonly #exports: Exports | undefined;
  readonly #input: Buffer;
  readonly #head: Int32Array;
  readonly #out: Buffer;
  readonly #row = Buffer.alloc(CHUNK);
  readonly #secret = randomBytes(32).toString('base64');

  /** `withModule` false hashes as on machines without WebAssembly. */
  constructor(withModule = true) {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const { buffer } = memory;
    this.#input = Buffer.from(buffer, AT.input, CHUNK + HEAD);
    this.#head = new Int32Array(buffer, AT.input, HEAD / 4);
    this.#out = Buffer.from(buffer, AT.out, HASH_BYTES);
    this.words = new Int32Array(buffer, AT.out, HASH_BYTES / 4);
    Buffer.from(buffer, AT.key, AT.input - AT.key).set(randomBytes(AT.input - AT.key));
    this.#exports = withModule ? instanceWith(memory) : undefined;
  }

  /** read leaves in `words` the hash of a text under a key; false when either is too long to have one. */
  read(text: string, hint: string): boolean {
    if (text.length * 2 > LONGEST || hint.length > LONGEST_HINT) return false;
    const digest = this.#exports;
    if (digest === undefined) {
      const said = `${this.#secret}${hint.length} ${hint}${text}`;
      this.#out.set(hash('sha256', Buffer.from(said, 'utf16le'), 'buffer').subarray(0, HASH_BYTES));
      return true;
    }
    // Every unit counts: a text of other units than ASCII is hashed as it lies in memory.
    const isAscii = Buffer.byteLength(text) === text.length && Buffer.byteLength(hint) === hint.length;
    const encoding = isAscii ? 'latin1' : 'utf16le';
    const head = this.#head;
    head[0] = text.length;
    head[1] = hint.length;
    head[2] = isAscii ? 0 : UTF16;
    head[3] = 0;
    const start = HEAD + this.#input.write(hint, HEAD, encoding);
    const unit = isAscii ? 1 : 2;
    if (start + text.length * unit <= CHUNK) {
      digest.digest(start + this.#input.write(text, start, encoding), AT.key);
      return true;
    }
    let rows = HEAD;
    const units = CHUNK / unit;
    digest.digest(start, AT.key);
    rows = this.#addRow(rows);
    for (let at = 0; at < text.length; at += units) {
      digest.digest(this.#input.write(text.slice(at, at + units), 0, encoding), AT.key);
      rows = this.#addRow(rows);
    }
    this.#row.copy(this.#input, 0, 0, rows);
    head[0] = text.length;
    head[1] = hint.length;
    head[2] = isAscii ? ROW : UTF16 | ROW;
    head[3] = 0;
    // A key of its own: the hashes in the row depend on the first.
    digest.digest(rows, AT.rowKey);
    return true;
  }

  /** name is the last hash as a string of 24 characters, for a Map. */
  name(): string {
    return this.#out.toString('base64');
  }

  #addRow(rows: number): number {
    this.#row.set(this.#out, rows);
    return rows + HASH_BYTES;
  }
}

function instanceWith(memory: WebAssembly.Memory): Exports | undefined {
  try {
    const module = new WebAssembly.Module(Buffer.from(DIGEST_MODULE.base64, 'base64'));
    return new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
  } catch {
    return undefined;
  }
}
