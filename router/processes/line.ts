/**
 * The line between the first process and one that serves: questions with an answer, and news without. Both are typed by the lists below, so that neither end can say what the other does not
 * know. Fails closed: a line that is cut, or a question that is not answered in time, rejects, and the asker takes that for no.
 */
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config } from '../../config/schema.ts';
import type { ToolOutcome, ToolRequest } from '../../sandbox/executor.ts';
import type { KeyTerms } from '../../config/access-schema.ts';
import type { ToolResult } from '../protocols/protocol.ts';
import type { ShadowDifference } from '../shadow/shadow.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { MetricValues } from './gather.ts';
import type { SandboxView } from './remote-executor.ts';

export interface InForce {
  readonly config: Config;
  readonly digest: string;
}

export interface StartOrder extends InForce {
  readonly configFile: string;
  /** Path of the first process's socket: console, admin API and metrics are answered there. */
  readonly socketPath: string;
  readonly sandbox: SandboxView;
  readonly candidate: CandidateOrder | undefined;
}

export interface CandidateOrder extends InForce {
  readonly source: 'file' | 'fragment';
}

export interface Report {
  readonly metrics: readonly MetricValues[];
  readonly residentBytes: number;
  readonly openRequests: number;
}

/** Question and answer by name. */
export interface Asked {
  // The first process asks one that serves.
  readonly start: readonly [StartOrder, { readonly port: number; readonly problems: readonly ConfigProblem[] }];
  /** Builds a configuration and holds it back. */
  readonly prepare: readonly [InForce, readonly ConfigProblem[]];
  /** Puts in force what was prepared. */
  readonly commit: readonly [null, null];
  readonly report: readonly [null, Report];
  /** Writes what waits for the audit. */
  readonly settle: readonly [null, null];
  readonly drain: readonly [null, null];
  // One that serves asks the first.
  readonly tool: readonly [
    { readonly call: number; readonly request: ToolRequest; readonly requestId: string },
    ToolOutcome,
  ];
  readonly verify: readonly [null, SandboxView];
  /** Seconds to wait; 0 when a request of this key may go now. */
  readonly rate: readonly [{ readonly keyId: string; readonly rate: NonNullable<KeyTerms['rate']> }, number];
}

export interface Told {
  // The first process tells.
  readonly abort: null;
  readonly sandbox: SandboxView;
  readonly candidate: CandidateOrder | undefined;
  // One that serves tells the first.
  readonly decisions: readonly RequestRecord[];
  readonly compared: {
    readonly outcome: 'same' | 'differs' | 'dropped' | 'failed';
    readonly difference: ShadowDifference | undefined;
  };
  readonly 'tool-abort': number;
  // One that serves tells all others, through the first.
  readonly round: { readonly key: string; readonly results: readonly ToolResult[] };
  readonly cancel: string;
}

/** News that the first process hands on. */
export const HANDED_ON = ['round', 'cancel'] as const satisfies readonly (keyof Told)[];

interface Message {
  readonly topic: string;
  readonly value: unknown;
  /** Of a question, and again of its answer; absent for news. */
  readonly n?: number;
  readonly answer?: 'yes' | 'failed';
}

/** What is the same of `process` and a worker's handle. */
export interface Port {
  send(message: unknown, done: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

export class LineCut extends Error {
  readonly code = 'line_cut';
  constructor() {
    super('line_cut');
  }
}

type Answering = (value: never) => unknown;

export class Line {
  readonly #port: Port;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #answering = new Map<string, Answering>();
  readonly #listening = new Map<string, Answering>();
  #n = 0;
  #cut = false;
  #unsent = 0;

  constructor(port: Port) {
    this.#port = port;
    port.on('message', (message) => void this.#take(message as Message));
    port.on('disconnect', () => {
      this.#cut = true;
      for (const { reject } of this.#waiting.values()) reject(new LineCut());
      this.#waiting.clear();
    });
  }

  /** Messages that are not out yet. */
  get unsent(): number {
    return this.#unsent;
  }

  /** ask rejects with LineCut when the other end is gone, or late by `withinMs`. */
  ask<Topic extends keyof Asked>(topic: Topic, value: Asked[Topic][0], withinMs?: number): Promise<Asked[Topic][1]> {
    if (this.#cut) return Promise.reject(new LineCut());
    this.#n += 1;
    const n = this.#n;
    return new Promise((resolve, reject) => {
      const late =
        withinMs === undefined
          ? undefined
          : setTimeout(() => {
              this.#waiting.delete(n);
              reject(new LineCut());
            }, withinMs);
      const end = (): void => clearTimeout(late);
      this.#waiting.set(n, {
        resolve: (answer: never) => (end(), resolve(answer)),
        reject: (error) => (end(), reject(error)),
      });
      this.#send({ topic, value, n });
    });
  }

  tell<Topic extends keyof Told>(topic: Topic, value: Told[Topic]): void {
    if (!this.#cut) this.#send({ topic, value });
  }

  answer<Topic extends keyof Asked>(
    topic: Topic,
    answering: (value: Asked[Topic][0]) => Asked[Topic][1] | Promise<Asked[Topic][1]>,
  ): void {
    this.#answering.set(topic, answering);
  }

  hear<Topic extends keyof Told>(topic: Topic, listener: (value: Told[Topic]) => void): void {
    this.#listening.set(topic, listener);
  }

  async #take({ topic, value, n, answer }: Message): Promise<void> {
    if (n === undefined) {
      this.#listening.get(topic)?.(value as never);
      return;
    }
    if (answer !== undefined) {
      const waiting = this.#waiting.get(n);
      this.#waiting.delete(n);
      if (answer === 'yes') waiting?.resolve(value as never);
      else waiting?.reject(new LineCut());
      return;
    }
    try {
      const answered = await this.#answering.get(topic)?.(value as never);
      this.#send({ topic, n, answer: this.#answering.has(topic) ? 'yes' : 'failed', value: answered ?? null });
    } catch {
      // What went wrong may quote what was asked.
      this.#send({ topic, n, answer: 'failed', value: null });
    }
  }

  #send(message: Message): void {
    if (this.#cut) return;
    this.#unsent += 1;
    // A line that is cut while something is under way is told by `disconnect`.
    this.#port.send(message, () => (this.#unsent -= 1));
  }
}
