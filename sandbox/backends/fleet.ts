/**
 * Several engines behind one mode. A call goes to one of those its plan names, that are proved, that take calls and have room:
 * the least filled for its capacity, and the same one again for calls that share state. It goes to another only when nothing
 * was handed over; a call whose end is unknown is never run again. Fails closed: an engine that failed is proved again before
 * it gets another call, and where none is left nothing runs.
 */
import { createHash } from 'node:crypto';
import type { Backend, Outcome, RunOptions } from '../backend.ts';
import type { ClaimReport, EndpointReport, Mode } from '../executor.ts';
import type { ExecutionPlan } from '../plan.ts';
import { ABORTED, notStarted } from './not-started.ts';

export interface Member {
  readonly name: string;
  readonly kind: EndpointReport['kind'];
  readonly capacity: number;
  readonly backend: Backend;
}

export interface FleetOptions {
  readonly mode: Mode;
  readonly members: readonly Member[];
  /** How old a proof may be that still counts. */
  readonly staleMs: number;
  /** What one endpoint's proof may take. */
  readonly proveMs?: number;
  readonly firstRestMs?: number;
  readonly now?: () => number;
}

const PROVE_MS = 100_000;
const FIRST_REST_MS = 5_000;
const LONGEST_REST_MS = 300_000;
/** One lost connection is no lost machine. */
const FAILURES = 2;

interface State {
  readonly member: Member;
  running: number;
  failures: number;
  restMs: number;
  resting: NodeJS.Timeout | undefined;
  reason: string;
  claims: readonly ClaimReport[];
  usable: boolean;
  /** For people; ages are measured by `provedAt`, of a clock that nobody sets. */
  probedAt: number;
  provedAt: number;
  proving: Promise<void> | undefined;
}

const isProved = ({ usable, claims }: State): boolean =>
  usable && claims.length > 0 && claims.every(({ proved }) => proved);

export function createFleet(options: FleetOptions): Backend {
  const { mode, staleMs, proveMs = PROVE_MS, firstRestMs = FIRST_REST_MS, now = () => performance.now() } = options;
  const states = options.members.map((member): State => ({
    member,
    running: 0,
    failures: 0,
    restMs: firstRestMs,
    resting: undefined,
    reason: 'not proved yet',
    claims: [],
    usable: false,
    probedAt: 0,
    provedAt: Number.NEGATIVE_INFINITY,
    proving: undefined,
  }));
  let isFresh = false;
  let isClosed = false;
  let turn = 0;
  let changed: () => void = () => undefined;

  const bounded = async <T>(work: Promise<T>, late: T): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<T>((resolve) => {
      timer = setTimeout(() => resolve(late), proveMs);
    });
    try {
      return await Promise.race([work, patience]);
    } finally {
      clearTimeout(timer);
    }
  };
  const proveOne = async (state: State): Promise<void> => {
    const { backend } = state.member;
    const late = { usable: false, reason: 'it did not answer in time' } as const;
    const available = await bounded(backend.available(), late);
    const claims = available.usable ? await bounded(backend.prove(), []) : [];
    state.usable = available.usable;
    state.claims = claims;
    state.probedAt = Date.now();
    state.provedAt = now();
    const unproved = claims.filter(({ proved }) => !proved).map(({ claim }) => claim);
    state.reason = !available.usable
      ? available.reason
      : claims.length === 0
        ? 'its probes did not end in time'
        : unproved.length > 0
          ? `not proved: ${unproved.join(', ')}`
          : '';
    if (!isProved(state)) return rest(state);
    clearTimeout(state.resting);
    state.resting = undefined;
    state.failures = 0;
    state.restMs = firstRestMs;
  };
  const prove = (state: State): Promise<void> =>
    (state.proving ??= proveOne(state)
      .catch(() => {
        state.usable = false;
        state.reason = 'its proof failed';
        rest(state);
      })
      .finally(() => {
        state.proving = undefined;
      }));
  /** Takes it out, and proves it again after a pause: what comes back may be another machine. */
  function rest(state: State): void {
    if (isClosed) return;
    clearTimeout(state.resting);
    state.resting = setTimeout(() => {
      void prove(state).then(() => changed());
    }, state.restMs);
    state.resting.unref();
    state.restMs = Math.min(state.restMs * 2, LONGEST_REST_MS);
  }
  const refresh = async (): Promise<void> => {
    await Promise.all(states.map(prove));
  };

  const why = (state: State): string => {
    if (state.reason !== '') return state.reason;
    if (state.resting !== undefined) return 'it failed and is resting';
    if (now() - state.provedAt > staleMs) return 'its last proof is too old';
    return state.running >= state.member.capacity ? 'it is full' : '';
  };
  const isReady = (state: State): boolean => isProved(state) && why(state) === '';

  const choose = (plan: ExecutionPlan, tried: ReadonlySet<State>): State | undefined => {
    // A plan that names no endpoint was made for another policy.
    const named = new Set(plan.endpoints);
    const ready = states.filter((state) => named.has(state.member.name) && !tried.has(state) && isReady(state));
    const order =
      plan.home === ''
        ? byLoad(ready, turn++)
        : ready.toSorted((a, b) => affinity(plan.scopeKey, a.member) - affinity(plan.scopeKey, b.member));
    return order[0];
  };

  const note = (state: State, outcome: Outcome): void => {
    if (outcome.kind === 'exited' || outcome.kind === 'killed') {
      state.failures = 0;
      return;
    }
    if (outcome.kind === 'not-started' && outcome.cause === 'attestation-failed') {
      state.usable = false;
      state.reason = 'a container of it did not attest';
    } else if (outcome.kind === 'unknown' || outcome.cause === 'unavailable') {
      state.failures += outcome.kind === 'unknown' ? FAILURES : 1;
      if (state.failures < FAILURES) return;
    } else return;
    rest(state);
    changed();
  };

  const run = async (plan: ExecutionPlan, runOptions: RunOptions): Promise<Outcome> => {
    if (plan.mode !== mode) return notStarted('plan-unsupported', `the plan asks for ${plan.mode}`);
    if (runOptions.signal.aborted) return ABORTED;
    const tried = new Set<State>();
    let last: Outcome | undefined;
    for (;;) {
      const state = isClosed ? undefined : choose(plan, tried);
      if (state === undefined) break;
      tried.add(state);
      state.running += 1;
      try {
        const outcome = await state.member.backend.run(plan, runOptions);
        note(state, outcome);
        const isElsewhere = outcome.kind === 'not-started' && outcome.cause === 'unavailable';
        if (!isElsewhere || runOptions.signal.aborted) return stamped(outcome, state);
        last = outcome;
      } finally {
        state.running -= 1;
      }
    }
    if (last !== undefined) return last;
    const reasons = states
      .filter(({ member }) => plan.endpoints?.includes(member.name) === true)
      .map((state) => `${state.member.name}: ${why(state)}`);
    return notStarted('unavailable', reasons.length === 0 ? 'no endpoint may be given this call' : reasons.join('; '));
  };

  const stamped = (outcome: Outcome, { member, provedAt }: State): Outcome => {
    if (outcome.kind === 'not-started') return outcome;
    // A run that was not attested stays so.
    if (Object.keys(outcome.attested).length === 0) return outcome;
    const seen = { endpoint: member.name, endpointProbeAgeMs: Math.round(now() - provedAt) };
    return { ...outcome, attested: { ...outcome.attested, ...seen } };
  };

  return {
    mode,
    async available() {
      await refresh();
      isFresh = true;
      if (states.some(({ usable }) => usable)) return { usable: true };
      return { usable: false, reason: states.map(({ member, reason }) => `${member.name}: ${reason}`).join('; ') };
    },
    /** A claim holds of the mode when it was proved of every endpoint that gets calls; one that failed gets none. */
    async prove() {
      if (!isFresh) await refresh();
      isFresh = false;
      const proved = states.filter(isProved);
      const shown = proved.length > 0 ? proved : states.filter(({ usable }) => usable);
      return shown.flatMap(({ member, claims }) =>
        claims.map((claim) => ({ ...claim, claim: `${member.name}: ${claim.claim}` })),
      );
    },
    run,
    endpoints: () =>
      states.map((state) => ({
        name: state.member.name,
        kind: state.member.kind,
        state: !state.usable
          ? 'unusable'
          : !isProved(state)
            ? 'unproved'
            : state.resting === undefined
              ? 'ready'
              : 'resting',
        reason: state.running >= state.member.capacity && isProved(state) ? '' : why(state),
        probedAt: state.probedAt,
        running: state.running,
        capacity: state.member.capacity,
      })),
    watchEndpoints(listener) {
      changed = listener;
    },
    async close() {
      isClosed = true;
      for (const state of states) clearTimeout(state.resting);
      await Promise.all(states.map(({ member }) => member.backend.close()));
    },
  };
}

/** Least filled first; among equals each in its turn. */
function byLoad(states: readonly State[], turn: number): readonly State[] {
  const rotated = states.map((_, index) => states[(index + turn) % states.length] as State);
  return rotated.toSorted((a, b) => a.running / a.member.capacity - b.running / b.member.capacity);
}

/** Highest random weight: the same endpoint for the same scope, shares by capacity, and nothing moves but what must. */
function affinity(scopeKey: string, { name, capacity }: Member): number {
  const digest = createHash('sha256').update(`${scopeKey} ${name}`).digest();
  return -Math.log((digest.readUInt32BE(0) + 1) / 0x1_0000_0001) / capacity;
}
