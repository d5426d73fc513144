/** `sluice sandbox`: run a tool through the same gate as the tool loop, and prove the sandbox's claims. */
import { Command } from 'commander';
import { stateDirOf } from '../../config/load.ts';
import { createToolExecutor } from '../../sandbox/client.ts';
import type { ToolExecutor } from '../../sandbox/executor.ts';
import { describeOutcome } from '../pipeline/tool-result.ts';
import { data, EXIT, loadOrExit, talk } from './terminal.ts';

interface Options {
  readonly config?: string;
  readonly json?: boolean;
}

export function sandboxCommand(): Command {
  const command = new Command('sandbox').description('Run tools in the sandbox and prove its claims.');
  command
    .command('run')
    .description('Run one tool call: sluice sandbox run exec \'{"command":"id"}\'')
    .argument('<tool>', 'bundled tool')
    .argument('<arguments>', 'JSON object')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON')
    .action(async (tool: string, argumentText: string, options: Options) => {
      const executor = await open(options);
      const abort = new AbortController();
      process.once('SIGINT', () => abort.abort());
      const outcome = await executor.run(
        {
          id: 'cli',
          tool,
          arguments: argumentText,
          principal: 'cli',
          session: 'cli',
          agent: 'main',
          label: loadOrExit(options.config).config.labels[0] ?? '',
        },
        { signal: abort.signal },
      );
      await executor.close();
      if (options.json === true) data(JSON.stringify(outcome, null, 2));
      else data(describeOutcome(outcome));
      process.exit(outcome.kind === 'exited' && outcome.code === 0 ? EXIT.done : EXIT.failed);
    });
  command
    .command('verify')
    .description('Prove every claim from inside; exit 1 when one is not proved.')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const executor = await open(options);
      const status = await executor.verify();
      await executor.close();
      if (options.json === true) data(JSON.stringify(status, null, 2));
      else {
        data(`backend ${status.backend}: ${status.usable ? 'usable' : `not usable: ${status.reason}`}`);
        for (const claim of status.claims)
          data(`${claim.proved ? 'proved    ' : 'NOT PROVED'}  ${claim.claim.padEnd(32)} ${claim.evidence}`);
      }
      process.exit(status.usable && status.claims.every((claim) => claim.proved) ? EXIT.done : EXIT.failed);
    });
  return command;
}

async function open(options: Options): Promise<ToolExecutor> {
  const { config } = loadOrExit(options.config);
  if (config.sandbox.mode === 'host') talk('sandbox.mode is host: tools run WITHOUT isolation on this machine.');
  return createToolExecutor({
    config: config.sandbox,
    labels: config.labels,
    stateDir: stateDirOf(config, process.env),
  });
}
