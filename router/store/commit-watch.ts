/**
 * Whether anything was committed to an SQLite file since the last look, for less than a query: the first 48 bytes of the write-ahead log's index, which every commit
 * of every process rewrites (https://www.sqlite.org/walformat.html, "The WAL-Index Header"). Fails towards asking: what cannot be read counts as changed.
 */
import { closeSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 48;

export class CommitWatch {
  readonly #file: number | undefined;
  readonly #bytes = Buffer.alloc(HEADER_BYTES);
  readonly #words = new Int32Array(this.#bytes.buffer, this.#bytes.byteOffset, HEADER_BYTES / 4);
  readonly #last = new Int32Array(HEADER_BYTES / 4);
  #hasLooked = false;

  /** `path` is the database's; its index exists from the first read on. */
  constructor(path: string) {
    try {
      this.#file = openSync(`${path}-shm`, 'r');
    } catch {
      this.#file = undefined;
    }
  }

  /** hasChanged looks, and remembers what it saw. */
  hasChanged(): boolean {
    if (this.#file === undefined) return true;
    try {
      if (readSync(this.#file, this.#bytes, 0, HEADER_BYTES, 0) !== HEADER_BYTES) return true;
    } catch {
      return true;
    }
    let isSame = this.#hasLooked;
    for (let at = 0; at < this.#words.length; at += 1) {
      if (this.#words[at] === this.#last[at]) continue;
      isSame = false;
      this.#last[at] = this.#words[at] as number;
    }
    this.#hasLooked = true;
    return !isSame;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}
