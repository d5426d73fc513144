/**
 * Runs signed plans through backends: admits each ticket once, waits until the backend's claims are proved, prepares what
 * the plan names, watches over the run, and doubts the answer. Fails closed at each step: `refused` means no command was
 * handed over, except where the message says that the run was cut or its end is unknown.
 */
import type { Backend, Ended, Outcome, RunOptions } from '../backend.ts';
import type { BoundedOutput, Mode, RefusalCode } from '../executor.ts';
import type { ExecutionPlan, SignedPlan } from '../plan.ts';
import { outcome as outcomeSchema } from './messages.ts';
import type { Proofs } from './proofs.ts';
import type { Scope, ScopeStore } from './scope-store.ts';
import type { Watched } from '../watch/alert-event.ts';
import type { CallWatch, Watch } from '../watch/watch.ts';
import type { Launch, Step, Terminals } from './terminals.ts';
import type { TicketGate } from './ticket.ts';

/** Beyond the plan's own wall time: start, attestation, kill and clean-up on a busy machine. */
export const RUN_GRACE_MS = 10_000;

/** The proxy a plan with egress talks to; lives as long as the run. */
export interface EgressDoor {
  close(): Promise<void>;
}
export interface EgressOpener {
  open(plan: ExecutionPlan, watch: CallWatch): Promise<EgressDoor>;
}

export type RunResult =
  | {
      readonly kind: 'finished';
      readonly outcome: Ended;
      readonly probeAgeMs: number;
      readonly durationMs: number;
      readonly watched?: Watched;
    }
  | {
      readonly kind: 'refused';
      readonly code: RefusalCode;
      readonly message: string;
      readonly watched?: Watched;
    };

export interface PlanRunnerOptions {
  readonly gate: TicketGate;
  readonly backends: ReadonlyMap<Mode, Backend>;
  readonly proofs: Proofs;
  readonly scopes: ScopeStore;
  readonly egress: EgressOpener;
  readonly watch: Watch;
  readonly terminals: Terminals;
  /** What is wrong with a workspace an operator named; empty when nothing is. */
  readonly workspaceProblem: (source: string) => Promise<string>;
  readonly graceMs: number;
  /** A backend neither ended nor could be stopped: only the end of this process ends what it runs. */
  readonly stuck: () => void;
}

export class PlanRunner {
  readonly #options: PlanRunnerOptions;

  constructor(options: PlanRunnerOptions) {
    this.#options = options;
  }

  /** Synchronous, so that two copies of one ticket cannot both pass. */
  admit(
    signed: SignedPlan,
  ): { readonly kind: 'admitted'; readonly plan: ExecutionPlan } | Extract<RunResult, { kind: 'refused' }> {
    const admission = this.#options.gate.admit(signed);
    if (admission.kind === 'admitted') return admission;
    return refused(
      'denied-by-policy',
      `The plan is not one the policy engine approved for now (${admission.why}). Nothing ran.`,
    );
  }

  /** Gets a proved backend ready for calls like this plan, under the same conditions as a run. */
  async prewarm(plan: ExecutionPlan): Promise<void> {
    const backend = this.#options.backends.get(plan.mode);
    if (backend?.prewarm === undefined || (await this.#options.proofs.fitness(plan.mode)).kind !== 'proved') return;
    if (plan.workspace.access !== 'none' && (await this.#options.workspaceProblem(plan.workspace.source)) !== '')
      return;
    await backend.prewarm(plan);
  }

  /** Never rejects. `starting` is called right before the backend gets the plan. */
  async run(plan: ExecutionPlan, signal: AbortSignal, starting: () => void): Promise<RunResult> {
    if (this.#options.watch.hasEnded(plan.sessionKey)) return refused('session-ended', ENDED);
    const watch = this.#options.watch.begin(plan);
    watch.arguments();
    const { result, watch: other } = watch.ending.aborted
      ? { result: refused('session-ended', ENDED), watch: undefined }
      : await this.#step(plan, AbortSignal.any([signal, watch.ending]), starting, watch);
    const aged = plan.terminal === undefined ? result : await this.#aged(plan, result);
    const seen = joined(watch.finish(undefined), other === watch ? undefined : other?.finish(undefined));
    if (seen === undefined) return aged;
    // Killed or done, what it says is what the alert was about.
    return seen.ended ? { ...refused('session-ended', CUT_SHORT), watched: seen } : { ...aged, watched: seen };
  }

  /** What a running program answers is as well proved as its backend is now, not as it was when the program began. */
  async #aged(plan: ExecutionPlan, result: RunResult): Promise<RunResult> {
    if (result.kind === 'refused') return result;
    const fitness = await this.#options.proofs.fitness(plan.mode);
    return { ...result, probeAgeMs: fitness.kind === 'proved' ? fitness.ageMs : -1 };
  }

  async #step(plan: ExecutionPlan, signal: AbortSignal, starting: () => void, watch: CallWatch): Promise<Step> {
    const { terminals } = this.#options;
    switch (plan.terminal?.action) {
      case undefined:
        return { result: await this.#runWatched(plan, signal, starting, watch), watch: undefined };
      case 'start':
        return terminals.start(plan, watch, signal, (hooks) =>
          this.#runWatched(plan, AbortSignal.any([hooks.signal, watch.ending]), starting, watch, hooks),
        );
      default: {
        // A program that runs on is a tool like any other: it is not talked to while a claim is unproved.
        const fitness = await this.#options.proofs.fitness(plan.mode);
        if (fitness.kind === 'unfit' && plan.terminal?.action !== 'kill')
          return { result: refused(fitness.code, fitness.reason), watch: undefined };
        starting();
        return terminals.act(plan, signal);
      }
    }
  }

  async #runWatched(
    plan: ExecutionPlan,
    signal: AbortSignal,
    starting: () => void,
    watch: CallWatch,
    hooks?: Parameters<Launch>[0],
  ): Promise<RunResult> {
    const started = performance.now();
    const fitness = await this.#options.proofs.fitness(plan.mode);
    if (fitness.kind === 'unfit') return refused(fitness.code, fitness.reason);
    const backend = this.#options.backends.get(plan.mode);
    if (backend === undefined) return refused('sandbox-unavailable', `There is no ${plan.mode} backend.`);
    if (signal.aborted) return refused('aborted', 'The call was cancelled before it started.');

    if (plan.workspace.access !== 'none' && !this.#options.scopes.owns(plan.workspace.source)) {
      const problem = await this.#options.workspaceProblem(plan.workspace.source);
      if (problem !== '') return refused('sandbox-unavailable', `Nothing ran: ${problem}`);
    }
    let scope: Scope | undefined;
    let door: EgressDoor | undefined;
    try {
      scope = await this.#options.scopes.enter(plan);
      if (plan.egress.kind === 'proxy') {
        door = await this.#options.egress.open(plan, watch);
        hooks?.opened(door);
      }
    } catch {
      await scope?.leave().catch(() => undefined);
      return refused(
        'sandbox-unavailable',
        'The directories or the network proxy of this call could not be made. Nothing ran.',
      );
    }
    try {
      starting();
      const outcome = await this.#watched(backend, plan, {
        signal,
        watch,
        ...(hooks === undefined ? {} : { terminal: hooks.terminal }),
      });
      return this.#judge(plan, outcome, watch, fitness.ageMs, performance.now() - started);
    } finally {
      await door?.close().catch(() => undefined);
      await scope.leave().catch(() => undefined);
    }
  }

  /** The backend keeps the plan's time; this is for the one that does not. */
  async #watched(backend: Backend, plan: ExecutionPlan, runOptions: RunOptions): Promise<Outcome | 'threw' | 'stuck'> {
    const { signal } = runOptions;
    const { graceMs, stuck } = this.#options;
    const overtime = new AbortController();
    const combined = AbortSignal.any([signal, overtime.signal]);
    let patience: NodeJS.Timeout | undefined;
    const gaveUp = new Promise<'stuck'>((resolve) => {
      const startPatience = (): void => {
        patience = setTimeout(() => {
          resolve('stuck');
          stuck();
        }, graceMs);
      };
      if (combined.aborted) startPatience();
      else combined.addEventListener('abort', startPatience, { once: true });
    });
    const watchdog = setTimeout(() => overtime.abort(), plan.limits.wallMs + graceMs);
    try {
      const answer = await Promise.race([runOrThrow(backend, plan, { ...runOptions, signal: combined }), gaveUp]);
      // Killed by somebody else it is no time-out: whoever reads the result would raise a limit that was not met.
      const isOvertime = overtime.signal.aborted && !signal.aborted;
      const cutHere = isOvertime && typeof answer === 'object' && answer.kind === 'killed' && answer.by === 'abort';
      return cutHere ? { ...answer, by: 'timeout' } : answer;
    } finally {
      clearTimeout(watchdog);
      clearTimeout(patience);
    }
  }

  #judge(
    plan: ExecutionPlan,
    answer: Outcome | 'threw' | 'stuck',
    watch: CallWatch,
    probeAgeMs: number,
    durationMs: number,
  ): RunResult {
    const parsed = outcomeSchema.safeParse(answer);
    if (!parsed.success) {
      this.#options.proofs.distrust(plan.mode);
      return refused(
        'broker-unavailable',
        'The sandbox failed during this call and was stopped. The command may have begun; check before you repeat it.',
      );
    }
    const outcome = parsed.data;
    watch.finish(outcome);
    if (outcome.kind === 'not-started') return refused(NOT_STARTED[outcome.cause], notStartedMessage(outcome));
    if (outcome.kind === 'unknown') return refused('outcome-unknown', unknownMessage(outcome));
    // "Says sandboxed, runs on the host": a result nobody saw confined is not passed on as one that was.
    if (Object.keys(outcome.attested).length === 0) {
      this.#options.proofs.distrust(plan.mode);
      return refused('claim-unproved', 'The run could not be attested from outside, so its result is withheld.');
    }
    const stdout = clamp(outcome.stdout, plan.limits.outputBytes);
    const stderr = clamp(outcome.stderr, plan.limits.outputBytes);
    return { kind: 'finished', outcome: { ...outcome, stdout, stderr }, probeAgeMs, durationMs };
  }
}

/** What both saw: the step's own watch and that of the program it talked to. */
function joined(one: Watched | undefined, other: Watched | undefined): Watched | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    alerts: [...new Set([...one.alerts, ...other.alerts])],
    raiseTo: one.raiseTo === '' ? other.raiseTo : one.raiseTo,
    ended: one.ended || other.ended,
  };
}

const ENDED =
  'This session was ended by the sandbox’s watch (sandbox.watch.end). Nothing ran, and no tool will run in it again: tell the operator.';
const CUT_SHORT =
  'The sandbox’s watch saw an attack in this call, stopped it and ended this session (sandbox.watch.end). A command may have run; its result is withheld. No tool will run in this session again: tell the operator.';

const NOT_STARTED: Readonly<Record<Extract<Outcome, { kind: 'not-started' }>['cause'], RefusalCode>> = {
  unavailable: 'sandbox-unavailable',
  'plan-unsupported': 'sandbox-unavailable',
  'attestation-failed': 'claim-unproved',
  aborted: 'aborted',
};

function notStartedMessage(outcome: Extract<Outcome, { kind: 'not-started' }>): string {
  if (outcome.cause === 'aborted') return 'The call was cancelled before it started.';
  return `Nothing ran: ${outcome.detail}`;
}

const unknownMessage = ({ detail }: Extract<Outcome, { kind: 'unknown' }>): string =>
  `The command was handed over and nobody can say how it ended: ${detail}. It was not run again. It may have run, in whole or in part; check before you repeat it.`;

async function runOrThrow(backend: Backend, plan: ExecutionPlan, options: RunOptions): Promise<Outcome | 'threw'> {
  try {
    return await backend.run(plan, options);
  } catch {
    return 'threw';
  }
}

/** A backend that returns more than it may would fill the router's memory in its place. Bytes: a character may be three. */
function clamp(output: BoundedOutput, limit: number): BoundedOutput {
  const head = Buffer.from(output.head, 'utf8');
  const tail = Buffer.from(output.tail, 'utf8');
  // A byte that is not UTF-8 was one byte and is three as U+FFFD.
  const most = limit * 3;
  if (head.length + tail.length <= most) return output;
  const keptHead = head.subarray(0, Math.min(head.length, most));
  const keptTail = tail.subarray(tail.length - Math.min(tail.length, most - keptHead.length));
  const cut = head.length + tail.length - keptHead.length - keptTail.length;
  return { head: keptHead.toString('utf8'), tail: keptTail.toString('utf8'), omittedBytes: output.omittedBytes + cut };
}

function refused(code: RefusalCode, message: string): Extract<RunResult, { kind: 'refused' }> {
  return { kind: 'refused', code, message };
}
