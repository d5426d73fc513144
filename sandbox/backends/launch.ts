/**
 * Starts one sandbox and brings it to the point where it waits for its command: namespaces made, filter on, limits set, and
 * all of that seen from the host. Fails closed: whatever does not attest is killed and was never given anything to run.
 */
import type { ChildProcess } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import type { Readable, Writable } from 'node:stream';
import type { Attestation } from '../backend.ts';
import { identity, observe, onlyChild, readNamespaces } from './attestation.ts';
import type { Observation } from './attestation.ts';
import type { SandboxGroup } from './cgroup.ts';
import { READY } from './handover.ts';
import { explainStartFailure } from './machine.ts';
import type { Profile } from './profile.ts';
import { startBwrap } from './start-bwrap.ts';
import type { Host, Parts, Started } from './start-bwrap.ts';
import type { PlantedHoney } from '../watch/honey-files.ts';

export interface Ended {
  /** Exit status of the program, 128 + signal when one ended it; undefined when bwrap itself was killed. */
  readonly code: number | undefined;
}

export interface WaitingSandbox {
  /** What it was given to find. */
  readonly honey: PlantedHoney | undefined;
  readonly attestation: Attestation;
  readonly group: SandboxGroup;
  readonly ended: Promise<Ended>;
  isAlive(): boolean;
  /** Whether the directories it mounted are still the ones their paths name. */
  isCurrent(): boolean;
  /** `keepOpen` leaves the program's input open; what is returned is its writing end. */
  handOver(
    script: string,
    input: Buffer,
    keepOpen: boolean,
    sink: (stream: 'stdout' | 'stderr', chunk: Buffer) => void,
  ): Writable;
  kill(): void;
}

export type Launched =
  | { readonly kind: 'ready'; readonly sandbox: WaitingSandbox }
  | {
      readonly kind: 'failed';
      readonly cause: 'unavailable' | 'plan-unsupported' | 'attestation-failed';
      readonly detail: string;
    };

const START_TIMEOUT_MS = 10_000;
type Readiness =
  | { readonly kind: 'ready'; readonly init: number }
  | { readonly kind: 'not-ready'; readonly stderr: string; readonly code: number | undefined };

export async function launch(profile: Profile, host: Host, parts: Parts): Promise<Launched> {
  let started: Started;
  try {
    started = startBwrap(profile, host, parts);
  } catch (error) {
    // A code, never the path: the detail travels with a tool result.
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (isExhausted(error)) return EXHAUSTED;
    return {
      kind: 'failed',
      cause: 'plan-unsupported',
      detail: `a directory of the plan cannot be used (${code ?? 'fault'} in ${syscall ?? 'start'})`,
    };
  }
  const { child, honey } = started;
  const [commands, stdout, stderr, input, status] = child.stdio as unknown as readonly [
    Writable,
    Readable,
    Readable,
    Writable,
    Readable,
  ];
  // A program that ends without reading its input breaks the pipe; that is its affair.
  for (const stream of [commands, stdout, stderr, input, status]) stream.on('error', () => undefined);
  let alive = true;
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', () => resolve({ code: undefined }));
    child.once('close', (code) => resolve({ code: code ?? undefined }));
  }).then((value) => {
    alive = false;
    return value;
  });
  const abandon = (): void => {
    kill();
    void ended.then(() => honey?.remove());
  };
  child.once('exit', () => {
    alive = false;
  });

  let sink: (stream: 'stdout' | 'stderr', chunk: Buffer) => void = () => undefined;
  stdout.on('data', (chunk: Buffer) => sink('stdout', chunk));
  stderr.on('data', (chunk: Buffer) => sink('stderr', chunk));
  const kill = (): void => {
    child.kill('SIGKILL');
  };

  let group: SandboxGroup | undefined;
  let joined: Promise<void> | undefined;
  const readiness = await waitUntilReady(
    child,
    status,
    ended,
    (next) => (sink = next),
    () => {
      commands.write(
        parts.prologue({
          processes: profile.processes,
          fileBytes: profile.fileBytes,
          memoryBytes: profile.memoryBytes,
        }),
      );
    },
    // While it still mounts: it is alone then, and what it makes afterwards is in the group as well.
    (init) => {
      joined = (async () => {
        group = host.cgroups.create(profile);
        await group.join([init]);
      })();
      joined.catch(() => undefined);
    },
  );
  if (readiness.kind === 'not-ready') {
    abandon();
    void ended.then(() => group?.remove());
    return { kind: 'failed', cause: 'unavailable', detail: explainStartFailure(readiness.stderr, readiness.code) };
  }

  try {
    await joined;
    const shell = onlyChild(readiness.init);
    if (group === undefined) throw new Error('launch: there is no group');
    const { holds } = group;
    const strays = [readiness.init, shell].filter((pid) => !holds(pid));
    if (strays.length > 0) await group.join(strays);
    const mounted = Object.keys(started.mounts);
    const judgement = parts.judge(
      { init: await observeSettled(readiness.init, mounted), shell: observe(shell, mounted) },
      {
        profile,
        uid: host.uid,
        gid: host.gid,
        ownNamespaces: readNamespaces('self'),
        landlock: host.landlock.abi,
        mounts: started.mounts,
      },
      group.controllers,
    );
    if (judgement.kind === 'mismatch') throw new AttestationMismatch(judgement.detail);
    const { attestation } = judgement;
    const { outside } = started;
    sink = () => kill();
    return {
      kind: 'ready',
      sandbox: {
        attestation,
        group,
        honey,
        ended,
        isAlive: () => alive,
        isCurrent: () => mounted.every((inside) => isSame(outside[inside] ?? '', started.mounts[inside] ?? '')),
        handOver(script, bytes, keepOpen, receive) {
          sink = receive;
          if (keepOpen) input.write(bytes);
          else input.end(bytes);
          commands.end(script);
          return input;
        },
        kill,
      },
    };
  } catch (error) {
    abandon();
    void ended.then(() => group?.remove());
    if (isExhausted(error)) return EXHAUSTED;
    const detail =
      error instanceof AttestationMismatch
        ? error.message
        : `the waiting processes could not be inspected (${(error as NodeJS.ErrnoException).code ?? 'fault'})`;
    return { kind: 'failed', cause: 'attestation-failed', detail };
  }
}

const EXHAUSTED: Launched = {
  kind: 'failed',
  cause: 'unavailable',
  detail:
    'this machine is out of descriptors, processes, memory or disk for another sandbox: raise its limits, or ask for less at once',
};

/** Nothing is wrong with the plan or the sandbox, so neither is blamed. */
function isExhausted(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOSPC', 'EDQUOT'].includes(code);
}

const LOOKS = 50;

/**
 * bwrap's init puts on its filter beside the shell, which may be ready first. It is looked at again for a moment, and judged
 * by the last look.
 */
async function observeSettled(init: number, mounted: readonly string[]): Promise<Observation> {
  let seen = observe(init, mounted);
  for (let look = 1; look < LOOKS && seen.status.Seccomp !== '2'; look++) {
    await setTimeout(1);
    seen = observe(init, mounted);
  }
  return seen;
}

class AttestationMismatch extends Error {}

function isSame(path: string, wanted: string): boolean {
  try {
    return identity(path) === wanted;
  } catch {
    return false;
  }
}

/** Waits for both of bwrap's word (the init's number) and the shell's (its limits are set). */
function waitUntilReady(
  child: ChildProcess,
  status: Readable,
  ended: Promise<Ended>,
  listen: (sink: (stream: 'stdout' | 'stderr', chunk: Buffer) => void) => void,
  begin: () => void,
  announced: (init: number) => void,
): Promise<Readiness> {
  return new Promise((resolve) => {
    let text = '';
    let said = '';
    let complaint = '';
    let init = 0;
    const finish = (result: Readiness): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const fail = (code?: number): void => finish({ kind: 'not-ready', stderr: complaint, code });
    const look = (): void => {
      if (init !== 0 && said === READY) finish({ kind: 'ready', init });
      else if (!READY.startsWith(said)) fail();
    };
    const timer = globalThis.setTimeout(() => fail(), START_TIMEOUT_MS);
    timer.unref();
    status.on('data', (chunk: Buffer) => {
      if (text.length < 4096) text += chunk.toString('latin1');
      if (init === 0) {
        init = Number(/"child-pid":\s*(\d+)\s*[,}]/.exec(text)?.[1] ?? 0);
        if (init !== 0) announced(init);
      }
      look();
    });
    listen((stream, chunk) => {
      if (stream === 'stderr') complaint = (complaint + chunk.toString('utf8')).slice(0, 1000);
      else {
        said += chunk.toString('latin1');
        look();
      }
    });
    void ended.then(({ code }) => fail(code));
    child.once('error', () => fail());
    begin();
  });
}
