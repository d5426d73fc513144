/** One request as the router carries it from parse to dispatch. Frozen by convention: stages return a new one. */
import type { Block } from '../classifiers/block.ts';
import type { Segment } from '../classifiers/segment.ts';
import type { Gap } from '../classifiers/verdict.ts';
import type { ChatRequest } from './chat.ts';
import type { JsonDocument } from './json/document.ts';

export type ProtocolName =
  | 'openai-chat'
  | 'openai-responses'
  | 'openai-completions'
  | 'openai-embeddings'
  | 'anthropic-messages'
  | 'ollama-chat'
  | 'ollama-generate'
  | 'ollama-embed';

/** From a place in the body to the conversation. */
export interface Whereabouts {
  /** Index in the chat's messages; undefined for what stands outside of them. */
  messageAt(pointer: string): number | undefined;
  /** Whether the place is inside a tool call of the model. */
  isInCall(pointer: string): boolean;
}

export interface RequestEnvelope {
  /** Ours, `req_` and 24 hex digits; never the client's. */
  readonly id: string;
  readonly protocol: ProtocolName;
  readonly principal: string;
  /** As the client asked; `auto` routes. */
  readonly model: string;
  readonly document: JsonDocument;
  /** Every readable leaf of the document, in source order. */
  readonly segments: readonly Segment[];
  /** The block a pointer lies in, where the body was cut into blocks; its segments can be read without all others. */
  blockAt?(pointer: string): Block | undefined;
  /** Parts we carry but cannot read; each makes the verdict unknown. */
  readonly gaps: readonly Gap[];
  readonly chat: ChatRequest;
  readonly where: Whereabouts;
}
