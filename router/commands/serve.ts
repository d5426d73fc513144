/** `sluice serve`: starts the proxy, says what it found, drains on SIGTERM. */
import { Command } from 'commander';
import { Admin } from '../admin/admin.ts';
import { AdminAuthority, adminKeysOf } from '../admin/authority.ts';
import { listen } from '../listen.ts';
import { exposureProblems } from '../principals/exposure.ts';
import { LiveContext } from '../reload.ts';
import { provision } from '../provision.ts';
import { createLog } from '../telemetry/log.ts';
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

  const listening = await listen(() => live.current, config.listen.host, config.listen.port, {
    admin: new Admin({ authority, live }),
  });
  if (listening.kind === 'failed') {
    talk(`cannot listen on ${config.listen.host}:${config.listen.port} (${listening.code})`);
    await live.close();
    process.exit(EXIT.failed);
  }
  const { listener } = listening;
  data(
    (
      await describeStart(
        context,
        `http://${config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host}:${listener.port}`,
        authority.way === 'link' ? authority.startToken : '',
      )
    ).join('\n'),
  );

  let draining = false;
  const drain = async (signal: string): Promise<void> => {
    // A second signal is a person who has waited long enough.
    if (draining) process.exit(EXIT.failed);
    draining = true;
    log.info({ event: 'drain', signal }, 'drain');
    unwatch();
    await listener.drain(config.listen.drainMs);
    await live.close();
    process.exit(EXIT.done);
  };
  // Node would print the message, which may quote a request. Nobody knows what state a fault nobody caught has left, so the process ends.
  const die = (error: unknown): void => {
    log.fatal({ err: error, event: 'fault' }, 'fault');
    process.exit(EXIT.failed);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  process.on('SIGHUP', () => void live.reload('apply'));
  const unwatch = options.watch ? live.watch() : () => undefined;
  process.on('SIGTERM', () => void drain('SIGTERM'));
  process.on('SIGINT', () => void drain('SIGINT'));
}
