/**
 * What every backend promises. A plan that needs more than was proved is `not-started`, never run with less.
 */
import type { Writable } from 'node:stream';
import type { BoundedOutput, ClaimReport, EndpointReport, Mode } from './executor.ts';
import type { ExecutionPlan } from './plan.ts';
import type { RunWatch } from './watch/watch.ts';

export type Outcome =
  | {
      readonly kind: 'exited';
      readonly code: number;
      readonly stdout: BoundedOutput;
      readonly stderr: BoundedOutput;
      readonly attested: Attestation;
    }
  | {
      readonly kind: 'killed';
      readonly by: 'timeout' | 'memory' | 'output-limit' | 'abort' | 'seccomp';
      readonly stdout: BoundedOutput;
      readonly stderr: BoundedOutput;
      readonly attested: Attestation;
    }
  /** Handed over, and nobody can say how it ended or whether it has: it must not be run again by itself. */
  | { readonly kind: 'unknown'; readonly detail: string; readonly attested: Attestation }
  | {
      readonly kind: 'not-started';
      readonly cause: 'unavailable' | 'plan-unsupported' | 'attestation-failed' | 'aborted';
      readonly detail: string;
    };

/** A command ran and its end was seen. */
export type Ended = Extract<Outcome, { kind: 'exited' | 'killed' }>;
export const hasEnded = (outcome: Outcome): outcome is Ended => outcome.kind === 'exited' || outcome.kind === 'killed';

/** What the host saw in /proc of the sandboxed process before the command was handed over. */
export type Attestation = Readonly<Record<string, string | number | boolean>>;

/** Both ends of a program that is talked to while it runs. */
export interface Terminal {
  /** Called once, when the program was handed over: its input stays open, and this is where it goes. */
  opened(input: Writable, attested: Attestation): void;
  /** Both of its streams, in the order they came. */
  output(chunk: Buffer): void;
}

export interface RunOptions {
  readonly terminal?: Terminal;
  readonly signal: AbortSignal;
  /** Told what is seen while it runs. */
  readonly watch?: RunWatch;
}

export interface Backend {
  readonly mode: Mode;
  /** Whether it can be used at all on this machine; `reason` names the one-line cure. Proves nothing. */
  available(): Promise<{ readonly usable: true } | { readonly usable: false; readonly reason: string }>;
  /** Runs the probes inside real sandboxes of this backend. Every claim of the documentation has one. */
  prove(): Promise<readonly ClaimReport[]>;
  /** Never rejects. Aborting kills everything that runs and leaves nothing behind. */
  run(plan: ExecutionPlan, options: RunOptions): Promise<Outcome>;
  /** The engines behind it, where there are several. */
  endpoints?(): readonly EndpointReport[];
  /** Calls back when one of them is taken out or comes back. */
  watchEndpoints?(changed: () => void): void;
  /** Gets ready for calls like this plan. Runs nothing, promises nothing but speed. */
  prewarm?(plan: ExecutionPlan): Promise<void>;
  close(): Promise<void>;
}
