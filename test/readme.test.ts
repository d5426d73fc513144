/** Every command of the README, run as a reader would, and its printed output found in the real one. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const blocks = [...README.matchAll(/```(sh|text)\n([\s\S]*?)```/g)].map((match) => ({
  kind: match[1] ?? '',
  text: (match[2] ?? '').trimEnd(),
}));
const commands = blocks.flatMap((block, index) =>
  block.kind === 'sh'
    ? [{ command: block.text, output: blocks[index + 1]?.kind === 'text' ? (blocks[index + 1]?.text ?? '') : '' }]
    : [],
);
const [start, test, ...others] = commands;
const run = promisify(execFile);
/** A reader's shell: the pinned runtime first, no model in reach, no home to litter. */
const environment = {
  ...process.env,
  PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
  OLLAMA_HOST: '127.0.0.1:9',
  OPENAI_API_KEY: '',
  ANTHROPIC_API_KEY: '',
  OPENAI_BASE_URL: '',
};

let server: ChildProcess;
let banner = '';
let port = '';
beforeAll(async () => {
  server = spawn('npm', ['start', '--', '--port', '0'], {
    cwd: ROOT,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    server.stdout?.on('data', (chunk: Buffer) => {
      banner += chunk.toString();
      port = /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(banner)?.[1] ?? '';
      if (banner.includes('run: ')) resolve();
    });
    server.once('exit', (code) => reject(new Error(`npm start exited ${code}`)));
  });
}, 60_000);
afterAll(() => {
  if (server.pid !== undefined) process.kill(-server.pid, 'SIGTERM');
});

describe('README', () => {
  it('begins with the two lines that do everything, and CI runs the second', () => {
    expect(README.split('\n').filter((line) => line.startsWith('npm ci'))).toEqual([start?.command, test?.command]);
    expect(start?.command).toBe('npm ci && npm run setup && npm start');
    expect(readFileSync(join(ROOT, '.ci/run'), 'utf8')).toContain(`\n${test?.command}\n`);
  });

  it('setup does nothing twice', async () => {
    const { stdout } = await run('npm', ['run', 'setup'], { cwd: ROOT, env: environment });
    expect(stdout).toMatch(/setup: bubblewrap is here/);
  });

  it('shows the start as it is', () => {
    const shown = blocks.find((block) => block.text.startsWith('$ npm start'))?.text ?? '';
    for (const line of shown.split('\n').filter((each) => /^(DEMO|Start|ok )/.test(each)))
      expect(banner).toContain(
        // How many are proved is the machine's to say, how many there are is ours.
        line.replace(/\d+ of (?=\d+ claims)/, (match) => /\d+ of (?=\d+ claims)/.exec(banner)?.[0] ?? match),
      );
  });

  it.each(others.map((each) => [each.command.slice(0, 60), each] as const))('%s…', async (_, { command, output }) => {
    const { stdout } = await run(
      'sh',
      [
        '-c',
        command.replaceAll('127.0.0.1:8484', `127.0.0.1:${port}`).replace('npx sluice', 'npx --no-install sluice'),
      ],
      { cwd: ROOT, env: environment, timeout: 60_000 },
    );
    expect(stdout.length).toBeGreaterThan(0);
    // Scores move when weights do; what is shown besides must be there to the letter.
    const real = stdout.replaceAll('\\n', '\n').replaceAll(/:\d\.\d\d/g, ':#');
    for (const line of output.split('\n').filter((each) => each !== ''))
      expect(real).toContain(line.replaceAll(/:\d\.\d\d/g, ':#'));
  });

  it('has commands to run', () => {
    expect(others.length).toBeGreaterThan(5);
  });
});
