/**
 * From the upstream's socket straight into the client's response, with nothing parsed and nothing copied. A stream is
 * written chunk by chunk as it comes, holding the upstream back while the client is slow. Any other answer is held until
 * it is whole, up to a bound, so that an upstream that dies half-way leaves the response untouched and the caller can
 * still answer with a proper error. Fails by outcome: `failed` says whether the head is already out.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { UpstreamFailure } from '../chat.ts';
import type { Exchange } from './exchange.ts';

export interface PipeOptions {
  /** Absent: the response closing early is the only abort. */
  readonly signal?: AbortSignal;
  /** Called once, before the head is written; returns the headers the client gets. */
  readonly onHead: (headers: Readonly<Record<string, string>>) => OutgoingHttpHeaders;
  /** Sees each chunk as it is passed on. It must not keep the buffer waiting. */
  readonly onData?: (chunk: Buffer) => void;
}

/** `failed` with `headSent: false` has written nothing; with true the caller owes the stream an error and a terminator. The response is ended only by `done`. */
export type PipeOutcome =
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure; readonly headSent: boolean };

/** An answer that is no stream and longer than this is written as it comes. */
const HELD_BYTES = 4 * 1024 * 1024;

export class PipeSink {
  exchange: Exchange | undefined;
  readonly #response: ServerResponse;
  readonly #options: PipeOptions;
  readonly #settle: (outcome: PipeOutcome) => void;
  #headers: Readonly<Record<string, string>> = {};
  #held: Buffer[] | undefined;
  #bytes = 0;
  #headSent = false;

  constructor(response: ServerResponse, options: PipeOptions, settle: (outcome: PipeOutcome) => void) {
    this.#response = response;
    this.#options = options;
    this.#settle = settle;
    response.on('close', this.#closed);
  }

  onHead(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers;
    if (headers['content-type']?.startsWith('text/event-stream') === true) this.#open(undefined);
    else this.#held = [];
  }

  onData(chunk: Buffer): void {
    this.#options.onData?.(chunk);
    this.#bytes += chunk.length;
    if (this.#held === undefined) {
      this.#write(chunk);
      return;
    }
    this.#held.push(chunk);
    if (this.#bytes <= HELD_BYTES) return;
    const held = this.#held;
    this.#held = undefined;
    this.#open(undefined);
    for (const each of held) this.#write(each);
  }

  onEnd(): void {
    this.#detach();
    if (this.#held === undefined) this.#response.end();
    else {
      this.#open(this.#bytes);
      const [only] = this.#held;
      this.#response.end(this.#held.length === 1 ? only : Buffer.concat(this.#held));
    }
    this.#settle({ kind: 'done', bytes: this.#bytes });
  }

  onFailure(failure: UpstreamFailure): void {
    this.#detach();
    this.#settle({ kind: 'failed', failure, headSent: this.#headSent });
  }

  #open(length: number | undefined): void {
    const headers = this.#options.onHead(this.#headers);
    this.#response.writeHead(200, length === undefined ? headers : { ...headers, 'content-length': length });
    this.#headSent = true;
    if (length !== undefined) return;
    // A stream's head goes out now and not with the model's first token; but when both came in one packet, in one write.
    queueMicrotask(() => {
      if (this.#bytes === 0 && !this.#response.writableEnded) this.#response.flushHeaders();
    });
  }

  #write(chunk: Buffer): void {
    if (this.#response.write(chunk)) return;
    this.exchange?.pause();
    this.#response.once('drain', this.#drained);
  }

  readonly #drained = (): void => {
    this.exchange?.resume();
  };

  readonly #closed = (): void => {
    this.exchange?.cancel();
  };

  #detach(): void {
    this.#response.off('close', this.#closed);
    this.#response.off('drain', this.#drained);
  }
}
