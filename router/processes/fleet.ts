/**
 * The first of several processes behind one port: starts those that serve (Node's cluster hands them connections in turn), starts again what ends, and holds what there can be but one of: the sandbox's
 * broker, rates of keys, the decisions people look at, the sums of metrics. Nothing of a request passes here but tool calls. Fails closed: a configuration is in
 * force in all or in none; processes that keep ending are not started for ever, and the instance ends saying so.
 */
import cluster, { type Worker } from 'node:cluster';
import { createServer } from 'node:net';
import type { Registry } from 'prom-client';
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config } from '../../config/schema.ts';
import type { ToolExecutor } from '../../sandbox/executor.ts';
import type { ProcessView } from '../admin/api.ts';
import type { Context } from '../pipeline/context.ts';
import { refreshGauges } from '../telemetry/refresh-gauges.ts';
import { Gathered } from './gather.ts';
import { type CandidateOrder, HANDED_ON, type InForce, Line, type Report } from './line.ts';
import { type SandboxView, serveTools, viewOf } from './remote-executor.ts';

export interface FleetOptions {
  readonly processes: number;
  readonly configFile: string;
  readonly socketPath: string;
  /** The broker's executor itself: the processes that call it write its receipts. */
  readonly executor: ToolExecutor;
  readonly current: () => Context;
  /** Processes keep ending: the rest should be drained, and the instance end. */
  readonly onHopeless: () => void;
}

export type FleetStart =
  | { readonly kind: 'serving'; readonly port: number }
  | { readonly kind: 'failed'; readonly problems: readonly ConfigProblem[] };

interface Member {
  readonly worker: Worker;
  readonly line: Line;
  readonly startedAt: number;
  readonly endTools: () => void;
  ready: boolean;
  /** Digest of what it last put in force. */
  digest: string;
  prepared: string;
  report: Report | undefined;
}

/** So many ends nobody asked for, within so long: it is not one request's fault any more. */
const MOST_ENDS = 5;
const ENDS_WITHIN_MS = 60_000;
/** A process proves its policy and opens its store first. */
const START_MS = 60_000;
const PREPARE_MS = 20_000;
const REPORT_MS = 2_000;
const LOOK_MS = 500;

export class Fleet {
  readonly #options: FleetOptions;
  readonly #members = new Map<number, Member>();
  readonly #gathered = new Gathered();
  readonly #agents: readonly string[];
  #ends: number[] = [];
  #candidate: CandidateOrder | undefined;
  #draining = false;
  #shown = '';
  #look: NodeJS.Timeout | undefined;
  #port = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#agents = Object.keys(options.current().config.sandbox.agents);
  }

  /** start resolves once all serve, or one said why it cannot. */
  async start(): Promise<FleetStart> {
    cluster.setupPrimary({ serialization: 'advanced' });
    const { host, port } = this.#options.current().config.listen;
    // Processes that were all started again must come back to the port they had.
    this.#port = port === 0 ? await freePort(host) : port;
    cluster.on('exit', (worker, code, signal) => this.#ended(worker, signal ?? String(code)));
    const started = await Promise.all(Array.from({ length: this.#options.processes }, () => this.#fork()));
    const problems = started.flatMap((each) => each.problems);
    const listening = started.every((each) => each.port > 0);
    if (problems.length > 0 || !listening)
      return { kind: 'failed', problems: unique(problems.length > 0 ? problems : [ENDED]) };
    this.#look = setInterval(() => this.#showSandbox(), LOOK_MS);
    this.#look.unref();
    return { kind: 'serving', port: this.#port };
  }

  async processes(): Promise<readonly ProcessView[]> {
    await this.#reports();
    return [...this.#members.values()].map(({ worker, startedAt, ready, report }) => ({
      pid: worker.process.pid ?? 0,
      state: ready ? 'serving' : 'starting',
      startedAt,
      residentBytes: report?.residentBytes ?? 0,
      openRequests: report?.openRequests ?? 0,
    }));
  }

  /** Of all processes together. One that is too busy to answer counts as it last did. */
  async metrics(): Promise<Registry> {
    await this.#reports();
    const metrics = refreshGauges(this.#options.current());
    metrics.processes.set(0);
    return this.#gathered.all(await metrics.registry.getMetricsAsJSON());
  }

  /** Receipts that wait in any process are written. */
  async settle(): Promise<void> {
    await this.#all((member) => member.line.ask('settle', null, REPORT_MS));
  }

  compare(candidate: CandidateOrder | undefined): void {
    this.#candidate = candidate;
    for (const { line } of this.#members.values()) line.tell('candidate', candidate);
  }

  /** prepare answers what kept a process from building it; an empty list means that all of them hold it ready. */
  async prepare(config: Config, digest: string): Promise<readonly ConfigProblem[]> {
    const ready = [...this.#members.values()].filter((each) => each.ready);
    const answers = await Promise.all(ready.map((member) => this.#prepareOne(member, { config, digest })));
    return unique(answers.flat());
  }

  /** commit is asked after the first process itself took it up. A process that fails here is ended: it would go on under a policy that is not in force. */
  async commit(digest: string): Promise<void> {
    this.#candidate = undefined;
    await Promise.all(
      [...this.#members.values()].filter((each) => each.ready).map((member) => this.#bringTo(member, digest)),
    );
  }

  abort(): void {
    for (const member of this.#members.values()) {
      member.prepared = '';
      member.line.tell('abort', null);
    }
  }

  /** drain ends when every process has ended. */
  async drain(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#look);
    const gone = [...this.#members.values()].map(
      ({ worker }) => new Promise<void>((resolve) => void worker.once('exit', () => resolve())),
    );
    for (const member of this.#members.values())
      // One that is still starting has nothing to drain.
      if (member.ready) void member.line.ask('drain', null).catch(() => undefined);
      else member.worker.process.kill('SIGKILL');
    await Promise.all(gone);
  }

  async #fork(): Promise<{ readonly port: number; readonly problems: readonly ConfigProblem[] }> {
    const worker = cluster.fork();
    const { executor } = this.#options;
    const line = new Line(worker as never);
    const { config, policyDigest } = this.#options.current();
    const member: Member = {
      worker,
      line,
      startedAt: Date.now(),
      endTools: serveTools(line, executor, () => this.#view()),
      ready: false,
      digest: policyDigest,
      prepared: '',
      report: undefined,
    };
    this.#members.set(worker.id, member);
    this.#hear(member);
    try {
      const answer = await line.ask(
        'start',
        {
          config: { ...config, listen: { ...config.listen, port: this.#port } },
          digest: policyDigest,
          configFile: this.#options.configFile,
          socketPath: this.#options.socketPath,
          sandbox: this.#view(),
          candidate: this.#candidate,
        },
        START_MS,
      );
      if (answer.problems.length > 0) {
        worker.process.kill('SIGKILL');
        return answer;
      }
      // What was put in force while it started.
      await this.#bringTo(member, this.#options.current().policyDigest);
      member.ready = true;
      return answer;
    } catch {
      worker.process.kill('SIGKILL');
      return { port: 0, problems: [] };
    }
  }

  #hear({ worker, line }: Member): void {
    const { current } = this.#options;
    line.answer('rate', ({ keyId, rate }) => current().limits.takeRate(keyId, rate));
    line.hear('decisions', (records) => {
      for (const record of records) current().telemetry.watch(record);
    });
    line.hear('compared', ({ outcome, difference }) => current().shadow.absorb(outcome, difference));
    for (const topic of HANDED_ON)
      line.hear(topic, (value) => {
        for (const other of this.#members.values()) if (other.worker !== worker) other.line.tell(topic, value);
      });
  }

  async #prepareOne(member: Member, wanted: InForce): Promise<readonly ConfigProblem[]> {
    try {
      const problems = await member.line.ask('prepare', wanted, PREPARE_MS);
      member.prepared = problems.length === 0 ? wanted.digest : '';
      return problems;
    } catch {
      member.prepared = '';
      return [{ path: '', message: `process ${member.worker.process.pid ?? 0} did not answer` }];
    }
  }

  async #bringTo(member: Member, digest: string): Promise<void> {
    const { current } = this.#options;
    try {
      while (member.digest !== digest) {
        if (member.prepared !== digest) {
          const { config, policyDigest } = current();
          digest = policyDigest;
          if (digest === member.digest) return;
          const problems = await this.#prepareOne(member, { config, digest });
          if (problems.length > 0) throw new Error('not prepared');
        }
        await member.line.ask('commit', null, PREPARE_MS);
        member.digest = digest;
        member.prepared = '';
        digest = current().policyDigest;
      }
    } catch {
      member.worker.process.kill('SIGKILL');
    }
  }

  #ended(worker: Worker, how: string): void {
    const member = this.#members.get(worker.id);
    this.#members.delete(worker.id);
    member?.endTools();
    void this.#gathered.ended(worker.id);
    if (this.#draining) return;
    const { log, metrics } = this.#options.current();
    // Before the first all serve, `start` says what is wrong.
    if (this.#look === undefined) return;
    metrics.processEnds.inc();
    log.error({ event: 'process-ended', pid: worker.process.pid, how }, 'process-ended');
    const now = performance.now();
    this.#ends = [...this.#ends.filter((at) => now - at < ENDS_WITHIN_MS), now];
    if (this.#ends.length >= MOST_ENDS) {
      log.fatal({ event: 'processes-keep-ending', ends: this.#ends.length }, 'processes-keep-ending');
      this.#options.onHopeless();
      return;
    }
    // The first is replaced at once, the next ones after a breath.
    setTimeout(() => void this.#replace(), (this.#ends.length - 1) * 500).unref();
  }

  async #replace(): Promise<void> {
    if (this.#draining) return;
    const { problems } = await this.#fork();
    if (problems.length > 0)
      this.#options.current().log.error({ event: 'process-cannot-start', problems }, 'process-cannot-start');
  }

  #view(): SandboxView {
    return viewOf(this.#options.executor, this.#agents);
  }

  /** What is offered and proved changes by itself: broker started again, proof renewed. */
  #showSandbox(): void {
    const view = this.#view();
    const text = JSON.stringify(view);
    if (text === this.#shown) return;
    this.#shown = text;
    for (const { line } of this.#members.values()) line.tell('sandbox', view);
  }

  async #reports(): Promise<void> {
    await this.#all(async (member) => {
      member.report = await member.line.ask('report', null, REPORT_MS);
      if (this.#members.has(member.worker.id)) this.#gathered.take(member.worker.id, member.report.metrics);
    });
  }

  async #all(ask: (member: Member) => Promise<unknown>): Promise<void> {
    await Promise.allSettled([...this.#members.values()].filter((each) => each.ready).map(ask));
  }
}

/** 0 where there is none, or the address is not ours: who listens says so. */
function freePort(host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(0));
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

const ENDED: ConfigProblem = { path: 'listen.processes', message: 'a process ended before it could serve' };

function unique(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return [...new Map(problems.map((each) => [`${each.path}\n${each.message}`, each])).values()];
}
