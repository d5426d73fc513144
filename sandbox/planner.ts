/**
 * Tool request and policy to execution plan or refusal. Pure: no clock, no disk, no chance; the engine passes what it needs.
 * The request's argument text becomes argv and standard input and nothing else: mode, mounts, environment, network and
 * limits are functions of policy, agent, tool and label alone. Fails closed: whatever has no plan is refused with the reason
 * and the next step, and has run nothing.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { canonicalJson } from './canonical-json.ts';
import type { AtMost, Mode, RefusalCode, ToolRequest } from './executor.ts';
import { parseArguments } from './arguments.ts';
import type { ExecutionPlan } from './plan.ts';
import { endpointsFor, labelSeen } from './endpoints.ts';
import { isAtMost } from './ladder.ts';
import { resolveTool } from './policy.ts';
import type { Resolution, SandboxPolicy, ToolSettings } from './policy.ts';
import { BRIDGE_URL, bridged } from './egress/bridge.ts';
import { BUNDLED_TOOLS } from './tools/catalogue.ts';
import { HOME_INSIDE, TMP_INSIDE, WORKSPACE_INSIDE } from './tools/programs.ts';
import type { Command } from './tools/tool.ts';

/** Where things are on this machine, and what makes this call unlike any other. */
export interface Site {
  /** Directory that holds one directory per scope. */
  readonly scopesRoot: string;
  /** Directory for the sockets of egress proxies. */
  readonly egressRoot: string;
  /** Random, new for each call: names what is made for one call, so that a repeated call id shares nothing. */
  readonly nonce: string;
}

export type Planned =
  | { readonly kind: 'plan'; readonly plan: ExecutionPlan }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly message: string; readonly mode: Mode };

/** Complete environment of a tool beside what the policy adds; see E10 of the attack list: allow lists, never deny lists. */
const BASE_ENVIRONMENT = { LANG: 'C.UTF-8', PATH: '/usr/local/bin:/usr/bin:/bin', TERM: 'dumb' } as const;

export function planCall(request: ToolRequest, policy: SandboxPolicy, site: Site): Planned {
  const resolution = resolveTool(policy, request, request.tool);
  const refuse = (code: RefusalCode, message: string): Planned => ({
    kind: 'refused',
    code,
    message,
    mode: resolution.kind === 'settings' ? resolution.settings.mode : 'deny',
  });
  const denial = denialOf(resolution, request, policy);
  if (denial !== undefined) return refuse(denial.code, denial.message);
  const tool = BUNDLED_TOOLS.get(request.tool);
  if (resolution.kind !== 'settings' || tool === undefined) return refuse('unknown-tool', 'There is no such tool.');
  if (request.atMost?.mode === 'deny')
    return refuse('denied-by-policy', `${request.tool} was switched off for this request by the routing policy.`);

  const input = parseArguments(request.arguments);
  if (input.kind === 'malformed')
    return refuse(
      'malformed-arguments',
      `${request.tool} was not run: ${input.why}. Send one JSON object with the parameters of the tool's schema.`,
    );
  const parsed = tool.parse(input.value);
  if (parsed.kind === 'mismatch')
    return refuse(
      'malformed-arguments',
      `${request.tool} was not run: ${parsed.why}. Send the parameters of the tool's schema and no others.`,
    );
  const { command } = parsed;
  if (command.kind !== 'command') {
    const next = command.kind === 'path-refused' ? ' Give a plain path beneath the working directory.' : '';
    return refuse(command.kind, `${request.tool} was not run: ${command.why}.${next}`);
  }

  const plan = toPlan(request, policy, site, resolution, command);
  if (plan.endpoints?.length === 0)
    return refuse(
      'denied-by-policy',
      `${request.tool} was not run: no endpoint of sandbox.docker.endpoints may be given this call. "sluice sandbox explain ${request.tool}" says what keeps each from it.`,
    );
  return { kind: 'plan', plan };
}

/**
 * What first calls of agents without rules of their own will look like. Only sandboxes that any call may take are worth
 * preparing: not those with a home, a workspace or a proxy of one call. They hold no command and are never signed.
 */
export function plansToWarm(policy: SandboxPolicy, site: Site): readonly ExecutionPlan[] {
  return policy.tools.flatMap((tool) => {
    const resolution = resolveTool(policy, { agent: '', principal: '' }, tool);
    if (resolution.kind !== 'settings') return [];
    const request = { id: 'warm', tool, arguments: '', principal: '', session: '', agent: '', label: '' };
    const plan = toPlan(request, policy, site, resolution, NO_COMMAND);
    const { access } = plan.workspace;
    const ownPlace = access === 'cow' || (access !== 'none' && resolution.workspaceRoot === '');
    return plan.home === '' && !ownPlace && resolution.settings.network === 'none' ? [plan] : [];
  });
}

const NO_COMMAND: Command = { kind: 'command', argv: ['/bin/true'], stdin: new Uint8Array() };

function denialOf(
  resolution: Resolution,
  request: ToolRequest,
  policy: SandboxPolicy,
): { readonly code: RefusalCode; readonly message: string } | undefined {
  switch (resolution.kind) {
    case 'settings':
      return undefined;
    case 'unknown-tool':
      return {
        code: 'unknown-tool',
        message: `There is no tool of this name here. The tools are ${policy.tools.join(', ')}.`,
      };
    case 'denied':
      return {
        code: 'denied-by-policy',
        message: `${request.tool} is denied by policy (${resolution.origin.key}) because ${resolution.why}. It will be denied again: use another tool, or ask the operator to change that key.`,
      };
  }
}

function toPlan(
  request: ToolRequest,
  policy: SandboxPolicy,
  site: Site,
  resolution: Extract<Resolution, { kind: 'settings' }>,
  command: Command,
): ExecutionPlan {
  const settings = narrow(resolution.settings, request.atMost);
  const ownWorkspace = settings.workspace !== 'none' && resolution.workspaceRoot === '';
  const scopeKey = toScopeKey(request, settings.scope, ownWorkspace ? site.nonce : '');
  const scopeDirectory = join(site.scopesRoot, scopeKey);
  const open = isEgressOpen(policy, settings, request.label);
  const isKept = settings.scope !== 'call' || settings.workspace === 'rw' || settings.workspace === 'cow';
  const isContainer = settings.mode === 'docker' || settings.mode === 'docker+gvisor';
  const journey = {
    label: labelSeen(request.label, { ...settings, workspaceRoot: resolution.workspaceRoot }, policy.labels),
    network: open,
    longLived: command.terminal?.action === 'start' && isKept,
  };
  const endpoints = isContainer ? endpointsFor(policy.sandbox, journey, policy.labels) : undefined;
  const workspaceSource = ownWorkspace ? join(scopeDirectory, 'workspace') : resolution.workspaceRoot;
  return {
    callId: request.id,
    tool: request.tool,
    mode: settings.mode,
    argv: open ? bridged(command.argv) : command.argv,
    stdin: Buffer.from(command.stdin).toString('base64'),
    cwd: settings.workspace === 'none' ? HOME_INSIDE : WORKSPACE_INSIDE,
    env: toEnvironment(resolution.environment, open),
    workspace:
      settings.workspace === 'none' ? { access: 'none' } : { access: settings.workspace, source: workspaceSource },
    home: settings.scope === 'call' ? '' : join(scopeDirectory, 'home'),
    egress: open ? { kind: 'proxy', socket: join(site.egressRoot, `${site.nonce}.sock`) } : { kind: 'none' },
    limits: {
      wallMs: command.terminal?.action === 'start' ? policy.sandbox.terminals.maxAgeMs : settings.timeoutMs,
      memoryBytes: settings.memoryBytes,
      processes: settings.processes,
      outputBytes: settings.outputBytes,
      diskBytes: settings.diskBytes,
      fileBytes: settings.diskBytes,
    },
    ...(command.terminal === undefined
      ? {}
      : { terminal: { ...command.terminal, id: command.terminal.id || toTerminalId(site.nonce) } }),
    ...(endpoints === undefined ? {} : { endpoints }),
    scopeKey,
    sessionKey: toScopeKey(request, 'session', ''),
    policyDigest: policy.digest,
  };
}

const TERMINAL_ID_CHARACTERS = 8;
/** Letters only: a long hexadecimal number looks like a secret to whoever classifies the result it stands in. */
const toTerminalId = (nonce: string): string =>
  Array.from(nonce.slice(0, TERMINAL_ID_CHARACTERS), (digit) =>
    String.fromCharCode(97 + Number.parseInt(digit, 16)),
  ).join('');
const WORKSPACE_ORDER = ['none', 'ro', 'cow', 'rw'] as const;

/** The router may ask for less than the policy allows. Every line here is a minimum, so it can never ask for more. */
function narrow(settings: ToolSettings, atMost: AtMost | undefined): ToolSettings {
  if (atMost === undefined) return settings;
  const workspace = WORKSPACE_ORDER.indexOf(atMost.workspace ?? 'rw') < WORKSPACE_ORDER.indexOf(settings.workspace);
  return {
    ...settings,
    network: atMost.network === 'none' ? 'none' : settings.network,
    workspace: workspace && atMost.workspace !== undefined ? atMost.workspace : settings.workspace,
    timeoutMs: Math.min(settings.timeoutMs, atMost.timeoutMs ?? Number.POSITIVE_INFINITY),
    outputBytes: Math.min(settings.outputBytes, atMost.outputBytes ?? Number.POSITIVE_INFINITY),
  };
}

/** Closed when nothing is allowed, and when the conversation's label is above what the network may see. */
function isEgressOpen(policy: SandboxPolicy, settings: ToolSettings, label: string): boolean {
  const { egress } = policy.sandbox;
  return settings.network === 'egress' && egress.allow.length > 0 && isAtMost(policy.labels, label, egress.upToLabel);
}

function toEnvironment(fromPolicy: Readonly<Record<string, string>>, open: boolean): Readonly<Record<string, string>> {
  const own = { HOME: HOME_INSIDE, TMPDIR: TMP_INSIDE, USER: 'agent', LOGNAME: 'agent' };
  return { ...BASE_ENVIRONMENT, ...fromPolicy, ...(open ? PROXY_ENVIRONMENT : {}), ...own };
}

/**
 * Both spellings, because curl reads only the lower case one of http_proxy and others only the upper case ones. A server
 * that a tool starts inside is reached directly.
 */
const PROXY_ENVIRONMENT = {
  http_proxy: BRIDGE_URL,
  https_proxy: BRIDGE_URL,
  no_proxy: 'localhost,127.0.0.1,::1',
  HTTP_PROXY: BRIDGE_URL,
  HTTPS_PROXY: BRIDGE_URL,
  NO_PROXY: 'localhost,127.0.0.1,::1',
  NODE_USE_ENV_PROXY: '1',
} as const;

/**
 * State is shared only inside a scope, and never between principals. Hashed before it becomes a path, so a session called
 * `../../etc` is a directory like any other; canonical JSON keeps ("a","bc") and ("ab","c") apart. Calls of scope `call` that
 * have no directory of their own have an empty nonce and one key per principal: nothing is kept under it, and backends may
 * prepare single-use sandboxes for it ahead of time.
 */
export function toScopeKey(
  request: Pick<ToolRequest, 'principal' | 'session' | 'agent'>,
  scope: ToolSettings['scope'],
  nonce: string,
): string {
  const { principal, session, agent } = request;
  const parts = { call: [nonce], session: [session], agent: [agent], shared: [] }[scope];
  return createHash('sha256')
    .update(canonicalJson([scope, principal, ...parts]))
    .digest('hex');
}
