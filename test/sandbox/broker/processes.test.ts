import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Config } from '../../../config/schema.ts';
import type { BrokerEvent } from '../../../sandbox/broker/broker.ts';
import { PATIENCE } from '../../../sandbox/broker/generation.ts';
import { BROKER_ENTRIES, startBroker } from '../../../sandbox/broker/start.ts';
import type { BrokerEntries } from '../../../sandbox/broker/start.ts';
import { createToolExecutor } from '../../../sandbox/client.ts';
import type { SandboxClient } from '../../../sandbox/client.ts';
import type { ToolOutcome } from '../../../sandbox/executor.ts';

// Node starts twice for every broker, on a machine that may be busy with the rest of the suite.
vi.setConfig({ testTimeout: 120_000 });

const FAKE_EXECUTOR = new URL('../../helpers/fake-executor-main.ts', import.meta.url);
const ENTRIES: BrokerEntries = { engine: BROKER_ENTRIES.engine, executor: FAKE_EXECUTOR };

interface Setting {
  readonly client: SandboxClient;
  readonly events: BrokerEvent[];
  readonly run: (command: string, session?: string) => Promise<ToolOutcome>;
}

async function provide(entries: BrokerEntries = ENTRIES, timeoutMs = 500): Promise<Setting> {
  const stateDir = mkdtempSync(join(tmpdir(), 'sluice-processes-'));
  const events: BrokerEvent[] = [];
  const client = await createToolExecutor({
    config: Config.parse({ sandbox: { timeoutMs } }).sandbox,
    labels: ['public', 'internal'],
    stateDir,
    onEvent: (event) => events.push(event),
    patience: { ...PATIENCE, finishMs: 1500 },
    start: () => startBroker(entries),
  });
  onTestFinished(async () => {
    await client.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const run: Setting['run'] = (command, session = 's') =>
    client.run(
      {
        id: 'c',
        tool: 'exec',
        arguments: JSON.stringify({ command }),
        principal: 'p',
        session,
        agent: 'a',
        label: 'public',
      },
      { signal: new AbortController().signal },
    );
  return { client, events, run };
}

const birthOf = (outcome: ToolOutcome): Readonly<Record<string, unknown>> => outcome.receipt.attested;
const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
const isAlive = (pid: number): boolean => {
  try {
    // A zombie still has its number.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe('the two processes', () => {
  test('are born with a fixed environment, no arguments, little of root, and no key to be seen', async () => {
    process.env['SLUICE_CANARY_SECRET'] = 'CANARY';
    onTestFinished(() => void delete process.env['SLUICE_CANARY_SECRET']);
    const { run } = await provide();
    const birth = birthOf(await run('ok'));
    expect(birth).toMatchObject({ environment: 'LANG,PATH', arguments: '', cwd: '/', leaks: '' });
    const visible = ['cmdline', 'environ']
      .map((name) => readFileSync(`/proc/${String(birth['pid'])}/${name}`, 'utf8'))
      .join('');
    expect(visible).not.toMatch(/[A-Za-z0-9+/]{43}=/);
    expect(visible.split('\0').filter((part) => part !== '')).toHaveLength(4);
    const held = BigInt(`0x${String(birth['capabilities'])}`);
    const numbers = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((held >> BigInt(bit)) & 1n) === 1n);
    // chown, dac_override, fowner, kill, setgid, setuid, sys_ptrace, sys_admin; where setpriv could not be used, no claim is made.
    const reduced = process.getuid?.() === 0 && existsSync('/usr/bin/setpriv');
    expect(reduced ? numbers : []).toEqual(reduced ? [0, 1, 3, 5, 6, 7, 19, 21] : []);
  });

  test('an executor that is killed in a call: refused, nothing reported as run, and the next call is served', async () => {
    const { run, events } = await provide();
    const first = birthOf(await run('ok'))['pid'];
    const outcome = await run('die');
    expect(outcome).toMatchObject({ kind: 'refused', code: 'broker-unavailable', receipt: { attested: {} } });
    await expect.poll(() => events.filter((event) => event.kind === 'broker-ended')).toHaveLength(1);
    await expect.poll(async () => (await run('ok')).kind, { timeout: 60_000, interval: 200 }).toBe('exited');
    expect(birthOf(await run('ok'))['pid']).not.toBe(first);
  });

  test('an engine that is killed takes the executor and the running call with it', async () => {
    const { run } = await provide(ENTRIES, 60_000);
    const executor = Number(birthOf(await run('ok'))['pid']);
    const running = run('manner:waits');
    const children = readFileSync(`/proc/${parentOf(executor)}/task/${parentOf(executor)}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number);
    const [engine = 0] = children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('engine-main'));
    process.kill(engine, 'SIGKILL');
    expect(await running).toMatchObject({ kind: 'refused', code: 'broker-unavailable' });
    await expect.poll(() => isAlive(executor), { timeout: 10_000 }).toBe(false);
  });

  test('an executor that hangs is killed, not waited for', async () => {
    const { run } = await provide();
    const pid = Number(birthOf(await run('ok'))['pid']);
    expect(await run('block')).toMatchObject({ kind: 'refused', code: 'broker-unavailable' });
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });

  /** Starts a router of its own under a shell that left a descriptor open, and says who its children are. */
  async function startRouter(): Promise<{ readonly router: ChildProcess; readonly children: readonly number[] }> {
    const script = `
      import { startBroker } from ${JSON.stringify(new URL('../../../sandbox/broker/start.ts', import.meta.url).href)};
      startBroker({ engine: new URL(${JSON.stringify(BROKER_ENTRIES.engine.href)}), executor: new URL(${JSON.stringify(FAKE_EXECUTOR.href)}) });
      console.log('started');
      setInterval(() => undefined, 1000);`;
    const router = spawn(
      '/bin/bash',
      ['-c', 'exec 251</dev/null; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    onTestFinished(() => void router.kill('SIGKILL'));
    await new Promise((resolve) => router.stdout.once('data', resolve));
    const listed = readFileSync(`/proc/${router.pid}/task/${router.pid}/children`, 'utf8');
    return { router, children: listed.trim().split(' ').map(Number) };
  }
  const noBash = existsSync('/bin/bash') ? '' : 'no /bin/bash to leave a high descriptor open';

  test('get no descriptor a shell left open in the router, and die when the router is killed', async (ctx) => {
    if (noBash !== '') return ctx.skip(noBash);
    const { router, children } = await startRouter();
    const holds = (pid: number | undefined): boolean => existsSync(`/proc/${pid}/fd/251`);
    expect(children).toHaveLength(2);
    expect(holds(router.pid)).toBe(true);
    await expect.poll(() => children.filter(holds), { timeout: 15_000 }).toEqual([]);
    expect(children.filter(isAlive)).toHaveLength(2);
    router.kill('SIGKILL');
    await expect.poll(() => children.filter(isAlive), { timeout: 15_000 }).toEqual([]);
  });

  test('closing ends both and leaves nothing', async () => {
    const { run, client } = await provide();
    const pid = Number(birthOf(await run('ok'))['pid']);
    await client.close();
    expect(isAlive(pid)).toBe(false);
    expect(await run('ok')).toMatchObject({ kind: 'refused', code: 'broker-unavailable' });
  });

  test('an entry that cannot load is reported with its cause, and every call refused', async () => {
    const { run, events } = await provide({ ...ENTRIES, executor: new URL('file:///does/not/exist.ts') });
    expect(await run('ok')).toMatchObject({ kind: 'refused', code: 'broker-unavailable' });
    const ended = events.find((event) => event.kind === 'broker-ended');
    expect(ended?.kind === 'broker-ended' ? ended.why : '').toMatch(/does\/not\/exist/);
  });
});
