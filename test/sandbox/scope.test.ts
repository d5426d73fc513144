import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toScopeKey } from '../../sandbox/planner.ts';
import { ARGUMENTS, SITE, call, plan, planned } from '../helpers/planning.ts';

describe('toScopeKey()', () => {
  const who = { principal: 'alice', session: 's1', agent: 'main' };
  test.each([
    ['session', { session: 's2' }],
    ['session', { principal: 'bob' }],
    ['agent', { agent: 'other' }],
    ['agent', { principal: 'bob' }],
    ['shared', { principal: 'bob' }],
    ['call', { principal: 'bob' }],
  ] as const)('%s: another %o is another scope', (scope, other) => {
    expect(toScopeKey({ ...who, ...other }, scope, '')).not.toBe(toScopeKey(who, scope, ''));
  });

  test.each([
    ['session', { agent: 'other' }],
    ['agent', { session: 's2' }],
    ['shared', { agent: 'other', session: 's2' }],
  ] as const)('%s: another %o is the same scope', (scope, other) => {
    expect(toScopeKey({ ...who, ...other }, scope, '')).toBe(toScopeKey(who, scope, ''));
  });

  test('names cannot be moved across the boundary between principal and session', () => {
    const word = fc.string({ unit: fc.constantFrom('a', '"', ',', '\\', '\0'), maxLength: 3 });
    fc.assert(
      fc.property(word, word, word, word, (a, b, c, d) => {
        const one = toScopeKey({ ...who, principal: a, session: b }, 'session', '');
        const two = toScopeKey({ ...who, principal: c, session: d }, 'session', '');
        expect(one === two).toBe(a === c && b === d);
      }),
    );
  });
});

describe('what a scope keeps', () => {
  test('a session named like a path is a hash beneath the root', () => {
    const request = { ...call('exec', { command: 'ls' }), session: '../../../../etc' };
    const made = planned(request, { scope: 'session', workspace: 'rw' });
    expect(made.home).toMatch(/^\/state\/sandbox\/scopes\/[0-9a-f]{64}\/home$/);
    expect(made.workspace).toEqual({ access: 'rw', source: made.home.replace(/home$/, 'workspace') });
  });

  test('an operator’s workspace is used as it is, and read-only stays read-only', () => {
    const made = planned(call('write', ARGUMENTS['write']), { workspace: 'ro', workspaceRoot: '/srv/work' });
    expect(made.workspace).toEqual({ access: 'ro', source: '/srv/work' });
  });

  test('two calls of scope call with a workspace share nothing', () => {
    const keys = ['e', 'f'].map((digit) => {
      const made = plan(call('list', {}), { workspace: 'rw' }, { ...SITE, nonce: digit.repeat(32) });
      return made.kind === 'plan' ? made.plan.scopeKey : made.message;
    });
    expect(new Set(keys).size).toBe(2);
  });

  test('calls that keep nothing have one key, so that sandboxes can be prepared for them', () => {
    const keys = ['e', 'f'].map((digit) => {
      const made = plan({ ...call('list', {}), session: digit }, {}, { ...SITE, nonce: digit.repeat(32) });
      return made.kind === 'plan' ? [made.plan.scopeKey, made.plan.home] : [];
    });
    expect(keys[0]).toEqual(keys[1]);
    expect(keys[0]?.[1]).toBe('');
  });
});

describe('the environment', () => {
  test('is the base, what the policy adds, and nothing that moves home', () => {
    const environment = { API_MODE: 'test', HOME: '/etc', PATH: '/opt/bin' };
    expect(planned(call('exec', { command: 'ls' }), { tools: { exec: { environment } } }).env).toEqual({
      API_MODE: 'test',
      HOME: '/home/agent',
      LANG: 'C.UTF-8',
      LOGNAME: 'agent',
      PATH: '/opt/bin',
      TERM: 'dumb',
      TMPDIR: '/tmp',
      USER: 'agent',
    });
  });
});
