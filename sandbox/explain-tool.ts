/** explainTool answers "why can this agent (not) use this tool, and what do I change?" from the policy alone. */
import type { Obstacle } from './endpoints.ts';
import { isFar, labelSeen, limitOf, obstacleAt } from './endpoints.ts';
import { isAtMost } from './ladder.ts';
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
  /** Where it may run, for a conversation of the label that was asked for. Empty where no endpoints are configured. */
  readonly endpoints: readonly {
    readonly name: string;
    readonly far: boolean;
    /** Highest label it may be given; empty means any. */
    readonly upToLabel: string;
    readonly obstacle?: Obstacle;
    readonly key: string;
  }[];
  /** Names only: values may be secrets. */
  readonly environment: readonly { readonly name: string; readonly key: string }[];
}

export function explainTool(
  policy: SandboxPolicy,
  caller: Caller,
  tool: string,
  label = policy.labels[0] ?? '',
): ToolExplanation {
  const resolution = resolveTool(policy, caller, tool);
  const { agent, principal } = caller;
  const nothing = {
    agent,
    principal,
    tool,
    isolation: isolationOf(policy.sandbox, caller),
    settings: [],
    endpoints: [],
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
        endpoints: endpointsOf(policy, resolution, tool, label),
        settings: names.map((name) => ({ name, value: settings[name], origin: origins[name] })),
        environment: Object.entries(environmentKeys).map(([name, key]) => ({ name, key })),
      };
    }
  }
}

function endpointsOf(
  { sandbox, labels }: SandboxPolicy,
  { settings, workspaceRoot }: Extract<ReturnType<typeof resolveTool>, { kind: 'settings' }>,
  tool: string,
  label: string,
): ToolExplanation['endpoints'] {
  if (settings.mode !== 'docker' && settings.mode !== 'docker+gvisor') return [];
  const journey = {
    label: labelSeen(label, { ...settings, workspaceRoot }, labels),
    network:
      settings.network === 'egress' &&
      sandbox.egress.allow.length > 0 &&
      isAtMost(labels, label, sandbox.egress.upToLabel),
    longLived:
      tool === 'session' && (settings.scope !== 'call' || settings.workspace === 'rw' || settings.workspace === 'cow'),
  };
  return sandbox.docker.endpoints.map((endpoint, index) => {
    const obstacle = obstacleAt(endpoint, journey, labels);
    const key = `sandbox.docker.endpoints.${index}`;
    return {
      name: endpoint.name,
      far: isFar(endpoint),
      upToLabel: limitOf(endpoint, labels) ?? '',
      ...(obstacle === undefined ? {} : { obstacle }),
      key: obstacle === 'label' ? `${key}.upToLabel` : key,
    };
  });
}
