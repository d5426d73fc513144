import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Config } from '../../../config/schema.ts';
import type { ExecutionPlan } from '../../../sandbox/plan.ts';
import { plansToWarm } from '../../../sandbox/planner.ts';
import { toSandboxPolicy } from '../../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../../sandbox/tools/catalogue.ts';
import { EGRESS, LABELS, SITE } from '../../helpers/planning.ts';
import { provide } from '../../helpers/sandbox-client.ts';

const warm = (sandbox: unknown): readonly ExecutionPlan[] =>
  plansToWarm(toSandboxPolicy(Config.parse({ sandbox }).sandbox, LABELS, BUNDLED_TOOL_NAMES), SITE);

describe('what is worth preparing', () => {
  it.each([
    ['the defaults', {}, BUNDLED_TOOL_NAMES],
    ['a workspace that is the same for all', { workspace: 'ro', workspaceRoot: '/srv/work' }, BUNDLED_TOOL_NAMES],
    ['a workspace of one call', { workspace: 'rw' }, []],
    ['a private copy', { workspace: 'cow', workspaceRoot: '/srv/work' }, []],
    ['a home of a session', { scope: 'session' }, []],
    ['a proxy of one call', EGRESS, []],
    ['nothing at all', { mode: 'deny' }, []],
    ['all but one', { tools: { exec: { mode: 'deny' } } }, BUNDLED_TOOL_NAMES.filter((name) => name !== 'exec')],
  ])('%s', (_what, sandbox, tools) => {
    expect(warm(sandbox).map((plan) => plan.tool)).toEqual(tools);
  });
});

/** Plans a proved backend was asked to get ready for. */
async function prepared(
  sandbox: Parameters<typeof provide>[0] & object,
  claims: 'proved' | 'unproved' = 'proved',
): Promise<ExecutionPlan[]> {
  const plans: ExecutionPlan[] = [];
  const { client, backend } = await provide({
    ...sandbox,
    prepare: (made) => {
      if (claims === 'unproved') made.claims = [{ claim: 'no-network', proved: false, evidence: 'connected' }];
      made.prewarm = (plan) => {
        plans.push(plan);
        return Promise.resolve();
      };
    },
  });
  // A second proof ends after what followed the first.
  await client.verify();
  expect(backend.plans).toEqual([]);
  return plans;
}

describe('the executor', () => {
  it('prepares one sandbox per profile, with a command of nobody', async () => {
    const plans = await prepared({ sandbox: { tools: { python: { memoryBytes: 1024 * 1024 * 1024 } } } });
    await vi.waitFor(() => expect(plans.length).toBe(2));
    expect(new Set(plans.map((plan) => plan.argv.join(' ')))).toEqual(new Set(['/bin/true']));
  });

  it('prepares none in a backend that is not proved', async () => {
    expect(await prepared({}, 'unproved')).toEqual([]);
  });

  it('prepares none in a workspace that may be none', async () => {
    const sandbox = (stateDir: string): Record<string, unknown> => {
      mkdirSync(join(stateDir, 'inside'));
      return { workspace: 'ro', workspaceRoot: join(stateDir, 'inside') };
    };
    expect(await prepared({ sandbox })).toEqual([]);
  });
});
