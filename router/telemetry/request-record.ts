/**
 * The evidence of one request, made once when it is over: the console's stream, traces, cost and silence watch all read this and nothing else. Holds
 * entities, positions, counts, codes and keyed digests; no type here has room for text of a request, and names a client chose are mapped to known ones.
 */
import type { Usage } from '../chat.ts';

export interface RequestRecord {
  readonly id: string;
  /** Epoch milliseconds of the request's first byte. */
  readonly at: number;
  readonly principal: string;
  readonly protocol: string;
  readonly operation: Operation;
  /** `none`: failed before a decision. */
  readonly route: string;
  /** Empty where nothing was sent. */
  readonly upstream: string;
  readonly provider: string;
  readonly label: string;
  readonly verdict: 'clean' | 'sensitive' | 'unknown' | 'none';
  /** As in x-sluice-reason. */
  readonly reasons: readonly string[];
  readonly counterfactual: string;
  readonly outcome: string;
  readonly complexity: {
    readonly score: number;
    readonly band: string;
    readonly reasons: readonly { readonly code: string; readonly weight: number }[];
  };
  /** What the client asked for, when it is a name the configuration or a server knows; else `other`. */
  readonly requestModel: string;
  readonly responseModel: string;
  /** First digits of the conversation's keyed digest; empty when there was no conversation. */
  readonly session: string;
  readonly turns: number;
  readonly chars: number;
  readonly stream: boolean;
  /** At most FINDINGS_KEPT; `findingCount` is their true number. */
  readonly findings: readonly FindingRecord[];
  readonly findingCount: number;
  readonly gaps: readonly { readonly cause: string; readonly classifier: string; readonly pointer: string }[];
  readonly signals: readonly string[];
  readonly tools: readonly ToolRecord[];
  readonly usage: Usage | undefined;
  /** In the configured currency; undefined when no price is known. Local answers cost 0. */
  readonly cost: number | undefined;
  /** First twelve digits of the policy's digest. */
  readonly policy: string;
  /** Milliseconds since `at`; undefined for stages that were not reached. */
  readonly timings: Timings;
  readonly trace: TraceContext | undefined;
}

export type Operation = 'chat' | 'text_completion' | 'embeddings';

export interface FindingRecord {
  readonly entity: string;
  /** Fit for logs: keys a client chose are hidden. */
  readonly pointer: string;
  readonly start: number;
  readonly end: number;
  readonly score: number;
  readonly recognizer: string;
}

export interface ToolRecord {
  /** One of the bundled tools, or `client`. */
  readonly tool: string;
  readonly outcome: string;
  readonly backend: string;
  /** Milliseconds since the request's `at`. */
  readonly endedMs: number;
  readonly durationMs: number;
}

export interface Timings {
  readonly read: number | undefined;
  readonly decided: number | undefined;
  readonly dispatched: number | undefined;
  readonly firstChunk: number | undefined;
  readonly total: number;
}

/** W3C trace context of the request's own span. Hex. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** The client's span; empty when it sent none. */
  readonly parentId: string;
}

export const FINDINGS_KEPT = 50;
