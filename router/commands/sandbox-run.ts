/** `sluice sandbox run` and `verify`: one tool call through the same gate as the tool loop, and the proof of every claim. */
import { Command } from 'commander';
import { createToolExecutor } from '../../sandbox/client.ts';
import type { ToolExecutor } from '../../sandbox/executor.ts';
import { describeOutcome } from '../pipeline/tool-result.ts';
import { sandboxSettingsOrExit, type SandboxOptions, type SandboxSettings } from './sandbox-settings.ts';
import { data, dataJson, EXIT, leave, talk } from './terminal.ts';

/** `start` is how the executor is opened; a test hands in one of its own. */
export function runCommand(start: (settings: SandboxSettings) => Promise<ToolExecutor> = open): Command {
  return new Command('run')
    .description('Run one tool call: sluice sandbox run exec \'{"command":"id"}\'')
    .argument('<tool>', 'bundled tool')
    .argument('<arguments>', 'JSON object')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--agent <name>', 'agent whose rules hold', 'main')
    .option('--json', 'print JSON')
    .action(async (tool: string, argumentText: string, options: SandboxOptions & { readonly agent: string }) => {
      const settings = sandboxSettingsOrExit(options);
      const executor = await start(settings);
      const abort = new AbortController();
      const stop = (): void => abort.abort();
      process.once('SIGINT', stop);
      const outcome = await executor.run(
        {
          id: 'cli',
          tool,
          arguments: argumentText,
          principal: 'cli',
          session: 'cli',
          agent: options.agent,
          label: settings.config.labels[0] ?? '',
        },
        { signal: abort.signal },
      );
      process.off('SIGINT', stop);
      await executor.close();
      if (options.json === true) dataJson(outcome);
      else data(describeOutcome(outcome));
      await leave(outcome.kind === 'exited' && outcome.code === 0 ? EXIT.done : EXIT.failed);
    });
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Prove every claim from inside, of every endpoint; exit 1 when one is not proved.')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON')
    .action(async (options: SandboxOptions) => {
      const executor = await open(sandboxSettingsOrExit(options));
      const status = await executor.verify();
      await executor.close();
      if (options.json === true) dataJson(status);
      else {
        data(`backend ${status.backend}: ${status.usable ? 'usable' : `not usable: ${status.reason}`}`);
        for (const { name, kind, state, reason } of status.endpoints ?? [])
          data(`endpoint ${name} (${kind}): ${state}${reason === '' ? '' : `, ${reason}`}`);
        for (const claim of status.claims)
          data(`${claim.proved ? 'proved    ' : 'NOT PROVED'}  ${claim.claim.padEnd(32)} ${claim.evidence}`);
      }
      const isWhole = (status.endpoints ?? []).every(({ state }) => state === 'ready');
      await leave(status.usable && isWhole && status.claims.every((claim) => claim.proved) ? EXIT.done : EXIT.failed);
    });
}

function open({ config, file, stateDir }: SandboxSettings): Promise<ToolExecutor> {
  if (config.sandbox.mode === 'host') talk('sandbox.mode is host: tools run WITHOUT isolation on this machine.');
  return createToolExecutor({
    config: config.sandbox,
    labels: config.labels,
    stateDir,
    ...(file === '' ? {} : { configFile: file }),
  });
}
