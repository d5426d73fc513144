/**
 * What the audit knows of: one receipt per request, one per send to a cloud, one per tool call, and what changed the rules. Evidence, never content: there is no
 * room here for text of a request, and names a client chose are mapped to known ones before they get here.
 */

/** What a reader has to know of the policy: labels are weighed by the ladder that was in force. */
export interface PolicyInForce {
  /** First digits of its digest. */
  readonly policy: string;
  readonly ladder: readonly string[];
  readonly upstreams: readonly { readonly name: string; readonly kind: string; readonly sees: string }[];
  /** Whether what is done is recorded before it is done. */
  readonly required: boolean;
  /** Share of requests of which text is kept for tuning; absent in records of older versions. */
  readonly sampling?: number;
}

export type AuditEvent =
  /** An instance begins: what it goes by. Everything it writes follows, until `stop`. */
  | ({ readonly kind: 'start'; readonly version: string } & PolicyInForce)
  | { readonly kind: 'stop' }
  /** Before anything is done for a request; only where the audit is required. */
  | { readonly kind: 'intent'; readonly id: string; readonly principal: string; readonly protocol: string }
  | RequestReceipt
  | SendReceipt
  | ToolReceiptEvent
  /** Another configuration was to take the place of the one in force: `outcome` says whether it did. */
  | ({
      readonly kind: 'reload';
      readonly outcome: string;
      readonly applied: boolean;
      readonly changes: readonly string[];
    } & PolicyInForce)
  | {
      readonly kind: 'key';
      readonly action: 'created' | 'revoked';
      readonly key: string;
      readonly principal: string;
      readonly role: string;
      readonly by: string;
    }
  /** Something done on the admin side. `action` is a code, `target` a name or id of ours. */
  | {
      readonly kind: 'admin';
      readonly action: string;
      readonly target: string;
      readonly by: string;
      readonly outcome: string;
    }
  /** Callers turned away since the last one, by code: not one each, or a flood would fill the disk. */
  | { readonly kind: 'refused-callers'; readonly code: string; readonly count: number }
  | { readonly kind: 'pruned'; readonly upTo: number; readonly records: number };

export interface RequestReceipt {
  readonly kind: 'request';
  readonly id: string;
  readonly principal: string;
  /** Id of the API key; empty for none. */
  readonly key: string;
  readonly protocol: string;
  readonly route: string;
  readonly upstream: string;
  readonly label: string;
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly counterfactual: string;
  readonly outcome: string;
  readonly requestModel: string;
  readonly model: string;
  readonly session: string;
  readonly findings: readonly {
    readonly entity: string;
    readonly pointer: string;
    /** Keyed digest of the value: equal values are equal here, and nobody without the key can try guesses. */
    readonly digest: string;
    /** Rounded down to four digits, so that no threshold of four is passed by rounding; absent in receipts of older versions. */
    readonly score?: number;
  }[];
  readonly findingCount: number;
  readonly gaps: readonly string[];
  readonly tools: number;
  readonly chars: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly ms: number;
  readonly policy: string;
}

export interface SendReceipt {
  readonly kind: 'send';
  /** The request it was made for; empty when nobody said, which counts as the highest label. */
  readonly id: string;
  readonly principal: string;
  readonly upstream: string;
  readonly path: string;
  readonly bytes: number;
  /** Keyed digest of the bytes that left. */
  readonly digest: string;
  /** Of the conversation. */
  readonly label: string;
  /** Of what left, which masking can lower. */
  readonly sent: string;
  readonly masked: boolean;
  readonly policy: string;
}

export interface ToolReceiptEvent {
  readonly kind: 'tool';
  readonly id: string;
  readonly principal: string;
  readonly agent: string;
  /** Bundled tool; `other` for a name that is none of ours. */
  readonly tool: string;
  readonly label: string;
  readonly phase: 'intent' | 'done';
  readonly outcome: string;
  readonly backend: string;
  readonly sandboxPolicy: string;
  readonly probeAgeMs: number;
  readonly durationMs: number;
}

/** As it stands in the chain: `i` counts an instance's records from 1, `at` is in epoch milliseconds. */
export type AuditRecord = { readonly i: number; readonly at: number } & AuditEvent;
