/**
 * Keeps one generation of engine and executor alive: starts it, and when it ends starts the next after a growing pause.
 * Between generations there is no broker, and whoever asks is refused; a policy that is unfit is not tried again.
 */
import { Generation } from './generation.ts';
import type { Patience, Readiness } from './generation.ts';
import type { EgressEvent } from '../egress/egress-event.ts';
import type { AlertEvent } from '../watch/alert-event.ts';
import type { Standing } from './messages.ts';
import type { BrokerProcesses } from './start.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/** A generation that lived this long did not fail to start, so the next pause is the first again. */
const HEALTHY_AFTER_MS = 60_000;

export type BrokerEvent =
  | { readonly kind: 'broker-ready'; readonly policyDigest: string }
  /** `why` comes from exit codes, deadlines and what a process said before its first request. */
  | { readonly kind: 'broker-ended'; readonly why: string; readonly nextTryMs: number }
  | { readonly kind: 'policy-unfit'; readonly problems: readonly string[] }
  | { readonly kind: 'standings'; readonly standings: readonly Standing[] }
  | { readonly kind: 'egress'; readonly event: EgressEvent }
  | { readonly kind: 'alert'; readonly event: AlertEvent };

export type BrokerState =
  | { readonly kind: 'starting' }
  | {
      readonly kind: 'up';
      readonly generation: Generation;
      readonly engine: Extract<Readiness, { kind: 'ready' }>['engine'];
      /** Empty until the first proof has ended. */
      readonly standings: readonly Standing[];
    }
  | { readonly kind: 'down'; readonly why: string }
  | { readonly kind: 'unfit'; readonly problems: readonly string[] }
  | { readonly kind: 'closed' };

export interface BrokerOptions {
  readonly start: () => BrokerProcesses;
  readonly policy: ConstructorParameters<typeof Generation>[1];
  readonly patience: Patience;
  readonly onEvent: (event: BrokerEvent) => void;
}

export class Broker {
  readonly #options: BrokerOptions;
  #state: BrokerState = { kind: 'starting' };
  #generation: Generation | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #pause: NodeJS.Timeout | undefined;
  #settled = Promise.withResolvers<void>();

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#begin();
  }

  get state(): BrokerState {
    return this.#state;
  }

  /** Settles when the first proof has ended, or when it is clear that there will be none for now. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  async close(): Promise<void> {
    this.#state = { kind: 'closed' };
    this.#settled.resolve();
    clearTimeout(this.#pause);
    await this.#generation?.stop();
  }

  #begin(): void {
    const startedAt = performance.now();
    this.#state = { kind: 'starting' };
    let processes: BrokerProcesses;
    try {
      processes = this.#options.start();
    } catch (error) {
      return this.#ended(`the broker could not be started (${(error as NodeJS.ErrnoException).code ?? 'fault'})`, 0);
    }
    const generation = new Generation(
      processes,
      this.#options.policy,
      {
        standings: (standings) => {
          this.#options.onEvent({ kind: 'standings', standings });
          if (this.#state.kind === 'up' && this.#state.generation === generation) {
            this.#state = { ...this.#state, standings };
            this.#settled.resolve();
          } else early = standings;
        },
        egress: (event) => this.#options.onEvent({ kind: 'egress', event }),
        alert: (event) => this.#options.onEvent({ kind: 'alert', event }),
      },
      this.#options.patience,
    );
    let early: readonly Standing[] | undefined;
    this.#generation = generation;
    void generation.readiness.then((readiness) => {
      if (this.#state.kind === 'closed') return;
      switch (readiness.kind) {
        case 'ready':
          this.#state = { kind: 'up', generation, engine: readiness.engine, standings: early ?? [] };
          this.#options.onEvent({ kind: 'broker-ready', policyDigest: readiness.engine.policyDigest });
          if (early !== undefined) this.#settled.resolve();
          return;
        case 'unfit':
          this.#state = { kind: 'unfit', problems: readiness.problems };
          this.#options.onEvent({ kind: 'policy-unfit', problems: readiness.problems });
          this.#settled.resolve();
          return void generation.stop();
        case 'lost':
          return;
      }
    });
    void generation.end.then((why) => this.#ended(why, performance.now() - startedAt));
  }

  #ended(why: string, livedMs: number): void {
    if (this.#state.kind === 'closed' || this.#state.kind === 'unfit') return;
    if (livedMs > HEALTHY_AFTER_MS) this.#pauseMs = FIRST_PAUSE_MS;
    this.#state = { kind: 'down', why };
    this.#options.onEvent({ kind: 'broker-ended', why, nextTryMs: this.#pauseMs });
    this.#settled.resolve();
    this.#pause = setTimeout(() => this.#begin(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
