/**
 * One command in one container: made, attested, told what to run, watched and removed. Fails closed: nothing is handed over
 * before the container attests, and whatever fails afterwards ends it. Removal is tried on every way out.
 */
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Attestation, Outcome, RunOptions } from '../../backend.ts';
import type { ExecutionPlan } from '../../plan.ts';
import { READY } from '../handover.ts';
import { ABORTED, notStarted } from '../not-started.ts';
import { profileOf } from '../profile.ts';
import type { Profile } from '../profile.ts';
import { attestContainer, mountIdentities, pidOf } from './attest-container.ts';
import type { AttestedContainer, Inspected } from './attest-container.ts';
import { containerOptions } from './container-options.ts';
import type { ContainerSite } from './container-options.ts';
import type { Carriage } from './carriage.ts';
import { bring } from './bring.ts';
import { EngineFault, explainEngineFault } from './engine.ts';
import type { Engine } from './engine.ts';
import { execute } from './execute-container.ts';
import type { Eyes } from './eyes.ts';
import { labelsOf } from './leftovers.ts';
import { createFrameReader } from './stream-frames.ts';
import type { StreamSink } from './stream-frames.ts';

export interface RunSite {
  readonly engine: Engine;
  readonly container: ContainerSite;
  readonly eyes: Eyes;
  readonly owner: string;
  /** What travels with this call; nothing to an engine of this machine, which mounts it. */
  readonly carriage?: Carriage;
  /** Removes the container now or, where the engine does not let it, later. Never rejects. */
  readonly remove: (name: string) => Promise<void>;
}

const READY_TIMEOUT_MS = 10_000;

export async function runContainer(
  site: RunSite,
  plan: ExecutionPlan,
  script: string,
  options: RunOptions,
): Promise<Outcome> {
  const name = `sluice-${randomBytes(12).toString('hex')}`;
  let container: StartedContainer;
  try {
    const started = await start(site, name, profileOf(plan), plan.limits.wallMs, options.signal);
    if ('kind' in started) {
      await site.remove(name);
      return started;
    }
    container = started;
  } catch (error) {
    // Not waited for: an engine that just failed may take its time, and another may run the call.
    void site.remove(name);
    return notStarted('unavailable', explainEngineFault(error, site.engine.place));
  }
  let isLost = false;
  try {
    const outcome = await execute(site, container, plan, script, options);
    isLost = outcome.kind === 'unknown';
    return outcome;
  } catch {
    // The command may be running, so this is not "not started" whatever it is.
    const { attestation } = container;
    return { kind: 'unknown', detail: 'the sandbox failed after the command was handed over', attested: attestation };
  } finally {
    container.stream.destroy();
    const removed = site.remove(name);
    if (!isLost) await removed;
  }
}

export interface StartedContainer {
  readonly name: string;
  readonly stream: Duplex;
  readonly attested: AttestedContainer;
  readonly attestation: Attestation;
  /** Where output goes from now on. */
  listen(sink: StreamSink): void;
  /** Settles when the stream ends: the container did, or the engine. */
  readonly streamEnded: Promise<void>;
}

async function start(
  { engine, container: site, owner, eyes, carriage }: RunSite,
  name: string,
  profile: Profile,
  wallMs: number,
  signal: AbortSignal,
): Promise<StartedContainer | Outcome> {
  const options = containerOptions(profile, site, labelsOf(owner, wallMs), carriage?.places);
  let mounts: Readonly<Record<string, string>>;
  try {
    mounts = mountIdentities(profile, site);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return notStarted('plan-unsupported', `a directory of the plan cannot be used (${code ?? 'fault'} in stat)`);
  }
  if (signal.aborted) return ABORTED;
  await engine.ask({ method: 'POST', path: `/containers/create?name=${name}`, body: options });
  if (signal.aborted) return ABORTED;
  const stream = await engine.attach(name);
  try {
    let sink: StreamSink = () => undefined;
    const streamEnded = new Promise<void>((resolve) => {
      // A program that ends without reading its input breaks the connection; that is its affair.
      stream.once('error', () => resolve());
      stream.once('end', () => resolve());
      stream.once('close', () => resolve());
    });
    stream.on('error', () => undefined);
    stream.on(
      'data',
      createFrameReader(
        (which, chunk) => sink(which, chunk),
        () => stream.destroy(),
      ),
    );
    const ready = waitUntilReady((next) => (sink = next), streamEnded, signal);
    await engine.ask({ method: 'POST', path: `/containers/${name}/start` });
    const readiness = await ready;
    if (readiness !== 'ready') {
      stream.destroy();
      return readiness === 'aborted'
        ? ABORTED
        : notStarted('unavailable', 'the container ended or hung before its shell was ready');
    }
    const inspected = (await engine.ask({ method: 'GET', path: `/containers/${name}/json` })) as Inspected;
    let attested: AttestedContainer;
    try {
      // What is mounted in gVisor is known to its kernel only, which is a process like any other from here.
      const mounted = site.runtime === 'runsc' ? [] : Object.keys(mounts);
      const sight = await eyes.look(pidOf(inspected), mounted);
      attested = attestContainer(inspected, options, profile, site, mounts, sight);
    } catch (error) {
      if (error instanceof EngineFault) throw error;
      stream.destroy();
      const { code } = error as NodeJS.ErrnoException;
      return notStarted(
        'attestation-failed',
        `the waiting container cannot be seen from here (${code ?? 'fault'}): the engine must run on this machine`,
      );
    }
    const { judgement } = attested;
    if (judgement.kind === 'mismatch' || signal.aborted) {
      stream.destroy();
      return judgement.kind === 'mismatch' ? notStarted('attestation-failed', judgement.detail) : ABORTED;
    }
    eyes.leash(attested, wallMs);
    if (carriage?.forCarrier !== undefined) await bring(engine, name, site, carriage.forCarrier);
    return {
      name,
      stream,
      attested,
      attestation: judgement.attestation,
      listen: (next) => (sink = next),
      streamEnded,
    };
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

function waitUntilReady(
  listen: (sink: StreamSink) => void,
  ended: Promise<void>,
  signal: AbortSignal,
): Promise<'ready' | 'failed' | 'aborted'> {
  return new Promise((resolve) => {
    let announced = '';
    const finish = (how: 'ready' | 'failed' | 'aborted'): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(how);
    };
    const onAbort = (): void => finish('aborted');
    const timer = setTimeout(() => finish('failed'), READY_TIMEOUT_MS);
    signal.addEventListener('abort', onAbort, { once: true });
    listen((stream, chunk) => {
      if (stream === 'stdout' && announced.length < READY.length) announced += chunk.toString('latin1');
      if (announced === READY) finish('ready');
      else if (stream === 'stderr' || !READY.startsWith(announced)) finish('failed');
    });
    void ended.then(() => finish('failed'));
  });
}
