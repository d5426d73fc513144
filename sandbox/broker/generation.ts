/**
 * One life of the broker's two processes, seen from the router. They start and end together: an executor without the engine
 * that signed for it runs nothing, an engine without its executor signs for nobody. Fails closed: silence past a deadline, a
 * frame out of place, a closed connection or a dead process ends the life, and every call that waits on it is `lost`.
 */
import type { SandboxConfig } from '../../config/sandbox-schema.ts';
import type { EgressEvent } from '../egress/egress-event.ts';
import type { AlertEvent } from '../watch/alert-event.ts';
import type { ToolRequest } from '../executor.ts';
import type { SignedPlan } from '../plan.ts';
import { openChannel } from './frame.ts';
import type { Channel } from './frame.ts';
import { fromEngine, fromExecutor } from './messages.ts';
import type { FromEngine, FromExecutor, ScopeReport, Standing, ToEngine, ToExecutor } from './messages.ts';
import type { BrokerProcesses } from './start.ts';

export interface Patience {
  /** Both processes up and the policy read. */
  readonly startMs: number;
  /** Engine: request sent to plan received. */
  readonly planMs: number;
  /** Executor: plan sent to plan accepted. */
  readonly acceptMs: number;
  /** Executor: accepted to started; a proof may have to end first. Also for proofs that were asked for. */
  readonly proveMs: number;
  /** Executor: beyond the plan's wall time from started to finished. */
  readonly finishMs: number;
}

export const PATIENCE: Patience = {
  startMs: 30_000,
  planMs: 10_000,
  acceptMs: 10_000,
  proveMs: 150_000,
  finishMs: 30_000,
};

/** What the executor tells unasked. */
export interface News {
  standings(standings: readonly Standing[]): void;
  egress(event: EgressEvent): void;
  alert(event: AlertEvent): void;
}

type Ready = Extract<FromEngine, { kind: 'ready' }>;
export type Readiness =
  | { readonly kind: 'ready'; readonly engine: Ready }
  | { readonly kind: 'unfit'; readonly problems: readonly string[] }
  | { readonly kind: 'lost' };
export type PlanAnswer = Extract<FromEngine, { kind: 'planned' | 'refused' }> | { readonly kind: 'lost' };
/** `lost` after the plan was sent: its command may have begun. `unsent`: it has not. */
export type RunAnswer =
  | Extract<FromExecutor, { kind: 'finished' | 'refused' }>
  | { readonly kind: 'lost' }
  | { readonly kind: 'unsent' };

interface Pending<Answer> {
  readonly settle: (answer: Answer) => void;
  readonly lost: () => void;
  timer: NodeJS.Timeout;
}

export class Generation {
  readonly #processes: BrokerProcesses;
  readonly #patience: Patience;
  readonly #news: News;
  readonly #engine: Channel<ToEngine>;
  readonly #executor: Channel<ToExecutor>;
  readonly #plans = new Map<number, Pending<PlanAnswer>>();
  readonly #runs = new Map<
    number,
    Pending<RunAnswer> & { stage: 'sent' | 'accepted' | 'started'; readonly wallMs: number }
  >();
  readonly #asks = new Map<
    number,
    Pending<Extract<FromExecutor, { kind: 'standings' | 'scopes' }> | { kind: 'lost' }>
  >();
  readonly #readiness = Promise.withResolvers<Readiness>();
  readonly #end = Promise.withResolvers<string>();
  readonly #startTimer: NodeJS.Timeout;
  #sequence = 0;
  #engineReady: Ready | undefined;
  #executorReady = false;
  #ended = false;

  constructor(
    processes: BrokerProcesses,
    policy: {
      readonly sandbox: SandboxConfig;
      readonly labels: readonly string[];
      readonly stateDir: string;
      readonly guarded: readonly string[];
    },
    news: News,
    patience: Patience = PATIENCE,
  ) {
    this.#processes = processes;
    this.#patience = patience;
    this.#news = news;
    this.#engine = openChannel(processes.engine, fromEngine, {
      message: (message) => this.#fromEngine(message),
      closed: (problem) => this.#lose(`the engine’s connection closed (${problem || 'end'})`),
    });
    this.#executor = openChannel(processes.executor, fromExecutor, {
      message: (message) => this.#fromExecutor(message),
      closed: (problem) => this.#lose(`the executor’s connection closed (${problem || 'end'})`),
    });
    void processes.ended.then((how) => this.#lose(how));
    this.#startTimer = setTimeout(() => this.#lose('the broker did not start in time'), patience.startMs);
    this.#engine.send({ kind: 'start', ...policy, labels: [...policy.labels], guarded: [...policy.guarded] });
  }

  get readiness(): Promise<Readiness> {
    return this.#readiness.promise;
  }

  /** Why it ended. */
  get end(): Promise<string> {
    return this.#end.promise;
  }

  plan(request: ToolRequest): Promise<PlanAnswer> {
    return new Promise((resolve) => {
      const sequence = this.#next();
      const lost = (): void => resolve({ kind: 'lost' });
      if (this.#ended) return lost();
      const timer = setTimeout(() => this.#lose('the engine was late with a plan'), this.#patience.planMs);
      this.#plans.set(sequence, { settle: resolve, lost, timer });
      this.#engine.send({ kind: 'plan', sequence, request });
    });
  }

  run(plan: SignedPlan, wallMs: number, signal: AbortSignal): Promise<RunAnswer> {
    return new Promise((resolve) => {
      const sequence = this.#next();
      if (this.#ended) return resolve({ kind: 'unsent' });
      const abort = (): void => {
        const run = this.#runs.get(sequence);
        if (run === undefined) return;
        this.#executor.send({ kind: 'abort', sequence });
        clearTimeout(run.timer);
        run.timer = setTimeout(() => this.#lose('the executor was late to stop a run'), this.#patience.finishMs);
      };
      const pending: Pending<RunAnswer> & { stage: 'sent' | 'accepted' | 'started'; readonly wallMs: number } = {
        settle: (answer) => {
          signal.removeEventListener('abort', abort);
          resolve(answer);
        },
        lost: () => {
          signal.removeEventListener('abort', abort);
          resolve({ kind: 'lost' });
        },
        timer: setTimeout(() => this.#lose('the executor was late to accept a plan'), this.#patience.acceptMs),
        stage: 'sent',
        wallMs,
      };
      this.#runs.set(sequence, pending);
      this.#executor.send({ kind: 'run', sequence, plan });
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }

  async prove(): Promise<readonly Standing[] | undefined> {
    const answer = await this.#ask((sequence) => ({ kind: 'prove', sequence }));
    return answer.kind === 'standings' ? answer.standings : undefined;
  }

  async scopes(prune?: string): Promise<readonly ScopeReport[] | undefined> {
    const answer = await this.#ask((sequence) =>
      prune === undefined ? { kind: 'scopes', sequence } : { kind: 'prune', sequence, scopeKey: prune },
    );
    return answer.kind === 'scopes' ? answer.scopes : undefined;
  }

  /** Ends it in order: sandboxes are stopped, then both processes. */
  async stop(): Promise<void> {
    const stopped = this.#processes.stop();
    this.#finish('it was closed');
    await stopped;
  }

  #ask(
    toMessage: (sequence: number) => ToExecutor,
  ): Promise<Extract<FromExecutor, { kind: 'standings' | 'scopes' }> | { readonly kind: 'lost' }> {
    return new Promise((resolve) => {
      const sequence = this.#next();
      const lost = (): void => resolve({ kind: 'lost' });
      if (this.#ended) return lost();
      const timer = setTimeout(() => this.#lose('the executor was late with an answer'), this.#patience.proveMs);
      this.#asks.set(sequence, { settle: resolve, lost, timer });
      this.#executor.send(toMessage(sequence));
    });
  }

  #fromEngine(message: FromEngine): void {
    switch (message.kind) {
      case 'ready':
        this.#engineReady = message;
        return this.#becomeReady();
      case 'unfit':
        clearTimeout(this.#startTimer);
        return this.#readiness.resolve({ kind: 'unfit', problems: message.problems });
      case 'planned':
      case 'refused': {
        const pending = take(this.#plans, message.sequence);
        // An answer to nothing we asked: one of us has lost count, and a plan might go to the wrong call.
        if (pending === undefined) return this.#lose('the engine answered what was not asked');
        return pending.settle(message);
      }
    }
  }

  #fromExecutor(message: FromExecutor): void {
    switch (message.kind) {
      case 'ready':
        this.#executorReady = true;
        return this.#becomeReady();
      case 'accepted':
        return this.#advance(message.sequence, 'sent', 'accepted', this.#patience.proveMs);
      case 'started':
        return this.#advance(message.sequence, 'accepted', 'started', this.#patience.finishMs);
      case 'finished':
      case 'refused': {
        const pending = take(this.#runs, message.sequence);
        // Finished without started is a result of nothing.
        if (pending === undefined || (message.kind === 'finished' && pending.stage !== 'started'))
          return this.#loseWith(pending, 'the executor answered what was not asked');
        return pending.settle(message);
      }
      case 'egress':
        return this.#news.egress(message.event);
      case 'alert':
        return this.#news.alert(message.event);
      case 'standings': {
        this.#news.standings(message.standings);
        take(this.#asks, message.sequence)?.settle(message);
        return;
      }
      case 'scopes':
        return take(this.#asks, message.sequence)?.settle(message);
    }
  }

  #advance(sequence: number, from: 'sent' | 'accepted', to: 'accepted' | 'started', graceMs: number): void {
    const run = this.#runs.get(sequence);
    if (run === undefined || run.stage !== from) return this.#lose('the executor answered what was not asked');
    clearTimeout(run.timer);
    run.stage = to;
    const limit = to === 'started' ? run.wallMs + graceMs : graceMs;
    run.timer = setTimeout(() => this.#lose('the executor was late with a result'), limit);
  }

  #becomeReady(): void {
    if (this.#engineReady === undefined || !this.#executorReady) return;
    clearTimeout(this.#startTimer);
    this.#processes.silence();
    this.#readiness.resolve({ kind: 'ready', engine: this.#engineReady });
  }

  #loseWith(pending: Pending<RunAnswer> | undefined, why: string): void {
    this.#lose(why);
    pending?.lost();
  }

  #lose(why: string): void {
    if (this.#ended) return;
    this.#processes.kill();
    // Which process ended, and what it said, is known a moment after its connection closed.
    void Promise.race([
      this.#processes.ended,
      new Promise<string>((resolve) => setTimeout(() => resolve(''), 500)),
    ]).then((how) => this.#end.resolve(how === '' ? why : `${why}; ${how}`));
    this.#finish(why);
  }

  #finish(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#startTimer);
    this.#readiness.resolve({ kind: 'lost' });
    for (const pending of [...this.#plans.values(), ...this.#runs.values(), ...this.#asks.values()]) {
      clearTimeout(pending.timer);
      pending.lost();
    }
    this.#plans.clear();
    this.#runs.clear();
    this.#asks.clear();
    this.#engine.close();
    this.#executor.close();
    if (why === 'it was closed') this.#end.resolve(why);
  }

  #next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}

function take<Answer extends { timer: NodeJS.Timeout }>(
  pending: Map<number, Answer>,
  sequence: number,
): Answer | undefined {
  const found = pending.get(sequence);
  if (found === undefined) return undefined;
  pending.delete(sequence);
  clearTimeout(found.timer);
  return found;
}
