import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExecutionPlan } from '../../sandbox/plan.ts';
import { BUNDLED_TOOLS, BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';
import { ARGUMENTS, EGRESS, call, plan, planned } from '../helpers/planning.ts';

describe('every tool against every mode', () => {
  const modes = ['bubblewrap', 'docker', 'docker+gvisor', 'host'] as const;
  const rows = BUNDLED_TOOL_NAMES.flatMap((tool) => modes.map((mode) => [tool, mode] as const));
  test.each(rows)('%s in %s', (tool, mode) => {
    const made = planned(call(tool, ARGUMENTS[tool]), { mode, allowHost: 'yes-run-tools-without-isolation' });
    expect(made.mode).toBe(mode);
    expect(made.argv[0]).toMatch(/^\/(bin\/sh|opt\/node\/bin\/node)$/);
    expect(made.env).toMatchObject({ HOME: '/home/agent', PATH: '/usr/local/bin:/usr/bin:/bin' });
  });

  test.each(BUNDLED_TOOL_NAMES)('%s in deny is refused', (tool) => {
    const result = plan(call(tool, ARGUMENTS[tool]), { mode: 'deny' });
    expect(result).toMatchObject({ kind: 'refused', code: 'denied-by-policy', mode: 'deny' });
  });

  test.each(BUNDLED_TOOL_NAMES)('%s in host without the phrase is refused', (tool) => {
    const result = plan(call(tool, ARGUMENTS[tool]), { mode: 'host' });
    expect(result).toMatchObject({ kind: 'refused', code: 'denied-by-policy' });
  });

  test('the table has every tool', () => {
    expect(Object.keys(ARGUMENTS)).toEqual(BUNDLED_TOOL_NAMES);
  });
});

describe('arguments that are refused', () => {
  const table: readonly (readonly [name: string, tool: string, args: unknown, code: string])[] = [
    ['a missing parameter', 'exec', {}, 'malformed-arguments'],
    ['a parameter of the wrong type', 'exec', { command: ['ls'] }, 'malformed-arguments'],
    ['an empty command', 'exec', { command: '' }, 'malformed-arguments'],
    ['a mode', 'exec', { command: 'id', mode: 'host' }, 'malformed-arguments'],
    [
      'options with a mode',
      'exec',
      { command: 'id', options: { mode: 'host', 'x-sandbox': 'off' } },
      'malformed-arguments',
    ],
    ['a switch for the sandbox', 'exec', { command: 'id', dangerouslyDisableSandbox: true }, 'malformed-arguments'],
    ['an environment', 'exec', { command: 'id', env: { LD_PRELOAD: '/x' } }, 'malformed-arguments'],
    ['an image', 'exec', { command: 'ls', image: '--privileged' }, 'malformed-arguments'],
    ['a time limit', 'exec', { command: 'ls', timeoutMs: 10_000_000 }, 'malformed-arguments'],
    ['an alias of path', 'read', { file_path: 'a', path: 'b' }, 'malformed-arguments'],
    ['a NUL in a command', 'exec', { command: 'ls\0' }, 'malformed-arguments'],
    ['a NUL in code', 'python', { code: 'print(1)\0' }, 'malformed-arguments'],
    ['a command past MAX_ARG_STRLEN', 'exec', { command: 'A'.repeat(3_000_00) }, 'malformed-arguments'],
    ['a command past it in bytes', 'exec', { command: '€'.repeat(50_000) }, 'malformed-arguments'],
    [
      'content that is not base64',
      'write',
      { path: 'a', content: 'n0t base64!', encoding: 'base64' },
      'malformed-arguments',
    ],
    ['an edit of nothing', 'edit', { path: 'a', old: '', new: 'x' }, 'malformed-arguments'],
    ['a search for nothing', 'search', {}, 'malformed-arguments'],
    ['a negative offset', 'read', { path: 'a', offset: -1 }, 'malformed-arguments'],
    ['a fraction of a line', 'read', { path: 'a', limit: 1.5 }, 'malformed-arguments'],
    ['a NUL in a path', 'read', { path: 'a\0/etc/shadow' }, 'path-refused'],
    ['a newline in a path', 'read', { path: 'a\nb' }, 'path-refused'],
    ['an escape sequence in a path', 'write', { path: 'a\u001b[2K', content: '' }, 'path-refused'],
    ['a C1 control in a path', 'list', { path: 'a\u009b' }, 'path-refused'],
    ['a right-to-left override in a path', 'edit', { path: 'a\u202etxt', old: 'a', new: 'b' }, 'path-refused'],
    ['a path past PATH_MAX', 'search', { pattern: 'x', path: 'a/'.repeat(2100) }, 'path-refused'],
    ['a name past NAME_MAX', 'read', { path: 'a'.repeat(256) }, 'path-refused'],
    ['a name past it in bytes', 'read', { path: '€'.repeat(86) }, 'path-refused'],
    ['an empty path', 'read', { path: '' }, 'path-refused'],
    ['a directory in /proc', 'exec', { command: 'ls', cwd: '/proc/self/root' }, 'path-refused'],
    ['the root as directory', 'exec', { command: 'ls', cwd: '/' }, 'path-refused'],
    ['a directory that climbs', 'exec', { command: 'ls', cwd: '../../etc' }, 'path-refused'],
    ['a directory that climbs from the workspace', 'node', { code: '1', cwd: '/workspace/../etc' }, 'path-refused'],
    [
      'a directory whose name begins like the workspace',
      'python',
      { code: '1', cwd: '/workspace-of-another' },
      'path-refused',
    ],
  ];
  test.each(table)('%s', (_, tool, args, code) => {
    const result = plan(call(tool, args));
    if (result.kind !== 'refused') throw new Error('was planned');
    expect(result.code).toBe(code);
    expect(result.message).toMatch(/was not run: /);
  });

  test('no refusal repeats what the model sent', () => {
    const canary = 'CANARY77';
    for (const args of [
      { [canary]: 1 },
      { command: 1, [canary]: canary },
      { path: `${canary}\0`, command: `${canary}\0` },
    ])
      for (const tool of BUNDLED_TOOL_NAMES) {
        const result = plan(call(tool, args));
        expect(result.kind === 'refused' ? result.message : '').not.toContain(canary);
      }
  });

  test.each(['__proto__', 'constructor', 'Exec', 'docker', ''])('an unknown tool "%s"', (tool) => {
    expect(plan({ tool })).toMatchObject({ kind: 'refused', code: 'unknown-tool' });
  });
});

describe('no argument decides anything but the command', () => {
  const decided = ({ mode, env, workspace, home, egress, limits, cwd, scopeKey, policyDigest }: ExecutionPlan) => ({
    mode,
    env,
    workspace,
    home,
    egress,
    limits,
    cwd,
    scopeKey,
    policyDigest,
  });
  const keys = fc.constantFrom(
    'command',
    'code',
    'path',
    'content',
    'old',
    'new',
    'pattern',
    'glob',
    'cwd',
    'mode',
    'env',
    'limits',
    'workspace',
    '__proto__',
    'network',
    'timeoutMs',
  );
  const values = fc.oneof(
    fc.string(),
    fc.constantFrom('host', '/etc', '..', '/workspace/a', 'egress', '-rf'),
    fc.integer(),
    fc.boolean(),
    fc.dictionary(keys, fc.string()),
  );
  test.each(BUNDLED_TOOL_NAMES)('%s', (tool) => {
    const sandbox = { scope: 'session', workspace: 'rw', ...EGRESS };
    const expected = decided(planned(call(tool, ARGUMENTS[tool]), sandbox));
    const texts = fc.oneof(
      fc.string(),
      fc.dictionary(keys, values).map((args) => JSON.stringify(args)),
      fc.dictionary(keys, values).map((args) => JSON.stringify({ ...(ARGUMENTS[tool] as object), ...args })),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = plan({ tool, arguments: text }, sandbox);
        expect(result.kind === 'plan' ? decided(result.plan) : expected).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});

describe('the router can ask for less and never for more', () => {
  const order = ['none', 'ro', 'cow', 'rw'];
  test('whatever it asks', () => {
    const asks = fc.record(
      {
        network: fc.constant('none' as const),
        workspace: fc.constantFrom('none' as const, 'ro' as const, 'cow' as const),
        timeoutMs: fc.integer({ min: 1, max: 1e9 }),
        outputBytes: fc.integer({ min: 1, max: 1e9 }),
      },
      { requiredKeys: [] },
    );
    const workspaces = fc.constantFrom('none', 'ro', 'cow', 'rw');
    fc.assert(
      fc.property(asks, workspaces, (atMost, workspace) => {
        const sandbox = { workspace, ...EGRESS };
        const allowed = planned(call('exec', { command: 'ls' }), sandbox);
        const asked = planned({ ...call('exec', { command: 'ls' }), atMost }, sandbox);
        expect(order.indexOf(asked.workspace.access)).toBeLessThanOrEqual(order.indexOf(allowed.workspace.access));
        expect(asked.limits.wallMs).toBeLessThanOrEqual(allowed.limits.wallMs);
        expect(asked.limits.outputBytes).toBeLessThanOrEqual(allowed.limits.outputBytes);
        expect(asked.egress.kind).toBe(atMost.network ?? 'proxy');
        expect(asked.mode).toBe(allowed.mode);
        expect(asked.limits.memoryBytes).toBe(allowed.limits.memoryBytes);
      }),
    );
  });

  test('nothing at all', () => {
    expect(plan({ ...call('exec', { command: 'ls' }), atMost: { mode: 'deny' } })).toMatchObject({
      code: 'denied-by-policy',
    });
  });
});

describe('egress', () => {
  const rows = [
    ['public, within reach', 'public', EGRESS, 'proxy'],
    ['at the limit', 'internal', EGRESS, 'proxy'],
    ['above the limit', 'confidential', EGRESS, 'none'],
    ['a label off the ladder', 'top-secret', EGRESS, 'none'],
    ['no label', '', EGRESS, 'none'],
    ['nothing allowed', 'public', { network: 'egress' }, 'none'],
    ['no network in the policy', 'public', { egress: EGRESS.egress }, 'none'],
  ] as const;
  test.each(rows)('%s', (_, label, sandbox, kind) => {
    const made = planned({ ...call('exec', { command: 'ls' }), label }, sandbox);
    expect(made.egress.kind).toBe(kind);
    expect('http_proxy' in made.env).toBe(kind === 'proxy');
    expect(made.argv.includes('/run/egress.sock')).toBe(kind === 'proxy');
  });
});

describe('tool definitions', () => {
  test.each([...BUNDLED_TOOLS.values()])('$name is a strict JSON schema with described purpose', (tool) => {
    expect(tool.parameters).toMatchObject({ type: 'object', additionalProperties: false });
    expect(tool.description.length).toBeGreaterThan(20);
  });
});
