/**
 * Watches over calls: what a backend, the egress proxy and the guard saw of one becomes alerts, and the policy says what an
 * alert does. Every kind of alert is told once per call, when it is first seen. Fails safe: whatever is in doubt is an alert,
 * and an alert can only take away.
 */
import type { Alert, SandboxWatchConfig } from '../../config/sandbox-watch-schema.ts';
import type { Outcome } from '../backend.ts';
import type { EgressEvent } from '../egress/egress-event.ts';
import type { ExecutionPlan } from '../plan.ts';
import type { AlertEvent, Watched } from './alert-event.ts';
import type { EndedSessions } from './ended-sessions.ts';
import type { HoneyKey } from './honey.ts';
import { HoneyScanner } from './honey-scanner.ts';

export interface WatchOptions {
  readonly config: SandboxWatchConfig;
  /** The ladder, lowest first. */
  readonly labels: readonly string[];
  readonly key: HoneyKey;
  readonly ended: EndedSessions;
  readonly report: (event: AlertEvent) => void;
}

/** What backends and the proxy tell of a call while it runs. */
export interface RunWatch {
  /** Credentials the sandbox of this call was given to find. */
  planted(tokens: readonly string[]): void;
  /** Everything written, before any of it is cut. */
  output(stream: 'stdout' | 'stderr', chunk: Buffer): void;
  canaryRead(): void;
  /** Most processes there were at once, beside the backend's own. */
  processes(peak: number, limit: number): void;
}

/** Tokens remembered per session, of its latest sandboxes: what one call read, a later one may send. */
const TOKENS_PER_SESSION = 24;
const SESSIONS = 1_000;
/** What a shell says of a child that seccomp killed; its own exit status need not tell. */
const KILLED_CHILD = /^(?:.*: )?Bad system call/m;
/** No honest program sends these: they are attempts to reach the machine itself, or to have two parsers disagree. */
const NEVER_HONEST: ReadonlySet<EgressEvent['code']> = new Set(['address-not-public', 'not-tls-for-host']);

export class Watch {
  readonly #options: WatchOptions;
  readonly #tokens = new Map<string, readonly string[]>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  hasEnded(sessionKey: string): boolean {
    return this.#options.ended.has(sessionKey);
  }

  begin(plan: ExecutionPlan): CallWatch {
    return new CallWatch(plan, this.#options, {
      get: () => this.#tokens.get(plan.sessionKey) ?? [],
      add: (tokens) => this.#remember(plan.sessionKey, tokens),
    });
  }

  #remember(sessionKey: string, tokens: readonly string[]): void {
    const known = this.#tokens.get(sessionKey) ?? [];
    this.#tokens.delete(sessionKey);
    this.#tokens.set(sessionKey, [...known, ...tokens].slice(-TOKENS_PER_SESSION));
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > SESSIONS && oldest !== undefined) this.#tokens.delete(oldest);
  }
}

interface KnownTokens {
  get(): readonly string[];
  add(tokens: readonly string[]): void;
}

export class CallWatch implements RunWatch {
  readonly #plan: ExecutionPlan;
  readonly #options: WatchOptions;
  readonly #known: KnownTokens;
  readonly #seen = new Set<Alert>();
  readonly #ending = new AbortController();
  readonly #scanners = new Map<string, HoneyScanner>();
  #ended = false;
  #refused = 0;
  #connections = 0;

  constructor(plan: ExecutionPlan, options: WatchOptions, known: KnownTokens) {
    this.#plan = plan;
    this.#options = options;
    this.#known = known;
  }

  /** Fires when the policy ends the session: whatever runs is to be killed. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** What the model wrote, as far as it becomes words and input of a program. */
  arguments(): void {
    const text = Buffer.from([...this.#plan.argv, ''].join('\n'), 'utf8');
    const scanner = this.#scanner();
    if (scanner.push(text) || scanner.push(Buffer.from(this.#plan.stdin, 'base64'))) this.#saw('honey-arguments');
  }

  planted(tokens: readonly string[]): void {
    this.#known.add(tokens);
  }

  output(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (stream === 'stderr' && KILLED_CHILD.test(chunk.toString('latin1'))) this.#saw('seccomp-kill');
    if (this.#seen.has('honey-output')) return;
    let scanner = this.#scanners.get(stream);
    if (scanner === undefined) this.#scanners.set(stream, (scanner = this.#scanner()));
    if (scanner.push(chunk)) this.#saw('honey-output');
  }

  /** For one connection: true once a credential was seen in what it sends. */
  outgoing(): (bytes: Buffer) => boolean {
    const scanner = this.#scanner();
    return (bytes) => {
      const found = scanner.push(bytes);
      if (found) this.#saw('honey-egress');
      return found;
    };
  }

  connection(code: EgressEvent['code']): void {
    this.#connections += 1;
    if (this.#connections >= this.#options.config.connections) this.#saw('fan-out');
    if (code === 'relayed' || code === 'not-reached' || code === 'name-not-found') return;
    this.#refused += 1;
    if (NEVER_HONEST.has(code) || this.#refused >= this.#options.config.refusedEgress) this.#saw('egress-refused');
  }

  canaryRead(): void {
    this.#saw('canary-read');
  }

  processes(peak: number, limit: number): void {
    if (peak >= limit) this.#saw('fan-out');
  }

  /** What the call's end says; answers undefined when there was nothing to tell. */
  finish(outcome: Outcome | undefined): Watched | undefined {
    if (outcome?.kind === 'killed' && outcome.by === 'seccomp') this.#saw('seccomp-kill');
    if (outcome?.kind === 'not-started' && outcome.cause === 'attestation-failed') this.#saw('attestation-failed');
    if (outcome !== undefined && outcome.kind !== 'not-started' && Number(outcome.attested.guardFindings ?? 0) > 0)
      this.#saw('persistence');
    if (this.#seen.size === 0) return undefined;
    const raises = [...this.#seen].some((alert) => this.#options.config.raise.includes(alert));
    return { alerts: [...this.#seen], raiseTo: raises ? this.#raiseTo() : '', ended: this.#ended };
  }

  #scanner(): HoneyScanner {
    return new HoneyScanner(this.#options.key, this.#known.get());
  }

  #raiseTo(): string {
    const { config, labels } = this.#options;
    return config.raiseTo === '' ? (labels.at(-1) ?? '') : config.raiseTo;
  }

  #saw(alert: Alert): void {
    if (this.#seen.has(alert)) return;
    this.#seen.add(alert);
    const { config, ended, report } = this.#options;
    const ends = config.end.includes(alert);
    const { tool, sessionKey } = this.#plan;
    if (ends) {
      this.#ended = true;
      ended.end(sessionKey);
    }
    report({ alert, tool, sessionKey, raiseTo: config.raise.includes(alert) ? this.#raiseTo() : '', ended: ends });
    if (ends) this.#ending.abort();
  }
}
