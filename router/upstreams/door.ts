/**
 * The one door to the network, and the only importer of undici. A local door sends chats to the local model server; a
 * cloud door sends nothing but Cleared, and asks at run time whether clear() made it. Both: fixed origin and path, our
 * own headers only, HTTP/1.1 on direct connections (proxy variables of the environment are not read), no redirect ever
 * followed, no retry, own timers. Fails closed: what is not cleared throws before a byte moves, everything else that
 * goes wrong is a failure value.
 */
import type { ServerResponse } from 'node:http';
import { Pool } from 'undici';
import type { UpstreamFailure } from '../chat.ts';
import type { Cleared } from '../clearance.ts';
import type { SpanBatch } from '../telemetry/otlp.ts';
import { admit } from './admit.ts';
import type { ClientKey } from './client-key.ts';
import { Exchange, type Sink, type Timeouts } from './exchange.ts';
import { DoorFault, failure, retryAfter, type FailureCode } from './failure.ts';
import {
  headerValue,
  inwardHeaders,
  outwardHeaders,
  withClientKey,
  type IncomingHeaders,
  type KeyHeader,
} from './headers.ts';
import { PipeSink, type PipeOptions, type PipeOutcome } from './pipe-sink.ts';
import { ReplyBody } from './reply-body.ts';
import type { SendOptions } from './upstream.ts';

export interface DoorOptions extends Timeouts {
  /** Name of the upstream in failures, and the one a Cleared must have been cleared for. */
  readonly name: string;
  readonly url: string;
  readonly key?: KeyHeader;
  /** Sent with every request, from the configuration. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Header that names the features a client asked for. Absent: they are not sent. */
  readonly featureHeader?: string;
  /** Where below the URL a cleared request goes, query and all; its own path when absent. Made of the configuration alone. */
  readonly address?: (cleared: Cleared) => string;
  /** Turns a refusal's status and body into a code. The body is dropped afterwards. */
  readonly explain: (status: number, body: string) => FailureCode;
}

/** A CloudReply whose body can also be let run out. */
export type DoorReply =
  | {
      readonly kind: 'response';
      readonly status: 200;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: ReplyBody;
    }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure };

export interface LocalDoor {
  send(path: '/api/chat' | '/api/embed', body: string, options: { readonly signal: AbortSignal }): Promise<DoorReply>;
  /** For the `ollama` client: catalogue and health paths only. */
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

export interface CloudDoor {
  sendCleared(cleared: Cleared, options: SendOptions): Promise<DoorReply>;
  /** The cheapest way from the upstream's socket to the client's response. See pipe-sink.ts. */
  pipeRaw(cleared: Cleared, response: ServerResponse, options: PipeOptions): Promise<PipeOutcome>;
  /** For the `openai` client: the model list only. */
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

/** Takes nothing but what telemetry/otlp.ts made of request records: it has no way to hold text of a request. */
export interface CollectorDoor {
  sendSpans(batch: SpanBatch, options: { readonly signal: AbortSignal }): Promise<DoorReply>;
  close(): Promise<void>;
}

/** Of an error body, as much as may be read to find out what it is; the rest closes the connection. */
const ERROR_BODY_BYTES = 64 * 1024;
/** A catalogue is asked on the way of a request; it must not wait as long as a model may think. */
const CATALOGUE_TIMEOUT_MS = 10_000;
/** Of a catalogue answer. /api/show of a large model with its licence is some 100 KB. */
const CATALOGUE_BYTES = 8 * 1024 * 1024;
/** Idle connections are closed before common servers and middleboxes (5 s, Node's default) close them under us. */
const KEEP_ALIVE_MS = 4_000;

const LOCAL_CATALOGUE: ReadonlySet<string> = new Set([
  'GET /api/tags',
  'GET /api/ps',
  'GET /api/version',
  'POST /api/show',
]);
const CLOUD_CATALOGUE: ReadonlySet<string> = new Set(['GET /models']);

/** openLocalDoor connects nothing yet. Throws DoorFault for a URL that cannot be, or that names Ollama's cloud. */
export function openLocalDoor(options: DoorOptions): LocalDoor {
  const line = new Line(options, LOCAL_CATALOGUE);
  if (isOllamaCloud(line.url.hostname)) throw new DoorFault('not_local');
  const headers = outwardHeaders('application/x-ndjson', options.key);
  return {
    send: (path, body, { signal }) => line.reply(path, body, headers, signal),
    fetch: line.fetch,
    close: () => line.close(),
  };
}

/** openCloudDoor connects nothing yet. Throws DoorFault for a URL that cannot be. */
export function openCloudDoor(options: DoorOptions): CloudDoor {
  const line = new Line(options, CLOUD_CATALOGUE);
  const whole = outwardHeaders('application/json', options.key, options.headers);
  const streamed = outwardHeaders('text/event-stream', options.key, options.headers);
  const headersOf = ({ stream, features }: Cleared, clientKey: ClientKey | undefined): string[] => {
    let headers = stream ? streamed : whole;
    if (options.featureHeader !== undefined && features !== undefined)
      headers = [...headers, options.featureHeader, features.join(',')];
    return clientKey === undefined ? headers : withClientKey(headers, options.key, clientKey);
  };
  const addressOf = options.address ?? ((cleared: Cleared) => cleared.path);
  return {
    async sendCleared(cleared, { signal, clientKey }) {
      admit(cleared, options.name);
      return line.reply(addressOf(cleared), cleared.body, headersOf(cleared, clientKey), signal);
    },
    async pipeRaw(cleared, response, pipe) {
      admit(cleared, options.name);
      const headers = headersOf(cleared, pipe.clientKey);
      return line.pipe(addressOf(cleared), cleared.body, headers, cleared.stream ? 'stream' : 'whole', response, pipe);
    },
    fetch: line.fetch,
    close: () => line.close(),
  };
}

/** openCollectorDoor connects nothing yet. Throws DoorFault for a URL that cannot be. */
export function openCollectorDoor(options: DoorOptions): CollectorDoor {
  const line = new Line(options, new Set());
  const headers = outwardHeaders('application/json', options.key);
  return {
    sendSpans: (batch, { signal }) => line.reply('/v1/traces', batch, headers, signal),
    close: () => line.close(),
  };
}

/** ollama.com runs models for strangers; whatever a config file says, it is not this machine. */
function isOllamaCloud(hostname: string): boolean {
  return /(?:^|\.)ollama\.com\.{0,1}$/i.test(hostname);
}

/** Where a request goes: one origin, one base path, one pool. */
class Line {
  readonly url: URL;
  readonly #base: string;
  readonly #options: DoorOptions;
  readonly #pool: Pool;
  readonly #catalogue: ReadonlySet<string>;
  readonly #catalogueTimeouts: Timeouts;

  constructor(options: DoorOptions, catalogue: ReadonlySet<string>) {
    this.url = readBaseUrl(options.url);
    this.#base = this.url.pathname.replace(/\/{1,16}$/, '');
    this.#options = options;
    this.#catalogue = catalogue;
    this.#catalogueTimeouts = {
      connectTimeoutMs: Math.min(options.connectTimeoutMs, CATALOGUE_TIMEOUT_MS),
      firstByteTimeoutMs: Math.min(options.firstByteTimeoutMs, CATALOGUE_TIMEOUT_MS),
      idleTimeoutMs: Math.min(options.idleTimeoutMs, CATALOGUE_TIMEOUT_MS),
    };
    this.#pool = new Pool(this.url.origin, {
      // One HTTP/2 session would queue every stream behind the slowest.
      allowH2: false,
      pipelining: 1,
      connections: null,
      connectTimeout: Math.min(options.connectTimeoutMs, 2 ** 31 - 1),
      // Said here, because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would otherwise win.
      connect: { rejectUnauthorized: true },
      keepAliveTimeout: KEEP_ALIVE_MS,
      // The exchange keeps its own time: these have no phase between head and body and round to half seconds.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  #dispatch(
    method: 'GET' | 'POST',
    path: string,
    body: string | null,
    headers: string[],
    exchange: Exchange,
  ): Exchange {
    if (!exchange.begin()) return exchange;
    this.#pool.dispatch(
      { method, path: this.#base + path, body, headers, idempotent: false, blocking: true },
      exchange,
    );
    exchange.dispatched();
    return exchange;
  }

  /** reply settles at the head: a readable body for 200, a classified failure for the rest. */
  reply(path: string, body: string, headers: string[], signal: AbortSignal): Promise<DoorReply> {
    return new Promise((resolve) => {
      let reader: ReplyBody | undefined;
      let refusal: Refusal | undefined;
      const sink: Sink = {
        onHead: (status, incoming) => {
          if (status !== 200 || !isIdentity(incoming)) {
            refusal = new Refusal(status, incoming);
            return;
          }
          reader = new ReplyBody(exchange);
          resolve({ kind: 'response', status: 200, headers: inwardHeaders(incoming), body: reader });
        },
        onData: (chunk) => {
          if (reader !== undefined) reader.accept(chunk);
          else if (refusal !== undefined && !refusal.take(chunk)) exchange.giveUp('upstream_rejected');
        },
        onEnd: () => {
          if (reader !== undefined) reader.finish();
          else resolve({ kind: 'failed', failure: this.#explain(refusal) });
        },
        onFailure: (cause) => {
          if (reader !== undefined) reader.fail(cause);
          else
            resolve({
              kind: 'failed',
              failure: refusal === undefined || cause.code === 'aborted' ? cause : this.#explain(refusal),
            });
        },
      };
      const exchange: Exchange = this.#dispatch(
        'POST',
        path,
        body,
        headers,
        new Exchange(this.#options.name, this.#options, sink, signal),
      );
    });
  }

  /** No function that lives as long as the reply is made beside `body`: it would keep the body for as long. */
  pipe(
    path: string,
    body: string,
    headers: string[],
    kind: 'stream' | 'whole',
    response: ServerResponse,
    options: PipeOptions,
  ): Promise<PipeOutcome> {
    if (response.destroyed || response.closed)
      return Promise.resolve({
        kind: 'failed',
        failure: failure(this.#options.name, 'aborted', false),
        headSent: false,
      });
    const { promise, resolve } = Promise.withResolvers<PipeOutcome>();
    const pipe = new PipeSink(this.#options.name, response, kind, options, resolve);
    const exchange = new Exchange(this.#options.name, this.#options, this.#sinkOf(pipe), options.signal);
    pipe.exchange = this.#dispatch('POST', path, body, headers, exchange);
    return promise;
  }

  #sinkOf(pipe: PipeSink): Sink {
    let refusal: Refusal | undefined;
    return {
      onHead: (status, incoming) => {
        if (status !== 200 || !isIdentity(incoming)) refusal = new Refusal(status, incoming);
        else pipe.onHead(inwardHeaders(incoming));
      },
      onData: (chunk) => {
        if (refusal === undefined) pipe.onData(chunk);
        else if (!refusal.take(chunk)) pipe.exchange?.giveUp('upstream_rejected');
      },
      onEnd: () => {
        if (refusal === undefined) pipe.onEnd();
        else pipe.onFailure(this.#explain(refusal));
      },
      onFailure: (cause) => {
        pipe.onFailure(refusal === undefined || cause.code === 'aborted' ? cause : this.#explain(refusal));
      },
    };
  }

  /** A fetch for SDKs that reaches the catalogue paths of this line and nothing else, with our headers and not theirs. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new URL(input instanceof Request ? input.url : input);
    const method = init?.method ?? 'GET';
    const path = request.pathname.startsWith(this.#base) ? request.pathname.slice(this.#base.length) : '';
    if (request.origin !== this.url.origin || request.search !== '' || !this.#catalogue.has(`${method} ${path}`)) {
      throw new DoorFault('path_not_allowed');
    }
    const body = typeof init?.body === 'string' ? init.body : null;
    return this.#collect(method === 'POST' ? 'POST' : 'GET', path, body, init?.signal ?? undefined);
  };

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  #collect(
    method: 'GET' | 'POST',
    path: string,
    body: string | null,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let held = 0;
      const sink: Sink = {
        onHead: (_status, incoming) => {
          if (!isIdentity(incoming)) exchange.giveUp('upstream_malformed');
        },
        onData: (chunk) => {
          held += chunk.length;
          if (held > CATALOGUE_BYTES) exchange.giveUp('upstream_malformed');
          else chunks.push(chunk);
        },
        onEnd: () => {
          const status = exchange.status;
          // A refusal's own words stop here; the SDKs print them. They get the status and a body they can read.
          const text = status === 200 ? Buffer.concat(chunks) : '{"error":"refused"}';
          if (status < 200 || status > 599) reject(new Error('upstream_malformed'));
          else
            resolve(
              new Response(status === 204 || status === 205 || status === 304 ? null : text, {
                status,
                headers: { 'content-type': 'application/json' },
              }),
            );
        },
        onFailure: (cause) => reject(new Error(cause.code)),
      };
      const exchange: Exchange = this.#dispatch(
        method,
        path,
        body,
        outwardHeaders('application/json', this.#options.key, this.#options.headers),
        new Exchange(this.#options.name, this.#catalogueTimeouts, sink, signal),
      );
    });
  }

  #explain(refusal: Refusal | undefined): UpstreamFailure {
    if (refusal === undefined) return failure(this.#options.name, 'upstream_malformed', true);
    const code = refusal.status === 200 ? 'upstream_malformed' : this.#options.explain(refusal.status, refusal.text());
    return failure(this.#options.name, code, true, {
      status: refusal.status,
      retryAfterSeconds: refusal.retryAfterSeconds,
    });
  }
}

/** An answer that is not the one asked for; kept just long enough to be classified. */
class Refusal {
  readonly status: number;
  readonly retryAfterSeconds: number;
  readonly #chunks: Buffer[] = [];
  #held = 0;

  constructor(status: number, headers: IncomingHeaders) {
    this.status = status;
    this.retryAfterSeconds = retryAfter(headerValue(headers, 'retry-after'), Date.now());
  }

  /** take keeps the chunk; false past the bound. */
  take(chunk: Buffer): boolean {
    this.#held += chunk.length;
    if (this.#held > ERROR_BODY_BYTES) return false;
    this.#chunks.push(chunk);
    return true;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/** We asked for no compression; bytes nobody here can read are not passed on. */
function isIdentity(headers: IncomingHeaders): boolean {
  const encoding = headerValue(headers, 'content-encoding');
  return encoding === undefined || encoding === '' || encoding.toLowerCase() === 'identity';
}

/** Credentials come by reference, never in a URL, and a query would be lost; both are refused instead of dropped. */
function readBaseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw new DoorFault('invalid_url');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new DoorFault('invalid_url');
  return url;
}
