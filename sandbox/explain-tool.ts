/** explainTool answers "why can this agent (not) use this tool, and what do I change?" from the policy alone. */
import { resolveTool } from './policy.ts';
import type { Origin, SandboxPolicy, ToolSettings } from './policy.ts';

export interface ToolExplanation {
  readonly agent: string;
  readonly tool: string;
  readonly answer: 'runs' | 'denied' | 'unknown-tool';
  /** One sentence for people: what decided. */
  readonly because: string;
  /** The key of the config file that changes the answer. Empty for an unknown tool. */
  readonly key: string;
  /** Empty unless it runs. */
  readonly settings: readonly {
    readonly name: keyof ToolSettings;
    readonly value: string | number;
    readonly origin: Origin;
  }[];
  /** Names only: values may be secrets. */
  readonly environment: readonly string[];
}

export function explainTool(policy: SandboxPolicy, agent: string, tool: string): ToolExplanation {
  const resolution = resolveTool(policy, agent, tool);
  switch (resolution.kind) {
    case 'unknown-tool':
      return {
        agent,
        tool,
        answer: 'unknown-tool',
        because: `There is no tool of this name; the tools are ${policy.tools.join(', ')}.`,
        key: '',
        settings: [],
        environment: [],
      };
    case 'denied':
      return {
        agent,
        tool,
        answer: 'denied',
        because: `${tool} is denied because ${resolution.why} (${resolution.origin.key}).`,
        key: resolution.origin.key,
        settings: [],
        environment: [],
      };
    case 'settings': {
      const { settings, origins } = resolution;
      const names = Object.keys(settings) as (keyof ToolSettings)[];
      return {
        agent,
        tool,
        answer: 'runs',
        because: `${tool} runs in ${settings.mode} with workspace ${settings.workspace}, decided by ${origins.mode.key}.`,
        key: origins.mode.key,
        settings: names.map((name) => ({ name, value: settings[name], origin: origins[name] })),
        environment: Object.keys(resolution.environment),
      };
    }
  }
}
