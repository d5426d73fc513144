/**
 * The sandbox policy resolved: which setting holds for an agent and a tool, which layer decided it, and which key of the
 * config file changes it. Pure. Fails closed: what no rule speaks of is unknown, an empty allow list allows nothing, a name
 * the policy cannot know is a problem that keeps the whole sandbox off.
 */
import type { SandboxConfig } from '../config/sandbox-schema.ts';
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
  readonly layer: 'defaults' | 'tool' | 'agent' | 'agent-tool' | 'isolate';
  readonly key: string;
}

export type Resolution =
  | {
      readonly kind: 'settings';
      readonly settings: ToolSettings;
      readonly environment: Readonly<Record<string, string>>;
      /** Key that set each variable. */
      readonly environmentKeys: Readonly<Record<string, string>>;
      /** Directory an operator named; empty for one of the scope's own. */
      readonly workspaceRoot: string;
      readonly origins: Readonly<Record<keyof ToolSettings, Origin>>;
    }
  | { readonly kind: 'denied'; readonly origin: Origin; readonly why: string }
  | { readonly kind: 'unknown-tool' };

/** OpenClaw's names for sets of tools, usable in allow and deny lists. */
export const TOOL_GROUPS: Readonly<Record<string, readonly string[]>> = {
  'group:runtime': ['exec', 'python', 'node', 'session'],
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

export const getOwn = <V>(record: Readonly<Record<string, V>>, key: string): V | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

function selects(selectors: readonly string[], tool: string): boolean {
  return selectors.some(
    (selector) => selector === '*' || selector === tool || getOwn(TOOL_GROUPS, selector)?.includes(tool) === true,
  );
}

/** What one layer says of each setting. */
type Said = { readonly [Field in keyof ToolSettings]?: ToolSettings[Field] | undefined };

/** Whose call it is, by credential and configuration; nothing here is a name that a client gave itself. */
export interface Caller {
  readonly agent: string;
  readonly principal: string;
}

/**
 * resolveTool says what holds for one tool of one caller. Deny beats allow, and each list can only take away. A setting of the
 * agent's tool beats the agent's, which beats the tool's, which beats the defaults; but a tool whose mode is deny stays denied
 * until that agent's own tool says otherwise. `isolate` then decides whether the mode is put in place of.
 */
export function resolveTool(policy: SandboxPolicy, caller: Caller, tool: string): Resolution {
  if (!policy.tools.includes(tool)) return { kind: 'unknown-tool' };
  const { sandbox } = policy;
  const agentRules = getOwn(sandbox.agents, caller.agent);
  const agentKey = `sandbox.agents.${caller.agent}`;
  const barred = barredBy(sandbox, 'sandbox', 'defaults', tool) ?? barredBy(agentRules, agentKey, 'agent', tool);
  if (barred !== undefined) return barred;

  const layers: readonly (readonly [Origin['layer'], string, Said | undefined])[] = [
    ['agent-tool', `${agentKey}.tools.${tool}`, agentRules === undefined ? undefined : getOwn(agentRules.tools, tool)],
    ['agent', agentKey, agentRules],
    ['tool', `sandbox.tools.${tool}`, getOwn(sandbox.tools, tool)],
    ['defaults', 'sandbox', sandbox],
  ];
  const origins: Partial<Record<keyof ToolSettings, Origin>> = {};
  const decide = (field: keyof ToolSettings): ToolSettings[typeof field] => {
    const setting = layers.filter(([, , values]) => values?.[field] !== undefined);
    const chosen = field === 'mode' ? firstMode(setting) : setting[0];
    const [layer, key, values] = chosen ?? (layers.at(-1) as (typeof layers)[number]);
    origins[field] = { layer, key: `${key}.${field}` };
    return (values as ToolSettings)[field];
  };
  const decided = Object.fromEntries(FIELDS.map((field) => [field, decide(field)])) as unknown as ToolSettings;
  const settled = origins as Record<keyof ToolSettings, Origin>;
  if (decided.mode === 'deny') return { kind: 'denied', origin: settled.mode, why: 'its mode is deny' };
  const isolation = isolationOf(sandbox, caller);
  const settings = isolation.sandboxed ? decided : { ...decided, mode: 'host' as const };
  if (!isolation.sandboxed) settled.mode = { layer: 'isolate', key: isolation.key };
  if (settings.mode === 'host' && sandbox.allowHost !== ALLOW_HOST)
    return denied('defaults', 'sandbox.allowHost', 'its mode is host, which runs without isolation and is not allowed');
  const environments = layers.toReversed().map(([, key]) => [key, environmentAt(sandbox, key, caller, tool)] as const);
  return {
    kind: 'settings',
    settings,
    origins: settled,
    environment: Object.assign({}, ...environments.map(([, values]) => values)) as Record<string, string>,
    environmentKeys: Object.fromEntries(
      environments.flatMap(([key, values]) => Object.keys(values).map((name) => [name, `${key}.environment.${name}`])),
    ),
    workspaceRoot: agentRules?.workspaceRoot ?? sandbox.workspaceRoot,
  };
}

/** A tool that is denied stays so whatever is said of its agent in general. */
function firstMode<Layer extends readonly [Origin['layer'], string, Said | undefined]>(
  setting: readonly Layer[],
): Layer | undefined {
  const [first] = setting;
  if (first?.[0] !== 'agent') return first;
  return setting.find(([layer, , values]) => layer === 'tool' && values?.mode === 'deny') ?? first;
}

function environmentAt(
  sandbox: SandboxConfig,
  key: string,
  { agent }: Caller,
  tool: string,
): Readonly<Record<string, string>> {
  const rules = getOwn(sandbox.agents, agent);
  switch (key) {
    case 'sandbox':
      return {};
    case `sandbox.tools.${tool}`:
      return getOwn(sandbox.tools, tool)?.environment ?? {};
    case `sandbox.agents.${agent}`:
      return rules?.environment ?? {};
    default:
      return (rules === undefined ? undefined : getOwn(rules.tools, tool)?.environment) ?? {};
  }
}

/** The lists of one layer; undefined when they let the tool through. */
function barredBy(
  rules: { readonly allow?: readonly string[] | undefined; readonly deny?: readonly string[] | undefined } | undefined,
  key: string,
  layer: Origin['layer'],
  tool: string,
): Resolution | undefined {
  const whose = layer === 'agent' ? 'the agent’s' : 'the';
  if (rules?.deny !== undefined && selects(rules.deny, tool))
    return denied(layer, `${key}.deny`, `${whose} deny list names it`);
  if (rules?.allow !== undefined && !selects(rules.allow, tool))
    return denied(layer, `${key}.allow`, `${whose} allow list does not name it`);
  return undefined;
}

/** Whether a caller's tools run in a sandbox, and which key says so. */
export function isolationOf(
  sandbox: SandboxConfig,
  { agent, principal }: Caller,
): { readonly sandboxed: boolean; readonly isMain: boolean; readonly key: string } {
  const own = getOwn(sandbox.agents, agent)?.isolate;
  const isMain = sandbox.main.principals.includes(principal) && sandbox.main.agents.includes(agent);
  const isolate = own ?? sandbox.isolate;
  return {
    sandboxed: isolate === 'all' || (isolate === 'non-main' && !isMain),
    isMain,
    key: own === undefined ? 'sandbox.isolate' : `sandbox.agents.${agent}.isolate`,
  };
}

function denied(layer: Origin['layer'], key: string, why: string): Resolution {
  return { kind: 'denied', origin: { layer, key }, why };
}

/** Modes that some call under this policy could ask for; each needs a backend whose claims are proved. */
export function modesOf(policy: SandboxPolicy): readonly Mode[] {
  const { sandbox, tools } = policy;
  const everybody = ['', ...sandbox.main.agents, ...Object.keys(sandbox.agents)];
  const callers = everybody.flatMap((agent) =>
    ['', ...sandbox.main.principals].map((principal) => ({ agent, principal })),
  );
  const modes = new Set<Mode>(sandbox.isolate === 'off' || sandbox.mode === 'deny' ? [] : [sandbox.mode]);
  for (const caller of callers)
    for (const tool of tools) {
      const resolution = resolveTool(policy, caller, tool);
      if (resolution.kind === 'settings') modes.add(resolution.settings.mode);
    }
  return [...modes];
}
