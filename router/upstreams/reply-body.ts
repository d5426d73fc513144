/**
 * An upstream's answer as a Readable with backpressure: while nobody reads, the socket is not read either, so a paused
 * client costs one buffer and not the whole reply. Fails by throwing an UpstreamError out of the iteration; an unread
 * body that fails is silent.
 */
import { Readable } from 'node:stream';
import type { UpstreamFailure } from '../chat.ts';
import type { Exchange } from './exchange.ts';
import { UpstreamError } from './failure.ts';

/** Held between the socket and the reader before the socket is paused. */
const BUFFERED_BYTES = 64 * 1024;

export class ReplyBody extends Readable {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.#exchange = exchange;
    // A failure between the head and the first read must not be an uncaught 'error' event.
    this.on('error', () => {});
  }

  accept(chunk: Buffer): void {
    if (!this.push(chunk)) this.#exchange.pause();
  }

  finish(): void {
    this.push(null);
  }

  fail(failure: UpstreamFailure): void {
    this.destroy(new UpstreamError(failure));
  }

  override _read(): void {
    this.#exchange.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#exchange.cancel();
    callback(error);
  }
}
