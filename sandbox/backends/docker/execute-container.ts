/**
 * The part of a call after which it may have run: hands the command over, keeps its time and its output bound, and says how it
 * ended. Fails closed: an end that nobody saw is never an exit status, and directories that did not come back whole are not
 * taken.
 */
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Outcome, RunOptions } from '../../backend.ts';
import { createOutputCollector } from '../../bounded-output.ts';
import type { ExecutionPlan } from '../../plan.ts';
import { carryScript, createMarkSplitter, NOT_CARRIED } from './carriage.ts';
import type { Inspected } from './attest-container.ts';
import { appendText } from '../../guard/with-guard.ts';
import { CUT_SHORT, UntarFault } from './untar.ts';
import { handoverBytes } from './container-options.ts';
import type { Engine } from './engine.ts';
import { notStarted } from '../not-started.ts';
import type { RunSite, StartedContainer } from './run-container.ts';

const EXIT_TIMEOUT_MS = 10_000;
/** A call that was stopped has had its time: who waits for it waits no longer than this, twice. */
const STOPPED_TIMEOUT_MS = 3_000;
/** For what is carried there, and for what comes back. */
const CARRY_TIMEOUT_MS = 120_000;
/** Output past this multiple of what is kept ends the program: nobody reads on, and a flood costs CPU. */
const FLOOD_FACTOR = 16;
const FLOOD_MINIMUM = 1024 * 1024;
const SIGSYS_STATUS = 128 + 31;
const SIGKILL_STATUS = 128 + 9;
/** After the mark stands the exit code, and a line feed. */
const MAX_LINE = 8;

const REFUSED_NOTE =
  '\n[sluice] What this call changed cannot be brought back (files too many, too large or too deep, or of another kind), so none of it is in place.\n';

export async function execute(
  { engine, eyes, carriage }: RunSite,
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
  let isKilled = false;
  const stop = (): void => {
    if (isKilled) return;
    isKilled = true;
    eyes.end(attested);
    const path = `/containers/${name}/kill?signal=SIGKILL`;
    engine.ask({ method: 'POST', path, timeoutMs: STOPPED_TIMEOUT_MS }).catch(() => {
      // An engine that is gone keeps the stream from ending, not the call.
      stream.destroy();
    });
  };
  const kill = (by: NonNullable<typeof killedBy>): void => {
    killedBy ??= by;
    stop();
  };
  const onAbort = (): void => kill('abort');
  signal.addEventListener('abort', onAbort, { once: true });
  const mark = carriage?.mark ?? '';
  let timer: NodeJS.Timeout | undefined;
  const take = (which: 'stdout' | 'stderr', chunk: Buffer): void => {
    const collector = which === 'stdout' ? stdout : stderr;
    if (killedBy === undefined) collector.push(chunk);
    watch?.output(which, chunk);
    if (terminal !== undefined) terminal.output(chunk);
    else if (collector.total > flood) kill('output-limit');
  };
  const homeward = mark === '' || carriage === undefined ? undefined : createHomeward(stream, carriage.receive, stop);
  const parts = createMarkSplitter(
    mark,
    (chunk) => take('stdout', chunk),
    (chunk) => {
      // The program has ended: what follows has a time of its own.
      clearTimeout(timer);
      timer = setTimeout(stop, CARRY_TIMEOUT_MS);
      homeward?.push(chunk);
    },
  );
  container.listen((which, chunk) => {
    if (which === 'stdout' && mark !== '') parts.push(chunk);
    else take(which, chunk);
  });

  const input = Buffer.from(plan.stdin, 'base64');
  const there = carriage?.forSandbox;
  timer = setTimeout(() => kill('timeout'), there === undefined ? wallMs : CARRY_TIMEOUT_MS);
  const prefix = there === undefined ? '' : carryScript(there.bytes, mark);
  stream.write(handoverBytes(prefix + script, carriage?.back));
  if (there !== undefined) {
    // A stream that ends under it is seen below.
    await pipeline(Readable.from(there.stream()), stream, { end: false }).catch(() => undefined);
    if (!parts.found()) {
      clearTimeout(timer);
      timer = setTimeout(() => kill('timeout'), wallMs);
    }
  }
  if (terminal === undefined) stream.end(input);
  else {
    stream.write(input);
    terminal.opened(stream, container.attestation);
  }
  await container.streamEnded;
  parts.flush();
  clearTimeout(timer);
  signal.removeEventListener('abort', onAbort);

  const endCode = await endOf(engine, name, isKilled ? STOPPED_TIMEOUT_MS : EXIT_TIMEOUT_MS);
  const result = { stdout: stdout.result(), stderr: stderr.result(), attested: container.attestation };
  if (endCode === undefined) {
    // The engine went away under it. Its word on how the program ended will not come, and the program may still run.
    if (!eyes.end(attested))
      return {
        kind: 'unknown',
        detail: `${engine.place} was lost after the command was handed over`,
        attested: container.attestation,
      };
    return { kind: 'killed', by: killedBy ?? 'abort', ...result };
  }
  const home = await homeward?.end();
  // Not `unavailable`: on the word of a machine that had the command it is not run elsewhere.
  if (home === 'never begun')
    return notStarted('plan-unsupported', 'the workspace did not fit or did not arrive there whole');
  if (killedBy !== undefined) return { kind: 'killed', by: killedBy, ...result };
  const code = home?.code ?? endCode;
  const outOfMemory = code === SIGKILL_STATUS ? (await ranOutOfMemory(engine, name)) === true : false;
  if (code === SIGSYS_STATUS) return { kind: 'killed', by: 'seccomp', ...result };
  if (code === SIGKILL_STATUS && outOfMemory) return { kind: 'killed', by: 'memory', ...result };
  if (home?.tree === 'refused') {
    const attestation = {
      ...container.attestation,
      carriedBack: 'refused',
      guardFindings: 1,
      guardRules: 'not-carried',
    };
    return { kind: 'exited', code, ...result, stderr: appendText(result.stderr, REFUSED_NOTE), attested: attestation };
  }
  if (homeward !== undefined && (home?.tree !== 'whole' || endCode !== 0))
    return {
      kind: 'unknown',
      detail: `what the command changed did not come back whole from ${engine.place} and is lost`,
      attested: container.attestation,
    };
  return { kind: 'exited', code, ...result };
}

/** `refused` came, and was not what may be put in place; `lost` did not come whole. */
type Home = { readonly code: number; readonly tree: 'whole' | 'refused' | 'lost' } | 'never begun' | undefined;

/** Reads what follows the mark: the exit code, then the directories. Holds the stream back while they are written. */
function createHomeward(
  stream: { pause(): unknown; resume(): unknown },
  receive: (bytes: AsyncIterable<Buffer>) => Promise<void>,
  stop: () => void,
): { readonly push: (chunk: Buffer) => void; readonly end: () => Promise<Home> } {
  const rest = new PassThrough();
  let head: Buffer = Buffer.alloc(0);
  let code: number | undefined;
  let isNever = false;
  let received: Promise<'whole' | 'refused' | 'lost'> | undefined;
  const write = (chunk: Buffer): void => {
    if (chunk.length === 0 || rest.write(chunk)) return;
    stream.pause();
    rest.once('drain', () => stream.resume());
  };
  return {
    push(chunk) {
      if (isNever) return;
      if (code !== undefined) return write(chunk);
      head = Buffer.concat([head, chunk]);
      if (head[0] === NOT_CARRIED.charCodeAt(0)) {
        isNever = true;
        return;
      }
      const end = head.indexOf('\n');
      if (end === -1 && head.length <= MAX_LINE) return;
      const match = /^ (\d{1,3})$/.exec(head.toString('latin1', 0, Math.max(0, end)));
      if (match === null) return stop();
      code = Number(match[1]);
      received = receive(rest).then(
        () => 'whole' as const,
        (error: unknown) => {
          // Nobody reads on, so the stream would never end by itself.
          rest.resume();
          stop();
          return error instanceof UntarFault && error.code !== CUT_SHORT ? 'refused' : 'lost';
        },
      );
      write(head.subarray(end + 1));
    },
    async end() {
      rest.end();
      if (isNever) return 'never begun';
      if (code === undefined) return undefined;
      return { code, tree: (await received) ?? 'lost' };
    },
  };
}

const OOM_LOOKS = 5;
const OOM_PAUSE_MS = 60;

/** The engine hears of it from containerd, sometimes after the exit. Undefined when it does not say. */
async function ranOutOfMemory(engine: Engine, name: string): Promise<boolean | undefined> {
  try {
    for (let look = 0; look < OOM_LOOKS; look++) {
      const { State } = ((await engine.ask({ method: 'GET', path: `/containers/${name}/json` })) ?? {}) as Inspected;
      if (State?.OOMKilled === true) return true;
      await new Promise((resolve) => setTimeout(resolve, OOM_PAUSE_MS));
    }
    return false;
  } catch {
    return undefined;
  }
}

async function endOf(engine: Engine, name: string, timeoutMs: number): Promise<number | undefined> {
  const answer = await engine
    .ask({ method: 'POST', path: `/containers/${name}/wait`, timeoutMs })
    .catch(() => undefined);
  const code = (answer as { readonly StatusCode?: unknown } | undefined)?.StatusCode;
  return Number.isInteger(code) ? (code as number) : undefined;
}
