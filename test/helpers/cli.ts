/** The command line as its own process, with an environment that reaches no model and a state directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../router/main.ts');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<CliResult>;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** A command that starts it, with its arguments: `prlimit --nofile=64`. */
  readonly through?: readonly string[];
}

export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  const state = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  const [command = process.execPath, ...before] = [...(options.through ?? []), process.execPath, MAIN];
  const child = spawn(command, [...before, ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: state,
      XDG_STATE_HOME: state,
      OLLAMA_HOST: '127.0.0.1:9',
      ...options.env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // A command that reads nothing may be gone before its input is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const exited = new Promise<CliResult>((resolve) =>
    child.once('close', (code) => {
      rmSync(state, { recursive: true, force: true });
      resolve({ code, stdout, stderr });
    }),
  );
  return { child, stdout: () => stdout, stderr: () => stderr, exited };
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).exited;
}

/** Starts `serve` and waits until it says where it listens. */
export async function startServe(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  through: readonly string[] = [],
): Promise<CliProcess & { readonly url: string }> {
  const process_ = startCli(['serve', '--port', '0', ...args], { env, through });
  const url = await new Promise<string>((resolve, reject) => {
    const look = (): void => {
      const match = /listens on (\S+)/.exec(process_.stdout());
      if (match?.[1] !== undefined) resolve(match[1]);
    };
    process_.child.stdout?.on('data', look);
    void process_.exited.then(({ code, stderr }) => reject(new Error(`serve exited ${code}: ${stderr}`)));
  });
  return { ...process_, url };
}
