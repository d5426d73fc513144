/**
 * The way a model's tool call takes, for attempts made of tool calls: the planner decides, the backend runs. The workspace
 * of the attempt stands in for the session's; nothing else of the plan is touched.
 */
import { hasEnded } from '../backend.ts';
import type { Backend } from '../backend.ts';
import { planCall } from '../planner.ts';
import type { Site } from '../planner.ts';
import type { SandboxPolicy } from '../policy.ts';
import type { CallTool } from './run-attacks.ts';

export function callThroughPlanner(
  backend: Backend,
  policy: SandboxPolicy,
  site: Omit<Site, 'nonce'>,
  signal: AbortSignal,
): CallTool {
  let calls = 0;
  return async ({ name, arguments: text, session, workspace }) => {
    const request = {
      id: `attack-${calls}`,
      tool: name,
      arguments: text,
      principal: 'attack',
      session,
      agent: 'main',
      label: policy.labels[0] ?? '',
    };
    const planned = planCall(request, policy, { ...site, nonce: `attack-${calls++}` });
    if (planned.kind === 'refused') return { kind: 'refused', code: planned.code };
    const { plan } = planned;
    const source =
      plan.workspace.access === 'none' ? plan.workspace : { access: plan.workspace.access, source: workspace };
    // Homes of scopes are made by the broker's store, which is not part of this.
    const outcome = await backend.run({ ...plan, workspace: source, home: '' }, { signal });
    if (!hasEnded(outcome))
      return { kind: 'refused', code: outcome.kind === 'not-started' ? outcome.cause : outcome.kind };
    return {
      kind: 'ran',
      backend: plan.mode,
      output: `${outcome.stdout.head}${outcome.stdout.tail}${outcome.stderr.head}${outcome.stderr.tail}`,
    };
  };
}
