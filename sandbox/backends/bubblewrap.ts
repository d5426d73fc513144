/**
 * The `bubblewrap` backend: namespaces, seccomp, limits and control groups around single-use sandboxes that are attested from
 * the host before they are told what to run. Fails closed: what cannot be started, attested or expressed is `not-started`,
 * and there is no other way to run it.
 */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend, Outcome, RunOptions } from '../backend.ts';
import { changesDirectory, COPY_LIMITS, createChangeStore } from '../guard/change-store.ts';
import type { ChangeStore } from '../guard/change-store.ts';
import { holdsSocket } from '../guard/tree.ts';
import { withGuard } from '../guard/with-guard.ts';
import { withPrivateCopy } from '../guard/with-private-copy.ts';
import type { ExecutionPlan } from '../plan.ts';
import { landlockProbe } from '../probes/landlock.ts';
import { proveClaims, PROBES } from '../probes/prove.ts';
import { seccompBytes } from '../seccomp/filter.ts';
import { judge } from './attestation.ts';
import { bubblewrapArguments } from './bubblewrap-arguments.ts';
import { createCgroupController } from './cgroup.ts';
import type { CgroupController } from './cgroup.ts';
import { execute } from './execute.ts';
import { handover, prologue } from './handover.ts';
import { askLandlock, launcherFor } from './landlock.ts';
import { launch } from './launch.ts';
import type { Launched, WaitingSandbox } from './launch.ts';
import { prepareHost } from './prepare-host.ts';
import type { BubblewrapOptions, Prepared } from './prepare-host.ts';
import { profileOf } from './profile.ts';
import type { Profile } from './profile.ts';
import type { Host, Parts } from './start-bwrap.ts';
import { createWarmPool } from './warm-pool.ts';

export type { BubblewrapOptions } from './prepare-host.ts';

export interface BubblewrapBackend extends Backend {
  /** What copy-on-write calls changed and nobody has applied or discarded yet. */
  changes(): Promise<ChangeStore>;
  /** Gets the pool ready for plans like this one. */
  prewarm(plan: ExecutionPlan): Promise<void>;
}

/** Long enough for the answer to be on its way, short beside the time a model takes to ask again. */
const REFILL_DELAY_MS = 5;
const MIB = 1024 * 1024;

const PARTS: Parts = {
  buildArguments: bubblewrapArguments,
  filter: (options) => seccompBytes(process.arch, options),
  launcher: launcherFor,
  prologue,
  judge,
};

const SMALL_PROFILE: Profile = {
  workspace: { access: 'none' },
  home: '',
  egressSocket: '',
  memoryBytes: 256 * MIB,
  processes: 32,
  diskBytes: MIB,
  fileBytes: MIB,
};

const ABORTED: Outcome = {
  kind: 'not-started',
  cause: 'aborted',
  detail: 'the call was cancelled before it began',
};

const EXPOSED: Outcome = {
  kind: 'not-started',
  cause: 'plan-unsupported',
  detail: 'with network access a workspace may hold no Unix socket: remove it, or run without network',
};

/** With egress the filter lets programs make Unix sockets, and a bind mount carries those of the host. */
async function exposesSocket({ workspace }: Profile): Promise<boolean> {
  if (workspace.access === 'none') return false;
  return holdsSocket(workspace.source, COPY_LIMITS.maxEntries).catch(() => true);
}

export function createBubblewrapBackend(options: BubblewrapOptions): BubblewrapBackend {
  return createBubblewrapBackendWith(options, {});
}

/** As above with replaced parts. For tests of the probes; nothing in the configuration leads here. */
export function createBubblewrapBackendWith(
  options: BubblewrapOptions,
  replaced: Partial<Parts> & { readonly cgroups?: CgroupController; readonly askLandlock?: typeof askLandlock },
): BubblewrapBackend {
  const parts: Parts = { ...PARTS, ...replaced };
  const cgroups = replaced.cgroups ?? createCgroupController();
  const ask = replaced.askLandlock ?? askLandlock;
  /** With each, when its control group is gone as well. */
  const running = new Map<WaitingSandbox, Promise<void>>();
  let preparation: Promise<Prepared> | undefined;
  let closed = false;

  const prepared = (): Promise<Prepared> => (preparation ??= prepareHost(options, cgroups, ask));

  const changesOf = ({ dropsTo, uid, gid }: Host): ChangeStore =>
    createChangeStore({
      directory: changesDirectory(options.stateDir),
      ...COPY_LIMITS,
      ...(dropsTo ? { owner: { uid, gid } } : {}),
    });

  const dispose = async (sandbox: WaitingSandbox): Promise<void> => {
    sandbox.kill();
    await sandbox.ended;
    await sandbox.group.remove();
    sandbox.honey?.remove();
  };
  const start = async (profile: Profile): Promise<Launched> => {
    const machine = await prepared();
    if (machine.kind === 'unusable') return { kind: 'failed', cause: 'unavailable', detail: machine.reason };
    return launch(profile, machine.host, parts);
  };
  const pool = createWarmPool({ size: options.pool, delayMs: REFILL_DELAY_MS, launch: start, dispose });

  const runIn = async (
    take: (profile: Profile) => WaitingSandbox | undefined,
    plan: ExecutionPlan,
    { signal, ...told }: RunOptions,
  ): Promise<Outcome> => {
    if (closed) return { kind: 'not-started', cause: 'unavailable', detail: 'the sandbox is closed' };
    if (plan.mode !== 'bubblewrap')
      return { kind: 'not-started', cause: 'plan-unsupported', detail: `the plan asks for ${plan.mode}` };
    if (signal.aborted) return ABORTED;
    const text = handover(plan);
    if (text.kind === 'unsupported') return { kind: 'not-started', cause: 'plan-unsupported', detail: text.detail };
    const profile = profileOf(plan);
    if (profile.egressSocket !== '' && (await exposesSocket(profile))) return EXPOSED;
    let sandbox = take(profile);
    if (sandbox === undefined) {
      const launched = await start(profile);
      if (launched.kind === 'failed') return { kind: 'not-started', cause: launched.cause, detail: launched.detail };
      sandbox = launched.sandbox;
    }
    if (signal.aborted || closed) {
      await dispose(sandbox);
      return ABORTED;
    }
    const ran = sandbox;
    const gone = Promise.withResolvers<void>();
    running.set(ran, gone.promise);
    try {
      return await execute(ran, plan, text.text, { signal, ...told });
    } finally {
      ran.honey?.remove();
      // Nobody who waits for the result has to wait for this.
      void ran.group.remove().finally(() => {
        running.delete(ran);
        gone.resolve();
      });
    }
  };

  return {
    mode: 'bubblewrap',
    async available() {
      const launched = await start(SMALL_PROFILE);
      if (launched.kind === 'failed') return { usable: false, reason: launched.detail };
      await dispose(launched.sandbox);
      return { usable: true };
    },
    async prove() {
      const machine = await prepared();
      if (machine.kind === 'unusable') return [{ claim: 'available', proved: false, evidence: machine.reason }];
      const { staging, uid, landlock } = machine.host;
      const { signal } = new AbortController();
      const { abi, tcp } = landlock;
      const domain = landlockProbe({ abi, withoutTcp: tcp === 'none', ask: () => ask(staging) });
      return proveClaims({
        directory: staging,
        uid,
        // Past the pool: what is proved is what a launch makes now, and the pool's are made by the same launch.
        run: (plan) => runIn(() => undefined, plan, { signal }),
        probes: [...PROBES, domain],
      });
    },
    async changes() {
      const machine = await prepared();
      if (machine.kind === 'unusable') throw new Error('bubblewrap: not usable, so there are no change sets');
      return changesOf(machine.host);
    },
    async prewarm(plan) {
      pool.fill(profileOf(plan));
      await pool.settled();
    },
    async run(plan, runOptions) {
      try {
        const call = (): Promise<Outcome> => runIn((profile) => pool.take(profile), plan, runOptions);
        if (plan.workspace.access === 'cow' && plan.mode === 'bubblewrap') {
          const machine = await prepared();
          if (machine.kind === 'unusable') return { kind: 'not-started', cause: 'unavailable', detail: machine.reason };
          return await withPrivateCopy(plan, changesOf(machine.host), (copied) =>
            runIn(() => undefined, copied, runOptions),
          );
        }
        if (plan.workspace.access !== 'rw' || plan.mode !== 'bubblewrap') return await call();
        const quarantine = join(options.stateDir, 'quarantine', randomUUID());
        return await withGuard(plan.workspace.source, { policy: options.guard ?? 'revert', quarantine }, call);
      } finally {
        pool.refill(profileOf(plan));
      }
    },
    async close() {
      closed = true;
      for (const sandbox of running.keys()) sandbox.kill();
      await pool.close();
      await Promise.all(running.values());
      cgroups.close();
      const machine = await preparation;
      if (machine?.kind === 'prepared') rmSync(machine.host.staging, { recursive: true, force: true });
    },
  };
}
