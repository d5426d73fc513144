/**
 * An execution plan: everything a backend needs and nothing it may decide. Plain data, so it can be signed, logged,
 * diffed and golden-tested. Made only by the policy engine's planner; run only by the executor, and only when
 * the engine's signature over its canonical form holds.
 */
import type { Mode } from './executor.ts';

export interface Limits {
  readonly wallMs: number;
  readonly memoryBytes: number;
  readonly processes: number;
  /** Kept of stdout and of stderr each. */
  readonly outputBytes: number;
  /** Size of /tmp and of home inside, each. */
  readonly diskBytes: number;
  /** Largest single file a process may write. */
  readonly fileBytes: number;
}

export type Egress =
  | { readonly kind: 'none' }
  /** Only through the broker's proxy on this Unix socket. */
  | { readonly kind: 'proxy'; readonly socket: string };

export interface ExecutionPlan {
  readonly callId: string;
  readonly tool: string;
  readonly mode: Mode;
  /** Programs are absolute paths inside the sandbox; never a string for a shell unless the tool is a shell. */
  readonly argv: readonly [string, ...string[]];
  /** Base64 of the bytes for standard input; empty means none. */
  readonly stdin: string;
  readonly cwd: string;
  /** Complete: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly workspace: { readonly access: 'none' } | { readonly access: 'ro' | 'rw' | 'cow'; readonly source: string };
  /** Host directory kept as home for scopes other than `call`; empty means a fresh tmpfs. */
  readonly home: string;
  readonly egress: Egress;
  readonly limits: Limits;
  /** For a program on a terminal that outlives its call: what is done with which. Input is `stdin`. */
  readonly terminal?: {
    readonly action: 'start' | 'write' | 'poll' | 'kill';
    readonly id: string;
    readonly waitMs: number;
  };
  /** For modes `docker` and `docker+gvisor` where endpoints are configured: those that may be given it. */
  readonly endpoints?: readonly string[];
  /** sha256 of the scope (principal, session or agent); state is shared only inside it. */
  readonly scopeKey: string;
  /** sha256 of principal and session, whatever the scope: what the watch ends. */
  readonly sessionKey: string;
  /** Digest of the sandbox policy the engine decided under. */
  readonly policyDigest: string;
}

/** `body` is the canonical JSON of a ticket (plan, serial, deadline): the executor verifies and parses those very bytes. */
export interface SignedPlan {
  readonly body: string;
  /** Hex HMAC-SHA-256 under the key the engine and the executor share. */
  readonly signature: string;
}
