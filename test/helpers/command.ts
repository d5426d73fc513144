/** A command in this process: what it prints, and the code it would exit with. For what needs no process of its own. */
import type { Command } from 'commander';
import { vi } from 'vitest';

class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super('exit');
    this.code = code;
  }
}

export async function runInProcess(
  command: Command,
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  let stdout = '';
  let stderr = '';
  const spies = [
    vi.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Exit(Number(code ?? 0));
    }),
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk, ...more) => {
      stdout += String(chunk);
      return written(more);
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk, ...more) => {
      stderr += String(chunk);
      return written(more);
    }),
  ];
  let code = 0;
  try {
    await command.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    code = error.code;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return { code, stdout, stderr };
}

/** What a stream does when a chunk is out. */
function written(more: readonly unknown[]): true {
  const done = more.at(-1);
  if (typeof done === 'function') done();
  return true;
}
