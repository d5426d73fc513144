/**
 * Which backends are proved, and how long ago. Proofs run at start and on a timer. Fails closed: a backend that makes no
 * claim, a probe that throws, hangs or is too old, and a claim that was not seen to hold all stop its tools.
 */
import type { Backend } from '../backend.ts';
import type { ClaimReport, Mode } from '../executor.ts';
import type { Standing } from './messages.ts';

/** A proof is as good as its age: past this many intervals without a new one it proves nothing. */
const STALE_AFTER_INTERVALS = 2;

export interface ProofsOptions {
  readonly backends: ReadonlyMap<Mode, Backend>;
  readonly intervalMs: number;
  /** Past it a probe has failed. */
  readonly timeoutMs: number;
  /** Milliseconds of a clock that nobody sets; tests put their own here. */
  readonly now?: () => number;
  readonly changed: (standings: readonly Standing[]) => void;
}

export type Fitness =
  | { readonly kind: 'proved'; readonly ageMs: number }
  | { readonly kind: 'unfit'; readonly code: 'sandbox-unavailable' | 'claim-unproved'; readonly reason: string };

export class Proofs {
  readonly #options: ProofsOptions;
  readonly #standings = new Map<Mode, Standing>();
  /** On the clock of `now`: a date that is set makes no proof older or younger. */
  readonly #provedAt = new Map<Mode, number>();
  readonly #timer: NodeJS.Timeout;
  #proving: Promise<readonly Standing[]> | undefined;

  constructor(options: ProofsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.prove(), options.intervalMs);
    this.#timer.unref();
    for (const [mode, backend] of options.backends)
      backend.watchEndpoints?.(() => {
        const standing = this.#standings.get(mode);
        if (standing === undefined) return;
        const next = { ...standing, ...endpointsOf(backend) };
        this.#standings.set(mode, next);
        options.changed([...this.#standings.values()]);
        // One came back where none was left.
        const isUnfit = !next.usable || next.claims.some(({ proved }) => !proved);
        if (isUnfit && next.endpoints?.some(({ state }) => state === 'ready') === true) void this.prove();
      });
  }

  /** Proves every claim of every backend again; one proof at a time, and whoever asks meanwhile shares it. */
  prove(): Promise<readonly Standing[]> {
    this.#proving ??= this.#proveAll().finally(() => {
      this.#proving = undefined;
    });
    return this.#proving;
  }

  /** Waits for the first proof, never for later ones: until they end, the last one holds. */
  async fitness(mode: Mode): Promise<Fitness> {
    if (!this.#standings.has(mode)) await this.prove();
    const standing = this.#standings.get(mode);
    if (standing === undefined)
      return {
        kind: 'unfit',
        code: 'sandbox-unavailable',
        reason: `The ${mode} backend is not part of this build; use bubblewrap.`,
      };
    if (!standing.usable) return { kind: 'unfit', code: 'sandbox-unavailable', reason: standing.reason };
    const unproved = standing.claims.find((claim) => !claim.proved);
    if (unproved !== undefined)
      return {
        kind: 'unfit',
        code: 'claim-unproved',
        reason: `The sandbox could not prove its claim "${unproved.claim}", so no tool runs. Run "sluice sandbox verify" for what the probe saw.`,
      };
    const ageMs = this.#now() - (this.#provedAt.get(mode) ?? -Infinity);
    if (ageMs > this.#options.intervalMs * STALE_AFTER_INTERVALS + this.#options.timeoutMs)
      return {
        kind: 'unfit',
        code: 'claim-unproved',
        reason: 'The last proof of the sandbox is too old, so no tool runs.',
      };
    return { kind: 'proved', ageMs };
  }

  /** Forgets what was proved of a backend that broke its contract; the next call waits for a new proof. */
  distrust(mode: Mode): void {
    this.#standings.delete(mode);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #proveAll(): Promise<readonly Standing[]> {
    await Promise.all(
      [...this.#options.backends].map(async ([mode, backend]) => {
        const standing = await this.#proveOne(mode, backend);
        this.#standings.set(mode, standing);
        this.#provedAt.set(mode, this.#now());
      }),
    );
    const standings = [...this.#standings.values()];
    this.#options.changed(standings);
    return standings;
  }

  async #proveOne(mode: Mode, backend: Backend): Promise<Standing> {
    const failed = (claim: string, evidence: string): Standing => ({
      mode,
      usable: true,
      reason: '',
      claims: [{ claim, proved: false, evidence }],
      probedAt: Date.now(),
    });
    try {
      const available = await this.#bounded(backend.available());
      if (available === undefined) return failed('available', 'the backend did not answer in time');
      if (!available.usable)
        return {
          mode,
          usable: false,
          reason: available.reason,
          claims: [],
          probedAt: Date.now(),
          ...endpointsOf(backend),
        };
      const claims = await this.#bounded(backend.prove());
      if (claims === undefined) return failed('probe', 'the probes did not end in time');
      // Nothing claimed would be vacuously proved. Host mode alone has nothing to claim.
      if (claims.length === 0 && mode !== 'host') return failed('probe', 'the backend claimed nothing');
      return {
        mode,
        usable: true,
        reason: '',
        claims: claims.map(copyClaim),
        probedAt: Date.now(),
        ...endpointsOf(backend),
      };
    } catch {
      return failed('probe', 'the probe itself failed');
    }
  }

  async #bounded<T>(work: Promise<T>): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), this.#options.timeoutMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #now(): number {
    return (this.#options.now ?? performance.now.bind(performance))();
  }
}

const endpointsOf = (backend: Backend): Pick<Standing, 'endpoints'> =>
  backend.endpoints === undefined ? {} : { endpoints: backend.endpoints().map((each) => ({ ...each })) };

function copyClaim(report: ClaimReport): Standing['claims'][number] {
  return { claim: report.claim, proved: report.proved, evidence: report.evidence };
}
