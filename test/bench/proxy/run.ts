/**
 * Sluice against the bare pass-through, side by side in one run: `npm run bench`. Each variant is its own process; rounds are interleaved (A B A B …) so that a
 * slower minute hits both. CPU per request (user and system, all threads, from /proc) is the judge: load and neighbours blur the rest. Prints a
 * Markdown table; `--write` puts it into docs/performance.md between its marks.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bodyOf, type Shape } from './bodies.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const ROUND_MS = Number(process.env['ROUND_MS'] ?? 1_500);
const BODIES = 200;
const SHAPES: readonly Shape[] = ['chat-2k', 'english-60k', 'agent-60k', 'agent-60k-seen'];
/** Clock ticks per second of /proc/PID/stat; fixed at 100 on Linux. */
const TICK_US = 10_000;

interface Proxy {
  readonly name: string;
  readonly process: ChildProcess;
  readonly port: number;
}

async function start(name: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Proxy> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...environment },
  });
  const port = await new Promise<number>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const match = /^(\d+)\n/.exec(text) ?? /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(text);
      if (match !== null) resolve(Number(match[1]));
    });
    child.once('exit', (code) => reject(new Error(`${name} exited ${code}`)));
  });
  return { name, process: child, port };
}

function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

interface Round {
  readonly requests: number;
  readonly cpuMicros: number;
  readonly latencies: readonly number[];
  readonly seconds: number;
}

async function round(proxy: Proxy, bodies: readonly Buffer[], concurrency: number): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const latencies: number[] = [];
  const pid = proxy.process.pid ?? 0;
  const cpu = cpuMicros(pid);
  const startedAt = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() - startedAt < ROUND_MS) {
        const body = bodies[next % bodies.length] ?? Buffer.alloc(0);
        next += 1;
        const sentAt = performance.now();
        await ask(proxy.port, body, agent);
        latencies.push(performance.now() - sentAt);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  agent.destroy();
  return { requests: latencies.length, cpuMicros: cpuMicros(pid) - cpu, latencies, seconds };
}

let keptInside = 0;

function ask(port: number, body: Buffer, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path: '/v1/chat/completions',
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': body.length },
      },
      (response) => {
        // Word salad looks like a name now and then; such a request, and all later ones with its text, may stay inside, where no model is.
        if (response.statusCode !== 200 || !String(response.headers['x-sluice-route'] ?? 'cloud').startsWith('cloud'))
          keptInside += 1;
        response.resume().on('end', resolve).on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0;

const upstream = await start('upstream', [join(import.meta.dirname, 'upstream.ts')]);
const state = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
writeFileSync(
  join(state, 'sluice.yaml'),
  `stateDir: "${state}"\nlog: { level: info }\nclassify: { deadlineMs: 30000 }\nsandbox: { mode: deny }\nupstreams:\n  - { kind: ollama, name: home, url: "http://127.0.0.1:1", sees: restricted }\n  - { kind: openai, name: sky, url: "http://127.0.0.1:${upstream.port}/v1", model: bench, sees: public }\npolicy: { clean: { simple: cloud } }\n`,
);
const sluice = await start('sluice', [
  join(import.meta.dirname, '../../../router/main.ts'),
  'serve',
  '--port',
  '0',
  '--config',
  join(state, 'sluice.yaml'),
]);
sluice.process.stdout?.resume();
const bare = await start('bare', [join(import.meta.dirname, 'bare.ts'), `http://127.0.0.1:${upstream.port}`]);
const rows: string[] = [];
try {
  for (const shape of (process.env['SHAPES']?.split(',') as Shape[] | undefined) ?? SHAPES) {
    const bodies = Array.from({ length: BODIES }, (_, index) => bodyOf(shape, index + 1));
    for (const concurrency of [1, 16]) {
      const results = new Map<string, Round[]>([
        ['bare', []],
        ['sluice', []],
      ]);
      for (const proxy of [bare, sluice]) await round(proxy, bodies, concurrency);
      for (let index = 0; index < ROUNDS; index += 1) {
        for (const proxy of [bare, sluice]) {
          // Cold means cold: every round of a cold shape sends bodies never sent before.
          const fresh =
            shape.endsWith('-seen') || index === 0
              ? bodies
              : Array.from({ length: BODIES }, (_, each) =>
                  bodyOf(shape, each + 1 + (index + 1) * BODIES * 10 + concurrency),
                );
          results.get(proxy.name)?.push(await round(proxy, fresh, concurrency));
        }
      }
      const figure = (name: string) => {
        const rounds = results.get(name) ?? [];
        return {
          cpu: median(rounds.map((each) => each.cpuMicros / each.requests)),
          rps: median(rounds.map((each) => each.requests / each.seconds)),
          p50: median(rounds.map((each) => quantile(each.latencies, 0.5))),
          p99: median(rounds.map((each) => quantile(each.latencies, 0.99))),
        };
      };
      const [a, b] = [figure('bare'), figure('sluice')];
      const row = `| ${shape} | ${concurrency} | ${a.cpu.toFixed(0)} | ${b.cpu.toFixed(0)} | **${(b.cpu / a.cpu).toFixed(2)}x** | ${a.rps.toFixed(0)} | ${b.rps.toFixed(0)} | ${a.p50.toFixed(2)} | ${b.p50.toFixed(2)} | ${(b.p50 - a.p50).toFixed(2)} | ${(b.p99 / a.p99).toFixed(2)}x |`;
      rows.push(row);
      process.stderr.write(`${row}\n`);
    }
  }
} finally {
  for (const each of [sluice, bare, upstream]) each.process.kill('SIGKILL');
  rmSync(state, { recursive: true, force: true });
}
process.stderr.write(`kept inside: ${keptInside}\n`);
const table = [
  '| body | c | bare CPU µs | Sluice CPU µs | ratio | bare req/s | Sluice req/s | bare p50 ms | Sluice p50 ms | added ms | p99 ratio |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ...rows,
].join('\n');
process.stdout.write(`${table}\n`);
if (process.argv.includes('--write')) {
  const page = join(import.meta.dirname, '../../../docs/performance.md');
  const text = readFileSync(page, 'utf8');
  writeFileSync(page, text.replace(/(<!-- proxy table -->\n)[\s\S]*?(<!-- end -->)/, `$1${table}\n$2`));
}
