/**
 * What a sandboxed call costs beside a plain spawn of the same command and beside what others offer, in one interleaved run so
 * that a busy machine slows all alike; ratios matter, not milliseconds. `node test/bench/sandbox-cost.ts [rounds] [--write]`
 * prints a table and writes it into docs/performance.md. Docker and @anthropic-ai/sandbox-runtime (installed in a temporary
 * directory) take part where they can be had, and a row says why where they cannot.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Backend } from '../../sandbox/backend.ts';
import { createBubblewrapBackend } from '../../sandbox/backends/bubblewrap.ts';
import { createDockerBackend } from '../../sandbox/backends/docker.ts';
import type { Mode } from '../../sandbox/executor.ts';
import type { ExecutionPlan } from '../../sandbox/plan.ts';
import { HoneyKey } from '../../sandbox/watch/honey.ts';
import { startEngine, startGvisorEngine } from '../sandbox/backends/docker-engine.ts';

const rounds = Number(process.argv[2] ?? 40) || 40;
const SLOW_ROUNDS = Math.max(5, Math.ceil(rounds / 5));
const COMMAND: readonly [string, ...string[]] = ['/bin/sh', '-c', 'echo ok'];
const stateDir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
chmodSync(stateDir, 0o755);

const plan = (mode: Mode): ExecutionPlan => ({
  callId: 'bench',
  tool: 'exec',
  mode,
  argv: COMMAND,
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

interface Variant {
  readonly name: string;
  readonly isSlow: boolean;
  /** Before each round, not counted. */
  readonly prepare?: () => Promise<void>;
  readonly run: () => Promise<void>;
}
const variants: Variant[] = [];
const absent: (readonly [name: string, why: string])[] = [];
const closing: (() => Promise<unknown>)[] = [];

function spawned(program: string, rest: readonly string[], expected = 'ok'): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { env: { PATH: '/usr/sbin:/usr/bin:/bin', HOME: '/tmp' }, cwd: '/tmp' });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.resume();
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 && said.trim() === expected ? resolve() : reject(new Error(`bench: ${program} ended with ${code}`)),
    );
    child.stdin.end();
  });
}

const { signal } = new AbortController();
async function runOn(backend: Backend): Promise<void> {
  const outcome = await backend.run(plan(backend.mode), { signal });
  if (outcome.kind !== 'exited' || outcome.code !== 0) throw new Error(`bench: ${JSON.stringify(outcome)}`);
}

function addBackend(name: string, backend: Backend, isSlow: boolean): void {
  const { prewarm } = backend;
  variants.push({
    name,
    isSlow,
    run: () => runOn(backend),
    // The refill is work behind the call, not in it; what it costs is the cold figure.
    ...(prewarm === undefined ? {} : { prepare: () => prewarm.call(backend, plan(backend.mode)) }),
  });
  closing.unshift(() => backend.close());
}

variants.push({ name: 'plain spawn', isSlow: false, run: () => spawned(COMMAND[0], COMMAND.slice(1)) });
const common = { uid: 65534, gid: 65534, stateDir, honey: new HoneyKey() };
addBackend('**Sluice, bubblewrap, pre-warmed**', createBubblewrapBackend({ ...common, pool: 2 }), false);
addBackend('**Sluice, bubblewrap, cold**', createBubblewrapBackend({ ...common, pool: 0 }), false);

async function addDocker(): Promise<void> {
  const gvisor = await startGvisorEngine();
  const engine = gvisor.missing === '' ? gvisor : await startEngine();
  if (engine.missing !== '') return void absent.push(['Docker', engine.missing]);
  const site = { ...common, socket: engine.socket, image: 'sluice-bench' };
  addBackend('**Sluice, docker**', createDockerBackend({ ...site, mode: 'docker' }), true);
  if (gvisor.missing === '')
    addBackend('**Sluice, docker+gvisor**', createDockerBackend({ ...site, mode: 'docker+gvisor' }), true);
  else absent.push(['docker+gvisor', gvisor.missing]);
  closing.push(() => engine.stop());
  await runOn(createDockerBackend({ ...site, mode: 'docker' }));
  const docker = ['-H', `unix://${engine.socket}`];
  const image = spawnSync('docker', [...docker, 'images', '-q', 'sluice-bench'], { encoding: 'utf8' }).stdout.trim();
  if (image === '') return void absent.push(['docker run, docker exec', 'the docker command is not installed']);
  const options = ['--network', 'none', '-v', '/usr:/usr:ro', image];
  variants.push({
    name: 'docker run --network none',
    isSlow: true,
    run: () => spawned('docker', [...docker, 'run', '--rm', ...options, ...COMMAND]),
  });
  const id = spawnSync('docker', [...docker, 'run', '-d', ...options, '/bin/sleep', '600'], { encoding: 'utf8' });
  const container = id.stdout.trim();
  variants.push({
    name: 'docker exec in a running container',
    isSlow: true,
    run: () => spawned('docker', [...docker, 'exec', container, ...COMMAND]),
  });
  closing.unshift(() => spawned('docker', [...docker, 'rm', '-f', container], container));
}

interface Runtime {
  readonly SandboxManager: {
    initialize(config: object): Promise<void>;
    wrapWithSandbox(command: string): Promise<string>;
    reset(): Promise<void>;
  };
}

async function addSandboxRuntime(): Promise<void> {
  const name = '@anthropic-ai/sandbox-runtime';
  const prefix = join(stateDir, 'srt');
  const installed = spawnSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', `${name}@0.0.78`], {
    stdio: 'ignore',
    timeout: 120_000,
  });
  if (installed.status !== 0) return void absent.push([name, 'it could not be installed']);
  try {
    const entry = pathToFileURL(join(prefix, 'node_modules', name, 'dist/index.js')).href;
    const { SandboxManager } = (await import(entry)) as Runtime;
    await SandboxManager.initialize({
      network: { allowedDomains: [], deniedDomains: [] },
      filesystem: { denyRead: [], allowWrite: ['/tmp'], denyWrite: [] },
    });
    variants.push({
      name: `${name} 0.0.78 (library)`,
      isSlow: true,
      run: async () => spawned('/bin/sh', ['-c', await SandboxManager.wrapWithSandbox('echo ok')]),
    });
    closing.push(() => SandboxManager.reset());
  } catch (error) {
    absent.push([name, error instanceof Error ? error.message.slice(0, 120) : 'it does not start']);
  }
}

await addDocker();
await addSandboxRuntime();

const at = (values: readonly number[], share: number): number =>
  values[Math.floor(values.length * share)] ?? Number.NaN;

interface Row {
  readonly name: string;
  readonly sorted: readonly number[];
  /** Median of the plain spawns of the same turns. */
  readonly base: number;
}

/** In turn, so that whatever else the machine does falls on all alike; the first is what the others are compared with. */
async function measure(compared: readonly Variant[], count: number): Promise<readonly Row[]> {
  const samples = compared.map((): number[] => []);
  for (let round = -2; round < count; round++)
    for (const [index, { prepare, run }] of compared.entries()) {
      await prepare?.();
      const begin = performance.now();
      await run();
      if (round >= 0) samples[index]?.push(performance.now() - begin);
    }
  const sorted = samples.map((values) => values.toSorted((a, b) => a - b));
  return compared.map(({ name }, index) => ({ name, sorted: sorted[index] ?? [], base: at(sorted[0] ?? [], 0.5) }));
}

// Apart: what an engine does behind its last container would be counted against the fast ones.
const [plain, ...others] = variants;
if (plain === undefined) throw new Error('bench: nothing to compare with');
const fast = await measure([plain, ...others.filter(({ isSlow }) => !isSlow)], rounds);
const slow = await measure([plain, ...others.filter(({ isSlow }) => isSlow)], SLOW_ROUNDS);
const rows = [...fast, ...slow.slice(1)];
const table = [
  '| `sh -c "echo ok"` | median ms | p95 ms | least ms | to a plain spawn |',
  '| --- | --- | --- | --- | --- |',
  ...rows.map(({ name, sorted, base }) => {
    const cells = [at(sorted, 0.5), at(sorted, 0.95), at(sorted, 0)].map((value) => value.toFixed(1));
    return `| ${name} | ${cells.join(' | ')} | ${(at(sorted, 0.5) / base).toFixed(1)} |`;
  }),
  ...absent.map(([name, why]) => `| ${name} | not measured: ${why} | | | |`),
].join('\n');
process.stdout.write(`${table}\n`);

if (process.argv.includes('--write')) {
  const page = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
  const text = readFileSync(page, 'utf8');
  const marked = /<!-- sandbox -->[\s\S]*<!-- end sandbox -->/;
  if (!marked.test(text)) throw new Error('docs/performance.md has no section for the sandbox');
  writeFileSync(page, text.replace(marked, `<!-- sandbox -->\n${table}\n<!-- end sandbox -->`));
}
for (const close of closing) await close().catch(() => undefined);
rmSync(stateDir, { recursive: true, force: true });
process.exit(0);
