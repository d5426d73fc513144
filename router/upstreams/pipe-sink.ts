/**
 * From the upstream's socket straight into the client's response, with nothing parsed and nothing copied. A stream is
 * written chunk by chunk as it comes, holding the upstream back while the client is slow. Any other answer is held until
 * it is whole, up to a bound, so that an upstream that dies half-way leaves the response untouched and the caller can
 * still answer with a proper error. Fails by outcome: `failed` says whether the head is already out.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { UpstreamFailure } from '../chat.ts';
import type { ClientKey } from './client-key.ts';
import type { Exchange } from './exchange.ts';
import { failure } from './failure.ts';

export interface PipeOptions {
  /** Absent: the response closing early is the only abort. */
  readonly signal?: AbortSignal;
  /** Only for an upstream that forwards it. */
  readonly clientKey?: ClientKey;
  /** Called once, before the head is written; returns the headers the client gets. */
  readonly onHead: (headers: Readonly<Record<string, string>>) => OutgoingHttpHeaders;
  /** What of a stream's chunk may go on now, such as whole events only. `overflow` ends the reply as malformed. Absent: all of it. */
  readonly push?: (chunk: Buffer) => Buffer | 'overflow';
  /** Sees every chunk of an answer that is no stream, as it comes; nothing waits for it. */
  readonly seen?: (chunk: Buffer) => void;
  /** What the client gets of an answer that is no stream. It is then held until it is whole, whatever its length; `malformed` ends it so. Absent: its bytes. */
  readonly whole?: (body: Buffer) => Buffer | 'malformed';
  /** What a stream still needs before it is closed, however it ended: its terminator after a failure. Called once, when the head is out and the client is there. */
  readonly close?: (failure: UpstreamFailure | undefined) => string;
}

/** `failed` with `headSent: false` has written nothing: the response is the caller's. In every other case it is ended. */
export type PipeOutcome =
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure; readonly headSent: boolean };

/** An answer that is no stream and longer than this is written as it comes. */
const HELD_BYTES = 4 * 1024 * 1024;
/** And one that has to be whole before anything of it is written is no answer beyond this. */
const WHOLE_BYTES = 64 * 1024 * 1024;

const NOTHING = Buffer.alloc(0);

export class PipeSink {
  exchange: Exchange | undefined;
  readonly #upstream: string;
  readonly #response: ServerResponse;
  readonly #options: PipeOptions;
  readonly #settle: (outcome: PipeOutcome) => void;
  readonly #isStream: boolean;
  #headers: Readonly<Record<string, string>> = {};
  /** An answer that is no stream, until it is whole; undefined once it is longer than may be held. */
  #held: Buffer[] | undefined = [];
  #bytes = 0;
  #state: 'waiting' | 'head-out' | 'flowing' = 'waiting';
  #isPaused = false;

  constructor(
    upstream: string,
    response: ServerResponse,
    kind: 'stream' | 'whole',
    options: PipeOptions,
    settle: (outcome: PipeOutcome) => void,
  ) {
    this.#upstream = upstream;
    this.#response = response;
    this.#isStream = kind === 'stream';
    this.#options = options;
    this.#settle = settle;
    response.on('close', this.#closed);
  }

  onHead(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers;
    // The other form than the one asked for: what reads it would not find its end.
    if (headers['content-type']?.startsWith('text/event-stream') !== this.#isStream) {
      this.exchange?.giveUp('upstream_malformed');
      return;
    }
    if (!this.#isStream) return;
    this.#open(undefined);
    // The head goes out now and not with the model's first token; but when both came in one packet, in one write.
    queueMicrotask(() => {
      if (this.#state === 'head-out' && !this.#response.writableEnded) this.#response.flushHeaders();
    });
  }

  onData(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#isStream) {
      const passed = this.#options.push === undefined ? chunk : this.#options.push(chunk);
      if (passed === 'overflow') this.exchange?.giveUp('upstream_malformed');
      else if (passed.length > 0) this.#write(passed);
      return;
    }
    this.#options.seen?.(chunk);
    if (this.#held === undefined) {
      this.#write(chunk);
    } else {
      this.#held.push(chunk);
      if (this.#options.whole !== undefined) {
        if (this.#bytes > WHOLE_BYTES) this.exchange?.giveUp('upstream_malformed');
        return;
      }
      if (this.#bytes <= HELD_BYTES) return;
      const held = Buffer.concat(this.#held);
      this.#held = undefined;
      this.#open(undefined);
      this.#write(held);
    }
  }

  onEnd(): void {
    this.#detach();
    if (this.#isStream) this.#end(this.#options.close?.(undefined) ?? '');
    else if (this.#held === undefined) this.#response.end();
    else {
      const [only = NOTHING] = this.#held;
      const held = this.#held.length === 1 ? only : Buffer.concat(this.#held);
      const body = this.#options.whole === undefined ? held : this.#options.whole(held);
      if (body === 'malformed') {
        const broken = failure(this.#upstream, 'upstream_malformed', true, { status: 200 });
        return this.#settle({ kind: 'failed', failure: broken, headSent: false });
      }
      this.#open(body.length);
      this.#response.end(body);
    }
    this.#settle({ kind: 'done', bytes: this.#bytes });
  }

  onFailure(failure: UpstreamFailure): void {
    this.#detach();
    const headSent = this.#state !== 'waiting';
    if (headSent && !this.#response.destroyed) {
      if (this.#isStream) this.#end(this.#options.close?.(failure) ?? '');
      // Half a JSON body has no way to say that it is one but to break off.
      else this.#response.destroy();
    }
    this.#settle({ kind: 'failed', failure, headSent });
  }

  #open(length: number | undefined): void {
    const headers = this.#options.onHead(this.#headers);
    this.#response.writeHead(200, length === undefined ? headers : { ...headers, 'content-length': length });
    this.#state = 'head-out';
  }

  #write(chunk: Buffer): void {
    this.#state = 'flowing';
    if (this.#response.write(chunk) || this.#isPaused) return;
    this.#isPaused = true;
    this.exchange?.pause();
    this.#response.once('drain', this.#drained);
  }

  #end(tail: string): void {
    if (tail === '') this.#response.end();
    else this.#response.end(tail);
  }

  readonly #drained = (): void => {
    this.#isPaused = false;
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
