/**
 * Mixed traffic with faults at a fixed rate against a Sluice in a process of its own: every surface, streams and not, sensitive and clean, clients that leave, clouds and local
 * servers that break. Watched: memory, descriptors and latency of the process over time, that every reply ends properly, and that every request is in the audit.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeAnthropic } from '../helpers/fake-anthropic.ts';
import { startFakeOllama } from '../helpers/fake-ollama.ts';
import { startFakeOpenAI } from '../helpers/fake-openai.ts';
import { runCli, startServe } from '../helpers/cli.ts';
import { Random } from '../helpers/random.ts';
import { COMPLEX } from '../helpers/sluice.ts';
import { endsProperly } from '../helpers/stream-ending.ts';
import { MODELS, SURFACES } from '../leaks/hunt/surfaces.ts';

export interface SoakOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly clients: number;
  /** One reply of an upstream in so many is a fault. */
  readonly faultEvery: number;
  /** Requests a second, all clients together; 0 as many as they can. */
  readonly rate: number;
}

export interface Sample {
  readonly second: number;
  readonly rssMiB: number;
  readonly descriptors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

export interface SoakResult {
  readonly requests: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
  /** Streams of status 200 that ended without their terminator. */
  readonly unterminated: number;
  /** Requests with an id from Sluice that the audit does not have. */
  readonly unaccounted: readonly string[];
  readonly auditWhole: boolean;
  readonly exitCode: number | null;
  readonly stderr: string;
}

const FAULTS = [
  'reset',
  'close',
  'reset-mid-stream',
  'truncated',
  'bad-json',
  'rate-limited',
  'server-error',
  'silent-200',
  'error-mid-stream',
] as const;
const LOCAL_FAULTS = ['reset', 'server-error', 'no-done', 'error-line'] as const;
const CARD = '4539 5787 6362 1486';

export async function soak(
  options: SoakOptions,
  onSample: (sample: Sample) => void = () => undefined,
): Promise<SoakResult> {
  const random = new Random(options.seed);
  const answer = <Fault>(faults: readonly Fault[]): { readonly reply: () => { readonly text: string } | Fault } => ({
    reply: () => (random.chance(options.faultEvery) ? random.pick(faults) : { text: 'a short answer that is whole' }),
  });
  const cloud = await startFakeOpenAI(answer(FAULTS));
  const claude = await startFakeAnthropic(answer(FAULTS));
  const local = await startFakeOllama({ ...answer(LOCAL_FAULTS), models: MODELS });
  const place = mkdtempSync(join(tmpdir(), 'sluice-soak-'));
  const config = join(place, 'sluice.yaml');
  const times = 'connectTimeoutMs: 2000, firstByteTimeoutMs: 3000, idleTimeoutMs: 3000';
  writeFileSync(
    config,
    `stateDir: "${join(place, 'state')}"
log: { level: error }
listen: { drainMs: 3000 }
sandbox: { mode: deny }
upstreams:
  - { kind: ollama, name: home, url: "${local.url}", sees: restricted, ${times} }
  - { kind: anthropic, name: claude, url: "${claude.url}", model: claude-fake, apiKey: env:KEY, sees: public, ${times} }
  - { kind: openai, name: sky, url: "${cloud.url}", model: gpt-fake, apiKey: env:KEY, sees: public, ${times} }
`,
  );
  const sluice = await startServe(['--config', config], { KEY: 'key-of-the-soak' });
  const { pid } = sluice.child;
  const started = performance.now();
  const until = started + options.seconds * 1_000;
  const statuses: Record<string, number> = {};
  const ids = new Map<string, string>();
  const samples: Sample[] = [];
  let latencies: number[] = [];
  let requests = 0;
  let unterminated = 0;

  const client = async (number: number): Promise<void> => {
    const own = new Random(options.seed * 1_000 + number);
    for (let turn = 0; performance.now() < until; turn += 1) {
      // Of its own clock, so that a slow reply is followed by the next at once and the rate stays what it was asked to be.
      const due = options.rate === 0 ? 0 : started + ((turn * options.clients + number) * 1_000) / options.rate;
      if (due > performance.now()) await sleep(due - performance.now());
      const surface = own.pick(SURFACES);
      const stream = own.chance(2);
      const leave = own.chance(25);
      requests += 1;
      const opening = `${COMPLEX} (${options.seed}.${number}.${requests})${own.chance(3) ? ` card ${CARD}` : ''}${own.chance(6) ? ` mail jane${requests}@corp-mail.example` : ''}`;
      const begun = performance.now();
      const abort = new AbortController();
      if (leave) setTimeout(() => abort.abort(), own.below(30));
      let status = 'gone';
      try {
        const response = await fetch(`${sluice.url}${surface.path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(surface.body(opening, stream)),
          signal: abort.signal,
        });
        const id = response.headers.get('x-sluice-request-id');
        if (id !== null && id !== 'none') ids.set(id, `${surface.name} ${response.status}`);
        const text = await response.text();
        status = String(response.status);
        if (
          response.status === 200 &&
          /^(?:text\/event-stream|application\/x-ndjson)/.test(response.headers.get('content-type') ?? '') &&
          !endsProperly(text)
        )
          unterminated += 1;
        latencies.push(performance.now() - begun);
      } catch (error) {
        if (!leave) status = error instanceof Error ? `broken:${error.name}` : 'broken';
      }
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  const sampling = setInterval(
    () => {
      const sorted = latencies.toSorted((a, b) => a - b);
      latencies = [];
      const sample = {
        second: Math.round((performance.now() - started) / 1_000),
        rssMiB: residentMiB(pid),
        descriptors: readdirSync(`/proc/${pid}/fd`).length,
        p50Ms: tenths(sorted[Math.floor(sorted.length / 2)] ?? 0),
        p99Ms: tenths(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
        requests,
      };
      samples.push(sample);
      onSample(sample);
      for (const fake of [cloud, claude, local]) fake.forget();
    },
    Math.max(1_000, (options.seconds * 1_000) / 60),
  );
  await Promise.all(Array.from({ length: options.clients }, (_, number) => client(number)));
  clearInterval(sampling);
  sluice.child.kill('SIGTERM');
  const { code, stderr } = await sluice.exited;
  await Promise.all([cloud, claude, local].map((fake) => fake.close()));
  const env = { KEY: 'key-of-the-soak' };
  const exported = await runCli(['audit', 'export', '--config', config], { env });
  const verified = await runCli(['audit', 'verify', '--config', config], { env });
  if (exported.code !== 0) throw new Error(`the audit could not be exported: ${exported.stderr}`);
  const recorded = exported.stdout;
  rmSync(place, { recursive: true, force: true });
  return {
    requests,
    statuses,
    samples,
    unterminated,
    unaccounted: [...ids].filter(([id]) => !recorded.includes(id)).map(([id, what]) => `${what} ${id}`),
    auditWhole: verified.code === 0,
    exitCode: code,
    stderr,
  };
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

function residentMiB(pid: number | undefined): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kibibytes ?? 0) / 1024);
}

/** Median of a figure over the samples from one share of the run to another. */
export function medianOf(
  samples: readonly Sample[],
  figure: 'rssMiB' | 'descriptors' | 'p50Ms' | 'p99Ms',
  from: number,
  to: number,
): number {
  const part = samples
    .slice(Math.floor(samples.length * from), Math.ceil(samples.length * to))
    .map((sample) => sample[figure]);
  return part.toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0;
}
