/** What the admin API says, as types. The console imports this file and nothing else of the router; so it holds types alone. */
import type { AuditRecord } from '../audit/event.ts';
import type { Wire } from '../protocols/wires.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';

export type { AuditRecord, RequestRecord };
export type { FindingRecord, Timings, ToolRecord } from '../telemetry/request-record.ts';

export interface SessionState {
  readonly access: 'login' | 'granted';
  /** How to come in: the link that `sluice serve` printed, or an admin key. */
  readonly way: 'link' | 'key';
  readonly principal: string;
  /** Sent back in x-sluice-csrf with everything that changes something; empty where no cookie is used. */
  readonly csrf: string;
  readonly policy: string;
  readonly mode: 'demo' | 'configured';
}

export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** One key of the configuration that would have changed a decision, with its value now. */
export interface Lever {
  readonly key: string;
  readonly value: string;
  /** What turning it does, in a line. */
  readonly effect: string;
}

export interface SpanView {
  readonly entity: string;
  /** As sent by the caller of explain: only they see it. */
  readonly pointer: string;
  readonly start: number;
  readonly end: number;
  readonly score: number;
  readonly threshold: number;
  readonly label: string;
  readonly recognizer: string;
}
export interface FindingView extends SpanView {
  readonly pattern: string;
  readonly views: readonly string[];
  readonly steps: readonly { readonly kind: string; readonly detail: string; readonly score: number }[];
}
export interface NearMissView extends SpanView {
  readonly cause: string;
}

export interface Explanation {
  /** The wire it was read as. */
  readonly protocol: Wire;
  readonly route: string;
  readonly upstream: string;
  readonly label: string;
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly counterfactual: string;
  readonly complexity: {
    readonly score: number;
    readonly threshold: number;
    readonly band: string;
    /** Of the score alone: simple, uncertain or complex. */
    readonly zone: string;
    /** Who settled it: score, conversation, tool-loop, judge, default. */
    readonly settledBy: string;
    readonly reasons: readonly { readonly code: string; readonly weight: number }[];
  };
  readonly findings: readonly FindingView[];
  readonly nearMisses: readonly NearMissView[];
  readonly signals: readonly {
    readonly kind: string;
    readonly name: string;
    readonly score: number;
    readonly pointer: string;
  }[];
  readonly gaps: readonly { readonly cause: string; readonly classifier: string; readonly pointer: string }[];
  readonly levers: readonly Lever[];
  readonly chars: number;
  readonly ms: number;
}

/** One of several processes that serve. */
export interface ProcessView {
  readonly pid: number;
  readonly state: 'starting' | 'serving';
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly residentBytes: number;
  readonly openRequests: number;
}

export interface Health {
  readonly mode: 'demo' | 'configured';
  readonly ready: boolean;
  readonly policy: string;
  readonly version: string;
  readonly startedAt: number;
  readonly configFile: string;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  /** Those that serve; empty where one process does everything. */
  readonly processes: readonly ProcessView[];
  readonly memory: { readonly residentBytes: number; readonly heapBytes: number };
  readonly decisionsHeld: number;
  readonly sessionMarks: number;
  readonly recognizers: readonly {
    readonly recognizer: string;
    readonly fired: number;
    readonly since: number;
    readonly silent: boolean;
  }[];
  /** What of requests' text may be kept, and how many samples there are; `held` is absent where the store does not answer. */
  readonly keeps: {
    readonly feedback: 'off' | 'evidence' | 'text';
    readonly sampling: { readonly share: number; readonly upTo: string; readonly days: number; readonly held?: number };
  };
  readonly totals: Totals;
}

/** Since the process started. */
export interface Totals {
  readonly requests: Readonly<Record<string, number>>;
  readonly tokens: Readonly<Record<string, number>>;
  readonly findings: Readonly<Record<string, number>>;
  readonly cost: number;
  readonly costAvoided: number;
  readonly currency: string;
}

export interface SessionView {
  readonly session: string;
  readonly principal: string;
  readonly label: string;
  readonly first: number;
  readonly last: number;
  readonly requests: number;
  readonly routes: Readonly<Record<string, number>>;
  readonly entities: readonly string[];
  readonly tools: number;
}

export interface SandboxView {
  readonly backend: string;
  readonly usable: boolean;
  readonly reason: string;
  readonly policyDigest: string;
  readonly probedAt: number;
  readonly claims: readonly { readonly claim: string; readonly proved: boolean; readonly evidence: string }[];
  readonly scopes: readonly {
    readonly scopeKey: string;
    readonly createdAt: number;
    readonly usedAt: number;
    readonly running: number;
  }[];
  readonly changes: readonly {
    readonly id: string;
    readonly workspace: string;
    readonly changes: readonly {
      readonly change: string;
      readonly kind: string;
      readonly size: number;
      readonly path: string;
    }[];
    readonly objections: readonly { readonly rule: string; readonly path: string }[];
  }[];
  readonly events: readonly SandboxEventView[];
}
export interface SandboxEventView {
  readonly at: number;
  readonly event: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly detail: string;
}

export interface TuneSet {
  readonly set: string;
  readonly name: string;
  readonly rows: number;
  readonly skipped: number;
  readonly sensitive: number;
  readonly safe: number;
  readonly entities: readonly {
    readonly entity: string;
    readonly threshold: number;
    readonly label: string;
    readonly sensitiveRows: number;
    readonly safeRows: number;
    readonly curve: readonly { readonly threshold: number; readonly caught: number; readonly flagged: number }[];
  }[];
  readonly complexity: { readonly threshold: number; readonly histogram: readonly number[] };
  readonly now: TuneOutcome;
}
export interface TuneOutcome {
  readonly caught: number;
  readonly sensitive: number;
  readonly flagged: number;
  readonly safe: number;
  readonly routes: Readonly<Record<string, number>>;
  /** Rows that would go another way than under the policy in force, at most 100. */
  readonly changed: readonly {
    readonly id: string;
    readonly truth: string;
    readonly from: string;
    readonly to: string;
  }[];
  readonly changedCount: number;
  /** The configuration fragment that would make it so; empty when nothing moved. */
  readonly fragment: string;
}

export interface ShadowState {
  readonly active: boolean;
  /** `file`: the configuration file as it stands on disk. */
  readonly source: 'file' | 'fragment' | '';
  readonly policy: string;
  readonly since: number;
  readonly compared: number;
  readonly same: number;
  readonly differing: number;
  readonly dropped: number;
  readonly failed: number;
  /** `local → cloud` to how many. */
  readonly moves: Readonly<Record<string, number>>;
  readonly differences: readonly ShadowDifference[];
  /** Keys whose values differ from the policy in force. */
  readonly changes: readonly KeyChange[];
}
export interface ShadowSide {
  readonly route: string;
  readonly label: string;
  readonly verdict: string;
  readonly reasons: readonly string[];
  /** Found by this side alone. */
  readonly entities: readonly string[];
}
export interface ShadowDifference {
  readonly id: string;
  readonly at: number;
  readonly session: string;
  readonly live: ShadowSide;
  readonly candidate: ShadowSide;
}
export interface KeyChange {
  readonly key: string;
  readonly from: string;
  readonly to: string;
}

export interface ReloadResult {
  readonly kind: 'unchanged' | 'reloaded' | 'would-reload' | 'invalid' | 'needs-restart' | 'unavailable';
  readonly policy: string;
  readonly changes: readonly KeyChange[];
  readonly problems: readonly Problem[];
}

export interface FeedbackView {
  readonly consent: 'off' | 'evidence' | 'text';
  readonly rows: readonly {
    readonly at: number;
    readonly decision: string;
    readonly kind: 'missed' | 'over-flagged' | 'passed' | 'held';
    readonly hasText: boolean;
    readonly route: string;
    readonly entities: readonly string[];
    readonly by: string;
  }[];
}

export interface AuditView {
  /** Lowest label first. */
  readonly ladder: readonly string[];
  /** Whether what is done is recorded before it is done. */
  readonly required: boolean;
  readonly head: { readonly n: number; readonly hash: string } | undefined;
  readonly hits: readonly { readonly record: AuditRecord; readonly n: number; readonly instance: string }[];
  readonly next: string;
}

/** Of audit/verify.ts, what the page shows. */
export interface ChainView {
  readonly whole: boolean;
  readonly segments: number;
  readonly records: number;
  readonly head: { readonly n: number; readonly hash: string } | undefined;
  readonly from: number;
  readonly to: number;
  readonly problems: readonly { readonly code: string; readonly n: number; readonly detail: string }[];
  readonly notes: readonly { readonly code: string; readonly n: number; readonly detail: string }[];
}
/** Of audit/prove.ts. */
export interface ProofView {
  readonly claim: { readonly label: string; readonly since: number; readonly until: number; readonly masked: string };
  readonly result: 'proved' | 'contradicted' | 'open';
  readonly breaches: readonly {
    readonly id: string;
    readonly at: number;
    readonly upstream: string;
    readonly label: string;
    readonly masked: boolean;
  }[];
  readonly counted: Readonly<
    Record<'requests' | 'requestsWithLabel' | 'sends' | 'sendsMaskedWithLabel' | 'local' | 'refused', number>
  >;
  readonly grounds: readonly { readonly ground: string; readonly holds: boolean; readonly detail: string }[];
  readonly chain: ChainView;
}
