/** The small program that looks at sandboxes on another machine, and ends those nobody waits for. Run here, without an engine. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let witness: ChildProcess;
let lines: AsyncIterator<string>;
const others: ChildProcess[] = [];
const sleeper = (): { readonly pid: number; readonly ended: Promise<string> } => {
  const child = spawn('/bin/sleep', ['20'], { stdio: 'ignore' });
  others.push(child);
  const ended = new Promise<string>((resolve) => {
    child.once('close', (_code, signal) => resolve(signal ?? 'exit'));
  });
  return { pid: child.pid ?? 0, ended };
};
const tell = (message: object): boolean => witness.stdin?.write(`${JSON.stringify(message)}\n`) === true;
const answer = async (): Promise<unknown> => JSON.parse((await lines.next()).value as string) as unknown;
const within = (ended: Promise<string>, ms: number): Promise<string> =>
  Promise.race([ended, new Promise<string>((resolve) => setTimeout(() => resolve('alive'), ms))]);
const own = (): string => readlinkSync('/proc/self/ns/pid');

beforeEach(async () => {
  const program = new URL('../../../sandbox/backends/docker/inside/witness.cjs', import.meta.url).pathname;
  witness = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'ignore'] });
  if (witness.stdout === null) throw new Error('no output');
  lines = createInterface({ input: witness.stdout })[Symbol.asyncIterator]();
  // Its greeting: it is ready.
  await answer();
});
afterEach(() => {
  for (const one of [witness, ...others.splice(0)]) one.kill('SIGKILL');
});

describe.skipIf(process.platform !== 'linux')('the witness', () => {
  it('says what the kernel says of a process and of the one that started it, or that it cannot see it', async () => {
    const { pid } = sleeper();
    tell({ id: 1, kind: 'look', pid });
    expect(await answer()).toMatchObject({
      id: 1,
      sight: {
        process: { status: expect.stringContaining('Name:\tsleep') as string, namespaces: { pid: own() } },
        commandLine: '/bin/sleep\u000020\u0000',
        own: { namespaces: { pid: own() } },
      },
    });
    tell({ id: 2, kind: 'look', pid: 2 ** 30 });
    expect(await answer()).toEqual({ id: 2, fault: 'ENOENT status' });
  });

  it('ends what is past its time, and nothing else', async () => {
    const late = sleeper();
    const early = sleeper();
    const another = sleeper();
    tell({ kind: 'leash', pid: late.pid, namespace: own(), ms: 100 });
    tell({ kind: 'leash', pid: early.pid, namespace: own(), ms: 60_000 });
    // A number that names somebody else by now.
    tell({ kind: 'leash', pid: another.pid, namespace: 'pid:[1]', ms: 100 });
    expect(await within(late.ended, 5000)).toBe('SIGKILL');
    expect(await within(early.ended, 300)).toBe('alive');
    expect(await within(another.ended, 1)).toBe('alive');
  });

  it('a leash is of one process: its end does not reach the next one in the same namespace', async () => {
    const first = sleeper();
    tell({ kind: 'leash', pid: first.pid, namespace: own(), ms: 400 });
    tell({ id: 1, kind: 'look', pid: first.pid });
    await answer();
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    const second = sleeper();
    tell({ kind: 'leash', pid: second.pid, namespace: own(), ms: 60_000 });
    expect(await within(second.ended, 900)).toBe('alive');
  });

  it('ends all it holds when its service is gone', async () => {
    const one = sleeper();
    tell({ kind: 'leash', pid: one.pid, namespace: own(), ms: 60_000 });
    tell({ id: 1, kind: 'look', pid: one.pid });
    await answer();
    witness.stdin?.end();
    expect(await within(one.ended, 5000)).toBe('SIGKILL');
  });
});
