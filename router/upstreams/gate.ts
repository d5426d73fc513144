/**
 * Whether one upstream is asked now: a bound on what it answers at a time, a circuit breaker, and the time it asked for with Retry-After. Fails closed in the sense of the
 * field: a server that keeps failing is left alone, and one request at a time finds out whether it is back.
 */
import type { UpstreamFailure } from '../chat.ts';
import type { FailureCode } from './failure.ts';

export interface GateLimits {
  /** 0: no bound. */
  readonly maxConcurrent: number;
  /** In a row; 0: the breaker never opens. */
  readonly failures: number;
  readonly openMs: number;
}

/** Milliseconds, monotonic. */
export interface GateClock {
  now(): number;
}

export type Entry =
  | { readonly kind: 'entered' }
  | { readonly kind: 'refused'; readonly code: FailureCode; readonly retryAfterSeconds: number };

/** What says that the server is not well. Refusals of a request say that it is there. */
const FAULTS: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'upstream_unreachable',
  'upstream_timeout',
  'upstream_reset',
  'upstream_truncated',
  'upstream_malformed',
  'upstream_failed',
  'upstream_overloaded',
]);
const LONGEST_OPEN_MS = 300_000;
/** A Retry-After of hours is a quota, not a pause: others may still be answered. */
const LONGEST_PAUSE_MS = 60_000;

export class Gate {
  readonly #limits: GateLimits;
  readonly #clock: GateClock;
  #inFlight = 0;
  #failures = 0;
  #openUntilMs = 0;
  #openMs: number;
  #pausedUntilMs = 0;
  #probing = false;

  constructor(limits: GateLimits, clock: GateClock = performance) {
    this.#limits = limits;
    this.#clock = clock;
    this.#openMs = limits.openMs;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get state(): 'closed' | 'open' | 'half-open' {
    if (!this.#isTripped) return 'closed';
    return this.#clock.now() < this.#openUntilMs ? 'open' : 'half-open';
  }

  /** Whether a request would be let in now. */
  get isOpenToRequests(): boolean {
    if (this.#isFull || this.#clock.now() < this.#pausedUntilMs) return false;
    return this.state === 'closed' || (this.state === 'half-open' && !this.#probing);
  }

  /** enter lets a request in, which must `leave` again, or says why not. */
  enter(): Entry {
    const now = this.#clock.now();
    if (now < this.#pausedUntilMs) return refused('upstream_overloaded', this.#pausedUntilMs - now);
    const { state } = this;
    if (state === 'open') return refused('upstream_unreachable', this.#openUntilMs - now);
    if (state === 'half-open' && this.#probing) return refused('upstream_unreachable', this.#openMs);
    if (this.#isFull) return refused('upstream_overloaded', 1_000);
    this.#inFlight += 1;
    if (state === 'half-open') this.#probing = true;
    return { kind: 'entered' };
  }

  /** leave takes what became of it; undefined for an answer. */
  leave(failure: UpstreamFailure | undefined): void {
    this.#inFlight -= 1;
    const wasProbe = this.#probing;
    // The client's going says nothing about the server: another one has to find out.
    this.#probing = false;
    if (failure?.code === 'aborted') return;
    if (failure === undefined || !FAULTS.has(failure.code)) {
      this.#failures = 0;
      this.#openUntilMs = 0;
      this.#openMs = this.#limits.openMs;
      return;
    }
    const now = this.#clock.now();
    if (failure.retryAfterSeconds > 0)
      this.#pausedUntilMs = now + Math.min(failure.retryAfterSeconds * 1_000, LONGEST_PAUSE_MS);
    this.#failures += 1;
    if (!this.#isTripped) return;
    if (wasProbe) this.#openMs = Math.min(this.#openMs * 2, LONGEST_OPEN_MS);
    // Those let in before it opened do not open it further.
    if (wasProbe || now >= this.#openUntilMs) this.#openUntilMs = now + this.#openMs;
  }

  get #isTripped(): boolean {
    return this.#limits.failures > 0 && this.#failures >= this.#limits.failures;
  }

  get #isFull(): boolean {
    return this.#limits.maxConcurrent > 0 && this.#inFlight >= this.#limits.maxConcurrent;
  }
}

function refused(code: FailureCode, afterMs: number): Entry {
  return { kind: 'refused', code, retryAfterSeconds: Math.max(1, Math.ceil(afterMs / 1_000)) };
}
