import { describe, expect, test } from 'vitest';
import { Config } from '../../config/schema.ts';
import { explainTool } from '../../sandbox/explain-tool.ts';
import { isAtMost, modesOf, policyProblems, resolveTool, toSandboxPolicy } from '../../sandbox/policy.ts';
import type { SandboxPolicy } from '../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';

const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const policyOf = (sandbox: unknown): SandboxPolicy =>
  toSandboxPolicy(Config.parse({ sandbox }).sandbox, LABELS, BUNDLED_TOOL_NAMES);

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
    const explained = explainTool(
      policyOf({ tools: { exec: { mode: 'docker', environment: { TOKEN: 'secret' } } } }),
      'a',
      'exec',
    );
    expect(explained).toMatchObject({ answer: 'runs', key: 'sandbox.tools.exec.mode', environment: ['TOKEN'] });
    expect(explained.settings).toHaveLength(9);
    expect(JSON.stringify(explained)).not.toContain('secret');
  });

  test('says which key denies', () => {
    const explained = explainTool(policyOf({ agents: { a: { deny: ['group:fs'] } } }), 'a', 'read');
    expect(explained).toMatchObject({ answer: 'denied', key: 'sandbox.agents.a.deny', settings: [] });
    expect(explained.because).toContain('deny list');
  });

  test('lists the tools when the name is unknown', () => {
    expect(explainTool(policyOf({}), 'a', 'ls')).toMatchObject({
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
