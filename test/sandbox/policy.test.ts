import { describe, expect, test } from 'vitest';
import { Config } from '../../config/schema.ts';
import { explainTool } from '../../sandbox/explain-tool.ts';
import { policyProblems } from '../../sandbox/policy-problems.ts';
import { isAtMost } from '../../sandbox/ladder.ts';
import { modesOf, resolveTool as resolve, toSandboxPolicy } from '../../sandbox/policy.ts';
import type { SandboxPolicy } from '../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';

const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const policyOf = (sandbox: unknown): SandboxPolicy =>
  toSandboxPolicy(Config.parse({ sandbox }).sandbox, LABELS, BUNDLED_TOOL_NAMES);
const resolveTool = (policy: SandboxPolicy, agent: string, tool: string, principal = 'local') =>
  resolve(policy, { agent, principal }, tool);
const explain = (policy: SandboxPolicy, agent: string, tool: string, principal = 'local') =>
  explainTool(policy, { agent, principal }, tool);
const PHRASE = { allowHost: 'yes-run-tools-without-isolation' };

describe('resolveTool() decides by layer', () => {
  const layered = {
    timeoutMs: 1000,
    tools: { exec: { timeoutMs: 2000, environment: { A: 'tool', B: 'tool' } } },
    agents: {
      ci: { tools: { exec: { timeoutMs: 3000, environment: { B: 'agent' } } } },
      plain: {},
    },
  };
  const table = [
    ['defaults', 'plain', 'read', 1000, { layer: 'defaults', key: 'sandbox.timeoutMs' }],
    ['tool', 'plain', 'exec', 2000, { layer: 'tool', key: 'sandbox.tools.exec.timeoutMs' }],
    ['agent and tool', 'ci', 'exec', 3000, { layer: 'agent-tool', key: 'sandbox.agents.ci.tools.exec.timeoutMs' }],
    ['an agent nobody named', 'stranger', 'exec', 2000, { layer: 'tool', key: 'sandbox.tools.exec.timeoutMs' }],
    [
      'an agent named like a prototype',
      'constructor',
      'exec',
      2000,
      { layer: 'tool', key: 'sandbox.tools.exec.timeoutMs' },
    ],
  ] as const;
  test.each(table)('%s', (_, agent, tool, timeoutMs, origin) => {
    const resolution = resolveTool(policyOf(layered), agent, tool);
    if (resolution.kind !== 'settings') throw new Error(resolution.kind);
    expect(resolution.settings.timeoutMs).toBe(timeoutMs);
    expect(resolution.origins.timeoutMs).toEqual(origin);
  });

  test('environments merge, the nearer layer winning', () => {
    const resolution = resolveTool(policyOf(layered), 'ci', 'exec');
    expect(resolution).toMatchObject({ environment: { A: 'tool', B: 'agent' } });
  });
});

describe('resolveTool() allows and denies', () => {
  const table = [
    ['no lists', {}, 'exec', 'settings', ''],
    ['allow that names it', { allow: ['exec'] }, 'exec', 'settings', ''],
    ['allow that does not', { allow: ['read'] }, 'exec', 'denied', 'sandbox.agents.a.allow'],
    ['an empty allow list allows nothing', { allow: [] }, 'exec', 'denied', 'sandbox.agents.a.allow'],
    ['allow by group', { allow: ['group:runtime'] }, 'python', 'settings', ''],
    ['allow by another group', { allow: ['group:fs'] }, 'python', 'denied', 'sandbox.agents.a.allow'],
    ['deny that names it', { deny: ['exec'] }, 'exec', 'denied', 'sandbox.agents.a.deny'],
    ['deny beats allow', { allow: ['exec'], deny: ['exec'] }, 'exec', 'denied', 'sandbox.agents.a.deny'],
    ['deny by group', { allow: ['*'], deny: ['group:fs'] }, 'write', 'denied', 'sandbox.agents.a.deny'],
    ['deny of everything', { deny: ['*'] }, 'read', 'denied', 'sandbox.agents.a.deny'],
    ['a mode of deny', { tools: { exec: { mode: 'deny' } } }, 'exec', 'denied', 'sandbox.agents.a.tools.exec.mode'],
    ['host without the phrase', { tools: { exec: { mode: 'host' } } }, 'exec', 'denied', 'sandbox.allowHost'],
  ] as const;
  test.each(table)('%s', (_, agent, tool, kind, key) => {
    const resolution = resolveTool(policyOf({ agents: { a: agent } }), 'a', tool);
    expect(resolution.kind).toBe(kind);
    expect(resolution.kind === 'denied' ? resolution.origin.key : '').toBe(key);
  });

  test.each(['__proto__', 'constructor', 'toString', 'Exec', 'exec ', '', 'shell'])('an unknown tool: "%s"', (tool) => {
    expect(resolveTool(policyOf({}), 'a', tool)).toEqual({ kind: 'unknown-tool' });
  });

  test('host with the phrase', () => {
    const policy = policyOf({ mode: 'host', allowHost: 'yes-run-tools-without-isolation' });
    expect(resolveTool(policy, 'a', 'exec')).toMatchObject({ kind: 'settings', settings: { mode: 'host' } });
  });
});

describe('an agent of its own settings', () => {
  const policy = policyOf({
    mode: 'bubblewrap',
    workspaceRoot: '/srv/all',
    deny: ['search'],
    tools: { exec: { timeoutMs: 2000, environment: { A: 'tool' } }, node: { mode: 'deny' } },
    agents: {
      ci: {
        mode: 'docker',
        timeoutMs: 5000,
        workspaceRoot: '/srv/ci',
        environment: { A: 'agent', B: 'agent' },
        tools: { exec: { environment: { B: 'agent-tool' } }, python: { timeoutMs: 9000 } },
      },
      free: { tools: { node: { mode: 'docker' } } },
    },
  });
  const table = [
    ['beats the tool’s', 'ci', 'exec', 'timeoutMs', 5000, 'agent', 'sandbox.agents.ci.timeoutMs'],
    [
      'yields to its own tool’s',
      'ci',
      'python',
      'timeoutMs',
      9000,
      'agent-tool',
      'sandbox.agents.ci.tools.python.timeoutMs',
    ],
    ['beats the defaults', 'ci', 'read', 'mode', 'docker', 'agent', 'sandbox.agents.ci.mode'],
    ['is nobody else’s', 'other', 'read', 'mode', 'bubblewrap', 'defaults', 'sandbox.mode'],
    [
      'a denied tool is opened by name',
      'free',
      'node',
      'mode',
      'docker',
      'agent-tool',
      'sandbox.agents.free.tools.node.mode',
    ],
  ] as const;
  test.each(table)('%s', (_, agent, tool, field, value, layer, key) => {
    const resolution = resolveTool(policy, agent, tool);
    if (resolution.kind !== 'settings') throw new Error(resolution.kind);
    expect(resolution.settings[field]).toBe(value);
    expect(resolution.origins[field]).toEqual({ layer, key });
  });

  test('a denied tool stays denied whatever is said of the agent in general', () => {
    expect(resolveTool(policy, 'ci', 'node')).toMatchObject({
      kind: 'denied',
      origin: { key: 'sandbox.tools.node.mode' },
    });
  });

  test('lists of every layer only take away', () => {
    const lists = policyOf({ allow: ['group:fs'], agents: { a: { allow: ['*'] }, b: { allow: ['exec', 'read'] } } });
    const answer = (agent: string, tool: string): string => {
      const resolution = resolveTool(lists, agent, tool);
      return resolution.kind === 'denied' ? resolution.origin.key : resolution.kind;
    };
    expect(answer('a', 'exec')).toBe('sandbox.allow');
    expect(answer('a', 'read')).toBe('settings');
    expect(answer('b', 'exec')).toBe('sandbox.allow');
    expect(answer('b', 'write')).toBe('sandbox.agents.b.allow');
    expect(resolveTool(policy, 'ci', 'search')).toMatchObject({ kind: 'denied', origin: { key: 'sandbox.deny' } });
  });

  test('has its own workspace and environment', () => {
    expect(resolveTool(policy, 'ci', 'exec')).toMatchObject({
      workspaceRoot: '/srv/ci',
      environment: { A: 'agent', B: 'agent-tool' },
      environmentKeys: { A: 'sandbox.agents.ci.environment.A', B: 'sandbox.agents.ci.tools.exec.environment.B' },
    });
    expect(resolveTool(policy, 'other', 'exec')).toMatchObject({
      workspaceRoot: '/srv/all',
      environment: { A: 'tool' },
    });
  });
});

describe('whose tools are isolated', () => {
  const main = { principals: ['operator'], agents: ['main'] };
  const table: readonly (readonly [string, unknown, string, string, string, string])[] = [
    ['all', { isolate: 'all', main }, 'operator', 'main', 'bubblewrap', 'sandbox.mode'],
    ['non-main: main', { isolate: 'non-main', main }, 'operator', 'main', 'host', 'sandbox.isolate'],
    ['non-main: main’s other agent', { isolate: 'non-main', main }, 'operator', 'ci', 'bubblewrap', 'sandbox.mode'],
    ['non-main: another principal', { isolate: 'non-main', main }, 'guest', 'main', 'bubblewrap', 'sandbox.mode'],
    ['non-main: nobody is main', { isolate: 'non-main' }, 'local', 'main', 'bubblewrap', 'sandbox.mode'],
    ['off', { isolate: 'off' }, 'guest', 'x', 'host', 'sandbox.isolate'],
    [
      'off, but all for an agent',
      { isolate: 'off', agents: { x: { isolate: 'all' } } },
      'guest',
      'x',
      'bubblewrap',
      'sandbox.mode',
    ],
    [
      'all, but off for an agent',
      { agents: { x: { isolate: 'off' } } },
      'guest',
      'x',
      'host',
      'sandbox.agents.x.isolate',
    ],
  ];
  test.each(table)('%s', (_, sandbox, principal, agent, mode, key) => {
    const policy = policyOf({ ...(sandbox as object), ...PHRASE });
    expect(policyProblems(policy)).toEqual([]);
    const resolution = resolveTool(policy, agent, 'exec', principal);
    expect(resolution).toMatchObject({ kind: 'settings', settings: { mode }, origins: { mode: { key } } });
    expect(modesOf(policy)).toContain(mode);
    expect(explain(policy, agent, 'exec', principal)).toMatchObject({ key, isolation: { sandboxed: mode !== 'host' } });
  });

  test.each(table)('%s, without the phrase: never on the host', (_, sandbox, principal, agent) => {
    const resolution = resolveTool(policyOf(sandbox), agent, 'exec', principal);
    expect(resolution.kind === 'settings' ? resolution.settings.mode : resolution.kind).toMatch(
      /^(bubblewrap|denied)$/,
    );
  });

  test('a denied tool is denied to main as well', () => {
    const policy = policyOf({ isolate: 'off', ...PHRASE, tools: { exec: { mode: 'deny' } } });
    expect(resolveTool(policy, 'main', 'exec')).toMatchObject({ kind: 'denied' });
  });

  test('nothing but isolate needs a backend of its own when it is off', () => {
    expect(modesOf(policyOf({ isolate: 'off', ...PHRASE }))).toEqual(['host']);
  });
});

describe('policyProblems() names', () => {
  const table: readonly (readonly [string, unknown, RegExp])[] = [
    ['a tool that does not exist', { tools: { exce: {} } }, /^sandbox\.tools\.exce: .*exec, read/],
    [
      'a deny rule that matches nothing',
      { agents: { a: { deny: ['group:shell'] } } },
      /^sandbox\.agents\.a\.deny\.0: /,
    ],
    [
      'an allow rule that matches nothing',
      { agents: { a: { allow: ['*', 'ls'] } } },
      /^sandbox\.agents\.a\.allow\.1: /,
    ],
    [
      'an agent’s tool that does not exist',
      { agents: { a: { tools: { ls: {} } } } },
      /^sandbox\.agents\.a\.tools\.ls: /,
    ],
    ['host without the phrase', { mode: 'host' }, /^sandbox\.mode: .*yes-run-tools-without-isolation/],
    ['host of one tool', { tools: { exec: { mode: 'host' } } }, /^sandbox\.tools\.exec\.mode: /],
    ['isolate off without the phrase', { isolate: 'off' }, /^sandbox\.isolate: .*yes-run-tools-without-isolation/],
    ['isolate of one agent', { agents: { a: { isolate: 'non-main' } } }, /^sandbox\.agents\.a\.isolate: /],
    ['host of one agent', { agents: { a: { mode: 'host' } } }, /^sandbox\.agents\.a\.mode: /],
    ['a general list that matches nothing', { deny: ['shell'] }, /^sandbox\.deny\.0: /],
    [
      'an agent’s workspace at the root',
      { agents: { a: { workspaceRoot: '//' } } },
      /^sandbox\.agents\.a\.workspaceRoot: /,
    ],
    ['a label off the ladder', { egress: { upToLabel: 'secret' } }, /^sandbox\.egress\.upToLabel: /],
    ['a workspace at the root', { workspaceRoot: '/' }, /^sandbox\.workspaceRoot: /],
    ['a relative workspace', { workspaceRoot: 'work' }, /^sandbox\.workspaceRoot: /],
  ];
  test.each(table)('%s', (_, sandbox, problem) => {
    const problems = policyProblems(policyOf(sandbox));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  test('nothing in the defaults', () => {
    expect(policyProblems(policyOf({}))).toEqual([]);
  });
});

describe('explainTool()', () => {
  test('names the layer and the key of every setting', () => {
    const explained = explain(
      policyOf({ tools: { exec: { mode: 'docker', environment: { TOKEN: 'secret' } } } }),
      'a',
      'exec',
    );
    expect(explained).toMatchObject({
      answer: 'runs',
      key: 'sandbox.tools.exec.mode',
      environment: [{ name: 'TOKEN', key: 'sandbox.tools.exec.environment.TOKEN' }],
    });
    expect(explained.settings).toHaveLength(9);
    expect(JSON.stringify(explained)).not.toContain('secret');
  });

  test('says which key denies', () => {
    const explained = explain(policyOf({ agents: { a: { deny: ['group:fs'] } } }), 'a', 'read');
    expect(explained).toMatchObject({ answer: 'denied', key: 'sandbox.agents.a.deny', settings: [] });
    expect(explained.because).toContain('deny list');
  });

  test('lists the tools when the name is unknown', () => {
    expect(explain(policyOf({}), 'a', 'ls')).toMatchObject({
      answer: 'unknown-tool',
      because: expect.stringContaining('exec, read') as string,
    });
  });
});

describe('modesOf()', () => {
  test('collects every mode a call could ask for, deny excepted', () => {
    const policy = policyOf({
      mode: 'bubblewrap',
      tools: { exec: { mode: 'docker' }, read: { mode: 'deny' } },
      agents: { a: { tools: { node: { mode: 'docker+gvisor' } } } },
    });
    expect(modesOf(policy)).toEqual(['bubblewrap', 'docker', 'docker+gvisor']);
  });
});

describe('isAtMost()', () => {
  test.each([
    ['public', 'public', true],
    ['public', 'internal', true],
    ['internal', 'public', false],
    ['nonsense', 'restricted', false],
    ['public', 'nonsense', false],
  ])('%s at most %s: %s', (label, limit, expected) => {
    expect(isAtMost(LABELS, label, limit)).toBe(expected);
  });
});
