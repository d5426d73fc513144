/**
 * Upstreams by what they may see. A local upstream takes any chat; a cloud upstream takes only Cleared, which
 * only clearance.ts makes. Fails closed: a failure is a value, is never retried here, and never picks another upstream.
 */
import type { ServerResponse } from 'node:http';
import type { ChatRequest, ReplyEvent, UpstreamFailure } from '../chat.ts';
import type { Cleared } from '../clearance.ts';
import type { WireName } from '../protocols/wire.ts';
import type { ClientKey } from './client-key.ts';
import type { PipeOptions, PipeOutcome } from './pipe-sink.ts';

export interface ModelInfo {
  readonly id: string;
  readonly ownedBy: string;
  readonly createdSeconds: number;
  /** As the server lists it; absent where no server does. */
  readonly listed?: ListedModel;
}

/** What Ollama's own list says of a model besides its name. */
export interface ListedModel {
  readonly sizeBytes: number;
  /** Hex. */
  readonly digest: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface LocalUpstream {
  readonly kind: 'local';
  readonly name: string;
  readonly standIn: boolean;
  /** `model` empty takes the configured or first local model. The events always end in `end` or `error`. */
  send(chat: ChatRequest, options: { readonly model: string; readonly signal: AbortSignal }): AsyncIterable<ReplyEvent>;
  /** Models that are really on this machine (no `:cloud`, no remote stubs). Throws nothing; unreachable is a value. */
  models(): Promise<
    | { readonly kind: 'models'; readonly models: readonly ModelInfo[] }
    | { readonly kind: 'unreachable'; readonly reason: string }
  >;
  /** Vectors of texts, made on this machine. `model` empty takes the first local model for it. Throws nothing. */
  embed(request: EmbedTexts, options: { readonly model: string; readonly signal: AbortSignal }): Promise<Embedded>;
  /** What the server says of a model that is really local, in Ollama's form. Absent where there is no server. Throws nothing. */
  show?(
    model: string,
  ): Promise<
    | { readonly kind: 'shown'; readonly fields: Readonly<Record<string, unknown>> }
    | { readonly kind: 'refused'; readonly code: UpstreamFailure['code'] }
  >;
  /** Of a pool: the upstreams behind it. */
  readonly members?: readonly string[];
  /** Local models now loaded, in Ollama's form; empty when the server does not say. Throws nothing. */
  running?(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): Promise<void>;
}

export interface EmbedTexts {
  readonly input: readonly string[];
  readonly dimensions?: number;
  /** Whether a text longer than the model's window is cut, which is the wire's default, or refused. */
  readonly truncate?: boolean;
  readonly keepAlive?: string | number;
}

export type Embedded =
  | {
      readonly kind: 'embedded';
      readonly model: string;
      /** One per text, in order. */
      readonly embeddings: readonly (readonly number[])[];
      /** 0 when the server did not say, as the next. */
      readonly inputTokens: number;
      readonly loadNanoseconds: number;
    }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure };

/** Bytes of a reply, for one reader. Iteration throws an UpstreamError where the reply failed; leaving it early closes the connection. */
export interface ReplyBytes extends AsyncIterable<Buffer> {
  destroy(): unknown;
}

export type CloudReply =
  | {
      readonly kind: 'response';
      readonly status: 200;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: ReplyBytes;
    }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure };

export interface SendOptions {
  readonly signal: AbortSignal;
  /** Only for an upstream that forwards it. */
  readonly clientKey?: ClientKey;
}

export interface BodyQuirks {
  readonly rename: Readonly<Record<string, string>>;
  readonly drop: readonly string[];
}

export interface CloudHealth {
  readonly kind: 'reachable' | 'unauthorized' | 'unreachable';
  /** Model ids the upstream offers this key; empty unless reachable. */
  readonly models: readonly string[];
}

export interface CloudUpstream {
  readonly kind: 'cloud';
  readonly name: string;
  readonly standIn: boolean;
  /** Wire the upstream speaks; bodies of this protocol pass through as they are. */
  readonly wire: WireName;
  send(cleared: Cleared, options: SendOptions): Promise<CloudReply>;
  /** The same reply written straight to the client, where nothing has to be restored or looked at. Absent where there is no socket. */
  pipeRaw?(cleared: Cleared, response: ServerResponse, options: PipeOptions): Promise<PipeOutcome>;
  /** Model names clients may ask for. */
  readonly models: readonly string[];
  readonly defaultModel: string;
  /** What its API calls otherwise, or refuses, of the bodies sent there. */
  readonly quirks?: BodyQuirks;
  /** Longest answer asked for where the client gave no limit and the wire demands one. */
  readonly maxTokens?: number;
  /** The client's own key is sent in place of ours. */
  readonly forwardsClientKey?: boolean;
  /** Asks for the model list. Sends no request text, never throws. Absent where the API has no list to ask for. */
  health?(): Promise<CloudHealth>;
  close(): Promise<void>;
}
