/** Plans as the engine makes them, with one site and one caller, so that tests name only what they vary. */
import { Config } from '../../config/schema.ts';
import type { ToolRequest } from '../../sandbox/executor.ts';
import type { ExecutionPlan } from '../../sandbox/plan.ts';
import { planCall } from '../../sandbox/planner.ts';
import type { Planned, Site } from '../../sandbox/planner.ts';
import { toSandboxPolicy } from '../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';

export const LABELS = ['public', 'internal', 'confidential', 'restricted'];
export const SITE: Site = { scopesRoot: '/state/sandbox/scopes', egressRoot: '/tmp/sluice-1', nonce: 'f'.repeat(32) };
export const REQUEST: ToolRequest = {
  id: 'call_1',
  tool: 'exec',
  arguments: '{}',
  principal: 'alice',
  session: 's1',
  agent: 'main',
  label: 'public',
};

export const EGRESS = { network: 'egress', egress: { allow: [{ host: 'example.com' }], upToLabel: 'internal' } };
export const ARGUMENTS: Readonly<Record<string, unknown>> = {
  exec: { command: 'ls' },
  read: { path: 'a.txt' },
  write: { path: 'a.txt', content: 'x' },
  edit: { path: 'a.txt', old: 'a', new: 'b' },
  list: {},
  search: { pattern: 'x' },
  python: { code: 'print(1)' },
  node: { code: 'console.log(1)' },
  session: { action: 'start', command: 'sh' },
};

export function plan(request: Partial<ToolRequest>, sandbox: unknown = {}, site: Site = SITE): Planned {
  return planCall(
    { ...REQUEST, ...request },
    toSandboxPolicy(Config.parse({ sandbox }).sandbox, LABELS, BUNDLED_TOOL_NAMES),
    site,
  );
}

export function planned(request: Partial<ToolRequest>, sandbox: unknown = {}): ExecutionPlan {
  const result = plan(request, sandbox);
  if (result.kind !== 'plan') throw new Error(`${result.code}: ${result.message}`);
  return result.plan;
}

export const call = (tool: string, args: unknown): Partial<ToolRequest> => ({ tool, arguments: JSON.stringify(args) });
