/**
 * The `docker` backend: a hardened single-use container per call, made by a Docker Engine on this machine
 * and attested before it is told what to run. Fails closed: without the engine, the runtime, the image or the attestation a
 * call is `not-started`, and no other backend takes it.
 */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Backend, Outcome, RunOptions } from '../backend.ts';
import { createChangeStore } from '../guard/change-store.ts';
import type { ChangeStore } from '../guard/change-store.ts';
import type { GuardOptions } from '../guard/guard.ts';
import { holdsSocket } from '../guard/tree.ts';
import { withGuard } from '../guard/with-guard.ts';
import { withPrivateCopy } from '../guard/with-private-copy.ts';
import type { ExecutionPlan } from '../plan.ts';
import { probePlan } from '../probes/probe.ts';
import { proveClaims } from '../probes/prove.ts';
import { SHELL_INSIDE } from '../tools/programs.ts';
import { honeyPlanter } from '../watch/honey-files.ts';
import type { PlantedHoney } from '../watch/honey-files.ts';
import type { HoneyKey } from '../watch/honey.ts';
import type { ContainerSite, Runtime } from './docker/container-options.ts';
import { explainEngineFault, openEngine } from './docker/engine.ts';
import type { Engine } from './docker/engine.ts';
import { LOCAL_EYES } from './docker/eyes.ts';
import { ensureImage } from './docker/image.ts';
import type { ImageTree } from './docker/image.ts';
import { createRemover, discharge, enlist, newOwner, removeAllOf, removeLeftovers } from './docker/leftovers.ts';
import { CONTAINER_PROBES, GVISOR_PROBES } from './docker/probes.ts';
import { runContainer } from './docker/run-container.ts';
import { forRunsc, seccompProfile } from './docker/seccomp-profile.ts';
import { startReaper } from './docker/start-reaper.ts';
import type { Reaper } from './docker/start-reaper.ts';
import { handover } from './handover.ts';
import { readHostLayout, stagingDirectory } from './host-layout.ts';
import { ABORTED } from './not-started.ts';

export type ContainerMode = 'docker' | 'docker+gvisor';

export interface DockerOptions {
  readonly mode: ContainerMode;
  /** The engine's Unix socket. */
  readonly socket: string;
  /** Repository name of the image that is made on this machine. */
  readonly image: string;
  /** User and group inside; never 0. A service that is not root runs containers as itself. */
  readonly uid: number;
  readonly gid: number;
  readonly stateDir: string;
  /** Plants honey credentials of this key in every container; none when absent. */
  readonly honey?: HoneyKey;
  /** What happens to what a call leaves in a writable workspace for the host to run; `revert` when absent. */
  readonly guard?: GuardOptions['policy'];
}

interface Prepared {
  readonly kind: 'prepared';
  readonly container: ContainerSite;
  readonly tree: ImageTree;
  readonly staging: string;
  readonly owner: string;
  readonly reaper: Reaper;
  readonly plantHoney: (() => PlantedHoney) | undefined;
}
type Preparation = Prepared | { readonly kind: 'unusable'; readonly reason: string };

const MIB = 1024 * 1024;
/** What a copy-on-write workspace may hold. */
const COPY_ENTRIES = 50_000;
const COPY_BYTES = 1024 * MIB;

const RUNTIMES = { docker: 'runc', 'docker+gvisor': 'runsc' } as const satisfies Record<ContainerMode, Runtime>;
const CURES: Readonly<Record<Runtime, string>> = {
  runc: 'apt-get install runc',
  runsc:
    'install runsc of 2023 or newer and add it to daemon.json with runtimeArgs --network=none, --oci-seccomp and --host-uds=open',
};

const unsupported = (detail: string): Outcome => ({ kind: 'not-started', cause: 'plan-unsupported', detail });
const unusable = (reason: string): Preparation => ({ kind: 'unusable', reason });

export function createDockerBackend(options: DockerOptions): Backend {
  return createDockerBackendWith(options, {});
}

/** As above with replaced parts. For tests; nothing in the configuration leads here. */
export function createDockerBackendWith(
  options: DockerOptions,
  replaced: { readonly engine?: Engine; readonly weaken?: (site: ContainerSite) => ContainerSite },
): Backend {
  const { mode } = options;
  const runtime = RUNTIMES[mode];
  const engine = replaced.engine ?? openEngine(options.socket);
  const isRoot = process.getuid?.() === 0;
  const uid = isRoot ? options.uid : (process.getuid?.() ?? 0);
  const gid = isRoot ? options.gid : (process.getgid?.() ?? 0);
  const closing = new AbortController();
  const running = new Set<Promise<Outcome>>();
  let preparation: Promise<Preparation> | undefined;
  let imageDoubted = false;

  const prepare = async (): Promise<Preparation> => {
    const { arch } = process;
    if (process.platform !== 'linux')
      return unusable(
        `${mode} needs an engine on this very machine to attest its containers, which means Linux: run Sluice there, or set sandbox.mode to deny`,
      );
    if (arch !== 'x64' && arch !== 'arm64')
      return unusable(`there is no seccomp table for ${arch}: set sandbox.mode to deny`);
    if (uid === 0 || gid === 0) return unusable('sandbox.uid is 0: tools never run as root; set an unprivileged uid');
    try {
      const info = (await engine.ask({ method: 'GET', path: '/info' })) as {
        readonly Runtimes?: Readonly<Record<string, unknown>>;
        readonly OSType?: unknown;
      };
      if (info.OSType !== 'linux') return unusable(`the Docker Engine at ${options.socket} runs no Linux containers`);
      if (!Object.hasOwn(info.Runtimes ?? {}, runtime))
        return unusable(`the Docker Engine at ${options.socket} has no runtime ${runtime}: ${CURES[runtime]}`);
      await removeLeftovers(engine);
      const staging = stagingDirectory(options.stateDir, uid, gid);
      const layout = readHostLayout(false);
      const tree = { staging, uid, gid, links: layout.links, directories: layout.directories };
      const image = await ensureImage(engine, options.image, tree);
      const container: ContainerSite = {
        runtime,
        image,
        uid,
        gid,
        isFar: false,
        system: ['/usr', ...layout.directories.map((name) => `/${name}`)],
        node: process.execPath,
        honey: '',
        honeyWritable: isRoot,
        maskedPaths: [...layout.maskedFiles, ...layout.maskedDirectories].map((name) => `/proc/${name}`),
        cores: cpus().length,
        seccomp: (filter) => {
          const profile = seccompProfile(arch, filter);
          return runtime === 'runsc' ? forRunsc(profile) : profile;
        },
      };
      const owner = newOwner();
      enlist(owner);
      return {
        kind: 'prepared',
        container: replaced.weaken?.(container) ?? container,
        tree,
        staging,
        owner,
        reaper: startReaper(options.socket, owner),
        plantHoney: options.honey === undefined ? undefined : honeyPlanter(options.honey, staging, isRoot),
      };
    } catch (error) {
      return unusable(explainEngineFault(error, options.socket));
    }
  };
  /** What failed is tried again by the next call: engines are started later, or restarted. */
  const prepared = async (): Promise<Preparation> => {
    const current = (preparation ??= prepare());
    const result = await current;
    if (result.kind === 'unusable' && preparation === current) preparation = undefined;
    return result;
  };

  const remove = createRemover(engine);

  const changesOf = (): ChangeStore =>
    createChangeStore({
      directory: join(options.stateDir, 'changes'),
      maxEntries: COPY_ENTRIES,
      maxBytes: COPY_BYTES,
      ...(isRoot ? { owner: { uid, gid } } : {}),
    });

  const runPlan = async (plan: ExecutionPlan, runOptions: RunOptions): Promise<Outcome> => {
    const { signal } = runOptions;
    if (closing.signal.aborted) return { kind: 'not-started', cause: 'unavailable', detail: 'the sandbox is closed' };
    if (plan.mode !== mode) return unsupported(`the plan asks for ${plan.mode}`);
    if (signal.aborted) return ABORTED;
    const text = handover(plan);
    if (text.kind === 'unsupported') return unsupported(text.detail);
    if (plan.egress.kind === 'proxy') {
      const { workspace } = plan;
      if (workspace.access !== 'none' && (await holdsSocket(workspace.source, COPY_ENTRIES).catch(() => true)))
        return unsupported(
          'with network access a workspace may hold no Unix socket: remove it, or run without network',
        );
    }
    const site = await prepared();
    if (site.kind === 'unusable') return { kind: 'not-started', cause: 'unavailable', detail: site.reason };
    if (imageDoubted) {
      try {
        await ensureImage(engine, options.image, site.tree);
        imageDoubted = false;
      } catch (error) {
        return { kind: 'not-started', cause: 'unavailable', detail: explainEngineFault(error, options.socket) };
      }
    }
    const honey = site.plantHoney?.();
    runOptions.watch?.planted(honey?.tokens ?? []);
    const container = { ...site.container, honey: honey?.directory ?? '' };
    const { owner } = site;
    const outcome = await runContainer(
      { engine, container, owner, eyes: LOCAL_EYES, remove },
      plan,
      text.text,
      runOptions,
    ).finally(() => {
      if (honey?.wasRead() === true) runOptions.watch?.canaryRead();
      honey?.remove();
    });
    // An engine that lost its image, or was replaced, gets it anew.
    if (outcome.kind === 'not-started' && outcome.cause === 'unavailable') imageDoubted = true;
    return outcome;
  };
  const end = async (site: Prepared): Promise<void> => {
    await removeAllOf(engine, site.owner).catch(() => undefined);
    discharge(site.owner);
    site.reaper.close();
    rmSync(site.staging, { recursive: true, force: true });
  };
  const tracked = (plan: ExecutionPlan, { signal, ...told }: RunOptions): Promise<Outcome> => {
    const stopped = AbortSignal.any([signal, closing.signal]);
    const work = runPlan(plan, { signal: stopped, ...told }).finally(() => running.delete(work));
    running.add(work);
    return work;
  };
  const own = (plan: ExecutionPlan): Promise<Outcome> => tracked({ ...plan, mode }, { signal: closing.signal });

  return {
    mode,
    async available() {
      const site = await prepared();
      if (site.kind === 'unusable') return { usable: false, reason: site.reason };
      const outcome = await own(probePlan([SHELL_INSIDE, '-c', '/usr/bin/stat / >/dev/null && /bin/ls / >/dev/null']));
      if (outcome.kind === 'exited' && outcome.code === 0) return { usable: true };
      return {
        usable: false,
        reason:
          outcome.kind === 'not-started'
            ? outcome.detail
            : 'programs of this machine do not run in a container of it: look at the log of the engine (journalctl -u docker)',
      };
    },
    async prove() {
      const site = await prepared();
      if (site.kind === 'unusable') return [{ claim: 'available', proved: false, evidence: site.reason }];
      return proveClaims({
        directory: site.staging,
        uid,
        run: own,
        probes: runtime === 'runsc' ? GVISOR_PROBES : CONTAINER_PROBES,
      });
    },
    async run(plan, runOptions) {
      const call = (one: ExecutionPlan): Promise<Outcome> => tracked(one, runOptions);
      if (plan.mode !== mode || runOptions.signal.aborted) return call(plan);
      if (plan.workspace.access === 'cow') return withPrivateCopy(plan, changesOf(), call);
      if (plan.workspace.access !== 'rw') return call(plan);
      const quarantine = join(options.stateDir, 'quarantine', randomUUID());
      return withGuard(plan.workspace.source, { policy: options.guard ?? 'revert', quarantine }, () => call(plan));
    },
    async close() {
      closing.abort();
      await Promise.allSettled(running);
      const site = await preparation;
      if (site?.kind !== 'prepared') return;
      await end(site);
      await site.reaper.ended;
    },
  };
}
