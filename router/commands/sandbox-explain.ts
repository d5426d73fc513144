/** `sluice sandbox explain`: may this agent use this tool, how does it run, which layer decided each setting, and which key changes it. Runs nothing. */
import { Command } from 'commander';
import { explainTool, type ToolExplanation } from '../../sandbox/explain-tool.ts';
import { toSandboxPolicy } from '../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';
import { sandboxSettingsOrExit, type SandboxOptions } from './sandbox-settings.ts';
import { data, dataJson, EXIT, talk } from './terminal.ts';

interface ExplainOptions extends SandboxOptions {
  readonly agent: string;
  readonly principal: string;
  readonly label?: string;
}

export function explainToolCommand(): Command {
  return new Command('explain')
    .description(
      'Explain how a tool runs and which key decided. Exit 1 when it is denied, 2 when there is no such tool.',
    )
    .argument('<tool>', 'bundled tool')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--agent <name>', 'agent whose rules hold', 'main')
    .option('--principal <name>', 'principal that runs it', 'local')
    .option('--label <label>', 'label of the conversation, for where it may run; the lowest when absent')
    .option('--json', 'print JSON')
    .action((tool: string, options: ExplainOptions) => {
      const { config } = sandboxSettingsOrExit(options);
      const policy = toSandboxPolicy(config.sandbox, config.labels, BUNDLED_TOOL_NAMES);
      if (options.label !== undefined && !config.labels.includes(options.label)) {
        talk(`--label takes one of ${config.labels.join(', ')}`);
        process.exit(EXIT.unusable);
      }
      const explanation = explainTool(policy, options, tool, options.label);
      const offered = config.tools.offer.some((name) => name === 'all' || name === tool);
      if (options.json === true) dataJson({ ...explanation, offeredToModels: offered });
      else {
        const lines = [
          explanation.because,
          ...(explanation.key === '' ? [] : [`to change it  ${explanation.key}`]),
          ...explanation.settings.map(
            ({ name, value, origin }) =>
              `${name.padEnd(12)}  ${String(value).padEnd(12)}  ${origin.layer.padEnd(10)}  ${origin.key}`,
          ),
          ...explanation.environment.map(
            ({ name, key }) => `environment   ${name.padEnd(12)}  ${''.padEnd(10)}  ${key}`,
          ),
          ...explanation.endpoints.map(describeEndpoint),
          describeIsolation(explanation),
          ...(explanation.answer === 'runs'
            ? [`models        ${offered ? 'are offered it' : 'are not offered it'} (tools.offer)`]
            : []),
        ];
        for (const line of lines) data(line);
      }
      process.exit({ runs: EXIT.done, denied: EXIT.failed, 'unknown-tool': EXIT.unusable }[explanation.answer]);
    });
}

const OBSTACLES = {
  label: 'not given it: what it may see is above its label',
  network: 'not given it: the way to the network is on this machine',
  session: 'not given it: a session there could not bring files back',
} as const;

function describeEndpoint({ name, far, upToLabel, obstacle, key }: ToolExplanation['endpoints'][number]): string {
  const where = `${far ? 'another machine' : 'this machine'}, up to ${upToLabel === '' ? 'any label' : upToLabel}`;
  return `endpoint      ${name.padEnd(12)}  ${obstacle === undefined ? 'may run it' : OBSTACLES[obstacle]} (${where})  ${key}`;
}

function describeIsolation({ agent, principal, isolation }: ToolExplanation): string {
  const { sandboxed, isMain, key } = isolation;
  return `isolation     ${sandboxed ? 'sandboxed' : 'host'}; ${principal}/${agent} is ${isMain ? 'main' : 'not main'} (sandbox.main)  ${key}`;
}
