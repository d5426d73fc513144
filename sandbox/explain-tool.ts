/** explainTool answers "why can this agent (not) use this tool, and what do I change?" from the policy alone. */
import { isolationOf, resolveTool } from './policy.ts';
import type { Caller, Origin, SandboxPolicy, ToolSettings } from './policy.ts';

export interface ToolExplanation {
  readonly agent: string;
  readonly principal: string;
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
  /** Whose tools are sandboxed, whether this caller counts as main, and the key that says so. */
  readonly isolation: { readonly sandboxed: boolean; readonly isMain: boolean; readonly key: string };
  /** Names only: values may be secrets. */
  readonly environment: readonly { readonly name: string; readonly key: string }[];
}

export function explainTool(policy: SandboxPolicy, caller: Caller, tool: string): ToolExplanation {
  const resolution = resolveTool(policy, caller, tool);
  const { agent, principal } = caller;
  const nothing = {
    agent,
    principal,
    tool,
    isolation: isolationOf(policy.sandbox, caller),
    settings: [],
    environment: [],
  };
  switch (resolution.kind) {
    case 'unknown-tool':
      return {
        ...nothing,
        answer: 'unknown-tool',
        because: `There is no tool of this name; the tools are ${policy.tools.join(', ')}.`,
        key: '',
      };
    case 'denied':
      return {
        ...nothing,
        answer: 'denied',
        because: `${tool} is denied because ${resolution.why} (${resolution.origin.key}).`,
        key: resolution.origin.key,
      };
    case 'settings': {
      const { settings, origins, environmentKeys } = resolution;
      const names = Object.keys(settings) as (keyof ToolSettings)[];
      const place = settings.mode === 'host' ? 'on this machine, without isolation,' : `in ${settings.mode}`;
      return {
        ...nothing,
        answer: 'runs',
        because: `${tool} runs ${place} with workspace ${settings.workspace}, decided by ${origins.mode.key}.`,
        key: origins.mode.key,
        settings: names.map((name) => ({ name, value: settings[name], origin: origins[name] })),
        environment: Object.entries(environmentKeys).map(([name, key]) => ({ name, key })),
      };
    }
  }
}
