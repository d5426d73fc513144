/**
 * The neutral form of a chat turn: what every protocol reads into and every upstream that does not speak the client's own wire is fed
 * from; and the events every reply is read into and written from.
 */

export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDeclaration[];
  readonly toolChoice:
    | { readonly kind: 'auto' | 'none' | 'required' }
    | { readonly kind: 'tool'; readonly name: string };
  readonly parallelToolCalls: boolean;
  readonly stream: boolean;
  /** The client asked for a usage chunk at the end of the stream. */
  readonly includeUsage: boolean;
  readonly choices: number;
  readonly sampling: Sampling;
  readonly responseFormat:
    | { readonly kind: 'text' }
    | { readonly kind: 'json' }
    | { readonly kind: 'schema'; readonly name: string; readonly schema: unknown };
  /** The client declared `functions` and no tools: it knows a call as `function_call`, one a message. */
  readonly legacyCalls?: true;
  /** Empty when not asked for. */
  readonly reasoningEffort: string;
  /** A thinking model's switch, which only local servers have. Absent: what reasoningEffort says, else the model's own default. */
  readonly think?: boolean;
  /** How long a local server keeps its model loaded, as its wire has it: seconds or a duration. Absent: the upstream's own time. */
  readonly keepAlive?: string | number;
}

/** Absent means: the upstream's default. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly logprobs?: boolean;
  readonly topLogprobs?: number;
  /** Knobs only local servers have (`top_k`, `min_p`, …), by the names they know them by. */
  readonly localOptions?: Readonly<Record<string, number>>;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: readonly ContentPart[];
  /** Only on assistant messages; empty elsewhere. */
  readonly toolCalls: readonly ModelToolCall[];
  /** On tool messages: the id of the call answered, as the client sent it; empty when it sent none. */
  readonly toolCallId: string;
  /** On tool messages the tool's name when known; on others the participant's name; else empty. */
  readonly name: string;
}

export type ContentPart =
  | { readonly kind: 'text'; readonly text: string }
  /** `url` is a data: or http(s) URL as sent. */
  | { readonly kind: 'image'; readonly url: string }
  /** A part we carry but cannot read (audio, file, unknown). */
  | { readonly kind: 'opaque'; readonly type: string };

export interface ModelToolCall {
  readonly id: string;
  readonly name: string;
  /** As the model wrote it: usually JSON in a string. Untrusted. */
  readonly arguments: string;
}

export interface ToolDeclaration {
  readonly name: string;
  readonly description: string;
  readonly parameters: unknown;
}

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** 0 when the upstream did not say. */
  readonly cachedInputTokens: number;
  readonly reasoningTokens: number;
}

/**
 * A reply in order. Exactly one `end` or `error` comes last; a source that stops without either has failed and its reader
 * says `error`. `tool-call` opens call `index` of a choice, `tool-arguments` adds to it.
 */
export type ReplyEvent =
  | { readonly kind: 'start'; readonly id: string; readonly model: string; readonly createdSeconds: number }
  | {
      readonly kind: 'text';
      readonly choice: number;
      readonly text: string;
      /** Which message of several this is, by the upstream's own id, and what it is for (`commentary`, `final_answer`), where the wire tells. */
      readonly item?: string;
      readonly phase?: string;
    }
  | {
      readonly kind: 'reasoning';
      readonly choice: number;
      readonly text: string;
      /** The upstream's own id of this piece of reasoning, where it has one: its seal is only good under that id. */
      readonly item?: string;
      /** Which paragraph of a summary this is; absent for the reasoning itself. */
      readonly summary?: number;
    }
  /**
   * The upstream's own opaque form of the reasoning before it (encrypted, or a signature over it). Nobody here can read it: it goes to the client, and back to that
   * very upstream when the client sends it again (seals.ts).
   */
  | {
      readonly kind: 'reasoning-seal';
      readonly choice: number;
      readonly item: string;
      readonly seal: string;
      /** It is a signature, good only together with the reasoning as it was written. */
      readonly vouches?: true;
    }
  /** What a part of the text rests on, as OpenAI's /responses writes it (`url_citation` and the like); empty where it has no form for it. Positions count characters in the choice's text. */
  | {
      readonly kind: 'annotation';
      readonly choice: number;
      readonly value: NativeValue;
      /** As the upstream's wire had it, where that is another. The text it belongs to is complete. */
      readonly native?: { readonly wire: string; readonly value: NativeValue };
    }
  /** A step the provider made by itself (a web search), whole, in the wire's own form. */
  | { readonly kind: 'provider-item'; readonly choice: number; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'refusal'; readonly choice: number; readonly text: string }
  | {
      readonly kind: 'tool-call';
      readonly choice: number;
      readonly index: number;
      readonly id: string;
      readonly name: string;
      /** The arguments are free text and no JSON. */
      readonly raw?: true;
    }
  | { readonly kind: 'tool-arguments'; readonly choice: number; readonly index: number; readonly text: string }
  | { readonly kind: 'logprobs'; readonly choice: number; readonly value: unknown }
  /** A block only one wire knows, whole: hidden reasoning, what a tool of the provider did. Other wires leave it out. */
  | { readonly kind: 'native'; readonly choice: number; readonly wire: string; readonly value: NativeValue }
  | { readonly kind: 'finish'; readonly choice: number; readonly reason: FinishReason; readonly stopSequence?: string }
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly failure: UpstreamFailure };

export type NativeValue = Readonly<Record<string, unknown>>;

export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter';

/** Why an upstream gave no whole reply. Codes and numbers only; the upstream's own words are dropped, they may quote the prompt. */
export interface UpstreamFailure {
  readonly code:
    | 'upstream_unreachable'
    | 'upstream_timeout'
    | 'upstream_reset'
    | 'upstream_truncated'
    | 'upstream_malformed'
    | 'upstream_rejected'
    /** The upstream answered 5xx, or with an error in its stream. */
    | 'upstream_failed'
    | 'upstream_overloaded'
    | 'upstream_unauthorized'
    | 'model_not_found'
    | 'model_not_local'
    | 'context_too_long'
    | 'unsupported_by_model'
    /** The audit is required and could not be written, so nothing was sent. */
    | 'audit_unavailable'
    | 'aborted';
  readonly upstream: string;
  /** HTTP status of the upstream; 0 when there was none. */
  readonly status: number;
  /** Seconds, from Retry-After; 0 when absent. */
  readonly retryAfterSeconds: number;
  /** Whether any byte of the request may have reached the upstream. */
  readonly sent: boolean;
}
