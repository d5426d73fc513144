/**
 * The executor's side of its two connections. It asks the engine for the key over the link, then serves the router: run,
 * abort, prove, scopes. It runs nothing before it is bound. When the router goes it stops everything and ends.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Duplex } from 'node:stream';
import { Sandbox } from '../../config/sandbox-schema.ts';
import type { SandboxConfig } from '../../config/sandbox-schema.ts';
import type { Backend } from '../backend.ts';
import { profileKey, profileOf } from '../backends/profile.ts';
import type { Mode } from '../executor.ts';
import type { EgressEvent } from '../egress/egress-event.ts';
import { EndedSessions } from '../watch/ended-sessions.ts';
import { loadHoneyKey } from '../watch/honey-key.ts';
import type { HoneyKey } from '../watch/honey.ts';
import { Watch } from '../watch/watch.ts';
import type { ExecutionPlan, SignedPlan } from '../plan.ts';
import { openChannel } from './frame.ts';
import type { Channel } from './frame.ts';
import { linkBinding, toExecutor } from './messages.ts';
import type { FromExecutor, LinkBinding, LinkHello } from './messages.ts';
import { PlanRunner, RUN_GRACE_MS } from './plan-runner.ts';
import type { EgressOpener } from './plan-runner.ts';
import { Proofs } from './proofs.ts';
import { ScopeStore } from './scope-store.ts';
import { Terminals } from './terminals.ts';
import { TicketGate } from './ticket.ts';
import { workspaceProblem } from './workspace-root.ts';

/** A thorough probe run on a loaded machine takes seconds, not minutes. */
const PROVE_TIMEOUT_MS = 120_000;
const PRUNE_INTERVAL_MS = 600_000;
/** Backends get this long to stop what runs; then the process ends and the kernel does it (die-with-parent). */
const CLOSE_TIMEOUT_MS = 3_000;

/** Where this program's own files are. */
const PROGRAM_ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** What the engine tells the executor, read and checked. */
export interface Bound {
  readonly modes: readonly Mode[];
  readonly sandbox: SandboxConfig;
  readonly labels: readonly string[];
  readonly stateDir: string;
  readonly guarded: readonly string[];
  readonly scopesRoot: string;
  readonly egressRoot: string;
  readonly honey: HoneyKey;
}

export interface ExecutorServiceOptions {
  readonly router: Duplex;
  readonly link: Duplex;
  readonly createBackends: (bound: Bound) => ReadonlyMap<Mode, Backend>;
  readonly createEgress: (bound: Bound, report: (event: EgressEvent) => void) => EgressOpener;
  /** Owner of scope directories; absent when sandboxes run as this very user. */
  readonly ownerOf: (bound: Bound) => { readonly uid: number; readonly gid: number } | undefined;
  readonly graceMs?: number;
  readonly done: () => void;
}

interface Running {
  readonly runner: PlanRunner;
  readonly proofs: Proofs;
  readonly scopes: ScopeStore;
  readonly backends: ReadonlyMap<Mode, Backend>;
  readonly egressRoot: string;
}

export function serveExecutor(options: ExecutorServiceOptions): void {
  let running: Running | undefined;
  let pruning: NodeJS.Timeout | undefined;
  let ended = false;
  const calls = new Map<number, AbortController>();

  const router: Channel<FromExecutor> = openChannel(options.router, toExecutor, {
    message(message) {
      // Everything but the plan and its signature is sent to a bound executor only.
      if (running === undefined) return router.close();
      switch (message.kind) {
        case 'run':
          return void run(running, message.sequence, message.plan);
        case 'abort':
          return calls.get(message.sequence)?.abort();
        case 'prove':
          return void prove(running, message.sequence);
        case 'scopes':
          return void listScopes(running, message.sequence);
        case 'prune':
          return void prune(running, message.sequence, message.scopeKey);
      }
    },
    closed: () => void end(),
  });

  const link: Channel<LinkHello> = openChannel(options.link, linkBinding, {
    message(message) {
      if (running === undefined) bind(message);
      link.close();
    },
    closed() {
      if (running === undefined) void end();
    },
  });
  link.send({ kind: 'hello' });

  function bind(binding: LinkBinding): void {
    const sandbox = Sandbox.safeParse(binding.sandbox);
    if (!sandbox.success) return void end();
    const { modes, labels, stateDir, guarded, scopesRoot, egressRoot } = binding;
    const honey = loadHoneyKey(stateDir);
    const bound: Bound = { modes, labels, stateDir, guarded, scopesRoot, egressRoot, honey, sandbox: sandbox.data };
    const backends = options.createBackends(bound);
    const owner = options.ownerOf(bound);
    const proofs = new Proofs({
      backends,
      intervalMs: bound.sandbox.probeIntervalMs,
      timeoutMs: PROVE_TIMEOUT_MS,
      changed: (standings) => void router.send({ kind: 'standings', sequence: -1, standings: [...standings] }),
    });
    const scopes = new ScopeStore({
      root: scopesRoot,
      ...(owner === undefined ? {} : { owner }),
      idleMs: bound.sandbox.idleMs,
      maxAgeMs: bound.sandbox.maxAgeMs,
    });
    const endedSessions = new EndedSessions(join(stateDir, 'sandbox', 'ended-sessions'), bound.sandbox.maxAgeMs);
    const runner = new PlanRunner({
      terminals: new Terminals(bound.sandbox.terminals),
      watch: new Watch({
        config: bound.sandbox.watch,
        labels,
        key: honey,
        ended: endedSessions,
        report: (event) => void router.send({ kind: 'alert', event }),
      }),
      gate: new TicketGate(Buffer.from(binding.key, 'base64'), binding.policyDigest),
      backends,
      proofs,
      scopes,
      egress: options.createEgress(bound, (event) => void router.send({ kind: 'egress', event })),
      workspaceProblem: (source) =>
        workspaceProblem(source, { holds: [stateDir, ...guarded, PROGRAM_ROOT], outside: [stateDir] }),
      graceMs: options.graceMs ?? RUN_GRACE_MS,
      stuck: () => void end(),
    });
    running = { runner, proofs, scopes, backends, egressRoot };
    pruning = setInterval(() => {
      endedSessions.sweep();
      void scopes.prune('idle').catch(() => undefined);
    }, PRUNE_INTERVAL_MS);
    pruning.unref();
    router.send({ kind: 'ready' });
    void proofs.prove().then(() => warmUp(binding.warm));
  }

  /** So that the first call is not the one that waits. What fails here fails again, and is told, when a call needs it. */
  async function warmUp(plans: readonly ExecutionPlan[]): Promise<void> {
    const distinct = new Map(plans.map((plan) => [`${plan.mode} ${profileKey(profileOf(plan))}`, plan]));
    for (const plan of distinct.values()) await running?.runner.prewarm(plan).catch(() => undefined);
  }

  async function run({ runner }: Running, sequence: number, signed: SignedPlan): Promise<void> {
    if (calls.has(sequence)) return router.close();
    const admission = runner.admit(signed);
    if (admission.kind === 'refused') {
      router.send({ ...admission, sequence });
      return;
    }
    const controller = new AbortController();
    calls.set(sequence, controller);
    router.send({ kind: 'accepted', sequence });
    const result = await runner.run(
      admission.plan,
      controller.signal,
      () => void router.send({ kind: 'started', sequence }),
    );
    calls.delete(sequence);
    router.send({ ...result, sequence });
  }

  async function prove({ proofs }: Running, sequence: number): Promise<void> {
    router.send({ kind: 'standings', sequence, standings: [...(await proofs.prove())] });
  }

  async function listScopes({ scopes }: Running, sequence: number): Promise<void> {
    router.send({ kind: 'scopes', sequence, scopes: [...(await scopes.list())] });
  }

  async function prune({ scopes }: Running, sequence: number, which: string): Promise<void> {
    const gone = await scopes.prune(which).catch(() => []);
    router.send({ kind: 'scopes', sequence, scopes: [...gone] });
  }

  async function end(): Promise<void> {
    if (ended) return;
    ended = true;
    router.close();
    link.close();
    clearInterval(pruning);
    for (const controller of calls.values()) controller.abort();
    if (running !== undefined) {
      running.proofs.close();
      const closing = [...running.backends.values()].map((backend) => backend.close().catch(() => undefined));
      const { egressRoot } = running;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
      });
      await Promise.race([Promise.all(closing), late]);
      clearTimeout(timer);
      await rm(egressRoot, { recursive: true, force: true }).catch(() => undefined);
    }
    options.done();
  }
}
