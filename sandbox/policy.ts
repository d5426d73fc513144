/**
 * The sandbox policy resolved: which setting holds for an agent and a tool, which layer decided it, and which key of the
 * config file changes it. Pure. Fails closed: what no rule speaks of is unknown, an empty allow list allows nothing, a name
 * the policy cannot know is a problem that keeps the whole sandbox off.
 */
import { isAbsolute, normalize } from 'node:path';
import type { SandboxConfig } from '../config/sandbox-schema.ts';
import { parseDomainPattern } from './domain-pattern.ts';
import type { Mode } from './executor.ts';
import { policyDigest } from './policy-digest.ts';

export interface SandboxPolicy {
  readonly sandbox: SandboxConfig;
  /** The ladder, lowest first. */
  readonly labels: readonly string[];
  readonly digest: string;
  /** Names of the bundled tools, in the order they are offered. */
  readonly tools: readonly string[];
}

export interface ToolSettings {
  readonly mode: Mode;
  readonly scope: SandboxConfig['scope'];
  readonly workspace: SandboxConfig['workspace'];
  readonly network: SandboxConfig['network'];
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly outputBytes: number;
  readonly diskBytes: number;
}

/** `key` is the config key that decided, or would have to be set to change it. */
export interface Origin {
  readonly layer: 'defaults' | 'tool' | 'agent' | 'agent-tool';
  readonly key: string;
}

export type Resolution =
  | {
      readonly kind: 'settings';
      readonly settings: ToolSettings;
      readonly environment: Readonly<Record<string, string>>;
      readonly origins: Readonly<Record<keyof ToolSettings, Origin>>;
    }
  | { readonly kind: 'denied'; readonly origin: Origin; readonly why: string }
  | { readonly kind: 'unknown-tool' };

/** OpenClaw's names for sets of tools, usable in allow and deny lists. */
export const TOOL_GROUPS: Readonly<Record<string, readonly string[]>> = {
  'group:runtime': ['exec', 'python', 'node'],
  'group:fs': ['read', 'write', 'edit', 'list', 'search'],
  'group:fs-read': ['read', 'list', 'search'],
};

export const ALLOW_HOST = 'yes-run-tools-without-isolation';

const FIELDS = [
  'mode',
  'scope',
  'workspace',
  'network',
  'timeoutMs',
  'memoryBytes',
  'processes',
  'outputBytes',
  'diskBytes',
] as const satisfies readonly (keyof ToolSettings)[];

export function toSandboxPolicy(
  sandbox: SandboxConfig,
  labels: readonly string[],
  tools: readonly string[],
): SandboxPolicy {
  return { sandbox, labels, tools, digest: policyDigest(sandbox, labels) };
}

/** What is wrong with a policy that its schema cannot see, each naming its key. Empty means usable. */
export function policyProblems(policy: SandboxPolicy): readonly string[] {
  const { sandbox, labels, tools } = policy;
  const problems: string[] = [];
  const known = (tool: string, key: string): void => {
    if (!tools.includes(tool))
      problems.push(`${key}: there is no tool of this name; the tools are ${tools.join(', ')}`);
  };
  const knownSelector = (selector: string, key: string): void => {
    if (selector === '*' || Object.hasOwn(TOOL_GROUPS, selector)) return;
    if (!tools.includes(selector))
      problems.push(
        `${key}: "${selector}" is neither a tool, a group (${Object.keys(TOOL_GROUPS).join(', ')}) nor "*"; a rule that matches nothing protects nothing`,
      );
  };
  const hostAllowed = (mode: Mode | undefined, key: string): void => {
    if (mode === 'host' && sandbox.allowHost !== ALLOW_HOST)
      problems.push(`${key}: host runs without isolation and needs sandbox.allowHost: ${ALLOW_HOST}`);
  };
  hostAllowed(sandbox.mode, 'sandbox.mode');
  for (const [tool, settings] of Object.entries(sandbox.tools)) {
    known(tool, `sandbox.tools.${tool}`);
    hostAllowed(settings.mode, `sandbox.tools.${tool}.mode`);
  }
  for (const [agent, rules] of Object.entries(sandbox.agents)) {
    const key = `sandbox.agents.${agent}`;
    rules.allow?.forEach((selector, index) => knownSelector(selector, `${key}.allow.${index}`));
    rules.deny?.forEach((selector, index) => knownSelector(selector, `${key}.deny.${index}`));
    for (const [tool, settings] of Object.entries(rules.tools)) {
      known(tool, `${key}.tools.${tool}`);
      hostAllowed(settings.mode, `${key}.tools.${tool}.mode`);
    }
  }
  const root = sandbox.workspaceRoot;
  if (root !== '' && (!isAbsolute(root) || normalize(root) === '/' || root.includes('\0')))
    problems.push('sandbox.workspaceRoot: needs the absolute path of a directory other than /');
  sandbox.egress.allow.forEach((rule, index) => {
    const key = `sandbox.egress.allow.${index}`;
    if (parseDomainPattern(rule.host) === undefined)
      problems.push(`${key}.host: needs a plain host name or *.name, not an address, URL or port`);
    if (rule.paths.some((path) => !/^\/[\x21-\x7e]*$/.test(path)))
      problems.push(`${key}.paths: each begins with a slash`);
    if (rule.methods.some((method) => !/^[A-Z]{1,32}$/.test(method)))
      problems.push(`${key}.methods: in capitals, as on the wire`);
  });
  if (!labels.includes(sandbox.egress.upToLabel))
    problems.push(`sandbox.egress.upToLabel: "${sandbox.egress.upToLabel}" is not on the ladder ${labels.join(' < ')}`);
  const { raiseTo } = sandbox.watch;
  if (raiseTo !== '' && !labels.includes(raiseTo))
    problems.push(`sandbox.watch.raiseTo: "${raiseTo}" is not on the ladder ${labels.join(' < ')}`);
  return problems;
}

const getOwn = <V>(record: Readonly<Record<string, V>>, key: string): V | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

function selects(selectors: readonly string[], tool: string): boolean {
  return selectors.some(
    (selector) => selector === '*' || selector === tool || getOwn(TOOL_GROUPS, selector)?.includes(tool) === true,
  );
}

/** resolveTool says what holds for one tool of one agent. Deny beats allow; agent beats tool beats defaults. */
export function resolveTool(policy: SandboxPolicy, agent: string, tool: string): Resolution {
  if (!policy.tools.includes(tool)) return { kind: 'unknown-tool' };
  const { sandbox } = policy;
  const agentRules = getOwn(sandbox.agents, agent);
  const agentKey = `sandbox.agents.${agent}`;
  if (agentRules?.deny !== undefined && selects(agentRules.deny, tool))
    return denied('agent', `${agentKey}.deny`, 'the agent’s deny list names it');
  if (agentRules?.allow !== undefined && !selects(agentRules.allow, tool))
    return denied('agent', `${agentKey}.allow`, 'the agent’s allow list does not name it');

  const toolRules = getOwn(sandbox.tools, tool);
  const agentToolRules = agentRules === undefined ? undefined : getOwn(agentRules.tools, tool);
  const origins: Partial<Record<keyof ToolSettings, Origin>> = {};
  const decide = <F extends keyof ToolSettings>(field: F): ToolSettings[F] => {
    const fromAgent = agentToolRules?.[field];
    if (fromAgent !== undefined) {
      origins[field] = { layer: 'agent-tool', key: `${agentKey}.tools.${tool}.${field}` };
      return fromAgent as ToolSettings[F];
    }
    const fromTool = toolRules?.[field];
    if (fromTool !== undefined) {
      origins[field] = { layer: 'tool', key: `sandbox.tools.${tool}.${field}` };
      return fromTool as ToolSettings[F];
    }
    origins[field] = { layer: 'defaults', key: `sandbox.${field}` };
    return sandbox[field] as ToolSettings[F];
  };
  const settings = Object.fromEntries(FIELDS.map((field) => [field, decide(field)])) as unknown as ToolSettings;
  const decided = origins as Readonly<Record<keyof ToolSettings, Origin>>;
  if (settings.mode === 'deny') return { kind: 'denied', origin: decided.mode, why: 'its mode is deny' };
  if (settings.mode === 'host' && sandbox.allowHost !== ALLOW_HOST)
    return denied('defaults', 'sandbox.allowHost', 'its mode is host, which runs without isolation and is not allowed');
  return {
    kind: 'settings',
    settings,
    origins: decided,
    environment: { ...toolRules?.environment, ...agentToolRules?.environment },
  };
}

function denied(layer: Origin['layer'], key: string, why: string): Resolution {
  return { kind: 'denied', origin: { layer, key }, why };
}

/** Modes that some call under this policy could ask for; each needs a backend whose claims are proved. */
export function modesOf(policy: SandboxPolicy): readonly Mode[] {
  const modes = new Set<Mode>([policy.sandbox.mode]);
  for (const settings of Object.values(policy.sandbox.tools)) if (settings.mode !== undefined) modes.add(settings.mode);
  for (const rules of Object.values(policy.sandbox.agents))
    for (const settings of Object.values(rules.tools)) if (settings.mode !== undefined) modes.add(settings.mode);
  modes.delete('deny');
  return [...modes];
}

/** Whether a label is at or below another. A label that is not on the ladder is above everything. */
export function isAtMost(labels: readonly string[], label: string, limit: string): boolean {
  const position = labels.indexOf(label);
  return position !== -1 && position <= labels.indexOf(limit);
}
