import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { TestContext } from 'vitest';
import { Config } from '../../config/schema.ts';
import type { BrokerEvent } from '../../sandbox/broker/broker.ts';
import { createToolExecutor } from '../../sandbox/client.ts';
import type { SandboxClient } from '../../sandbox/client.ts';
import type { ToolOutcome, ToolRequest } from '../../sandbox/executor.ts';

/** The whole way with nothing faked: client, both processes, bubblewrap, kernel. */
const POLICY = {
  scope: 'session',
  workspace: 'rw',
  network: 'egress',
  egress: {
    allow: [
      { host: 'allowed.invalid', ports: [80] },
      { host: 'secret.invalid', credential: { secret: 'file:/tmp/to be replaced' }, upgrade: true },
    ],
    upToLabel: 'internal',
  },
  agents: {
    once: { tools: Object.fromEntries(['exec', 'write', 'read'].map((tool) => [tool, { scope: 'call' }])) },
    reader: { allow: ['group:fs-read'] },
  },
};

// Real sandboxes on a machine that may be busy with the rest of the suite.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

/** Of an egress rule: added outside, and never to be found inside. */
const CREDENTIAL = 'CANARY-credential-51c9';
const withSecret = (path: string): unknown => JSON.parse(JSON.stringify(POLICY).replace('/tmp/to be replaced', path));

let stateDir = '';
let secretDir = '';
let client: SandboxClient;
const events: BrokerEvent[] = [];

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'sluice-real-'));
  secretDir = mkdtempSync(join(tmpdir(), 'sluice-secret-'));
  writeFileSync(join(secretDir, 'token'), `${CREDENTIAL}\n`, { mode: 0o600 });
  client = await createToolExecutor({
    config: Config.parse({ sandbox: withSecret(join(secretDir, 'token')) }).sandbox,
    labels: ['public', 'internal', 'confidential'],
    stateDir,
    onEvent: (event) => events.push(event),
  });
  if (client.status().probedAt === 0) await client.verify();
});

afterAll(async () => {
  await client.close();
  rmSync(stateDir, { recursive: true, force: true });
  rmSync(secretDir, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function call(
  tool: string,
  args: unknown,
  request: Partial<ToolRequest> = {},
  signal?: AbortSignal,
): Promise<ToolOutcome> {
  return client.run(
    {
      id: 'c',
      tool,
      arguments: JSON.stringify(args),
      principal: 'p',
      session: 's',
      agent: 'a',
      label: 'public',
      ...request,
    },
    { signal: signal ?? new AbortController().signal },
  );
}

async function run(tool: string, args: unknown, request: Partial<ToolRequest> = {}): Promise<Ran> {
  const outcome = await call(tool, args, request);
  if (outcome.kind !== 'exited')
    throw new Error(`${outcome.kind}: ${outcome.kind === 'refused' ? outcome.message : outcome.by}`);
  expect(outcome.receipt.attested).toMatchObject({ seccomp: 2, noNewPrivileges: true, capabilities: 0 });
  return {
    code: outcome.code,
    stdout: outcome.stdout.head + outcome.stdout.tail,
    stderr: outcome.stderr.head + outcome.stderr.tail,
  };
}

/** Skips where bubblewrap itself is missing; a sandbox that is there and cannot be proved fails. */
function needSandbox(ctx: TestContext): void {
  const { reason } = client.status();
  if (/not (?:found|installed)|apt install|Linux only/i.test(reason)) ctx.skip(reason);
  expect(client.status()).toMatchObject({ usable: true, reason: '' });
}

/** Numbers of live processes with this text in their command line. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe('in a real sandbox', () => {
  test('every tool works, on one workspace that lasts for the session', async (ctx) => {
    needSandbox(ctx);
    expect(await run('write', { path: 'src/a.txt', content: 'one\ntwo\n' })).toMatchObject({
      code: 0,
      stdout: 'Wrote ./src/a.txt, now 8 bytes.\n',
    });
    expect(await run('edit', { path: 'src/a.txt', old: 'two', new: 'zwei' })).toMatchObject({ code: 0, stderr: '' });
    expect(await run('read', { path: '/workspace/src/a.txt' })).toMatchObject({ code: 0, stdout: 'one\nzwei\n' });
    expect(await run('list', { path: 'src' })).toMatchObject({ code: 0, stdout: 'f 9 a.txt\n' });
    expect(await run('search', { pattern: 'zw' })).toMatchObject({ code: 0, stdout: './src/a.txt:2:zwei\n' });
    expect(await run('exec', { command: 'wc -l < a.txt; echo kept > ~/note', cwd: 'src' })).toMatchObject({
      code: 0,
      stdout: '2\n',
    });
    expect(await run('exec', { command: 'cat ~/note; id -u' })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^kept\n[1-9]/) as string,
    });
    expect(await run('node', { code: 'console.log(process.cwd(), process.version)' })).toMatchObject({
      code: 0,
      stdout: `/workspace ${process.version}\n`,
    });
    const python = await run('python', { code: 'import os\nprint(os.getcwd())' });
    expect([python.stdout, python.stderr]).toContainEqual(
      expect.stringMatching(/^\/workspace\n$|not installed/) as string,
    );
  });

  test('another session sees nothing of it', async (ctx) => {
    needSandbox(ctx);
    expect(await run('list', {}, { session: 'other' })).toMatchObject({ stdout: '(empty)\n' });
    expect((await run('exec', { command: 'ls -A ~' }, { session: 'other' })).stdout).toBe('');
  });

  test('a call of scope call leaves nothing on this machine', async (ctx) => {
    needSandbox(ctx);
    const before = (await client.scopes()).map((scope) => scope.scopeKey);
    expect((await run('write', { path: 'x', content: 'y' }, { agent: 'once' })).code).toBe(0);
    expect((await client.scopes()).map((scope) => scope.scopeKey)).toEqual(before);
    expect(readdirSync(join(stateDir, 'sandbox', 'scopes'))).toEqual(before);
  });

  test('a link out of the workspace leads nowhere, whichever tool follows it', async (ctx) => {
    needSandbox(ctx);
    const secret = join(stateDir, 'secret');
    writeFileSync(secret, 'CANARY');
    const plant = `ln -sfn ${secret} leaf; ln -sfn ${stateDir} dir; ln -sfn /proc/1/root root`;
    expect((await run('exec', { command: plant })).code).toBe(0);
    for (const path of ['leaf', 'dir/secret', `root${secret}`]) {
      const seen = await Promise.all([
        run('read', { path }),
        run('write', { path, content: 'PWNED' }),
        run('edit', { path, old: 'CANARY', new: 'PWNED' }),
        run('search', { pattern: 'CANARY', path }),
        run('list', { path }),
      ]);
      expect(seen.map(({ stdout }) => stdout).join('')).not.toContain('CANARY');
    }
    expect(readFileSync(secret, 'utf8')).toBe('CANARY');
    expect(readdirSync(stateDir).toSorted()).toContain('secret');
  });

  test('aborting kills what runs inside', async (ctx) => {
    needSandbox(ctx);
    const controller = new AbortController();
    const marker = `${Date.now() % 100_000}.${process.pid}1`;
    const running = call('exec', { command: `sleep ${marker}; touch ended` }, { session: 'abort' }, controller.signal);
    await expect.poll(() => processesWith(marker).length, { timeout: 20_000 }).toBeGreaterThan(0);
    controller.abort();
    expect(await running).toMatchObject({ kind: 'killed', by: 'abort' });
    await expect.poll(() => processesWith(marker), { timeout: 10_000 }).toEqual([]);
    expect((await run('list', {}, { session: 'abort' })).stdout).toBe('(empty)\n');
  });

  test('the one way out is the proxy, which answers what it refuses', async (ctx) => {
    needSandbox(ctx);
    const ask = (url: string): string =>
      `const r = require('node:http').request({ host: '127.0.0.1', port: 3128, path: '${url}', headers: { host: new URL('${url}').host } }, (s) => { s.setEncoding('utf8'); let t = ''; s.on('data', (d) => (t += d)); s.on('end', () => console.log(s.statusCode, t)); }); r.on('error', (e) => console.log(e.code)); r.end();`;
    expect((await run('node', { code: ask('http://evil.org/') })).stdout).toMatch(/^403 .*not on the list/);
    expect((await run('node', { code: ask('http://169.254.169.254/') })).stdout).toMatch(/^400 /);
    expect((await run('node', { code: ask('http://allowed.invalid/') })).stdout).toMatch(
      /^502 .*could not be resolved/,
    );
    const codes = events.flatMap((event) => (event.kind === 'egress' ? [event.event.code] : []));
    expect(codes).toEqual(['host-not-allowed', 'bad-request', 'name-not-found']);
    expect(JSON.stringify(events)).not.toContain('evil');
  });

  test('the credential of a rule is nowhere inside, nor in receipts, events or the executor’s environment', async (ctx) => {
    needSandbox(ctx);
    const needle = CREDENTIAL.slice(0, 12);
    // The brackets keep the pattern from finding itself.
    const pattern = `[${needle[0]}]${needle.slice(1)}`;
    const script = `curl -s -m 5 http://secret.invalid/ 2>&1; env | grep -c '${pattern}'; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | grep -ac '${pattern}'; grep -rsl '${pattern}' /etc /run /tmp /home /opt/backup /workspace /var | wc -l; ls ${secretDir} 2>&1 | grep -c token`;
    const outcome = await call('exec', { command: script });
    if (outcome.kind !== 'exited') throw new Error(outcome.kind);
    const lines = outcome.stdout.head.trim().split('\n');
    expect(lines.slice(-4)).toEqual(['0', '0', '0', '0']);
    expect(JSON.stringify([outcome, events, client.status()])).not.toContain(needle);
    const [executor = 0] = processesWith('executor-main').filter((pid) => parentOf(pid) === process.pid);
    expect(readFileSync(`/proc/${executor}/environ`, 'latin1')).not.toContain(needle);
  });

  test('above the label there is no way out at all', async (ctx) => {
    needSandbox(ctx);
    const code = `const c = require('node:net').connect(3128, '127.0.0.1', () => console.log('open')); c.on('error', (e) => console.log(e.code));`;
    expect((await run('node', { code }, { label: 'confidential' })).stdout).toBe('ECONNREFUSED\n');
    expect(
      (await run('exec', { command: 'ls /run/egress.sock; env | grep -i proxy' }, { label: 'confidential' })).stdout,
    ).toBe('');
  });

  test('what the policy denies an agent is not offered and not run', async (ctx) => {
    needSandbox(ctx);
    expect(client.offered('reader').map(({ name }) => name)).toEqual(['read', 'list', 'search']);
    expect(await call('exec', { command: 'id' }, { agent: 'reader' })).toMatchObject({
      kind: 'refused',
      code: 'denied-by-policy',
    });
  });

  test('killing the executor ends what runs, reports nothing as run, and the next call is served', async (ctx) => {
    needSandbox(ctx);
    const marker = `${Date.now() % 100_000}.${process.pid}2`;
    const running = call('exec', { command: `sleep ${marker}` }, { session: 'killed' });
    await expect.poll(() => processesWith(marker).length, { timeout: 20_000 }).toBeGreaterThan(0);
    const [executor = 0, ...others] = processesWith('executor-main').filter((pid) => parentOf(pid) === process.pid);
    expect(others).toEqual([]);
    process.kill(executor, 'SIGKILL');
    expect(await running).toMatchObject({ kind: 'refused', code: 'broker-unavailable', receipt: { attested: {} } });
    await expect.poll(() => processesWith(marker), { timeout: 10_000 }).toEqual([]);
    await expect
      .poll(async () => (await call('exec', { command: 'true' })).kind, { timeout: 60_000, interval: 250 })
      .toBe('exited');
  });

  test('scopes are listed and pruned', async (ctx) => {
    needSandbox(ctx);
    expect((await client.scopes()).length).toBeGreaterThan(0);
    await client.prune('all');
    expect(await client.scopes()).toEqual([]);
    expect(readdirSync(join(stateDir, 'sandbox', 'scopes'))).toEqual([]);
  });
});
