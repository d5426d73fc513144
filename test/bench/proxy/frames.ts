/** Where one HTTP/1.1 message ends, and no more of HTTP than that: both ends of the benchmark must cost less than what stands between them. */

const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');

/** Reads requests with a length off one connection; `take` gets each whole. */
export class RequestFrames {
  readonly #take: (head: string, body: Buffer) => void;
  #pieces: Buffer[] = [];
  #held = 0;
  #wanted = 0;

  constructor(take: (head: string, body: Buffer) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return;
    const bytes = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces, this.#held);
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd === -1) {
      this.#pieces = [bytes];
      return;
    }
    const head = bytes.toString('latin1', 0, headEnd + 2);
    const length = Number(/\r\ncontent-length: {0,4}(\d+)\r\n/i.exec(head)?.[1] ?? 0);
    const bodyStart = headEnd + HEAD_END.length;
    this.#wanted = bodyStart + length;
    if (bytes.length < this.#wanted) {
      this.#pieces = [bytes];
      return;
    }
    this.#pieces = [];
    this.#held = 0;
    const end = this.#wanted;
    this.#wanted = 0;
    this.#take(head, bytes.subarray(bodyStart, end));
    if (bytes.length > end) this.push(bytes.subarray(end));
  }
}

/** Watches one response; `push` says when it is whole. */
export class ResponseFrame {
  /** Status line and headers, once they came. */
  head = '';
  #before: Buffer = Buffer.alloc(0);
  /** Bytes still to come; -1 for a chunked body, which ends in its last chunk. */
  #left = 0;

  /** `body` of what is returned is what of the chunk belongs to the body, chunk lengths included. */
  push(chunk: Buffer): { readonly whole: boolean; readonly body: Buffer } {
    let body = chunk;
    if (this.head === '') {
      const bytes = this.#before.length === 0 ? chunk : Buffer.concat([this.#before, chunk]);
      const headEnd = bytes.indexOf(HEAD_END);
      if (headEnd === -1) {
        this.#before = bytes;
        return { whole: false, body: bytes.subarray(0, 0) };
      }
      this.head = bytes.toString('latin1', 0, headEnd + 2);
      const length = /\r\ncontent-length: {0,4}(\d+)\r\n/i.exec(this.head)?.[1];
      this.#left = length === undefined ? -1 : Number(length);
      // The line end before the last chunk may be the head's own.
      this.#before = Buffer.from(HEAD_END.subarray(2));
      body = bytes.subarray(headEnd + HEAD_END.length);
    }
    if (this.#left >= 0) {
      this.#left -= body.length;
      return { whole: this.#left <= 0, body };
    }
    const tail = body.length >= LAST_CHUNK.length ? body : Buffer.concat([this.#before, body]);
    this.#before = tail.subarray(Math.max(0, tail.length - LAST_CHUNK.length));
    return { whole: tail.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK), body };
  }

  header(name: string): string {
    const at = this.head.toLowerCase().indexOf(`\r\n${name}: `);
    return at === -1 ? '' : this.head.slice(at + name.length + 4, this.head.indexOf('\r\n', at + 2));
  }

  get status(): number {
    return Number(this.head.slice(9, 12));
  }
}
