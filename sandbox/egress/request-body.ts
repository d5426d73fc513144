/**
 * Reads exactly one request body and yields its bytes without their framing, so that what goes on is framed by us alone.
 * Fails closed: a chunk size in any spelling but plain hexadecimal, a trailer, and a byte past the end are `refused`.
 */
import type { RequestHead } from './request-head.ts';

export type BodyStep =
  /** `data` to send on. `done` once the last byte was seen. */
  | { readonly kind: 'data'; readonly data: readonly Buffer[]; readonly done: boolean }
  | { readonly kind: 'refused'; readonly why: string };

/** Longest chunk-size line: eight digits. Extensions are refused: they are where parsers differ. */
const SIZE_LINE = /^[0-9a-fA-F]{1,8}$/;
const MAX_SIZE_LINE_BYTES = 10;

export class RequestBody {
  readonly #chunked: boolean;
  #left: number;
  #stage: 'data' | 'size' | 'data-end' | 'last-end' | 'done';
  #pending: Buffer = Buffer.alloc(0);

  constructor(body: RequestHead['body']) {
    this.#chunked = body.kind === 'chunked';
    this.#left = body.kind === 'length' ? body.bytes : 0;
    this.#stage = body.kind === 'none' ? 'done' : this.#chunked ? 'size' : 'data';
  }

  get done(): boolean {
    return this.#stage === 'done';
  }

  push(bytes: Buffer): BodyStep {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const data: Buffer[] = [];
    for (;;) {
      switch (this.#stage) {
        case 'done':
          // What follows is a second request that nobody checked.
          if (this.#pending.length > 0) return { kind: 'refused', why: 'something follows the request' };
          return { kind: 'data', data, done: true };
        case 'data': {
          if (this.#pending.length === 0) return { kind: 'data', data, done: false };
          const piece = this.#take(Math.min(this.#left, this.#pending.length));
          this.#left -= piece.length;
          data.push(piece);
          if (this.#left === 0) this.#stage = this.#chunked ? 'data-end' : 'done';
          break;
        }
        case 'size': {
          const end = this.#pending.indexOf('\r\n');
          if (end === -1) {
            if (this.#pending.length > MAX_SIZE_LINE_BYTES)
              return { kind: 'refused', why: 'a chunk size is not plain' };
            return { kind: 'data', data, done: false };
          }
          const line = this.#take(end).toString('latin1');
          this.#take(2);
          if (!SIZE_LINE.test(line)) return { kind: 'refused', why: 'a chunk size is not plain' };
          this.#left = Number.parseInt(line, 16);
          this.#stage = this.#left === 0 ? 'last-end' : 'data';
          break;
        }
        case 'data-end':
        case 'last-end': {
          if (this.#pending.length < 2) return { kind: 'data', data, done: false };
          const last = this.#stage === 'last-end';
          if (this.#take(2).toString('latin1') !== '\r\n')
            return { kind: 'refused', why: last ? 'it has trailers' : 'a chunk is longer than its size' };
          this.#stage = last ? 'done' : 'size';
          break;
        }
      }
    }
  }

  #take(length: number): Buffer {
    const taken = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return taken;
  }
}
