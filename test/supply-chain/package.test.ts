/**
 * What `npm pack` makes, installed elsewhere and used: an archive that misses a file works in every checkout and nowhere else. The install needs the
 * registry for the dependencies, so without it that part is skipped with its reason.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const NPM_ENV = {
  ...process.env,
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
};
const place = mkdtempSync(join(tmpdir(), 'sluice-pack-'));
const children: ChildProcess[] = [];

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

function npm(
  args: readonly string[],
  cwd: string,
): { readonly code: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, env: NPM_ENV, encoding: 'utf8', timeout: 180_000 });
  return { code: status, stdout, stderr };
}

let packed: Packed;
let installFailure = '';

beforeAll(() => {
  const made = npm(['pack', '--json', '--pack-destination', place], ROOT);
  if (made.code !== 0) throw new Error(`npm pack failed: ${made.stderr}`);
  const parsed = JSON.parse(made.stdout.slice(made.stdout.search(/^[[{]/m))) as Packed[] | Record<string, Packed>;
  packed = (Array.isArray(parsed) ? parsed : Object.values(parsed))[0]!;
  writeFileSync(join(place, 'package.json'), '{"private":true}');
  const installed = npm(['install', '--prefer-offline', '--ignore-scripts', join(place, packed.filename)], place);
  if (installed.code !== 0) installFailure = installed.stderr.split('\n')[0] ?? 'npm install failed';
}, 300_000);

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(place, { recursive: true, force: true });
});

describe('the package', () => {
  it('holds what was compiled, the programs of the sandbox, and nothing else', () => {
    const paths = packed.files.map((file) => file.path);
    for (const wanted of [
      'dist/router/main.js',
      'dist/sandbox/broker/engine-main.js',
      'dist/sandbox/broker/executor-main.js',
      'dist/sandbox/backends/docker/reaper.js',
      'dist/sandbox/tools/inside/read.sh',
      'dist/sandbox/egress/inside/bridge.cjs',
      'dist/config/schema.json',
      'dist/console/index.html',
      'dist/console/main.js',
      'router/sluice.mjs',
      'README.md',
      'LICENSE',
    ])
      expect(paths).toContain(wanted);
    expect(
      paths.filter(
        (path) =>
          !/^(dist\/(config|classifiers|sandbox|router|console)\/|router\/sluice\.mjs$|config\/setup\.sh$|package\.json$|README\.md$|LICENSE$|SECURITY\.md$)/.test(
            path,
          ),
      ),
    ).toEqual([]);
    expect(paths.filter((path) => /\.test\.|\/training\/|\.ts$/.test(path))).toEqual([]);
  });

  it('installed elsewhere, decides and serves', async (context) => {
    if (installFailure !== '') context.skip(`the package could not be installed: ${installFailure}`);
    const launcher = join(place, 'node_modules/.bin/sluice');
    expect(existsSync(launcher)).toBe(true);
    const run = (args: readonly string[], input: string) =>
      spawnSync(process.execPath, [launcher, ...args], { cwd: place, input, encoding: 'utf8', env: environment() });
    const explained = run(
      ['explain'],
      '{"model":"auto","messages":[{"role":"user","content":"My card is 4539 5787 6362 1486"}]}',
    );
    expect(explained.stderr).toBe('');
    expect(explained.stdout).toMatch(/^route +local/m);

    const child = spawn(process.execPath, [launcher, 'serve', '--port', '0'], { cwd: place, env: environment() });
    children.push(child);
    const { url, said } = await new Promise<{ url: string; said: string }>((resolve, reject) => {
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString();
        const match = /listens on (\S+)/.exec(out);
        if (match?.[1] !== undefined) resolve({ url: match[1], said: out });
      });
      child.once('close', (code) => reject(new Error(`serve exited ${code}`)));
    });
    expect(said).toMatch(/sandbox:bubblewrap +(\d+) of \1 claims proved/);
    const reply = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: 'My card is 4539 5787 6362 1486' }] }),
    });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-sluice-route')).toBe('local');
    await reply.text();
    for (const [path, type] of [
      ['/console', 'text/html'],
      ['/console/main.js', 'text/javascript'],
    ] as const) {
      const file = await fetch(`${url}${path}`);
      await file.text();
      expect([file.status, file.headers.get('content-type')?.split(';')[0]]).toEqual([200, type]);
    }
  }, 120_000);

  it('says in one sentence that a Node is too old', () => {
    const old = spawnSync(
      process.execPath,
      [
        '-e',
        `Object.defineProperty(process.versions, 'node', { value: '22.1.0' }); import(${JSON.stringify(`file://${join(ROOT, 'router/sluice.mjs')}`)})`,
      ],
      { encoding: 'utf8' },
    );
    expect(old.status).toBe(2);
    expect(old.stderr).toBe('sluice needs Node 24 or newer; this is 22.1.0\n');
  });
});

function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: place, XDG_STATE_HOME: place, OLLAMA_HOST: '127.0.0.1:9' };
}
