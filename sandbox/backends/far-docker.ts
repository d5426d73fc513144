/**
 * Modes `docker` and `docker+gvisor` on another machine's engine: the same hardened single-use container per call, from an
 * image that is brought there, attested by a witness there, with its directories carried there and back. Nothing of that
 * machine is mounted, and nothing of a call touches its disk. Fails closed like docker.ts; what that machine says after the
 * handover and does not say whole is `unknown`.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { SandboxEndpoint } from '../../config/sandbox-endpoint-schema.ts';
import type { Backend, Outcome, RunOptions } from '../backend.ts';
import { changesDirectory, createChangeStore } from '../guard/change-store.ts';
import { copyTree } from '../guard/copy-tree.ts';
import { withAppliedCopy } from '../guard/with-applied-copy.ts';
import { withGuard } from '../guard/with-guard.ts';
import { withPrivateCopy } from '../guard/with-private-copy.ts';
import type { ExecutionPlan } from '../plan.ts';
import { probePlan } from '../probes/probe.ts';
import { proveClaims } from '../probes/prove.ts';
import { HOME_INSIDE, HONEY_INSIDE, NODE_INSIDE, SHELL_INSIDE, WORKSPACE_INSIDE } from '../tools/programs.ts';
import { honeyPlanter } from '../watch/honey-files.ts';
import type { PlantedHoney } from '../watch/honey-files.ts';
import type { DockerOptions } from './docker.ts';
import { CARRY_LIMITS, makeCarriage } from './docker/carriage.ts';
import type { CarriedTree } from './docker/carriage.ts';
import { connectEndpoint } from './docker/connect.ts';
import type { Connected } from './docker/connect.ts';
import type { ContainerSite } from './docker/container-options.ts';
import { explainEngineFault } from './docker/engine.ts';
import { ensureFarImage } from './docker/far-image.ts';
import type { FarImage } from './docker/far-image.ts';
import {
  createRemover,
  discharge,
  enlist,
  labelsOf,
  newOwner,
  removeAllOf,
  removeLeftovers,
} from './docker/leftovers.ts';
import { CONTAINER_PROBES, GVISOR_PROBES } from './docker/probes.ts';
import { runContainer } from './docker/run-container.ts';
import { forRunsc, seccompProfile } from './docker/seccomp-profile.ts';
import { startWitness, witnessOptions } from './docker/witness.ts';
import type { Witness } from './docker/witness.ts';
import { handover } from './handover.ts';
import { ABORTED, notStarted } from './not-started.ts';
import { REVEALING, stagingDirectory } from './host-layout.ts';

export interface FarOptions extends Omit<DockerOptions, 'socket' | 'image'> {
  readonly endpoint: SandboxEndpoint;
  /** Made once for all endpoints. */
  readonly image: { readonly repository: string; readonly make: () => Promise<FarImage> };
}

interface Prepared {
  readonly kind: 'prepared';
  readonly site: ContainerSite;
  readonly witness: Witness;
  readonly owner: string;
}
type Preparation = Prepared | { readonly kind: 'unusable'; readonly reason: string };

const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86_64', 'amd64'],
  arm64: ['aarch64', 'arm64'],
};
const informed = z.object({
  OSType: z.string(),
  Architecture: z.string(),
  NCPU: z.int().min(1),
  Runtimes: z.record(z.string(), z.unknown()),
});
/** What others take a witness for left over after; it is started anew long before. */
const WITNESS_MS = 7 * 86_400_000;

const unusable = (reason: string): Preparation => ({ kind: 'unusable', reason });
const unsupported = (detail: string): Outcome => notStarted('plan-unsupported', detail);

export interface FarReplaced {
  readonly connected?: Connected;
  readonly weaken?: (site: ContainerSite) => ContainerSite;
}

export function createFarDockerBackend(options: FarOptions, replaced: FarReplaced = {}): Backend {
  const { mode, endpoint } = options;
  const runtime = mode === 'docker' ? 'runc' : 'runsc';
  const place = `endpoint ${endpoint.name}`;
  const connected = replaced.connected ?? connectEndpoint(endpoint);
  const { engine } = connected;
  const isRoot = process.getuid?.() === 0;
  const uid = isRoot ? options.uid : (process.getuid?.() ?? 0);
  const gid = isRoot ? options.gid : (process.getgid?.() ?? 0);
  const user = { uid, gid };
  const owned = isRoot ? { owner: user } : {};
  const closing = new AbortController();
  const running = new Set<Promise<Outcome>>();
  const remove = createRemover(engine);
  let preparation: Promise<Preparation> | undefined;
  let staging: string | undefined;
  let plantHoney: (() => PlantedHoney) | undefined;

  const stagingHere = (): string => {
    staging ??= stagingDirectory(options.stateDir, uid, gid);
    return staging;
  };
  const store = createChangeStore({
    directory: changesDirectory(options.stateDir),
    ...CARRY_LIMITS,
    ...owned,
    ...(isRoot ? { visibleTo: user } : {}),
  });

  const prepare = async (): Promise<Preparation> => {
    const { arch } = process;
    if (arch !== 'x64' && arch !== 'arm64')
      return unusable(`there is no seccomp table for ${arch}: set sandbox.mode to deny`);
    if (uid === 0 || gid === 0) return unusable('sandbox.uid is 0: tools never run as root; set an unprivileged uid');
    try {
      const parsed = informed.safeParse(await engine.ask({ method: 'GET', path: '/info' }));
      if (!parsed.success) return unusable(`what answers at ${place} is no Docker Engine`);
      const info = parsed.data;
      if (info.OSType !== 'linux') return unusable(`${place} runs no Linux containers`);
      if (!(ARCHITECTURES[arch] ?? []).includes(info.Architecture))
        return unusable(`${place} has processors of another kind: programs of this machine do not run there`);
      if (!Object.hasOwn(info.Runtimes, runtime))
        return unusable(`the Docker Engine at ${place} has no runtime ${runtime}: install it there`);
      await removeLeftovers(engine);
      const image = await ensureFarImage(engine, options.image.repository, await options.image.make());
      if (options.honey !== undefined) plantHoney ??= honeyPlanter(options.honey, stagingHere(), false);
      const site: ContainerSite = {
        runtime,
        image,
        uid,
        gid,
        isFar: true,
        system: [],
        node: NODE_INSIDE,
        honey: '',
        honeyWritable: false,
        // What the other kernel shows is not known here: all that could tell is hidden.
        maskedPaths: REVEALING.map((name) => `/proc/${name}`),
        cores: info.NCPU,
        seccomp: (filter) => {
          const profile = seccompProfile(arch, filter);
          return runtime === 'runsc' ? forRunsc(profile) : profile;
        },
      };
      const owner = newOwner();
      // Before anything of its name is there: another endpoint may lead to this very engine, and looks for what is left over.
      enlist(owner);
      const witness = await startWitness(
        engine,
        `sluice-witness-${randomBytes(8).toString('hex')}`,
        witnessOptions(image, seccompProfile(arch, { unixSockets: true }), labelsOf(owner, WITNESS_MS)),
      ).catch((error: unknown) => {
        discharge(owner);
        throw error;
      });
      return { kind: 'prepared', site: replaced.weaken?.(site) ?? site, witness, owner };
    } catch (error) {
      return unusable(explainEngineFault(error, place));
    }
  };
  const dismiss = async ({ witness, owner }: Prepared): Promise<void> => {
    await removeAllOf(engine, owner).catch(() => undefined);
    await witness.close();
    discharge(owner);
  };
  /** What failed, or lost its witness, is made anew by the next call. */
  const prepared = async (): Promise<Preparation> => {
    const current = (preparation ??= prepare());
    const result = await current;
    if (result.kind === 'prepared' && result.witness.isAlive()) return result;
    if (preparation === current) {
      preparation = undefined;
      if (result.kind === 'prepared') {
        void dismiss(result);
        return prepared();
      }
    }
    return result.kind === 'prepared' ? prepared() : result;
  };

  /** Where everything that is carried lies in private directories. */
  const runCarried = async (
    plan: ExecutionPlan,
    trees: readonly CarriedTree[],
    runOptions: RunOptions,
  ): Promise<Outcome> => {
    if (closing.signal.aborted) return notStarted('unavailable', 'the sandbox is closed');
    const text = handover(plan);
    if (text.kind === 'unsupported') return unsupported(text.detail);
    const site = await prepared();
    if (site.kind === 'unusable') return notStarted('unavailable', site.reason);
    const honey = plantHoney?.();
    try {
      const planted: readonly CarriedTree[] =
        honey === undefined ? [] : [{ target: HONEY_INSIDE, directory: honey.directory, access: 'ro', spareBytes: 0 }];
      const carriage = await makeCarriage([...trees, ...planted], isRoot ? user : undefined);
      if (carriage === undefined)
        return unsupported('workspace and home are too large to be carried to another machine');
      if (carriage.largest > plan.limits.fileBytes)
        return unsupported('a file of the workspace is larger than a sandbox may write (diskBytes)');
      if (runOptions.signal.aborted) return ABORTED;
      runOptions.watch?.planted(honey?.tokens ?? []);
      const { owner, witness } = site;
      const outcome = await runContainer(
        { engine, container: site.site, owner, eyes: witness, carriage, remove },
        plan,
        text.text,
        runOptions,
      );
      // An engine that lost its image, or was replaced, is prepared anew.
      if (outcome.kind === 'not-started' && outcome.cause === 'unavailable') doubt(site);
      return outcome;
    } finally {
      honey?.remove();
    }
  };
  const doubt = (site: Prepared): void => {
    const current = preparation;
    void current?.then((known) => {
      if (known !== site || preparation !== current) return;
      preparation = undefined;
      void dismiss(site);
    });
  };

  const withWorkspace = async (
    plan: ExecutionPlan,
    run: (plan: ExecutionPlan, trees: readonly CarriedTree[]) => Promise<Outcome>,
  ): Promise<Outcome> => {
    const { workspace, limits } = plan;
    const tree = (directory: string, access: CarriedTree['access']): CarriedTree => ({
      target: WORKSPACE_INSIDE,
      directory,
      access,
      spareBytes: access === 'rw' ? limits.diskBytes : 0,
    });
    switch (workspace.access) {
      case 'none':
        return run(plan, []);
      case 'cow':
        return withPrivateCopy(plan, store, (copied) =>
          run(copied, copied.workspace.access === 'none' ? [] : [tree(copied.workspace.source, 'rw')]),
        );
      case 'rw': {
        const quarantine = join(options.stateDir, 'quarantine', randomUUID());
        return withGuard(workspace.source, { policy: options.guard ?? 'revert', quarantine }, () =>
          withAppliedCopy(workspace.source, store, user, (copy) => run(plan, [tree(copy, 'rw')])),
        );
      }
      case 'ro': {
        const directory = join(stagingHere(), `carried-${randomUUID()}`);
        try {
          mkdirSync(directory, { mode: 0o700 });
          const limited = { ...CARRY_LIMITS, ...(isRoot ? { visibleTo: user } : {}) };
          if ((await copyTree(workspace.source, directory, limited)).kind === 'too-large')
            return unsupported('the workspace is too large to be carried to another machine');
        } catch (error) {
          rmSync(directory, { recursive: true, force: true });
          return unsupported(`the workspace cannot be copied (${(error as NodeJS.ErrnoException).code ?? 'fault'})`);
        }
        return run(plan, [tree(directory, 'ro')]).finally(() => rmSync(directory, { recursive: true, force: true }));
      }
    }
  };

  const runPlan = async (plan: ExecutionPlan, runOptions: RunOptions): Promise<Outcome> => {
    if (plan.mode !== mode) return unsupported(`the plan asks for ${plan.mode}`);
    if (runOptions.signal.aborted) return ABORTED;
    const early = handover(plan);
    if (early.kind === 'unsupported') return unsupported(early.detail);
    if (plan.egress.kind === 'proxy')
      return unsupported(`${place} has no way to the proxy for the network: run it on this machine`);
    const isKept = plan.home !== '' || plan.workspace.access === 'rw' || plan.workspace.access === 'cow';
    if (runOptions.terminal !== undefined && isKept)
      return unsupported(`a session on ${place} cannot bring files back: give it no writable workspace and scope call`);
    return withWorkspace(plan, (one, trees) => {
      if (one.home === '') return runCarried(one, trees, runOptions);
      const spareBytes = one.limits.diskBytes;
      return withAppliedCopy(one.home, store, user, (directory) =>
        runCarried(one, [...trees, { target: HOME_INSIDE, directory, access: 'rw', spareBytes }], runOptions),
      );
    });
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
      const reason =
        'detail' in outcome ? outcome.detail : `programs of this machine do not run in a container at ${place}`;
      return { usable: false, reason };
    },
    async prove() {
      const site = await prepared();
      if (site.kind === 'unusable') return [{ claim: 'available', proved: false, evidence: site.reason }];
      await removeLeftovers(engine).catch(() => 0);
      return proveClaims({
        directory: stagingHere(),
        uid,
        run: own,
        probes: runtime === 'runsc' ? GVISOR_PROBES : CONTAINER_PROBES,
      });
    },
    run: tracked,
    async close() {
      closing.abort();
      await Promise.allSettled(running);
      const site = await preparation;
      if (site?.kind === 'prepared') await dismiss(site);
      await connected.close();
      if (staging !== undefined) rmSync(staging, { recursive: true, force: true });
    },
  };
}
