/**
 * A message of a WebSocket as the pipeline knows requests: a body to read, and a response to write whose server-sent events leave as one message each. Fails visibly: an
 * answer that is no stream is an error message with its status.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Readable, Writable } from 'node:stream';

/** toRequest makes a request of a body; of the connection's own headers those go along that do not describe a body. */
export function toRequest(connection: IncomingMessage, body: Buffer): IncomingMessage {
  const headers: IncomingHttpHeaders = { ...connection.headers };
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding']) delete headers[name];
  // The pipeline reads headers and the stream, and asks whether all has come; the rest of Node's class is about a socket.
  return Object.assign(Readable.from([body]), { headers, complete: true }) as unknown as IncomingMessage;
}

/** Sends one message; `sent` is called when it is on its way. */
export type SendMessage = (text: string, sent: (error?: Error | null) => void) => void;

/** How an answer ended, for what the connection remembers. */
export type MessageOutcome = 'open' | 'whole' | 'failed';

export class MessageReply extends Writable {
  readonly #send: SendMessage;
  /** JSON members that every message of this answer ends with, or nothing. */
  readonly #more: string;
  #status = 0;
  #headers: OutgoingHttpHeaders = {};
  #held = '';
  outcome: MessageOutcome = 'open';

  constructor(send: SendMessage, more: string) {
    super({ decodeStrings: false });
    this.#send = send;
    this.#more = more;
  }

  /** The pipeline writes a head, bytes and an end, and listens for drain and close; what else Node's class has is about a socket. */
  asResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  get headersSent(): boolean {
    return this.#status !== 0;
  }

  setHeader(name: string, value: string): this {
    this.#headers[name] = value;
    return this;
  }

  writeHead(status: number, headers: OutgoingHttpHeaders): this {
    this.#status = status;
    this.#headers = { ...this.#headers, ...headers };
    return this;
  }

  override _write(chunk: string | Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#held += chunk.toString();
    if (this.#status !== 200) return done();
    const frames = this.#held.split('\n\n');
    this.#held = frames.pop() ?? '';
    const messages = frames.flatMap((frame) => {
      const data = frame.split('\n').find((line) => line.startsWith('data: '));
      return data === undefined ? [] : [data.slice('data: '.length)];
    });
    this.#sendAll(messages, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#status === 200) return done();
    const { error } = JSON.parse(this.#held) as { readonly error: object };
    const retryAfter = this.#headers['retry-after'];
    const headers = retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } };
    this.#sendAll([JSON.stringify({ type: 'error', status: this.#status, error, ...headers })], done);
  }

  #sendAll(messages: readonly string[], done: (error?: Error | null) => void): void {
    let left = messages.length;
    if (left === 0) return done();
    const sent = (error?: Error | null): void => {
      // Told once, of the first failure or of the last success.
      if (left <= 0) return;
      left = (error ?? undefined) === undefined ? left - 1 : 0;
      if (left === 0) done(error);
    };
    for (const message of messages) {
      if (/^\{"type":"(?:error|response\.failed)"/.test(message)) this.outcome = 'failed';
      else if (/^\{"type":"response\.(?:completed|incomplete)"/.test(message)) this.outcome = 'whole';
      this.#send(this.#more === '' ? message : `${message.slice(0, -1)},${this.#more}}`, sent);
    }
  }
}
