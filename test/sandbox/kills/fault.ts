/**
 * Makes a broker process count its steps, and fail at the one it is told: every call to the file system, every process it
 * starts, every chunk it reads and writes. Loaded before the process's own code. The order is a file, so that counting begins
 * with the call under test and not with the start.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { Readable } from 'node:stream';

export type How = 'killed' | 'hung' | 'late';
export interface Order {
  /** Of this process itself, or of the sandboxes it has started. */
  readonly target: 'self' | 'sandbox' | 'inside';
  readonly how: How;
  /** From 1. */
  readonly step: number;
}

const LATE_MS = 300;
const { appendFileSync, existsSync, readFileSync, unlinkSync } = fs;

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
const descendantsOf = (pid: number): readonly number[] =>
  childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // Gone meanwhile.
    }
  }
}

function strike({ target, how }: Order): void {
  const pids = {
    self: [process.pid],
    // bwrap itself, with which everything in it dies; or only what runs in it.
    sandbox: how === 'killed' ? childrenOf(process.pid) : descendantsOf(process.pid),
    inside: descendantsOf(process.pid).slice(-1),
  }[target];
  if (how === 'killed') return signal(pids, 'SIGKILL');
  if (how === 'hung') return signal(pids, 'SIGSTOP');
  if (target === 'self') return void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LATE_MS);
  signal(pids, 'SIGSTOP');
  setTimeout(() => signal(pids, 'SIGCONT'), LATE_MS);
}

/** `order` is the path of the file with the order; `pids` one in which this process leaves its number. */
export function installFault(order: string, pids: string): void {
  appendFileSync(pids, `${process.pid}\n`);
  let pending: Order | undefined;
  let count = 0;
  let done = false;
  const step = (): void => {
    if (done) return;
    if (pending === undefined) {
      if (!existsSync(order)) return;
      pending = JSON.parse(readFileSync(order, 'utf8')) as Order;
    }
    count += 1;
    if (count < pending.step) return;
    done = true;
    unlinkSync(order);
    strike(pending);
  };
  const counted = (holder: object, name: string): void => {
    const original: unknown = Reflect.get(holder, name);
    if (typeof original !== 'function') return;
    Reflect.set(holder, name, function (this: unknown, ...parameters: unknown[]): unknown {
      step();
      return Reflect.apply(original, this, parameters);
    });
  };
  for (const name of Object.keys(fs)) if (name.endsWith('Sync') && name !== 'existsSync') counted(fs, name);
  for (const name of Object.keys(fs.promises)) counted(fs.promises, name);
  counted(childProcess, 'spawn');
  counted(net.Socket.prototype, 'write');
  counted(Readable.prototype, 'push');
  syncBuiltinESMExports();
}
