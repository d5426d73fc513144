/**
 * The `bubblewrap` backend: namespaces, seccomp, limits and control groups around single-use sandboxes that are attested from
 * the host before they are told what to run. Fails closed: what cannot be started, attested or expressed is `not-started`,
 * and there is no other way to run it.
 */
import { chmodSync, chownSync, existsSync, linkSync, copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend, Outcome } from '../backend.ts';
import { createOutputCollector } from '../bounded-output.ts';
import type { ExecutionPlan } from '../plan.ts';
import { seccompBytes } from '../seccomp/filter.ts';
import { judge } from './attestation.ts';
import { bubblewrapArguments } from './bubblewrap-arguments.ts';
import { createCgroupController } from './cgroup.ts';
import type { CgroupController } from './cgroup.ts';
import { closeInheritedDescriptors } from './descriptors.ts';
import { handover, prologue } from './handover.ts';
import { isReachable, readHostLayout, stageEtc, stagingDirectory } from './host-layout.ts';
import { launch } from './launch.ts';
import type { Launched, WaitingSandbox } from './launch.ts';
import { findBwrap } from './machine.ts';
import { profileOf } from './profile.ts';
import type { Profile } from './profile.ts';
import type { Host, Parts } from './start-bwrap.ts';
import { createWarmPool } from './warm-pool.ts';

export interface BubblewrapOptions {
  /** User and group of every sandbox when the service is root; never 0. A service that is not root runs them as itself. */
  readonly uid: number;
  readonly gid: number;
  /** Pre-warmed sandboxes per profile. */
  readonly pool: number;
  readonly stateDir: string;
  /** Where to look for bwrap; the usual places when absent. */
  readonly bwrapPlaces?: readonly string[];
  /** Inherited descriptors that are not closed. Sandboxes would inherit them too, so none starts while they are open. */
  readonly keepDescriptors?: readonly number[];
}

export interface BubblewrapBackend extends Backend {
  /** Gets the pool ready for plans like this one. */
  prewarm(plan: ExecutionPlan): Promise<void>;
}

/** Output past this multiple of what is kept ends the program: nothing reads on, and the flood costs CPU. */
const FLOOD_FACTOR = 16;
const FLOOD_MINIMUM = 1024 * 1024;
/** Long enough for the answer to be on its way, short beside the time a model takes to ask again. */
const REFILL_DELAY_MS = 5;
const SIGSYS_STATUS = 128 + 31;
const SIGKILL_STATUS = 128 + 9;

const PARTS: Parts = {
  buildArguments: bubblewrapArguments,
  filter: (options) => seccompBytes(process.arch, options),
  prologue,
  judge,
};

type Prepared =
  | { readonly kind: 'prepared'; readonly host: Host }
  | { readonly kind: 'unusable'; readonly reason: string };

function stageNode(staging: string, uid: number, gid: number): string {
  if (isReachable(process.execPath, uid, gid)) return process.execPath;
  const place = join(staging, 'node');
  try {
    linkSync(process.execPath, place);
  } catch {
    // Another file system.
    copyFileSync(process.execPath, place);
  }
  chmodSync(place, 0o755);
  return place;
}

async function prepare(options: BubblewrapOptions, cgroups: CgroupController): Promise<Prepared> {
  const found = await findBwrap(options.bwrapPlaces);
  if (found.kind === 'unusable') return found;
  closeInheritedDescriptors(options.keepDescriptors);
  const dropsTo = process.getuid?.() === 0;
  const uid = dropsTo ? options.uid : (process.getuid?.() ?? 0);
  const gid = dropsTo ? options.gid : (process.getgid?.() ?? 0);
  if (uid === 0 || gid === 0)
    return {
      kind: 'unusable',
      reason: 'sandbox.uid is 0: bubblewrap run as root is itself a way out; set an unprivileged uid',
    };
  const staging = stagingDirectory(options.stateDir, uid, gid);
  stageEtc(join(staging, 'etc'));
  for (const place of ['workspace', 'home']) mkdirSync(join(staging, place), { mode: 0o755 });
  return {
    kind: 'prepared',
    host: {
      bwrap: found.bwrap.path,
      layout: readHostLayout(found.bwrap.bindDescriptor),
      staging,
      node: stageNode(staging, uid, gid),
      uid,
      gid,
      dropsTo,
      cgroups,
    },
  };
}

/** A directory kept by the service for a scope belongs to the sandbox's user. One an operator named is left as it is. */
function own(host: Host, stateDir: string, directory: string): void {
  if (directory === '' || !directory.startsWith(`${stateDir}/`)) return;
  if (!existsSync(directory)) {
    // Parents may be passed through by the sandbox's user, not listed.
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    chmodSync(directory, 0o700);
  }
  if (host.dropsTo) chownSync(directory, host.uid, host.gid);
}

const SMALL_PROFILE: Profile = {
  workspace: { access: 'none' },
  home: '',
  egressSocket: '',
  memoryBytes: 256 * 1024 * 1024,
  processes: 32,
  diskBytes: 1024 * 1024,
  fileBytes: 1024 * 1024,
};

export function createBubblewrapBackend(options: BubblewrapOptions): BubblewrapBackend {
  return createBubblewrapBackendWith(options, {});
}

/** As above with replaced parts. For tests of the probes; nothing in the configuration leads here. */
export function createBubblewrapBackendWith(
  options: BubblewrapOptions,
  replaced: Partial<Parts> & { readonly cgroups?: CgroupController },
): BubblewrapBackend {
  const parts: Parts = { ...PARTS, ...replaced };
  const cgroups = replaced.cgroups ?? createCgroupController();
  const running = new Set<WaitingSandbox>();
  const cleanup = new Set<Promise<void>>();
  let preparation: Promise<Prepared> | undefined;
  let closed = false;

  const prepared = (): Promise<Prepared> => (preparation ??= prepare(options, cgroups));

  const dispose = async (sandbox: WaitingSandbox): Promise<void> => {
    sandbox.kill();
    await sandbox.ended;
    await sandbox.group.remove();
  };
  const start = async (profile: Profile): Promise<Launched> => {
    const machine = await prepared();
    if (machine.kind === 'unusable') return { kind: 'failed', cause: 'unavailable', detail: machine.reason };
    own(machine.host, options.stateDir, profile.workspace.access === 'none' ? '' : profile.workspace.source);
    own(machine.host, options.stateDir, profile.home);
    return launch(profile, machine.host, parts);
  };
  const pool = createWarmPool({ size: options.pool, delayMs: REFILL_DELAY_MS, launch: start, dispose });

  async function execute(
    sandbox: WaitingSandbox,
    plan: ExecutionPlan,
    script: string,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const stdout = createOutputCollector(plan.limits.outputBytes);
    const stderr = createOutputCollector(plan.limits.outputBytes);
    const flood = Math.max(FLOOD_MINIMUM, plan.limits.outputBytes * FLOOD_FACTOR);
    let killedBy: 'timeout' | 'output-limit' | 'abort' | undefined;
    const kill = (by: NonNullable<typeof killedBy>): void => {
      killedBy ??= by;
      sandbox.kill();
    };
    const onAbort = (): void => kill('abort');
    const timer = setTimeout(() => kill('timeout'), plan.limits.wallMs);
    signal.addEventListener('abort', onAbort, { once: true });
    running.add(sandbox);
    sandbox.handOver(script, Buffer.from(plan.stdin, 'base64'), (stream, chunk) => {
      const collector = stream === 'stdout' ? stdout : stderr;
      if (killedBy === undefined) collector.push(chunk);
      if (collector.total > flood) kill('output-limit');
    });
    const { code } = await sandbox.ended;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    running.delete(sandbox);
    const memoryKills = code === SIGKILL_STATUS && killedBy === undefined ? await sandbox.group.memoryKills() : 0;
    const removal = sandbox.group.remove().finally(() => cleanup.delete(removal));
    cleanup.add(removal);

    const result = { stdout: stdout.result(), stderr: stderr.result(), attested: sandbox.attestation };
    if (killedBy !== undefined) return { kind: 'killed', by: killedBy, ...result };
    if (code === SIGSYS_STATUS) return { kind: 'killed', by: 'seccomp', ...result };
    if (memoryKills > 0) return { kind: 'killed', by: 'memory', ...result };
    // bwrap itself died without our doing: someone ended it, and with it the program.
    if (code === undefined) return { kind: 'killed', by: 'abort', ...result };
    return { kind: 'exited', code, ...result };
  }

  return {
    mode: 'bubblewrap',
    async available() {
      const launched = await start(SMALL_PROFILE);
      if (launched.kind === 'failed') return { usable: false, reason: launched.detail };
      await dispose(launched.sandbox);
      return { usable: true };
    },
    async prove() {
      return [];
    },
    async prewarm(plan) {
      pool.refill(profileOf(plan));
      await pool.settled();
    },
    async run(plan, { signal }) {
      if (closed) return { kind: 'not-started', cause: 'unavailable', detail: 'the sandbox is closed' };
      if (plan.mode !== 'bubblewrap')
        return { kind: 'not-started', cause: 'plan-unsupported', detail: `the plan asks for ${plan.mode}` };
      if (signal.aborted)
        return { kind: 'not-started', cause: 'aborted', detail: 'the call was cancelled before it began' };
      const text = handover(plan);
      if (text.kind === 'unsupported') return { kind: 'not-started', cause: 'plan-unsupported', detail: text.detail };
      const profile = profileOf(plan);
      let sandbox = pool.take(profile);
      if (sandbox === undefined) {
        const launched = await start(profile);
        if (launched.kind === 'failed') return { kind: 'not-started', cause: launched.cause, detail: launched.detail };
        sandbox = launched.sandbox;
      }
      if (signal.aborted || closed) {
        await dispose(sandbox);
        return { kind: 'not-started', cause: 'aborted', detail: 'the call was cancelled before it began' };
      }
      try {
        return await execute(sandbox, plan, text.text, signal);
      } finally {
        pool.refill(profile);
      }
    },
    async close() {
      closed = true;
      for (const sandbox of running) sandbox.kill();
      await pool.close();
      await Promise.all([...running].map(async (sandbox) => sandbox.ended));
      await Promise.all(cleanup);
      cgroups.close();
      const machine = await preparation;
      if (machine?.kind === 'prepared') rmSync(machine.host.staging, { recursive: true, force: true });
    },
  };
}
