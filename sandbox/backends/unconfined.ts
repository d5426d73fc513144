/**
 * Runs a program without any sandbox, under the sandbox's user. For two things only: the live controls of an attack file
 * (an attempt that does not even work unconfined proves nothing) and the `host` backend, which the operator must have asked
 * for in as many words.
 */
import { spawn } from 'node:child_process';
import { createOutputCollector } from '../bounded-output.ts';
import type { BoundedOutput } from '../executor.ts';

export interface UnconfinedCall {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input?: Buffer;
  readonly uid?: number;
  readonly gid?: number;
  readonly timeoutMs: number;
  readonly outputBytes: number;
  readonly signal?: AbortSignal;
}

export interface UnconfinedEnd {
  /** Undefined when it never started or a signal ended it. */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly started: boolean;
  readonly killedBy: 'timeout' | 'output-limit' | 'abort' | undefined;
  readonly stdout: BoundedOutput;
  readonly stderr: BoundedOutput;
}

const FLOOD_FACTOR = 16;
const FLOOD_MINIMUM = 1024 * 1024;
/** For what the program wrote just before its end to arrive. */
const DRAIN_MS = 100;

/** Never rejects. Kills the whole process group when it ends the program; what left the group is out of reach here. */
export function runUnconfined(call: UnconfinedCall): Promise<UnconfinedEnd> {
  const [program, ...rest] = call.argv;
  const stdout = createOutputCollector(call.outputBytes);
  const stderr = createOutputCollector(call.outputBytes);
  const flood = Math.max(FLOOD_MINIMUM, call.outputBytes * FLOOD_FACTOR);
  return new Promise((resolve) => {
    let killedBy: UnconfinedEnd['killedBy'];
    const child = spawn(program, rest, {
      cwd: call.cwd,
      env: { ...call.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(call.uid === undefined ? {} : { uid: call.uid }),
      ...(call.gid === undefined ? {} : { gid: call.gid }),
    });
    const kill = (by: NonNullable<typeof killedBy>): void => {
      killedBy ??= by;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    };
    const timer = setTimeout(() => kill('timeout'), call.timeoutMs);
    const onAbort = (): void => kill('abort');
    call.signal?.addEventListener('abort', onAbort, { once: true });
    const finish = (code: number | undefined, signal: NodeJS.Signals | undefined, started: boolean): void => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
      resolve({ code, signal, started, killedBy, stdout: stdout.result(), stderr: stderr.result() });
    };
    for (const [stream, collector] of [
      [child.stdout, stdout],
      [child.stderr, stderr],
    ] as const) {
      stream.on('data', (chunk: Buffer) => {
        if (killedBy === undefined) collector.push(chunk);
        if (collector.total > flood) kill('output-limit');
      });
    }
    child.stdin.on('error', () => undefined);
    child.stdin.end(call.input ?? Buffer.alloc(0));
    child.once('error', () => finish(undefined, undefined, false));
    child.once('close', (code, signal) => finish(code ?? undefined, signal ?? undefined, true));
    // A daemon that keeps the pipes open would keep the call open with it.
    child.once('exit', () => {
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS).unref();
    });
  });
}
