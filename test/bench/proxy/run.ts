/**
 * What Sluice costs beside what forwards without reading: `npm run bench`. CPU per request is the judge (user and system, all threads, nanoseconds from /proc): load
 * and neighbours blur the rest. `--quick` takes two minutes, `--write` puts the tables into docs/performance.md between their marks,
 * `--only SHAPE,…` picks. Every reply is counted by status and route: a table that mixes paths says so below it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WHOLE, type Shape } from './bodies.ts';
import {
  direct,
  LOAD_CORE,
  start,
  startBare,
  startNginx,
  startPortkey,
  startSluice,
  type Contender,
} from './contenders.ts';
import { LoadGenerator, type Cell, type Figures } from './rounds.ts';
import { describeStreams, holdStreams, type ManyStreams, STREAMS_HEAD } from './streams.ts';
import { budgetTable, requestTable, streamTable, type Taken } from './tables.ts';

const isQuick = process.argv.includes('--quick');
const only = process.argv[process.argv.indexOf('--only') + 1]?.split(',') ?? [];
const picked = (shape: Shape): boolean => !process.argv.includes('--only') || only.includes(shape);
/** A warm-up of two seconds measured the compiler: what it costs to be fully compiled is paid over some 6,000 requests. */
const HOW = isQuick ? { rounds: 3, ms: 700, warmMs: 4_000 } : { rounds: 5, ms: 900, warmMs: 8_000 };
const STREAMS = isQuick ? { rounds: 3, ms: 1_500, warmMs: 1_500 } : { rounds: 3, ms: 2_000, warmMs: 1_500 };

/** Bodies a round needs so that a body is sent at most once or twice to the slowest of those who remember. */
const BODIES: Readonly<Record<Shape, number>> = {
  'chat-2k': 4_000,
  'chat-2k-masked': 1_500,
  'chat-2k-local': 1_500,
  'english-60k': 250,
  'agent-60k': 250,
  'agent-60k-seen': 1_500,
  'history-300k': 60,
};
/** One connection alone comes last: it makes too few requests for a compiler to be done. */
const cells: readonly Cell[] = (
  [
    ['chat-2k', isQuick ? [16, 1] : [16, 64, 256, 1]],
    ['english-60k', isQuick ? [16] : [16, 1]],
    ['agent-60k', isQuick ? [16] : [16, 1]],
    ['agent-60k-seen', isQuick ? [16] : [16, 64, 1]],
    ['history-300k', isQuick ? [] : [1]],
    ['chat-2k-masked', [16]],
    ['chat-2k-local', [16]],
  ] as const
).flatMap(([shape, counts]) =>
  picked(shape) ? counts.map((concurrency) => ({ shape, concurrency, bodies: BODIES[shape] })) : [],
);
const streamCells: readonly Cell[] = [
  { shape: 'chat-2k' as const, concurrency: 16, bodies: 600, options: { stream: true, gapMs: 0 } },
  { shape: 'chat-2k' as const, concurrency: 16, bodies: 100, options: { stream: true, gapMs: 5 } },
  { shape: 'chat-2k-masked' as const, concurrency: 16, bodies: 100, options: { stream: true, gapMs: 5 } },
  ...(isQuick
    ? []
    : [{ shape: 'chat-2k' as const, concurrency: 64, bodies: 300, options: { stream: true, gapMs: 5 } }]),
].filter(({ shape }) => picked(shape));

const upstream = await start([process.execPath, join(import.meta.dirname, 'upstream.ts')], {
  core: LOAD_CORE,
  port: /^(\d+)\n/,
});
const running: Contender[] = [];
const keep = <T extends Contender | undefined>(contender: T): T => {
  if (contender !== undefined) running.push(contender);
  return contender;
};
const load = await LoadGenerator.start();
const taken: Taken[] = [];
const streamed: Taken[] = [];
const held: ManyStreams[] = [];
try {
  const bare = keep(await startBare(upstream.port));
  const sluice = keep(await startSluice('all on', upstream.port));
  const unread = keep(await startSluice('nothing read', upstream.port));
  const looping = keep(await startSluice('tool loop', upstream.port));
  const portkey = keep(await startPortkey(upstream.port));
  const nginx = keep(await startNginx(upstream.port));
  const those = (...list: readonly (Contender | undefined)[]): readonly Contender[] =>
    list.filter((each) => each !== undefined);
  /** Others have nothing to mask and no local model: for them such a body is one more chat. */
  const contendersOf = ({ shape, options = WHOLE }: Cell): readonly Contender[] => {
    if (shape === 'chat-2k-masked' || shape === 'chat-2k-local') return those(bare, sluice);
    if (options.stream || shape.startsWith('agent'))
      return those(direct(upstream), bare, sluice, unread, looping, portkey, nginx);
    return those(direct(upstream), bare, sluice, unread, portkey, nginx);
  };
  for (const [list, into, how] of [
    [cells, taken, HOW],
    [streamCells, streamed, STREAMS],
  ] as const)
    for (const cell of list) {
      const figures = await load.measure(contendersOf(cell), cell, how);
      into.push({ cell, figures });
      process.stderr.write(
        `${cell.shape} c=${cell.concurrency}${cell.options === undefined ? '' : ` stream ${cell.options.gapMs} ms`}: ${brief(figures)}\n`,
      );
    }
  for (const shape of (isQuick ? (['chat-2k'] as const) : (['chat-2k', 'agent-60k-seen'] as const)).filter(picked)) {
    // A process of its own: what the rounds before left in memory is no stream's.
    const fresh = keep(await startSluice('all on', upstream.port));
    held.push(await holdStreams(load, fresh, { streams: 1_000, shape, gapMs: 100 }));
    fresh.stop();
    process.stderr.write(`${held.at(-1)?.peakMB.toFixed(0)} MB with 1,000 streams of ${shape}\n`);
  }
} finally {
  load.stop();
  for (const each of running) each.stop();
  upstream.child.kill('SIGKILL');
}

function brief(figures: ReadonlyMap<string, Figures>): string {
  return [...figures]
    .map(
      ([name, each]) =>
        `${name} ${(each.cpu.toSorted((a, b) => a - b)[Math.floor(each.cpu.length / 2)] ?? 0).toFixed(0)}`,
    )
    .join(', ');
}

const tables = {
  requests: requestTable(taken),
  streams: streamTable(streamed),
  held: [STREAMS_HEAD, ...held.map(describeStreams)].join('\n'),
  budgets: budgetTable(taken, streamed),
};
for (const table of Object.values(tables)) process.stdout.write(`${table}\n\n`);
if (process.argv.includes('--write')) {
  const page = join(import.meta.dirname, '../../../docs/performance.md');
  let text = readFileSync(page, 'utf8');
  for (const [name, table] of Object.entries(tables))
    text = text.replace(
      new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- end ${name} -->)`),
      () => `<!-- ${name} -->\n${table}\n<!-- end ${name} -->`,
    );
  writeFileSync(page, text);
}
