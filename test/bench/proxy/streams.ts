/**
 * Many streams at once: `node test/bench/proxy/streams.ts [streams] [shape] [gap ms]`. Every stream of 200 chunks must come whole; what is measured is how much memory the
 * router's process holds while all are open, and how late chunks are. Part of `npm run bench`.
 */
import type { Shape } from './bodies.ts';
import { LOAD_CORE, start, startSluice, type Contender } from './contenders.ts';
import { residentMB } from './processes.ts';
import { LoadGenerator } from './rounds.ts';
import { join } from 'node:path';

export interface ManyStreams {
  readonly streams: number;
  readonly shape: Shape;
  readonly gapMs: number;
  readonly idleMB: number;
  readonly peakMB: number;
  /** Streams that came to their end, of `streams`. */
  readonly whole: number;
  readonly tokens: number;
  readonly tokenP50: number;
  readonly tokenP99: number;
}

const SAMPLE_MS = 200;

export async function holdStreams(
  load: LoadGenerator,
  sluice: Contender,
  asked: { readonly streams: number; readonly shape: Shape; readonly gapMs: number },
): Promise<ManyStreams> {
  const round = {
    port: sluice.port,
    headers: sluice.headers,
    shape: asked.shape,
    options: { stream: true, gapMs: asked.gapMs },
    from: 1_000_000,
    bodies: Math.min(asked.streams, 500),
    ms: 600_000,
    each: 1,
  };
  await load.run({ ...round, concurrency: 16, options: { stream: true, gapMs: 0 }, each: 20 });
  const idleMB = residentMB(sluice.pids.slice(0, 1));
  let peakMB = idleMB;
  const sampling = setInterval(() => (peakMB = Math.max(peakMB, residentMB(sluice.pids.slice(0, 1)))), SAMPLE_MS);
  const result = await load.run({ ...round, from: 2_000_000, concurrency: asked.streams });
  clearInterval(sampling);
  return {
    ...asked,
    idleMB,
    peakMB,
    whole: Object.entries(result.replies)
      .filter(([reply]) => reply.startsWith('200'))
      .reduce((sum, [, count]) => sum + count, 0),
    tokens: result.tokens,
    tokenP50: result.tokenP50,
    tokenP99: result.tokenP99,
  };
}

export function describeStreams({
  streams,
  shape,
  gapMs,
  idleMB,
  peakMB,
  whole,
  tokens,
  tokenP50,
  tokenP99,
}: ManyStreams): string {
  return `| ${streams} | ${shape} | ${gapMs} | ${whole} | ${tokens} | ${idleMB.toFixed(0)} | ${peakMB.toFixed(0)} | ${tokenP50.toFixed(1)} | ${tokenP99.toFixed(0)} |`;
}

export const STREAMS_HEAD =
  '| streams | body | gap ms | whole | chunks | MB before | MB at most | chunk late p50 ms | p99 ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |';

if (import.meta.main) {
  const [streams = '1000', shape = 'chat-2k', gapMs = '100'] = process.argv.slice(2);
  const upstream = await start([process.execPath, join(import.meta.dirname, 'upstream.ts')], {
    core: LOAD_CORE,
    port: /^(\d+)\n/,
  });
  const load = await LoadGenerator.start();
  const sluice = await startSluice('all on', upstream.port);
  try {
    const held = await holdStreams(load, sluice, {
      streams: Number(streams),
      shape: shape as Shape,
      gapMs: Number(gapMs),
    });
    process.stdout.write(`${STREAMS_HEAD}\n${describeStreams(held)}\n`);
  } finally {
    for (const child of [upstream.child]) child.kill('SIGKILL');
    load.stop();
    sluice.stop();
  }
}
