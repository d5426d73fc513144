/**
 * One command in one container: made, attested, told what to run, watched and removed. Fails closed: nothing is handed over
 * before the container attests, and whatever fails afterwards ends it. Removal is tried on every way out.
 */
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Attestation, Outcome, RunOptions } from '../../backend.ts';
import { createOutputCollector } from '../../bounded-output.ts';
import type { ExecutionPlan } from '../../plan.ts';
import type { PlantedHoney } from '../../watch/honey-files.ts';
import { READY } from '../handover.ts';
import { profileOf } from '../profile.ts';
import type { Profile } from '../profile.ts';
import { attestContainer, isStill, mountIdentities } from './attest-container.ts';
import type { AttestedContainer, Inspected } from './attest-container.ts';
import { containerOptions, handoverBytes } from './container-options.ts';
import type { ContainerSite } from './container-options.ts';
import { EngineFault, explainEngineFault } from './engine.ts';
import type { Engine } from './engine.ts';
import { labelsOf } from './leftovers.ts';
import { createFrameReader } from './stream-frames.ts';
import type { StreamSink } from './stream-frames.ts';

export interface RunSite {
  readonly engine: Engine;
  readonly container: ContainerSite;
  readonly owner: string;
  readonly plantHoney: (() => PlantedHoney) | undefined;
  /** Removes the container now or, where the engine does not let it, later. Never rejects. */
  readonly remove: (name: string) => Promise<void>;
}

const READY_TIMEOUT_MS = 10_000;
const EXIT_TIMEOUT_MS = 10_000;
/** Output past this multiple of what is kept ends the program: nobody reads on, and a flood costs CPU. */
const FLOOD_FACTOR = 16;
const FLOOD_MINIMUM = 1024 * 1024;
const SIGSYS_STATUS = 128 + 31;
const SIGKILL_STATUS = 128 + 9;

export const ABORTED: Outcome = {
  kind: 'not-started',
  cause: 'aborted',
  detail: 'the call was cancelled before it began',
};
const notStarted = (cause: Extract<Outcome, { kind: 'not-started' }>['cause'], detail: string): Outcome => ({
  kind: 'not-started',
  cause,
  detail,
});

export async function runContainer(
  site: RunSite,
  plan: ExecutionPlan,
  script: string,
  options: RunOptions,
): Promise<Outcome> {
  const honey = site.plantHoney?.();
  const name = `sluice-${randomBytes(12).toString('hex')}`;
  let container: StartedContainer | undefined;
  try {
    const planted = { ...site, container: { ...site.container, honey: honey?.directory ?? '' } };
    const started = await start(planted, name, profileOf(plan), plan.limits.wallMs, options.signal);
    if ('kind' in started) return started;
    container = started;
    options.watch?.planted(honey?.tokens ?? []);
    const outcome = await execute(site.engine, container, plan, script, options);
    if (honey?.wasRead() === true) options.watch?.canaryRead();
    return outcome;
  } catch (error) {
    return notStarted('unavailable', explainEngineFault(error, site.engine.socket));
  } finally {
    container?.stream.destroy();
    await site.remove(name);
    honey?.remove();
  }
}

interface StartedContainer {
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
  { engine, container: site, owner }: RunSite,
  name: string,
  profile: Profile,
  wallMs: number,
  signal: AbortSignal,
): Promise<StartedContainer | Outcome> {
  const options = containerOptions(profile, site, labelsOf(owner, wallMs));
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
      attested = attestContainer(inspected, options, profile, site, mounts);
    } catch (error) {
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

async function execute(
  engine: Engine,
  container: StartedContainer,
  plan: ExecutionPlan,
  script: string,
  { signal, watch, terminal }: RunOptions,
): Promise<Outcome> {
  const { outputBytes, wallMs } = plan.limits;
  const { name, stream, attested } = container;
  const stdout = createOutputCollector(outputBytes);
  const stderr = createOutputCollector(outputBytes);
  const flood = Math.max(FLOOD_MINIMUM, outputBytes * FLOOD_FACTOR);
  let killedBy: 'timeout' | 'output-limit' | 'abort' | undefined;
  const kill = (by: NonNullable<typeof killedBy>): void => {
    if (killedBy !== undefined) return;
    killedBy = by;
    killNow(attested);
    engine.ask({ method: 'POST', path: `/containers/${name}/kill?signal=SIGKILL` }).catch(() => {
      // An engine that is gone keeps the stream from ending, not the call.
      stream.destroy();
    });
  };
  const onAbort = (): void => kill('abort');
  const timer = setTimeout(() => kill('timeout'), wallMs);
  signal.addEventListener('abort', onAbort, { once: true });
  container.listen((which, chunk) => {
    const collector = which === 'stdout' ? stdout : stderr;
    if (killedBy === undefined) collector.push(chunk);
    watch?.output(which, chunk);
    if (terminal !== undefined) terminal.output(chunk);
    else if (collector.total > flood) kill('output-limit');
  });
  const first = handoverBytes(script, Buffer.from(plan.stdin, 'base64'));
  if (terminal === undefined) stream.end(first);
  else {
    stream.write(first);
    terminal.opened(stream, container.attestation);
  }
  await container.streamEnded;
  clearTimeout(timer);
  signal.removeEventListener('abort', onAbort);

  const ending = await endOf(engine, name);
  const result = { stdout: stdout.result(), stderr: stderr.result(), attested: container.attestation };
  if (killedBy !== undefined) return { kind: 'killed', by: killedBy, ...result };
  if (ending === undefined) {
    // The engine went away under it. Its word on how the program ended will not come, and the program may still run.
    killNow(attested);
    return { kind: 'killed', by: 'abort', ...result };
  }
  if (ending.code === SIGSYS_STATUS) return { kind: 'killed', by: 'seccomp', ...result };
  if (ending.code === SIGKILL_STATUS && ending.outOfMemory) return { kind: 'killed', by: 'memory', ...result };
  return { kind: 'exited', code: ending.code, ...result };
}

/** Past the engine, which may be slow or gone: the first process takes all others of its namespace with it. */
function killNow({ pid, pidNamespace }: AttestedContainer): void {
  try {
    if (isStill(pid, pidNamespace)) process.kill(pid, 'SIGKILL');
  } catch {
    // Gone meanwhile, or not ours to signal: the engine does it.
  }
}

const OOM_LOOKS = 5;
const OOM_PAUSE_MS = 60;

async function endOf(
  engine: Engine,
  name: string,
): Promise<{ readonly code: number; readonly outOfMemory: boolean } | undefined> {
  try {
    const answer = (await engine.ask({
      method: 'POST',
      path: `/containers/${name}/wait`,
      timeoutMs: EXIT_TIMEOUT_MS,
    })) as { readonly StatusCode?: unknown };
    const code = Number(answer.StatusCode);
    if (!Number.isInteger(code)) return undefined;
    if (code !== SIGKILL_STATUS) return { code, outOfMemory: false };
    // The engine hears of it from containerd, sometimes after the exit.
    for (let look = 0; look < OOM_LOOKS; look++) {
      const { State } = (await engine.ask({ method: 'GET', path: `/containers/${name}/json` })) as Inspected;
      if (State?.OOMKilled === true) return { code, outOfMemory: true };
      await new Promise((resolve) => setTimeout(resolve, OOM_PAUSE_MS));
    }
    return { code, outOfMemory: false };
  } catch (error) {
    if (error instanceof EngineFault) return undefined;
    throw error;
  }
}
