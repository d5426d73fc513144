/** `sluice serve`: starts the proxy, says what it found, drains on SIGTERM. */
import cluster from 'node:cluster';
import { Command } from 'commander';
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config } from '../../config/schema.ts';
import type { ToolExecutor } from '../../sandbox/executor.ts';
import { Admin } from '../admin/admin.ts';
import { AdminAuthority, adminKeysOf } from '../admin/authority.ts';
import { listen } from '../listen.ts';
import { Fleet } from '../processes/fleet.ts';
import { openFirstSocket } from '../processes/hand-on.ts';
import type { Port } from '../processes/line.ts';
import { serveUnder } from '../processes/serving.ts';
import { exposureProblems } from '../principals/exposure.ts';
import { LiveContext } from '../reload.ts';
import { provision } from '../provision.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { describeStart } from './start-report.ts';
import { data, EXIT, loadOrExit, talk, talkProblems } from './terminal.ts';

interface ServeOptions {
  readonly config?: string;
  readonly host?: string;
  readonly port?: string;
  readonly demo: boolean;
  readonly watch: boolean;
}

export function serveCommand(): Command {
  return new Command('serve')
    .description(
      'Start the proxy. Without a config file and without any model in reach it starts in demo mode with stand-in models.',
    )
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--host <address>', 'address to listen on')
    .option('--port <port>', 'TCP port; 0 takes a free one')
    .option('--no-demo', 'never start stand-in models')
    .option('--no-watch', 'do not reload when the configuration file changes')
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  if (cluster.isWorker) return serveAsOneOfSeveral();
  const loaded = loadOrExit(options.config);
  const port = options.port === undefined ? loaded.config.listen.port : Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    talk('--port takes a number from 0 to 65535');
    process.exit(EXIT.unusable);
  }
  const config = {
    ...loaded.config,
    listen: { ...loaded.config.listen, host: options.host ?? loaded.config.listen.host, port },
  };
  const log = createLog(config.log.level);
  const provisioned = await provision({
    config,
    digest: loaded.digest,
    configFile: loaded.file,
    environment: process.env,
    log,
    // The demo only ever starts where nobody configured anything and no model is in reach.
    models: options.config === undefined && options.demo ? 'stand-ins-if-alone' : 'configured',
    sandbox: 'on',
  });
  if (provisioned.kind === 'invalid') {
    talkProblems(loaded.file, provisioned.problems);
    process.exit(EXIT.unusable);
  }
  const { context } = provisioned;
  const live = new LiveContext({
    context,
    close: provisioned.close,
    configFile: loaded.file,
    environment: process.env,
  });
  const exposed = exposureProblems(context);
  if (exposed.length > 0) {
    await live.close();
    talkProblems(loaded.file, exposed);
    process.exit(EXIT.unusable);
  }
  const authority = new AdminAuthority(() => adminKeysOf(context.keys));
  const admin = new Admin({ authority, live });

  let draining = false;
  const drain = async (why: string, code: number): Promise<void> => {
    // A second signal is a person who has waited long enough.
    if (draining) process.exit(EXIT.failed);
    draining = true;
    log.info({ event: 'drain', signal: why }, 'drain');
    unwatch();
    await server.drain();
    await live.close();
    process.exit(code);
  };
  // The stand-ins of the demo live in one process.
  const opened =
    config.listen.processes > 1 && !context.demo
      ? await openFleet({
          live,
          admin,
          executor: provisioned.bareExecutor,
          onHopeless: () => void drain('processes-keep-ending', EXIT.failed),
        })
      : await openAlone(live, admin, config.listen);
  if (opened.kind === 'failed') {
    talkProblems(loaded.file, opened.problems);
    await live.close();
    process.exit(opened.code);
  }
  const { server } = opened;
  const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
  data(
    (
      await describeStart(
        context,
        `http://${host}:${server.port}`,
        authority.way === 'link' ? authority.startToken : '',
      )
    ).join('\n'),
  );
  dieOnFaults(log);
  process.on('SIGHUP', () => void live.reload('apply'));
  const unwatch = options.watch ? live.watch() : () => undefined;
  process.on('SIGTERM', () => void drain('SIGTERM', EXIT.done));
  process.on('SIGINT', () => void drain('SIGINT', EXIT.done));
}

type Opened =
  | { readonly kind: 'open'; readonly server: { readonly port: number; drain(): Promise<void> } }
  | { readonly kind: 'failed'; readonly problems: readonly ConfigProblem[]; readonly code: number };

async function openAlone(live: LiveContext, admin: Admin, { host, port, drainMs }: Config['listen']): Promise<Opened> {
  const listening = await listen(() => live.current, host, port, { admin });
  if (listening.kind === 'failed')
    return {
      kind: 'failed',
      problems: [{ path: 'listen', message: `cannot listen on ${host}:${port} (${listening.code})` }],
      code: EXIT.failed,
    };
  const { listener } = listening;
  return { kind: 'open', server: { port: listener.port, drain: () => listener.drain(drainMs) } };
}

/** Several processes: this one serves none of the traffic, and answers for all of them. */
async function openFleet(options: {
  readonly live: LiveContext;
  readonly admin: Admin;
  readonly executor: ToolExecutor;
  readonly onHopeless: () => void;
}): Promise<Opened> {
  const { live, admin, executor, onHopeless } = options;
  const socket = await openFirstSocket(admin, () => live.current);
  const fleet = new Fleet({
    processes: live.current.config.listen.processes,
    configFile: live.configFile,
    socketPath: socket.path,
    executor,
    current: () => live.current,
    onHopeless,
  });
  live.lead(fleet, { ...live.current, fleet });
  const started = await fleet.start();
  if (started.kind === 'failed') {
    await fleet.drain();
    await socket.close();
    return { ...started, code: EXIT.unusable };
  }
  return {
    kind: 'open',
    server: {
      port: started.port,
      async drain() {
        admin.close();
        await fleet.drain();
        await socket.close();
      },
    },
  };
}

function serveAsOneOfSeveral(): void {
  // Signals of a terminal or a service manager reach every process; the first one tells the others what to do.
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
  serveUnder({
    port: process as unknown as Port,
    environment: process.env,
    createLog: (level) => {
      const log = createLog(level);
      dieOnFaults(log);
      return log;
    },
    exit: (code) => process.exit(code),
  });
}

/** Node would print the message, which may quote a request. Nobody knows what state a fault nobody caught has left, so the process ends. */
function dieOnFaults(log: Log): void {
  const die = (error: unknown): void => {
    log.fatal({ err: error, event: 'fault' }, 'fault');
    process.exit(EXIT.failed);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}
