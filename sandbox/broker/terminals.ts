/**
 * Programs on terminals that outlive the call which started them: who may reach which, how many, for how long, and what of
 * their output is kept. Each is one run of a backend like any other, attested before it began, in its own sandbox. Fails
 * closed: an id of another session is no id, and whatever reaches a limit is killed.
 */
import type { Writable } from 'node:stream';
import type { SandboxConfig } from '../../config/sandbox-schema.ts';
import type { Attestation, Terminal } from '../backend.ts';
import { createOutputCollector } from '../bounded-output.ts';
import type { OutputCollector } from '../bounded-output.ts';
import type { BoundedOutput } from '../executor.ts';
import type { ExecutionPlan } from '../plan.ts';
import type { CallWatch } from '../watch/watch.ts';
import type { EgressDoor, RunResult } from './plan-runner.ts';

/** How one run is begun; settles when it has ended. */
export type Launch = (hooks: {
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly opened: (door: EgressDoor) => void;
}) => Promise<RunResult>;

export interface Step {
  readonly result: RunResult;
  /** What the program's own watch has seen, beside that of the step. */
  readonly watch: CallWatch | undefined;
}

interface Live {
  readonly id: string;
  readonly sessionKey: string;
  readonly scopeKey: string;
  readonly watch: CallWatch;
  readonly controller: AbortController;
  unread: OutputCollector;
  total: number;
  input: Writable | undefined;
  attested: Attestation;
  door: EgressDoor | undefined;
  end: RunResult | undefined;
  killedFor: '' | 'idle' | 'output';
  idle: NodeJS.Timeout | undefined;
  /** Settles at the next output or at the end. */
  news: PromiseWithResolvers<void>;
}

/** Output that stops for so long is an answer. */
const QUIET_MS = 120;

export class Terminals {
  readonly #limits: SandboxConfig['terminals'];
  readonly #live = new Map<string, Live>();

  constructor(limits: SandboxConfig['terminals']) {
    this.#limits = limits;
  }

  async start(plan: ExecutionPlan, watch: CallWatch, signal: AbortSignal, launch: Launch): Promise<Step> {
    const { id = '', waitMs = 0 } = plan.terminal ?? {};
    const ofSession = [...this.#live.values()].filter((one) => one.sessionKey === plan.sessionKey).length;
    if (ofSession >= this.#limits.perSession || this.#live.size >= this.#limits.total || this.#live.has(id))
      return step(refused('busy', 'As many sessions as may run do (sandbox.terminals). Kill one, then start another.'));
    const live: Live = {
      id,
      sessionKey: plan.sessionKey,
      scopeKey: plan.scopeKey,
      watch,
      controller: new AbortController(),
      unread: createOutputCollector(this.#limits.unreadBytes),
      total: 0,
      input: undefined,
      attested: {},
      door: undefined,
      end: undefined,
      killedFor: '',
      idle: undefined,
      news: Promise.withResolvers(),
    };
    this.#live.set(id, live);
    const begun = Promise.withResolvers<void>();
    const giveUp = (): void => live.controller.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    void launch({
      signal: live.controller.signal,
      terminal: {
        opened(input, attested) {
          live.input = input;
          live.attested = attested;
          begun.resolve();
        },
        output: (chunk) => this.#received(live, chunk),
      },
      opened: (door) => (live.door = door),
    }).then((result) => {
      live.end = result;
      clearTimeout(live.idle);
      live.news.resolve();
      begun.resolve();
    });
    await begun.promise;
    signal.removeEventListener('abort', giveUp);
    this.#touch(live);
    await settle(live, waitMs, signal);
    return this.#report(live);
  }

  async act(plan: ExecutionPlan, signal: AbortSignal): Promise<Step> {
    const { action, id = '', waitMs = 0 } = plan.terminal ?? {};
    const live = this.#live.get(id);
    if (live === undefined || live.sessionKey !== plan.sessionKey || live.scopeKey !== plan.scopeKey)
      return step(
        refused('malformed-arguments', 'There is no session of this id. It has ended, or it was never yours.'),
      );
    this.#touch(live);
    // The conversation's label has risen above what the network may see since the program began.
    if (plan.egress.kind === 'none' && live.door !== undefined) {
      await live.door.close().catch(() => undefined);
      live.door = undefined;
    }
    if (action === 'write' && live.end === undefined) live.input?.write(Buffer.from(plan.stdin, 'base64'));
    if (action === 'kill') {
      live.controller.abort();
      while (live.end === undefined) await nextNews(live);
    } else await settle(live, waitMs, signal);
    return this.#report(live);
  }

  #received(live: Live, chunk: Buffer): void {
    live.total += chunk.length;
    if (live.total > this.#limits.outputBytes && live.killedFor === '') {
      live.killedFor = 'output';
      live.controller.abort();
    }
    live.unread.push(chunk);
    live.news.resolve();
    live.news = Promise.withResolvers();
  }

  #touch(live: Live): void {
    clearTimeout(live.idle);
    if (live.end !== undefined) return;
    live.idle = setTimeout(() => {
      live.killedFor = 'idle';
      live.controller.abort();
    }, this.#limits.idleMs);
  }

  /** What came since the last look, and how it stands. One that has ended is told once and forgotten. */
  #report(live: Live): Step {
    const unread = live.unread.result();
    live.unread = createOutputCollector(this.#limits.unreadBytes);
    const { end } = live;
    if (end === undefined)
      return {
        watch: live.watch,
        result: {
          kind: 'finished',
          // Known to the one who asked; see PlanRunner.
          probeAgeMs: -1,
          durationMs: 0,
          outcome: {
            kind: 'exited',
            code: 0,
            stdout: note(unread, `[session ${live.id}: running]`),
            stderr: { head: '', tail: '', omittedBytes: 0 },
            attested: { ...live.attested, terminal: live.id },
          },
        },
      };
    this.#live.delete(live.id);
    if (end.kind === 'refused') return { watch: live.watch, result: end };
    const why = { idle: ', idle for too long', output: ', too much output', '': '' }[live.killedFor];
    const how = end.outcome.kind === 'exited' ? `ended with exit code ${end.outcome.code}` : `killed${why}`;
    const said = live.total === 0 ? end.outcome.stdout : unread;
    const outcome = { ...end.outcome, stdout: note(said, `[session ${live.id}: ${how}]`) };
    return { watch: live.watch, result: { ...end, outcome } };
  }
}

function step(result: RunResult): Step {
  return { result, watch: undefined };
}

function refused(code: 'busy' | 'malformed-arguments', message: string): RunResult {
  return { kind: 'refused', code, message: `${message} Nothing ran.` };
}

const nextNews = (live: Live): Promise<void> => live.news.promise;

/** Waits for output to come and stop, for the end, or for `waitMs`. */
async function settle(live: Live, waitMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + waitMs;
  let patience = waitMs;
  while (live.end === undefined && !signal.aborted) {
    const left = Math.min(patience, deadline - performance.now());
    if (left <= 0) return;
    const before = live.total;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, left)));
    await Promise.race([nextNews(live), late]);
    clearTimeout(timer);
    if (live.total === before && live.end === undefined) return;
    patience = QUIET_MS;
  }
}

function note(output: BoundedOutput, line: string): BoundedOutput {
  const text = `\n${line}\n`;
  return output.tail === '' && output.omittedBytes === 0
    ? { ...output, head: output.head + text }
    : { ...output, tail: output.tail + text };
}
