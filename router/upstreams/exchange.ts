/**
 * One request and its answer on one connection, as a state machine fed by the HTTP client and read by a sink.
 *
 *     waiting --start--> sent --head--> body --end--> done
 *        any of them --error, timer, abort--> failed(code)
 *
 * It settles exactly once, and every way to fail destroys the socket, so no late byte of a reply is ever read as the
 * next one's. There is no retry: a completion is not idempotent, and whoever asked decides whether to ask again. That
 * includes a kept-alive socket the server closes at the moment it is used: the bytes may have been read, so it is
 * `upstream_reset` with `sent: true`. Fails closed: an error that is not understood counts as sent.
 */
import type { UpstreamFailure } from '../chat.ts';
import { failure, type FailureCode } from './failure.ts';
import type { IncomingHeaders } from './headers.ts';

/** What the HTTP client lets us do with a running exchange. */
export interface Controls {
  readonly paused: boolean;
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

/** Longest a Node timer can wait; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface Timeouts {
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Who reads the answer. After `onEnd` or `onFailure` nothing more is called. */
export interface Sink {
  onHead(status: number, headers: IncomingHeaders): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onFailure(failure: UpstreamFailure): void;
}

export class Exchange {
  readonly #upstream: string;
  readonly #timeouts: Timeouts;
  readonly #sink: Sink;
  readonly #signal: AbortSignal | undefined;
  #controls: Controls | undefined;
  #timer: NodeJS.Timeout | undefined;
  #state: 'waiting' | 'sent' | 'body' | 'settled' = 'waiting';
  #sent = false;
  #status = 0;
  /** Silence while we hold the sender back is ours, not the upstream's. */
  #held = false;

  constructor(upstream: string, timeouts: Timeouts, sink: Sink, signal: AbortSignal | undefined) {
    this.#upstream = upstream;
    this.#timeouts = timeouts;
    this.#sink = sink;
    this.#signal = signal;
  }

  get sent(): boolean {
    return this.#sent;
  }

  get status(): number {
    return this.#status;
  }

  /** begin is called before the client may call back. False: already aborted, do not dispatch. */
  begin(): boolean {
    if (this.#signal === undefined) return true;
    if (this.#signal.aborted) {
      this.#fail('aborted');
      return false;
    }
    this.#signal.addEventListener('abort', this.#aborted);
    return true;
  }

  /** dispatched arms the connect timer unless the request is already on a live connection. */
  dispatched(): void {
    if (this.#state === 'waiting') this.#arm(this.#timeouts.connectTimeoutMs);
  }

  pause(): void {
    if (this.#state === 'settled' || this.#held) return;
    this.#held = true;
    this.#controls?.pause();
  }

  resume(): void {
    if (!this.#held || this.#state === 'settled') return;
    this.#held = false;
    this.#timer?.refresh();
    this.#controls?.resume();
  }

  /** cancel ends the exchange because nobody reads it any more. */
  cancel(): void {
    this.#fail('aborted');
  }

  /** giveUp ends it for a reason found in the answer itself. */
  giveUp(code: FailureCode): void {
    this.#fail(code);
  }

  onRequestStart(controls: Controls): void {
    if (this.#state !== 'waiting') {
      controls.abort(new Error('settled'));
      return;
    }
    this.#controls = controls;
    this.#state = 'sent';
    this.#sent = true;
    this.#arm(this.#timeouts.firstByteTimeoutMs);
  }

  onResponseStart(_controls: Controls, status: number, headers: IncomingHeaders): void {
    // 1xx is no answer yet.
    if (this.#state !== 'sent' || status < 200) return;
    this.#state = 'body';
    this.#status = status;
    this.#arm(this.#timeouts.idleTimeoutMs);
    this.#sink.onHead(status, headers);
  }

  onResponseData(_controls: Controls, chunk: Buffer): void {
    if (this.#state !== 'body') return;
    this.#timer?.refresh();
    this.#sink.onData(chunk);
  }

  onResponseEnd(): void {
    if (this.#state !== 'body') return;
    this.#settle();
    this.#sink.onEnd();
  }

  onResponseError(_controls: Controls, error: Error): void {
    this.#fail(this.#codeOf(error));
  }

  readonly #aborted = (): void => {
    this.#fail('aborted');
  };

  #arm(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        if (this.#held) this.#timer?.refresh();
        else this.#fail('upstream_timeout');
      },
      Math.min(afterMs, LONGEST_TIMER_MS),
    );
  }

  #settle(): void {
    this.#state = 'settled';
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#aborted);
  }

  #fail(code: FailureCode): void {
    if (this.#state === 'settled') return;
    this.#settle();
    // Before the request is written there are no controls; onRequestStart then aborts it unwritten.
    this.#controls?.abort(new Error(code));
    this.#sink.onFailure(failure(this.#upstream, code, this.#sent, { status: this.#status }));
  }

  #codeOf(error: Error): FailureCode {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'upstream_timeout';
    if (!this.#sent) return 'upstream_unreachable';
    // Bytes that are no HTTP, or a length that the body does not keep.
    if (error.name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW') return 'upstream_malformed';
    if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return 'upstream_truncated';
    if (this.#state === 'body' && code !== 'ECONNRESET') return 'upstream_truncated';
    return 'upstream_reset';
  }
}
