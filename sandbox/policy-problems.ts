/**
 * What is wrong with a sandbox policy that its schema cannot see, each naming its key. Pure. Fails closed: one problem keeps
 * the whole sandbox off, because a rule that matches nothing protects nothing.
 */
import { isAbsolute, normalize } from 'node:path';
import type { SandboxConfig } from '../config/sandbox-schema.ts';
import { parseDomainPattern } from './domain-pattern.ts';
import type { Mode } from './executor.ts';
import { isFar, parseEndpoint } from './endpoints.ts';
import { ALLOW_HOST, resolveTool, TOOL_GROUPS } from './policy.ts';
import type { SandboxPolicy } from './policy.ts';

type Complain = (key: string, what: string) => void;

/** Empty means usable. */
export function policyProblems(policy: SandboxPolicy): readonly string[] {
  const { sandbox, labels, tools } = policy;
  const problems: string[] = [];
  const complain: Complain = (key, what) => void problems.push(`${key}: ${what}`);
  const hosts = (mode: Mode | undefined, isolate: SandboxConfig['isolate'] | undefined, key: string): void => {
    if (sandbox.allowHost === ALLOW_HOST) return;
    if (mode === 'host')
      complain(`${key}.mode`, `host runs without isolation and needs sandbox.allowHost: ${ALLOW_HOST}`);
    if (isolate !== undefined && isolate !== 'all')
      complain(`${key}.isolate`, `${isolate} runs tools without isolation and needs sandbox.allowHost: ${ALLOW_HOST}`);
  };
  const perTool = (settings: SandboxConfig['tools'], key: string): void => {
    for (const [tool, { mode }] of Object.entries(settings)) {
      if (!tools.includes(tool))
        complain(`${key}.${tool}`, `there is no tool of this name; the tools are ${tools.join(', ')}`);
      hosts(mode, undefined, `${key}.${tool}`);
    }
  };
  const lists = (rules: Pick<SandboxConfig, 'allow' | 'deny'>, key: string): void => {
    for (const list of ['allow', 'deny'] as const)
      rules[list]?.forEach((selector, index) => {
        if (selector === '*' || Object.hasOwn(TOOL_GROUPS, selector) || tools.includes(selector)) return;
        complain(
          `${key}.${list}.${index}`,
          `"${selector}" is neither a tool, a group (${Object.keys(TOOL_GROUPS).join(', ')}) nor "*"; a rule that matches nothing protects nothing`,
        );
      });
  };
  hosts(sandbox.mode, sandbox.isolate, 'sandbox');
  perTool(sandbox.tools, 'sandbox.tools');
  lists(sandbox, 'sandbox');
  workspaceRootProblem(sandbox.workspaceRoot, 'sandbox', complain);
  for (const [agent, rules] of Object.entries(sandbox.agents)) {
    const key = `sandbox.agents.${agent}`;
    hosts(rules.mode, rules.isolate, key);
    perTool(rules.tools, `${key}.tools`);
    lists(rules, key);
    workspaceRootProblem(rules.workspaceRoot ?? '', key, complain);
  }
  egressProblems(sandbox.egress, complain);
  endpointProblems(policy, complain);
  if (!labels.includes(sandbox.egress.upToLabel))
    complain('sandbox.egress.upToLabel', `"${sandbox.egress.upToLabel}" is not on the ladder ${labels.join(' < ')}`);
  const { raiseTo } = sandbox.watch;
  if (raiseTo !== '' && !labels.includes(raiseTo))
    complain('sandbox.watch.raiseTo', `"${raiseTo}" is not on the ladder ${labels.join(' < ')}`);
  return problems;
}

const NEEDED = { tls: ['ca', 'cert', 'key'], ssh: ['key', 'knownHosts'], local: [] } as const;
const REFERENCES = ['ca', 'cert', 'key', 'knownHosts'] as const;

function endpointProblems(policy: SandboxPolicy, complain: Complain): void {
  const { sandbox, labels } = policy;
  const { endpoints } = sandbox.docker;
  const roots = [
    sandbox.workspaceRoot,
    ...Object.values(sandbox.agents).map(({ workspaceRoot }) => workspaceRoot ?? ''),
  ];
  endpoints.forEach((endpoint, index) => {
    const key = `sandbox.docker.endpoints.${index}`;
    const address = parseEndpoint(endpoint.url);
    if (endpoints.findIndex(({ name }) => name === endpoint.name) !== index)
      complain(`${key}.name`, `"${endpoint.name}" names another endpoint too`);
    if (endpoint.upToLabel !== undefined && !labels.includes(endpoint.upToLabel))
      complain(`${key}.upToLabel`, `"${endpoint.upToLabel}" is not on the ladder ${labels.join(' < ')}`);
    if (address === undefined)
      return complain(`${key}.url`, 'needs unix:///path, tcp://host:port or ssh://user@host[:port][/path]');
    const needed: readonly string[] = NEEDED[address.kind];
    for (const name of REFERENCES) {
      const value = endpoint[name];
      if (value === undefined && needed.includes(name))
        complain(
          `${key}.${name}`,
          address.kind === 'tls'
            ? 'is missing: whoever reaches a port without TLS and client certificates is root there'
            : 'is missing: without it nobody knows whose machine answers',
        );
      if (value !== undefined && !needed.includes(name))
        complain(`${key}.${name}`, 'means nothing for this kind of url');
      const inside = roots.find((root) => root !== '' && value?.startsWith(`file:${root}/`) === true);
      if (inside !== undefined) complain(`${key}.${name}`, 'lies in a workspace, where a sandbox could read it');
    }
    return undefined;
  });
  const isOnlyFar = endpoints.length > 0 && endpoints.every(isFar);
  if (isOnlyFar && sandbox.egress.allow.length > 0 && wantsNetworkInContainers(policy))
    complain(
      'sandbox.docker.endpoints',
      'tools with network egress in mode docker need an endpoint on this machine (unix://), where the proxy is; set network: none, or add one',
    );
}

/** Whether some caller's tool runs in a container with the network open. */
function wantsNetworkInContainers(policy: SandboxPolicy): boolean {
  const { sandbox, tools } = policy;
  return ['', ...Object.keys(sandbox.agents)].some((agent) =>
    tools.some((tool) => {
      const resolution = resolveTool(policy, { agent, principal: '' }, tool);
      if (resolution.kind !== 'settings') return false;
      const { mode, network } = resolution.settings;
      return (mode === 'docker' || mode === 'docker+gvisor') && network === 'egress';
    }),
  );
}

function workspaceRootProblem(root: string, key: string, complain: Complain): void {
  if (root !== '' && (!isAbsolute(root) || normalize(root) === '/' || root.includes('\0')))
    complain(`${key}.workspaceRoot`, 'needs the absolute path of a directory other than /');
}

function egressProblems({ allow }: SandboxConfig['egress'], complain: Complain): void {
  allow.forEach((rule, index) => {
    const key = `sandbox.egress.allow.${index}`;
    if (parseDomainPattern(rule.host) === undefined)
      complain(`${key}.host`, 'needs a plain host name or *.name, not an address, URL or port');
    if (rule.paths.some((path) => !/^\/[\x21-\x7e]*$/.test(path))) complain(`${key}.paths`, 'each begins with a slash');
    if (rule.methods.some((method) => !/^[A-Z]{1,32}$/.test(method)))
      complain(`${key}.methods`, 'in capitals, as on the wire');
    if (rule.credential !== undefined) credentialProblems(rule, rule.credential.secret, `${key}.credential`, complain);
  });
}

function credentialProblems(
  rule: SandboxConfig['egress']['allow'][number],
  secret: string,
  key: string,
  complain: Complain,
): void {
  if (!secret.startsWith('file:/'))
    complain(`${key}.secret`, 'needs file:/path; the executor, which alone reads it, has no environment');
  if (rule.host.startsWith('*.'))
    complain(`${key}`, 'needs a host named exactly: whoever holds a name beneath a wildcard would be sent it');
  if (rule.methods.every((method) => method === 'CONNECT'))
    complain(`${key}`, 'cannot be added inside a tunnel; name the methods it is for');
}
