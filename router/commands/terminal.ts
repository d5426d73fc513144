/** What every command shares: talk goes to stderr, data to stdout, and nothing printed can steer the terminal. */
import { readFileSync } from 'node:fs';
import type { ConfigProblem } from '../../config/explain.ts';
import { type LoadedConfig, loadConfig } from '../../config/load.ts';

export const EXIT = { done: 0, failed: 1, unusable: 2 } as const;

export function talk(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

/** Every line of data passes here, so no command can forget that a name in it may hold an escape sequence. */
export function data(line: string): void {
  process.stdout.write(`${printable(line)}\n`);
}

/** outliveReaders: a reader that has seen enough (`| head`) is no fault. What was found still decides the exit code, and a service goes on. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
}

/** leave ends the process once what was printed is out: to another program's socket Node writes behind one's back, and `process.exit` drops the rest. */
export async function leave(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((resolve) => void stream.write('', () => resolve()));
  process.exit(code);
}

/** dataJson prints JSON in which what could steer a terminal is escaped, not lost. */
export function dataJson(value: unknown): void {
  data(
    JSON.stringify(value, null, 2).replace(
      /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  );
}

/** printable drops control characters: names from model servers and files could hold escape sequences. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the very characters to drop
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');
}

/** oneLine keeps text that others wrote (a key, a file name) from looking like a line of ours. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\t\u2028\u2029]/g, '?');
}

export function talkProblems(file: string, problems: readonly ConfigProblem[]): void {
  talk(
    `${file === '' ? 'configuration' : file}: ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`,
  );
  for (const problem of problems) talk(`  ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`);
}

/** loadOrExit reads the configuration or says why not, on request as JSON, and exits 2. */
export function loadOrExit(
  file: string | undefined,
  as: 'text' | 'json' = 'text',
): LoadedConfig & { readonly kind: 'config' } {
  const loaded = loadConfig(file, process.env);
  if (loaded.kind === 'config') return loaded;
  if (as === 'json') dataJson({ ready: false, problems: loaded.problems });
  else talkProblems(loaded.file, loaded.problems);
  process.exit(EXIT.unusable);
}

/** readInput reads a file, or standard input for `-` or nothing. */
export function readInput(path: string | undefined): Buffer {
  try {
    return readFileSync(path === undefined || path === '-' ? 0 : path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    talk(`cannot read ${path ?? 'standard input'} (${code})`);
    process.exit(EXIT.unusable);
  }
}
