/**
 * A process that serves: told by the first what is in force, it listens, and does what it is told. It ends with the first process, after its open requests. Fails closed: it reads no configuration of its own, so
 * it cannot be under another one than the rest.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Environment } from '../../config/load.ts';
import { listen, type Listener } from '../listen.ts';
import type { Context } from '../pipeline/context.ts';
import { provision } from '../provision.ts';
import { LiveContext, type Prepared } from '../reload.ts';
import { createCandidate } from '../shadow/candidate.ts';
import type { Log } from '../telemetry/log.ts';
import { refreshGauges } from '../telemetry/refresh-gauges.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { reportable } from './gather.ts';
import { handOn } from './hand-on.ts';
import { type CandidateOrder, Line, type Port } from './line.ts';
import { peersOn } from './peers.ts';
import { createRemoteExecutor } from './remote-executor.ts';
import { shareOut } from './shares.ts';

export interface ServingOptions {
  readonly port: Port;
  readonly environment: Environment;
  readonly createLog: (level: string) => Log;
  readonly exit: (code: number) => never;
}

/** Decisions go to the first process together. */
const TELL_MS = 100;
const TELL_MOST = 500;
/** Messages; past it the first process is too busy to look. What it misses is in the audit. */
const UNSENT_MOST = 1_000;

export function serveUnder({ port, environment, createLog, exit }: ServingOptions): void {
  const line = new Line(port);
  let live: LiveContext | undefined;
  let listener: Listener | undefined;
  let prepared: Extract<Prepared, { kind: 'built' }> | undefined;
  let ending = false;

  const end = async (code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    await listener?.drain(live?.current.config.listen.drainMs ?? 0);
    await live?.close();
    exit(code);
  };
  // The first process is gone, and with it the sandbox and whoever would start us again.
  port.on('disconnect', () => void end(1));
  line.answer('drain', async () => {
    await end(0);
    return null;
  });

  line.answer('start', async (order) => {
    const config = shareOut(order.config, order.config.listen.processes);
    const log = createLog(config.log.level);
    const provisioned = await provision({
      config,
      digest: order.digest,
      configFile: order.configFile,
      environment,
      log,
      models: 'configured',
      sandbox: createRemoteExecutor(line, order.sandbox),
      peers: peersOn(line),
    });
    if (provisioned.kind === 'invalid') return { port: 0, problems: provisioned.problems };
    const { context, close } = provisioned;
    live = new LiveContext({ context, close, configFile: order.configFile, environment });
    const serving = live;
    tellDecisions(line, context.telemetry);
    context.shadow.onCompared((outcome, difference) => line.tell('compared', { outcome, difference }));
    if (order.candidate !== undefined) consider(order.candidate, context);
    const toFirst = (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> =>
      handOn(order.socketPath, incoming, outgoing);
    const listening = await listen(() => serving.current, config.listen.host, config.listen.port, {
      admin: { serve: toFirst, metrics: toFirst, close: () => undefined },
    });
    if (listening.kind === 'failed')
      return {
        port: 0,
        problems: [{ path: 'listen', message: `cannot listen on ${config.listen.host} (${listening.code})` }],
      };
    ({ listener } = listening);
    return { port: listener.port, problems: [] };
  });

  line.answer('prepare', async ({ config, digest }) => {
    if (live === undefined) return [{ path: '', message: 'not started' }];
    void prepared?.drop();
    prepared = undefined;
    const built = await live.prepare(shareOut(config, config.listen.processes), digest);
    if (built.kind === 'invalid') return built.problems;
    prepared = built;
    return [];
  });
  line.answer('commit', () => {
    if (prepared === undefined) throw new Error('nothing was prepared');
    prepared.swap();
    prepared = undefined;
    return null;
  });
  line.hear('abort', () => {
    void prepared?.drop();
    prepared = undefined;
  });
  line.answer('report', async () => {
    if (live === undefined) throw new Error('not started');
    const { registry, openRequests } = refreshGauges(live.current);
    return {
      metrics: reportable(await registry.getMetricsAsJSON()),
      residentBytes: process.memoryUsage.rss(),
      openRequests: (await openRequests.get()).values[0]?.value ?? 0,
    };
  });
  line.answer('settle', async () => {
    await live?.current.audit.log.flush();
    return null;
  });
  line.hear('candidate', (order) => {
    if (live === undefined) return;
    if (order === undefined) live.current.shadow.stop();
    else consider(order, live.current);
  });

  function consider({ config, digest, source }: CandidateOrder, context: Context): void {
    const created = createCandidate(config, digest, false);
    // The first process has proved it already; what cannot be built here is missed in its counts, never guessed at.
    if (created.kind === 'candidate') context.shadow.start(created.candidate, context.config, source);
  }
}

function tellDecisions(line: Line, telemetry: Telemetry): void {
  let waiting: RequestRecord[] = [];
  let timer: NodeJS.Timeout | undefined;
  const send = (): void => {
    clearTimeout(timer);
    timer = undefined;
    line.tell('decisions', waiting);
    waiting = [];
  };
  telemetry.decisions.listen((record) => {
    if (line.unsent > UNSENT_MOST) return;
    waiting.push(record);
    if (waiting.length >= TELL_MOST) send();
    else timer ??= setTimeout(send, TELL_MS).unref();
  });
}
