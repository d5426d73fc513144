/**
 * What a sandboxed call costs beside a plain spawn of the same command, in one interleaved run so that a busy machine slows
 * all alike. `node test/bench/sandbox-cost.ts [rounds]` prints a table; ratios matter, not milliseconds.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBubblewrapBackend } from '../../sandbox/backends/bubblewrap.ts';
import type { ExecutionPlan } from '../../sandbox/plan.ts';

const rounds = Number(process.argv[2] ?? 100);
const stateDir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
chmodSync(stateDir, 0o755);
const common = { uid: 65534, gid: 65534, stateDir };
const cold = createBubblewrapBackend({ ...common, pool: 0 });
const pooled = createBubblewrapBackend({ ...common, pool: 2 });

const COMMANDS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'sh -c "echo ok"': ['/bin/sh', '-c', 'echo ok'],
  'node -e 0': ['/opt/node/bin/node', '-e', '0'],
};

const plan = (argv: readonly [string, ...string[]]): ExecutionPlan => ({
  callId: 'bench',
  tool: 'exec',
  mode: 'bubblewrap',
  argv,
  stdin: '',
  cwd: '/tmp',
  env: { PATH: '/usr/bin:/bin' },
  workspace: { access: 'none' },
  home: '',
  egress: { kind: 'none' },
  limits: {
    wallMs: 10_000,
    memoryBytes: 512 << 20,
    processes: 64,
    outputBytes: 65_536,
    diskBytes: 64 << 20,
    fileBytes: 64 << 20,
  },
  scopeKey: 'bench',
  sessionKey: 'bench',
  policyDigest: 'bench',
});

function plainSpawn([program, ...rest]: readonly [string, ...string[]]): Promise<void> {
  return new Promise((resolve) => {
    const path = program === '/opt/node/bin/node' ? process.execPath : program;
    const child = spawn(path, rest, { env: {}, cwd: '/tmp' });
    child.stdout.resume();
    child.stderr.resume();
    child.on('close', () => resolve());
    child.stdin.end();
  });
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await action();
  return performance.now() - begin;
}

const { signal } = new AbortController();
const runOn = async (backend: typeof cold, argv: readonly [string, ...string[]]): Promise<void> => {
  const outcome = await backend.run(plan(argv), { signal });
  if (outcome.kind !== 'exited' || outcome.code !== 0) throw new Error(`bench: ${JSON.stringify(outcome)}`);
};

const lines = ['command | variant | p50 ms | p95 | min | ratio', '--- | --- | --- | --- | --- | ---'];
for (const [name, argv] of Object.entries(COMMANDS)) {
  const count = name.startsWith('node') ? Math.ceil(rounds / 4) : rounds;
  const samples: Record<string, number[]> = { 'plain spawn': [], cold: [], pooled: [] };
  await pooled.prewarm(plan(argv));
  for (let round = 0; round < count + 5; round++) {
    const took = {
      'plain spawn': await timed(() => plainSpawn(argv)),
      cold: await timed(() => runOn(cold, argv)),
      pooled: await timed(() => runOn(pooled, argv)),
    };
    // The refill is work behind the call, not in it; what it costs is the cold figure.
    await pooled.prewarm(plan(argv));
    if (round >= 5) for (const [variant, value] of Object.entries(took)) samples[variant]?.push(value);
  }
  const sorted = Object.entries(samples).map(
    ([variant, values]) => [variant, values.toSorted((a, b) => a - b)] as const,
  );
  const base = sorted[0]?.[1] ?? [];
  const at = (values: readonly number[], share: number): number =>
    values[Math.floor(values.length * share)] ?? Number.NaN;
  for (const [variant, values] of sorted) {
    const row = [at(values, 0.5), at(values, 0.95), at(values, 0), at(values, 0.5) / at(base, 0.5)].map((value) =>
      value.toFixed(2),
    );
    lines.push(`${name} | ${variant} | ${row.join(' | ')}`);
  }
}
await Promise.all([cold.close(), pooled.close()]);
rmSync(stateDir, { recursive: true, force: true });
process.stdout.write(`${lines.join('\n')}\n`);
