/** What a client protocol can do. Pure but for ReplyWriter, which writes to the response it was given. */
import type { JsonDocument } from '../json/document.ts';
import type { ChatRequest, ModelToolCall, ReplyEvent, ToolDeclaration } from '../chat.ts';
import type { ProtocolName } from '../envelope.ts';
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';

/** Wrong shape: code and pointer for the client, never the value. */
export interface ShapeProblem {
  readonly code: 'missing_field' | 'wrong_type' | 'unknown_role' | 'out_of_range' | 'unsupported_value';
  readonly pointer: string;
}

export type ReadChat =
  | {
      readonly kind: 'chat';
      readonly model: string;
      readonly chat: ChatRequest;
      readonly segments: readonly Segment[];
      readonly gaps: readonly Gap[];
    }
  | { readonly kind: 'problem'; readonly problem: ShapeProblem };

/** A tool call of the model and what it gave; `content` goes to the model. */
export interface ToolResult {
  readonly call: ModelToolCall;
  readonly content: string;
}

export interface Protocol {
  readonly name: ProtocolName;
  /** Reads shape, segments (every string leaf, key and number of the document) and gaps. Unknown fields are carried and scanned, not refused. */
  read(document: JsonDocument): ReadChat;
  /** The source with `tools` added to what the client declared; unchanged when empty. */
  withTools(document: JsonDocument, tools: readonly ToolDeclaration[]): string;
  /** The source with the model's turn and the results appended, for the next turn of the tool loop. */
  withToolRound(document: JsonDocument, assistantText: string, results: readonly ToolResult[]): string;
  /** The source as sent to a cloud upstream of the same wire: `model` set, `stream` set, fields that name the client dropped. */
  forUpstream(
    document: JsonDocument,
    change: { readonly model: string; readonly stream: boolean; readonly includeUsage: boolean },
  ): string;
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
