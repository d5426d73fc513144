/** Figures to Markdown. A ratio is taken inside each round and given as median (lowest–highest). */
import type { Cell, Figures } from './rounds.ts';
import { median, ratioWithSpread } from './statistics.ts';

export interface Taken {
  readonly cell: Cell;
  readonly figures: ReadonlyMap<string, Figures>;
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const head = (names: readonly string[]): string => `${row(names)}\n${row(names.map(() => '---'))}`;
const ms = (values: readonly number[]): string => median(values).toFixed(2);

export function requestTable(taken: readonly Taken[]): string {
  const lines = [
    head([
      'body',
      'c',
      '',
      'CPU µs a request',
      'to bare',
      'req/s',
      'p50 ms',
      'p50 over bare',
      'p99 to bare',
      'RSS MB',
      'loop late at most, ms',
    ]),
  ];
  for (const { cell, figures } of taken) {
    const bare = figures.get('bare');
    for (const [name, each] of figures) {
      const isProxy = name !== 'direct';
      lines.push(
        row([
          cell.shape,
          cell.concurrency,
          name,
          isProxy ? median(each.cpu).toFixed(0) : '',
          isProxy && name !== 'bare' ? ratioWithSpread(each.cpu, bare?.cpu ?? []) : '',
          median(each.perSecond).toFixed(0),
          ms(each.p50),
          isProxy && name !== 'bare' ? (median(each.p50) - median(bare?.p50 ?? [])).toFixed(2) : '',
          isProxy && name !== 'bare' ? ratioWithSpread(each.p99, bare?.p99 ?? []) : '',
          isProxy ? each.residentMB.toFixed(0) : '',
          each.loopMaxMs === undefined ? '' : each.loopMaxMs.toFixed(1),
        ]),
      );
    }
  }
  return [...lines, ...paths(taken)].join('\n');
}

export function streamTable(taken: readonly Taken[]): string {
  const lines = [
    head([
      'body',
      'c',
      'gap ms',
      '',
      'CPU µs a stream',
      'to bare',
      'streams/s',
      'first byte p50 ms',
      'token delay p50 ms',
      'to bare',
      'token delay p99 ms',
      'RSS MB',
    ]),
  ];
  for (const { cell, figures } of taken) {
    const bare = figures.get('bare');
    for (const [name, each] of figures) {
      const isProxy = name !== 'direct';
      const isPaced = (cell.options?.gapMs ?? 0) > 0;
      lines.push(
        row([
          cell.shape,
          cell.concurrency,
          cell.options?.gapMs ?? 0,
          name,
          isProxy ? median(each.cpu).toFixed(0) : '',
          isProxy && name !== 'bare' ? ratioWithSpread(each.cpu, bare?.cpu ?? []) : '',
          median(each.perSecond).toFixed(0),
          ms(each.firstByteP50),
          isPaced ? ms(each.tokenP50) : '',
          isPaced && isProxy && name !== 'bare' ? ratioWithSpread(each.tokenP50, bare?.tokenP50 ?? []) : '',
          isPaced ? ms(each.tokenP99) : '',
          isProxy ? each.residentMB.toFixed(0) : '',
        ]),
      );
    }
  }
  return [...lines, ...paths(taken)].join('\n');
}

/** Replies that took another way than the body is meant for. */
function paths(taken: readonly Taken[]): readonly string[] {
  const lines: string[] = [];
  for (const { cell, figures } of taken) {
    const wanted = cell.shape.endsWith('-masked')
      ? '200 cloud-masked'
      : cell.shape.endsWith('-local')
        ? '200 local'
        : '200 cloud';
    for (const [name, { replies }] of figures) {
      const others = Object.entries(replies).filter(([reply]) => reply !== '200' && reply !== wanted);
      const all = Object.values(replies).reduce((sum, count) => sum + count, 0);
      if (others.length > 0)
        lines.push(
          `${cell.shape} c=${cell.concurrency}, ${name}: ${others.map(([reply, count]) => `${reply} ${count}`).join(', ')} of ${all}.`,
        );
    }
  }
  return lines.length === 0
    ? ['', 'Every reply took the way meant for it.']
    : ['', `Replies that took another way: ${lines.join(' ')}`];
}

interface Budget {
  readonly what: string;
  readonly shape: string;
  readonly concurrency: number;
  readonly stream?: true;
  readonly goal: number;
  readonly line: number;
  readonly of: (sluice: Figures, bare: Figures, portkey: Figures | undefined) => number | undefined;
  /** Larger is better. */
  readonly atLeast?: true;
}

const cpu = (a: Figures, b: Figures): number => median(a.cpu.map((value, index) => value / (b.cpu[index] ?? 1)));
const toPortkey = (a: Figures, _: Figures, portkey: Figures | undefined): number | undefined =>
  portkey === undefined ? undefined : median(a.perSecond) / median(portkey.perSecond);
const BUDGETS: readonly Budget[] = [
  { what: 'CPU to bare, 2 KB chat', shape: 'chat-2k', concurrency: 16, goal: 1.6, line: 2, of: cpu },
  { what: 'CPU to bare, 60 KB English', shape: 'english-60k', concurrency: 16, goal: 2.5, line: 3.5, of: cpu },
  { what: 'CPU to bare, 60 KB agent turn, new', shape: 'agent-60k', concurrency: 16, goal: 4, line: 7, of: cpu },
  {
    what: 'CPU to bare, 60 KB agent turn, prefix seen',
    shape: 'agent-60k-seen',
    concurrency: 16,
    goal: 2.5,
    line: 4,
    of: cpu,
  },
  {
    what: 'added p50 over bare, 2 KB, ms',
    shape: 'chat-2k',
    concurrency: 1,
    goal: 0.25,
    line: 0.3,
    of: (a, b) => median(a.p50) - median(b.p50),
  },
  {
    what: 'added p50 over bare, 60 KB agent turn, prefix seen, ms',
    shape: 'agent-60k-seen',
    concurrency: 1,
    goal: 0.5,
    line: 0.7,
    of: (a, b) => median(a.p50) - median(b.p50),
  },
  {
    what: 'p99 to bare, 2 KB',
    shape: 'chat-2k',
    concurrency: 16,
    goal: 2,
    line: 3,
    of: (a, b) => median(a.p99.map((value, index) => value / (b.p99[index] ?? 1))),
  },
  {
    what: 'token delay to bare, p50',
    shape: 'chat-2k',
    concurrency: 16,
    stream: true,
    goal: 1.1,
    line: 1.3,
    of: (a, b) => median(a.tokenP50.map((value, index) => value / (b.tokenP50[index] ?? 1))),
  },
  {
    what: 'token delay to bare, p50, masked',
    shape: 'chat-2k-masked',
    concurrency: 16,
    stream: true,
    goal: 1.3,
    line: 1.6,
    of: (a, b) => median(a.tokenP50.map((value, index) => value / (b.tokenP50[index] ?? 1))),
  },
  { what: 'req/s to Portkey, 2 KB', shape: 'chat-2k', concurrency: 16, goal: 8, line: 5, of: toPortkey, atLeast: true },
  {
    what: 'req/s to Portkey, 60 KB English',
    shape: 'english-60k',
    concurrency: 16,
    goal: 4,
    line: 2.5,
    of: toPortkey,
    atLeast: true,
  },
  {
    what: 'req/s to Portkey, agent turn, prefix seen',
    shape: 'agent-60k-seen',
    concurrency: 16,
    goal: 2.5,
    line: 1.5,
    of: toPortkey,
    atLeast: true,
  },
];

export function budgetTable(taken: readonly Taken[], streamed: readonly Taken[]): string {
  const lines = [head(['budget', 'goal', 'red line', 'here', 'met'])];
  for (const { what, shape, concurrency, stream, goal, line, of, atLeast } of BUDGETS) {
    const list = stream === true ? streamed.filter(({ cell }) => (cell.options?.gapMs ?? 0) > 0) : taken;
    const found = list.find(({ cell }) => cell.shape === shape && cell.concurrency === concurrency);
    const [sluice, bare] = [found?.figures.get('Sluice'), found?.figures.get('bare')];
    const value =
      sluice === undefined || bare === undefined ? undefined : of(sluice, bare, found?.figures.get('Portkey'));
    const fits = (bound: number): boolean =>
      value !== undefined && (atLeast === true ? value >= bound : value <= bound);
    lines.push(
      row([
        what,
        goal,
        line,
        value === undefined ? 'not measured' : value.toFixed(2),
        value === undefined ? '' : fits(goal) ? 'goal' : fits(line) ? 'red line' : 'no',
      ]),
    );
  }
  return lines.join('\n');
}
