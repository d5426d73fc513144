/**
 * Frames between the router, the engine and the executor: four bytes of length, big-endian, then that many bytes of UTF-8
 * JSON. Fails closed: a frame that is too long, not UTF-8, not JSON or not of the expected shape ends the connection, and
 * whoever waited on it is refused. Length is checked before anything is allocated for it.
 */
import type { Duplex } from 'node:stream';
import type { z } from 'zod';

/** Two streams of 2 MiB output at six bytes per control character, and what goes with them. */
export const FRAME_LIMIT = 32 * 1024 * 1024;
const HEADER_BYTES = 4;

export type FrameProblem = 'too-long' | 'empty' | 'not-utf8' | 'not-json' | 'schema-mismatch';

export function encodeFrame(value: unknown): Buffer {
  const body = JSON.stringify(value);
  const length = Buffer.byteLength(body);
  if (length > FRAME_LIMIT) throw new RangeError('frame is too long');
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length, 0);
  frame.write(body, HEADER_BYTES, 'utf8');
  return frame;
}

export type Decoded =
  | { readonly kind: 'frame'; readonly value: unknown }
  | { readonly kind: 'malformed'; readonly problem: FrameProblem };

/** Bytes in any split to values. After `malformed` it yields nothing more. */
export class FrameDecoder {
  readonly #limit: number;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true });
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #wanted: number | undefined;
  #broken = false;

  constructor(limit: number = FRAME_LIMIT) {
    this.#limit = limit;
  }

  *push(chunk: Buffer): Generator<Decoded> {
    if (this.#broken) return;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#pendingBytes < HEADER_BYTES) return;
        this.#wanted = this.#take(HEADER_BYTES).readUInt32BE(0);
        if (this.#wanted === 0) return yield this.#malformed('empty');
        if (this.#wanted > this.#limit) return yield this.#malformed('too-long');
      }
      if (this.#pendingBytes < this.#wanted) return;
      const body = this.#take(this.#wanted);
      this.#wanted = undefined;
      let text: string;
      try {
        text = this.#utf8.decode(body);
      } catch {
        return yield this.#malformed('not-utf8');
      }
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return yield this.#malformed('not-json');
      }
      yield { kind: 'frame', value };
    }
  }

  #malformed(problem: FrameProblem): Decoded {
    this.#broken = true;
    this.#pending = [];
    return { kind: 'malformed', problem };
  }

  #take(length: number): Buffer {
    const all = this.#pending.length === 1 ? (this.#pending[0] as Buffer) : Buffer.concat(this.#pending);
    this.#pending = all.length > length ? [all.subarray(length)] : [];
    this.#pendingBytes = all.length - length;
    return all.subarray(0, length);
  }
}

/** One end of a connection that sends `Out` and accepts `In`, and nothing else. */
export interface Channel<Out> {
  /** False when the other end is gone; the message was not sent. */
  send(message: Out): boolean;
  close(): void;
  readonly open: boolean;
}

export interface ChannelEvents<In> {
  message(message: In): void;
  /** Once, for whatever reason. Empty problem: the other end closed. */
  closed(problem: FrameProblem | ''): void;
}

export function openChannel<Out, In>(
  stream: Duplex,
  schema: z.ZodType<In>,
  events: ChannelEvents<In>,
  limit: number = FRAME_LIMIT,
): Channel<Out> {
  const decoder = new FrameDecoder(limit);
  let open = true;
  const end = (problem: FrameProblem | ''): void => {
    if (!open) return;
    open = false;
    stream.destroy();
    events.closed(problem);
  };
  stream.on('data', (chunk: Buffer) => {
    for (const decoded of decoder.push(chunk)) {
      if (!open) return;
      if (decoded.kind === 'malformed') return end(decoded.problem);
      const parsed = schema.safeParse(decoded.value);
      if (!parsed.success) return end('schema-mismatch');
      events.message(parsed.data);
    }
  });
  stream.on('end', () => end(''));
  stream.on('close', () => end(''));
  stream.on('error', () => end(''));
  return {
    send(message) {
      if (!open || stream.destroyed) return false;
      stream.write(encodeFrame(message));
      return true;
    },
    close: () => end(''),
    get open() {
      return open;
    },
  };
}
