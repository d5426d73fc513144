/** Rounds of one kind of request against several contenders, interleaved (A B C A B C …) so that a slower minute hits all of them. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { WHOLE, type BodyOptions, type Shape } from './bodies.ts';
import { LOAD_CORE, start, type Contender } from './contenders.ts';
import type { Round, RoundResult } from './load.ts';
import { cpuMicros, residentMB } from './processes.ts';
import { median } from './statistics.ts';

export interface Cell {
  readonly shape: Shape;
  readonly concurrency: number;
  readonly options?: BodyOptions;
  /** Different bodies per round; what is sent twice is remembered. */
  readonly bodies: number;
}

/** One contender over the rounds of a cell. Times in milliseconds, CPU in microseconds a request. */
export interface Figures {
  readonly cpu: readonly number[];
  readonly perSecond: readonly number[];
  readonly p50: readonly number[];
  readonly p99: readonly number[];
  readonly firstByteP50: readonly number[];
  readonly tokenP50: readonly number[];
  readonly tokenP99: readonly number[];
  /** Of the last round. */
  readonly residentMB: number;
  readonly loopMaxMs: number | undefined;
  readonly replies: Readonly<Record<string, number>>;
}

export class LoadGenerator {
  readonly #child: ChildProcess;
  #from = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<LoadGenerator> {
    const { child } = await start([process.execPath, join(import.meta.dirname, 'load.ts')], {
      core: LOAD_CORE,
      ipc: true,
      port: undefined,
    });
    await new Promise((resolve) => child.once('message', resolve));
    return new LoadGenerator(child);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  run(round: Round): Promise<RoundResult> {
    return new Promise((resolve, reject) => {
      this.#child.once('message', (answer: RoundResult | { readonly failed: string }) => {
        if ('failed' in answer) reject(new Error(`${round.shape} c=${round.concurrency}: ${answer.failed}`));
        else resolve(answer);
      });
      this.#child.send(round);
    });
  }

  /** measure gives every contender the same bodies in one round and others in the next. */
  async measure(
    contenders: readonly Contender[],
    cell: Cell,
    how: { readonly rounds: number; readonly ms: number; readonly warmMs: number },
  ): Promise<ReadonlyMap<string, Figures>> {
    const all = new Map(contenders.map((each) => [each.name, [] as Measured[]]));
    for (let round = -1; round < how.rounds; round += 1) {
      for (const each of contenders) {
        const measured = await this.#one(each, cell, round < 0 ? how.warmMs : how.ms);
        // The first round warms up: a compiler that is still at work costs more than the requests.
        if (round >= 0) all.get(each.name)?.push(measured);
      }
      this.#from += cell.bodies;
    }
    return new Map([...all].map(([name, rounds]) => [name, gather(rounds)]));
  }

  async #one(contender: Contender, cell: Cell, ms: number): Promise<Measured> {
    await contender.loopDelay();
    const cpu = cpuMicros(contender.pids);
    const result = await this.run({
      port: contender.port,
      headers: contender.headers,
      shape: cell.shape,
      options: cell.options ?? WHOLE,
      from: this.#from,
      bodies: cell.bodies,
      concurrency: cell.concurrency,
      ms,
      each: 0,
    });
    const delay = await contender.loopDelay();
    return {
      result,
      cpu: (cpuMicros(contender.pids) - cpu) / Math.max(1, result.requests),
      // The proxy's own process; nginx's first one is idle.
      residentMB: residentMB(contender.name === 'nginx' ? contender.pids : contender.pids.slice(0, 1)),
      loopMaxMs: delay?.max,
    };
  }
}

interface Measured {
  readonly result: RoundResult;
  readonly cpu: number;
  readonly residentMB: number;
  readonly loopMaxMs: number | undefined;
}

function gather(rounds: readonly Measured[]): Figures {
  const replies: Record<string, number> = {};
  for (const { result } of rounds)
    for (const [name, count] of Object.entries(result.replies)) replies[name] = (replies[name] ?? 0) + count;
  const delays = rounds.flatMap(({ loopMaxMs }) => (loopMaxMs === undefined ? [] : [loopMaxMs]));
  return {
    cpu: rounds.map((each) => each.cpu),
    perSecond: rounds.map(({ result }) => result.requests / result.seconds),
    p50: rounds.map(({ result }) => result.p50),
    p99: rounds.map(({ result }) => result.p99),
    firstByteP50: rounds.map(({ result }) => result.firstByteP50),
    tokenP50: rounds.map(({ result }) => result.tokenP50),
    tokenP99: rounds.map(({ result }) => result.tokenP99),
    residentMB: rounds.at(-1)?.residentMB ?? 0,
    loopMaxMs: delays.length === 0 ? undefined : median(delays),
    replies,
  };
}
