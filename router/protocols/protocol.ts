/** What a client protocol can do. Pure but for ReplyWriter, which writes to the response it was given. */
import type { IncomingHttpHeaders } from 'node:http';
import type { JsonDocument } from '../json/document.ts';
import type { Embedded, EmbedTexts } from '../upstreams/upstream.ts';
import type { ChatRequest, ModelToolCall, ReplyEvent, ToolDeclaration, UpstreamFailure, Usage } from '../chat.ts';
import type { PublicError } from '../errors.ts';
import type { ProtocolName, Whereabouts } from '../envelope.ts';
import type { Channel, Restorer } from '../masking/restore.ts';
import type { RequestBlocks } from './blocks.ts';
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';

/** Wrong shape: code and pointer for the client, never the value. */
export interface ShapeProblem {
  readonly code:
    | 'missing_field'
    | 'wrong_type'
    | 'unknown_role'
    | 'tool_call_not_found'
    | 'tokens_unreadable'
    | 'out_of_range'
    | 'unsupported_value';
  readonly pointer: string;
}

export type ReadChat =
  | {
      readonly kind: 'chat';
      readonly model: string;
      readonly chat: ChatRequest;
      readonly segments: readonly Segment[];
      readonly gaps: readonly Gap[];
      /** The same in blocks, where the protocol can tell them apart; what is remembered of a block then needs no segments. */
      readonly blocks?: RequestBlocks;
      /** Where the conversation stands, when it is not under `/messages`. */
      readonly where?: Whereabouts;
    }
  | { readonly kind: 'problem'; readonly problem: ShapeProblem };

/** A tool call of the model and what it gave; `content` goes to the model. */
export interface ToolResult {
  readonly call: ModelToolCall;
  readonly content: string;
}

/** The half of a protocol that reads and grows requests. */
export interface RequestProtocol {
  readonly name: ProtocolName;
  /**
   * Arrays of the root whose items the parser may know one by one from before; other members it may know whole. Absent where `read` looks at everything anyway: what is known
   * would only be parsed a little later.
   */
  readonly cut?: ReadonlySet<string>;
  /** Features the client asks for in headers. Only names of a form that can say nothing else are given. Absent: the wire has none. */
  features?(headers: IncomingHttpHeaders): readonly string[];
  /** Reads shape, segments (every string leaf, key and number of the document) and gaps. Unknown fields are carried and scanned, not refused. */
  read(document: JsonDocument): ReadChat;
  /** The source with `tools` added to what the client declared; unchanged when empty. */
  withTools(document: JsonDocument, tools: readonly ToolDeclaration[]): string;
  /** The source with the model's turn and the results appended, for the next turn of the tool loop. */
  withToolRound(
    document: JsonDocument,
    assistantText: string,
    results: readonly ToolResult[],
    /** Reasoning of the turn, its seals and what else only the wire knows, in order; some models want it back. */
    thoughts?: readonly ReplyEvent[],
  ): string;
  /** The source with a line of ours put before all the model reads. Absent where the body has `messages` with roles. */
  withPreface?(document: JsonDocument, text: string): string;
  /** What of this request does not leave though its client sent it, as codes for the reply's headers. Only on protocols made for one request. */
  removed?(): readonly string[];
  /** An error before the reply began, in the protocol's own envelope. */
  errorReply(error: PublicError, requestId: string): ErrorReply;
}

export interface Protocol extends RequestProtocol {
  /** Types of tools the request offers that a provider would run by itself. Absent: the wire has none, or they are looked for elsewhere. */
  providerTools?(document: JsonDocument): readonly string[];
  createWriter(sink: ByteSink, options: WriterOptions): ReplyWriter;
  /** Of reply ids: `chatcmpl-`. */
  readonly idPrefix: string;
  /** Bytes that keep a waiting stream alive and mean nothing to the client; empty when the protocol has none. */
  readonly keepAlive: string;
}

export interface EmbedProtocol extends RequestProtocol {
  /** What is to be embedded. Only for a document that `read` took. */
  readInput(document: JsonDocument): EmbedTexts;
  /** The body of the reply. */
  writeEmbeddings(
    embedded: Embedded & { readonly kind: 'embedded' },
    durationMs: number,
    document: JsonDocument,
  ): string;
  /** A model name that no local server has: an error, or any local model that can embed, with the fact in the headers. */
  readonly unknownModel?: 'route';
  /** The body for a cloud upstream that embeds. Absent: never leaves. */
  forUpstream?(document: JsonDocument, model: string): string;
}

/** A protocol that a cloud upstream speaks too: its bodies leave as the client's own source, spliced. Others are serialised from the neutral form (wire.ts). */
export interface PassthroughProtocol extends Protocol {
  /** The source with `model` and `stream` set and fields that name the client dropped. */
  forUpstream(document: JsonDocument, change: UpstreamChange): string;
  /** Watches one reply of the upstream that passes through as bytes. Absent: replies are always read and written again. */
  createGuard?(options: GuardOptions): PassthroughGuard;
  /** The guard can put masked values back, so that even a masked reply needs no translation. Absent: it cannot. */
  readonly guardRestores?: true;
}

/** Takes notice of an opaque piece of a reply and of the words it vouches for. */
export type NoteSeal = (seal: string, said: string) => void;

export interface GuardOptions {
  readonly note: NoteSeal;
  /** Takes notice of what the client is told: words, as it reads them, and ids of calls. */
  readonly heard?: { text(words: string): void; call(id: string): void };
  /** Puts back what was masked; absent where nothing was. */
  readonly restorer?: Restorer;
  /** `json` when the client asked for structured output: message text is JSON then. */
  readonly text?: Channel;
  /** As the client asked: usage we asked for and it did not is taken out. */
  readonly includeUsage: boolean;
}

export interface PassthroughEnd {
  /** Whether the client has a whole reply, terminator included. */
  readonly complete: boolean;
  /** Bytes the client still needs: an error event and the terminator when the reply is not whole, else what the source left out. */
  readonly append: string;
  /** As the upstream counted last; absent when it did not. */
  readonly usage?: Usage;
}

/** Watches a stream that passes through. Only whole events go on, so that one cut inside an event can still be given an error of its own. */
export interface PassthroughGuard {
  /** Bytes that may go to the client now; empty while an event is unfinished. `overflow`: an event past the cap; stop reading and call finish. */
  push(chunk: Buffer): Buffer | 'overflow';
  /** The whole body of a reply that is no stream, as the client gets it. Absent: as it came. */
  whole?(body: Buffer): { readonly body: Buffer; readonly usage?: Usage } | 'malformed';
  /** At the end of the source, however it came. `errorBody` is the JSON of the error to show when the reply is not whole. */
  finish(errorBody: string): PassthroughEnd;
}

export interface UpstreamChange {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Whether an opaque piece of an earlier reply (encrypted reasoning, a signature) is known to come from this very upstream. Any other must not leave; absent: none is known. */
  readonly keepSeal?: (seal: string, said?: string) => boolean;
  /** Whether tools that the provider runs by itself may be carried. Absent: no. */
  readonly carriesTools?: boolean;
  /** For wires that demand a bound on the answer, where the client gave none. */
  readonly maxTokens?: number;
}

export interface WriterOptions {
  readonly stream: boolean;
  /** The client asked for usage at the end of the stream. */
  readonly includeUsage: boolean;
  /** Ours, with the protocol's prefix: upstreams reuse theirs. */
  readonly id: string;
  /** Shown when the upstream names none. */
  readonly model: string;
  readonly createdSeconds: number;
  /** Calls are written as `function_call`, as the client declared them. */
  readonly legacyCalls?: true;
  /** The request had no messages: on Ollama's wire it loads or unloads a model and says nothing. */
  readonly loads?: 'load' | 'unload';
  /** The body of errorReply for a failure: what the client is told when the reply ends in one. */
  readonly errorBody: (failure: UpstreamFailure) => string;
}

export interface ErrorReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Where a writer puts bytes: a Node response or a test. `write` resolves when the client can take more (backpressure). */
export interface ByteSink {
  write(bytes: string | Uint8Array): void | Promise<void>;
  end(): void;
}

/** Turns events into the client's bytes. Every path ends the stream in the protocol's own terminator, also after `error`. */
export interface ReplyWriter {
  readonly contentType: string;
  write(event: ReplyEvent): void | Promise<void>;
}
