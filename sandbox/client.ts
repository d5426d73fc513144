/**
 * The router's executor: carries each call to the policy engine for a signed plan and the plan to the executor. It decides
 * nothing, starts nothing but the broker, and reads no arguments. Fails closed: with the broker dead, late or talking
 * nonsense every call is `refused` with `broker-unavailable`, and nothing is reported as run that was not.
 */
import { resolve } from 'node:path';
import type { SandboxConfig } from '../config/sandbox-schema.ts';
import { MAX_ARGUMENT_BYTES } from './arguments.ts';
import { Broker } from './broker/broker.ts';
import type { BrokerEvent, BrokerState } from './broker/broker.ts';
import { CallGate } from './broker/call-gate.ts';
import type { CallGateOptions } from './broker/call-gate.ts';
import { PATIENCE } from './broker/generation.ts';
import type { Patience } from './broker/generation.ts';
import type { ScopeReport, Standing } from './broker/messages.ts';
import { startBroker } from './broker/start.ts';
import type { BrokerProcesses } from './broker/start.ts';
import type {
  Mode,
  RefusalCode,
  SandboxStatus,
  ToolDefinition,
  ToolExecutor,
  ToolOutcome,
  ToolReceipt,
  ToolRequest,
} from './executor.ts';
import { policyDigest } from './policy-digest.ts';

export interface ToolExecutorOptions {
  readonly config: SandboxConfig;
  /** The ladder, lowest first. */
  readonly labels: readonly string[];
  /** Scopes live in `sandbox/` beneath it. */
  readonly stateDir: string;
  /** The file the config came from: no workspace may hold it. */
  readonly configFile?: string;
  readonly onEvent?: (event: BrokerEvent) => void;
  readonly calls?: CallGateOptions;
  readonly patience?: Patience;
  /** How the two processes are started; tests put misbehaving ones here. */
  readonly start?: () => BrokerProcesses;
}

export interface SandboxClient extends ToolExecutor {
  scopes(): Promise<readonly ScopeReport[]>;
  /** Deletes one scope, those past their limits, or all that nothing runs in. Returns what was deleted. */
  prune(which: 'idle' | 'all' | (string & {})): Promise<readonly ScopeReport[]>;
}

/** A sandbox each is tens of milliseconds of CPU and up to its memory limit; more at once only wait inside instead. */
const CALLS: CallGateOptions = { atOnce: 16, atOncePerSession: 4, waiting: 256 };

/** Settles when the broker's first proof has ended or failed, or is late. Never rejects: what is wrong is in status(). */
export async function createToolExecutor(options: ToolExecutorOptions): Promise<SandboxClient> {
  const client = new BrokerClient(options);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, (options.patience ?? PATIENCE).startMs);
  });
  await Promise.race([client.settled, late]);
  clearTimeout(timer);
  return client;
}

const MAX_NAME_CHARACTERS = 4096;

type Finding = { readonly mode: Mode; readonly attested?: ToolReceipt['attested']; readonly probeAgeMs?: number };

class BrokerClient implements SandboxClient {
  readonly #config: SandboxConfig;
  readonly #digest: string;
  readonly #broker: Broker;
  readonly #gate: CallGate;

  constructor(options: ToolExecutorOptions) {
    const { config, labels, stateDir } = options;
    this.#config = config;
    this.#digest = policyDigest(config, labels);
    this.#gate = new CallGate(options.calls ?? CALLS);
    this.#broker = new Broker({
      start: options.start ?? startBroker,
      policy: {
        sandbox: config,
        labels,
        stateDir: resolve(stateDir),
        guarded: options.configFile === undefined ? [] : [options.configFile],
      },
      patience: options.patience ?? PATIENCE,
      onEvent: options.onEvent ?? (() => undefined),
    });
  }

  get settled(): Promise<void> {
    return this.#broker.settled;
  }

  offered(agent: string): readonly ToolDefinition[] {
    const { state } = this.#broker;
    if (state.kind !== 'up') return [];
    const offers = state.engine.agents.find((entry) => entry.agent === agent)?.offers ?? state.engine.everyone;
    return offers.filter((offer) => isFit(state.standings, offer.mode)).map((offer) => offer.definition);
  }

  async run(request: ToolRequest, options: { readonly signal: AbortSignal }): Promise<ToolOutcome> {
    const startedAt = performance.now();
    const receiptOf = ({ mode, attested = {}, probeAgeMs }: Finding): ToolReceipt => ({
      tool: request.tool.slice(0, 64),
      backend: mode,
      policyDigest: this.#digest,
      probeAgeMs: probeAgeMs ?? this.#probeAgeMs(mode),
      attested,
      durationMs: performance.now() - startedAt,
    });
    const refuse = (code: RefusalCode, message: string, mode: Mode = this.#config.mode): ToolOutcome => ({
      kind: 'refused',
      code,
      message,
      receipt: receiptOf({ mode }),
    });

    // A model chooses the id, a client may choose the session: neither may grow a frame past its limit.
    const { id, tool, principal, session, agent, label } = request;
    if ([id, tool, principal, session, agent, label].some((name) => name.length > MAX_NAME_CHARACTERS))
      return refuse(
        'malformed-arguments',
        `A name or id of the call is longer than ${MAX_NAME_CHARACTERS} characters.`,
      );
    if (request.arguments.length > MAX_ARGUMENT_BYTES)
      return refuse(
        'malformed-arguments',
        `The arguments are longer than ${MAX_ARGUMENT_BYTES} bytes. Send less at once.`,
      );
    const entry = await this.#gate.enter(`${request.principal}\0${request.session}`, options.signal);
    if (entry.kind === 'aborted') return refuse('aborted', 'The call was cancelled before it started.');
    if (entry.kind === 'busy')
      return refuse('busy', 'Too many tool calls are waiting. Wait for some to end, then try again.');
    try {
      const { state } = this.#broker;
      if (state.kind !== 'up') return refuse(...whyNotUp(state));
      const { generation } = state;

      const planned = await generation.plan(request);
      if (planned.kind === 'lost') return refuse('broker-unavailable', NOT_RUN);
      if (planned.kind === 'refused') return refuse(planned.code, planned.message, planned.mode);
      if (options.signal.aborted) return refuse('aborted', 'The call was cancelled before it started.', planned.mode);

      const ran = await generation.run(planned.plan, planned.wallMs, options.signal);
      if (ran.kind === 'unsent') return refuse('broker-unavailable', NOT_RUN, planned.mode);
      if (ran.kind === 'lost') return refuse('broker-unavailable', CUT, planned.mode);
      const alarm = ran.watched === undefined ? {} : { watched: ran.watched };
      if (ran.kind === 'refused') return { ...refuse(ran.code, ran.message, planned.mode), ...alarm };
      const { attested, ...outcome } = ran.outcome;
      return { ...outcome, ...alarm, receipt: receiptOf({ mode: planned.mode, attested, probeAgeMs: ran.probeAgeMs }) };
    } finally {
      entry.leave();
    }
  }

  status(): SandboxStatus {
    const { state } = this.#broker;
    const backend = this.#config.mode;
    const base = { backend, claims: [], probedAt: 0, policyDigest: this.#digest };
    if (state.kind !== 'up') return { ...base, usable: false, reason: whyNotUp(state)[1] };
    if (state.standings.length === 0) {
      const reason =
        backend === 'deny' ? 'Every tool is denied (sandbox.mode).' : 'The sandbox has not been proved yet.';
      return { ...base, usable: false, reason };
    }
    const several = state.standings.length > 1;
    const claims = state.standings.flatMap(({ mode, claims: made }) =>
      made.map((claim) => (several ? { ...claim, claim: `${mode}: ${claim.claim}` } : claim)),
    );
    const fit = state.standings.some(({ mode }) => isFit(state.standings, mode));
    const endpoints = state.standings.flatMap((standing) => standing.endpoints ?? []);
    const first = state.standings.find(({ mode }) => mode === backend) ?? state.standings[0];
    return {
      ...base,
      usable: fit,
      reason: fit || first === undefined ? '' : whyUnfit(first),
      claims,
      probedAt: Math.min(...state.standings.map((standing) => standing.probedAt)),
      ...(endpoints.length === 0 ? {} : { endpoints }),
    };
  }

  async verify(): Promise<SandboxStatus> {
    const { state } = this.#broker;
    if (state.kind === 'up') await state.generation.prove();
    return this.status();
  }

  async scopes(): Promise<readonly ScopeReport[]> {
    const { state } = this.#broker;
    return state.kind === 'up' ? ((await state.generation.scopes()) ?? []) : [];
  }

  async prune(which: string): Promise<readonly ScopeReport[]> {
    const { state } = this.#broker;
    return state.kind === 'up' ? ((await state.generation.scopes(which)) ?? []) : [];
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  #probeAgeMs(mode: Mode): number {
    const { state } = this.#broker;
    const standing = state.kind === 'up' ? state.standings.find((candidate) => candidate.mode === mode) : undefined;
    return standing === undefined || standing.probedAt === 0 ? -1 : Math.max(0, Date.now() - standing.probedAt);
  }
}

function isFit(standings: readonly Standing[], mode: Mode): boolean {
  const standing = standings.find((candidate) => candidate.mode === mode);
  return standing !== undefined && standing.usable && standing.claims.every((claim) => claim.proved);
}

function whyUnfit(standing: Standing): string {
  if (!standing.usable) return standing.reason;
  const unproved = standing.claims.filter((claim) => !claim.proved).map((claim) => claim.claim);
  return `Not proved: ${unproved.join(', ')}. No tool runs; "sluice sandbox verify" shows what the probes saw.`;
}

function whyNotUp(state: Exclude<BrokerState, { kind: 'up' }>): [RefusalCode, string] {
  switch (state.kind) {
    case 'starting':
      return ['broker-unavailable', 'The sandbox broker is starting. Nothing ran; try again in a moment.'];
    case 'down':
      return [
        'broker-unavailable',
        'The sandbox broker is down and will be started again. Nothing ran; try again in a moment.',
      ];
    case 'unfit':
      return ['sandbox-unavailable', `The sandbox policy has a problem, so no tool runs: ${state.problems.join('; ')}`];
    case 'closed':
      return ['broker-unavailable', 'The sandbox is closed. Nothing ran.'];
  }
}

const NOT_RUN = 'The sandbox broker stopped before this call was run. Nothing ran; try again in a moment.';
const CUT =
  'The sandbox broker stopped during this call and its result is lost. The command may have begun; check before you repeat it.';
