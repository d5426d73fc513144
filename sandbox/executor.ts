/**
 * What the router sees of the sandbox: an executor that runs tool calls through the broker. Fails closed: a dead, late or
 * unproved broker answers `refused`, and nothing has run.
 */
import type { ScopeReport } from './broker/messages.ts';
import type { Watched } from './watch/alert-event.ts';

export type Mode = 'bubblewrap' | 'docker' | 'docker+gvisor' | 'host' | 'deny';

/** A tool the proxy can offer to models: its schema is JSON Schema for OpenAI's `function.parameters`. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface ToolRequest {
  readonly id: string;
  readonly tool: string;
  /** The model's argument text as received: a JSON object in a string. Parsed only inside the broker's policy engine and once. */
  readonly arguments: string;
  /** Who and what this call belongs to; `session` scopes state and workspace. Chosen by the router, never by arguments. */
  readonly principal: string;
  readonly session: string;
  readonly agent: string;
  /** The conversation's label: egress closes when it rises above what the network may see. */
  readonly label: string;
  /** What the router asks to be withheld from this call. Every field can only take away from what the policy allows. */
  readonly atMost?: AtMost;
}

export interface AtMost {
  readonly mode?: 'deny';
  readonly network?: 'none';
  readonly workspace?: 'none' | 'ro' | 'cow';
  readonly timeoutMs?: number;
  readonly outputBytes?: number;
}

/** Bytes are cut, not buffered: head and tail are kept, `omittedBytes` counts what fell out between. */
export interface BoundedOutput {
  readonly head: string;
  readonly tail: string;
  readonly omittedBytes: number;
}

/** Goes with every tool result. Holds no output and no argument text. */
export interface ToolReceipt {
  readonly tool: string;
  readonly backend: Mode;
  readonly policyDigest: string;
  /** Milliseconds since the claims of this backend were last proved from inside; -1 means never. */
  readonly probeAgeMs: number;
  /** What the host saw of the sandboxed process before the command was handed over. Empty means nothing ran. */
  readonly attested: Readonly<Record<string, string | number | boolean>>;
  readonly durationMs: number;
}

/** `watched` says which alerts the call raised, and the label its conversation gets for it. */
export type ToolOutcome = (
  | {
      readonly kind: 'exited';
      readonly code: number;
      readonly stdout: BoundedOutput;
      readonly stderr: BoundedOutput;
      readonly receipt: ToolReceipt;
    }
  | {
      readonly kind: 'killed';
      readonly by: 'timeout' | 'memory' | 'output-limit' | 'abort' | 'seccomp';
      readonly stdout: BoundedOutput;
      readonly stderr: BoundedOutput;
      readonly receipt: ToolReceipt;
    }
  /**
   * Nothing ran and there is no result, except that after `broker-unavailable`, `session-ended` and `outcome-unknown` a command may have begun:
   * then the message says so. `message` is for the agent: what was denied, by which rule, that it is policy, the next step.
   */
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly message: string; readonly receipt: ToolReceipt }
) & { readonly watched?: Watched };

export type RefusalCode =
  | 'unknown-tool'
  | 'malformed-arguments'
  | 'denied-by-policy'
  | 'path-refused'
  | 'sandbox-unavailable'
  | 'claim-unproved'
  | 'broker-unavailable'
  | 'busy'
  | 'aborted'
  /** The watch ended this session after an alert; whatever it asks for is refused. */
  | 'session-ended'
  /** Handed over to a machine that was lost meanwhile: it may have run, and was not run again. */
  | 'outcome-unknown';

/** One claim of the sandbox and whether it was seen to hold from inside. */
export interface ClaimReport {
  readonly claim: string;
  readonly proved: boolean;
  /** What the probe did and saw, in a line; never output of a tool. */
  readonly evidence: string;
}

/** One of several engines behind a mode. Only `ready` ones are given calls. */
export interface EndpointReport {
  readonly name: string;
  readonly kind: 'local' | 'tls' | 'ssh';
  /** `resting`: it failed calls, and is proved again before it gets others. */
  readonly state: 'ready' | 'unproved' | 'unusable' | 'resting';
  /** Why it is not ready; empty when it is. */
  readonly reason: string;
  /** Epoch milliseconds of its last proof; 0 means never. */
  readonly probedAt: number;
  readonly running: number;
  readonly capacity: number;
}

export interface SandboxStatus {
  readonly backend: Mode;
  readonly usable: boolean;
  /** Why not usable and the one-line cure; empty when usable. */
  readonly reason: string;
  readonly claims: readonly ClaimReport[];
  /** Epoch milliseconds of the last probe; 0 means never. */
  readonly probedAt: number;
  readonly policyDigest: string;
  /** Absent where there is one engine, on this machine. */
  readonly endpoints?: readonly EndpointReport[];
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Request the call belongs to, for receipts: the call's own id is the model's text. */
  readonly requestId?: string;
}

export interface ToolExecutor {
  /** Tools the policy offers for this agent, in the order they are offered. Empty when the sandbox is not usable. */
  offered(agent: string): readonly ToolDefinition[];
  /** Never rejects. Aborting kills what runs. */
  run(request: ToolRequest, options: RunOptions): Promise<ToolOutcome>;
  status(): SandboxStatus;
  /** Proves every claim again from inside. */
  verify(): Promise<SandboxStatus>;
  /** Scopes there are now, for people who look; absent where no broker holds any. */
  scopes?(): Promise<readonly ScopeReport[]>;
  close(): Promise<void>;
}
