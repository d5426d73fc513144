/**
 * Runs a tool's program on this machine in a temporary directory, unconfined: for what the program does, not for what
 * confines it. Stands in for the mounts: cwd for the workspace, this Node for the one inside.
 */
import { spawnSync } from 'node:child_process';
import { NODE_INSIDE } from '../../sandbox/tools/programs.ts';
import { call, planned } from './planning.ts';

export interface LocalRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function runLocally(directory: string, tool: string, args: unknown): LocalRun {
  const plan = planned(call(tool, args), { workspace: 'rw' });
  const argv = plan.argv.map((argument) => (argument === NODE_INSIDE ? process.execPath : argument));
  const run = spawnSync(argv[0] as string, argv.slice(1), {
    cwd: directory,
    input: Buffer.from(plan.stdin, 'base64'),
    env: { ...plan.env, HOME: directory, TMPDIR: directory },
    timeout: 20_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  return { code: run.status, stdout: run.stdout.toString('utf8'), stderr: run.stderr.toString('utf8') };
}
