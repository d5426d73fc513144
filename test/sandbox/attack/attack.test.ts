import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sandbox } from '../../../config/sandbox-schema.ts';
import { AttackFile, expand, fill } from '../../../sandbox/attack/attack-file.ts';
import { callThroughPlanner } from '../../../sandbox/attack/call-through-planner.ts';
import { runAttacks } from '../../../sandbox/attack/run-attacks.ts';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { ALLOW_HOST_PHRASE, createHostBackend } from '../../../sandbox/backends/host.ts';
import { toSandboxPolicy } from '../../../sandbox/policy.ts';
import { BUNDLED_TOOLS } from '../../../sandbox/tools/catalogue.ts';
import { area, LIMITS, never, options, shell } from '../backends/fixture.ts';
import { DEEPER_ATTACKS } from './deeper-attacks.ts';
import { OWN_ATTACKS } from './own-attacks.ts';

const home = area();
const backend = createBubblewrapBackend(options(join(home.path, 'state')));
const user = { uid: 65534, gid: 65534 };
const host = createHostBackend({ allowHost: ALLOW_HOST_PHRASE, ...user });
let unusable = '';

beforeAll(async () => {
  const available = await backend.available();
  unusable = available.usable ? '' : available.reason;
});
afterAll(async () => {
  await backend.close();
  await host.close();
  home.remove();
});

const attack = (id: string, code: string, more: Readonly<Record<string, unknown>> = {}) => ({
  id,
  language: 'sh',
  code,
  expect: { verdict: 'denied', escaped_if: { stdout: 'PWNED' } },
  ...more,
});
const file = (...attacks: readonly unknown[]) => ({ version: 1, attacks });
const toolCall = { language: 'toolcall' };

describe('our own attacks', () => {
  it('none gets out of bubblewrap, and every control is live', { timeout: 120_000 }, async (context) => {
    if (unusable !== '') context.skip(unusable);
    const tools = [...BUNDLED_TOOLS.keys()];
    const policy = toSandboxPolicy(Sandbox.parse({ workspace: 'rw' }), ['public', 'internal'], tools);
    const site = { scopesRoot: join(home.path, 'scopes'), egressRoot: join(home.path, 'egress') };
    const callTool = callThroughPlanner(backend, policy, site, never());
    const report = await runAttacks(OWN_ATTACKS, backend, { ...user, signal: never(), callTool });
    expect(report.attempts.filter(({ verdict, expected }) => verdict !== expected)).toEqual([]);
    expect(report.notLive).toEqual([]);
    expect(report.passed).toBe(true);
    expect(report.attempts.length).toBeGreaterThan(40);
  });

  it('the deeper ones get nowhere in bubblewrap either', { timeout: 120_000 }, async (context) => {
    if (unusable !== '') context.skip(unusable);
    if (!existsSync('/usr/bin/python3')) context.skip('most are written in Python: apt-get install python3');
    const report = await runAttacks(DEEPER_ATTACKS, backend, { ...user, signal: never() });
    expect(report.attempts.filter(({ verdict, expected }) => verdict !== expected)).toEqual([]);
    expect(report.notLive).toEqual([]);
    expect(report.attempts.length).toBeGreaterThanOrEqual(20);
  });

  it('get out where there is no sandbox: the runner sees escapes', async () => {
    const ids = ['own-mapped-addresses', 'own-fast-open'];
    const only = ({ id }: { readonly id: string }): boolean => ids.includes(id);
    const report = await runAttacks(OWN_ATTACKS, host, { ...user, signal: never(), only });
    expect(report.attempts.map(({ id, verdict }) => [id, verdict])).toEqual(ids.map((id) => [id, 'ESCAPED']));
    expect(report.passed).toBe(false);
  });
});

describe('runAttacks()', () => {
  it('an attempt that does not work unconfined is not live and fails the run', async (context) => {
    if (unusable !== '') context.skip(unusable);
    const attempts = file(
      attack('dead', 'true', { control: true }),
      attack('alive', 'test -e {{HOST_SECRET}} && echo PWNED', { control: true }),
    );
    const report = await runAttacks(attempts, backend, { ...user, signal: never() });
    expect(report.attempts.map(({ id, verdict, control }) => [id, verdict, control])).toEqual([
      ['dead', 'denied', 'not live'],
      ['alive', 'denied', 'live'],
    ]);
    expect([report.notLive, report.passed]).toEqual([['dead'], false]);
  });

  it('an escape by what is printed and one by what is left are both seen', async (context) => {
    if (unusable !== '') context.skip(unusable);
    const left = { verdict: 'denied', escaped_if: { stdout: 'PWNED', host_check: "test -e '{{WS}}/made'" } };
    const attempts = file(attack('printed', 'echo PWNED'), attack('left', 'touch /workspace/made', { expect: left }));
    const report = await runAttacks(attempts, backend, { ...user, signal: never() });
    expect(report.attempts.map(({ verdict }) => verdict)).toEqual(['ESCAPED', 'ESCAPED']);
    expect(report.passed).toBe(false);
  });

  it('what could not be run is not called denied', async () => {
    const missing = createBubblewrapBackend({ ...options(join(home.path, 'none')), bwrapPlaces: ['/nonexistent'] });
    const attempts = file(attack('one', 'true'), attack('two', '{"name":"exec","args":{}}', toolCall));
    const report = await runAttacks(attempts, missing, { ...user, signal: never() });
    await missing.close();
    expect(report.counts).toEqual({ denied: 0, flagged: 0, refused: 0, ESCAPED: 0, 'not-run': 2 });
    expect(report.passed).toBe(false);
  });

  it('a tool call that ran somewhere else, or saw the secret, is an escape', async (context) => {
    if (unusable !== '') context.skip(unusable);
    const attempts = file(
      attack('elsewhere', '{"name":"exec","args":{}}', toolCall),
      attack('seen', '{"name":"read","args":{"path":"{{HOST_SECRET}}"}}', toolCall),
    );
    const report = await runAttacks(attempts, backend, {
      ...user,
      signal: never(),
      callTool: async ({ name, arguments: text }) =>
        name === 'exec'
          ? { kind: 'ran', backend: 'host', output: '' }
          : {
              kind: 'ran',
              backend: 'bubblewrap',
              output: readFileSync((JSON.parse(text) as { path: string }).path, 'utf8'),
            },
    });
    expect(report.attempts.map(({ verdict }) => verdict)).toEqual(['ESCAPED', 'ESCAPED']);
  });
});

describe('the host backend', () => {
  it.each(['', 'yes', 'no', `${ALLOW_HOST_PHRASE} `])('cannot be made with %j', (allowHost) => {
    expect(() => createHostBackend({ allowHost, ...user })).toThrow('allowHost');
  });

  it('says in its receipt that nothing is isolated', async () => {
    const outcome = await host.run(shell('echo out; exit 3', { mode: 'host' }), { signal: never() });
    expect(outcome).toMatchObject({
      kind: 'exited',
      code: 3,
      stdout: { head: 'out\n' },
      attested: { isolation: 'none' },
    });
  });

  it('never runs a tool as root', async () => {
    const outcome = await host.run(shell('id -u', { mode: 'host' }), { signal: never() });
    expect(outcome.kind === 'exited' && outcome.stdout.head).not.toBe('0\n');
  });

  it.each([
    ['another mode', {}],
    ['a read-only workspace', { mode: 'host', workspace: { access: 'ro', source: '/tmp' } }],
    ['an egress proxy', { mode: 'host', egress: { kind: 'proxy', socket: '/tmp/x' } }],
  ] as const)('refuses what it cannot keep: %s', async (_what, changes) => {
    const outcome = await host.run(shell('true', changes), { signal: never() });
    expect(outcome).toMatchObject({ kind: 'not-started', cause: 'plan-unsupported' });
  });

  it('keeps the time limit', async () => {
    const plan = shell('sleep 30', { mode: 'host', limits: { ...LIMITS, wallMs: 100 } });
    expect(await host.run(plan, { signal: never() })).toMatchObject({ kind: 'killed', by: 'timeout' });
  });
});

describe('attack files', () => {
  it('placeholders nobody planted are an error, not an attempt that cannot work', () => {
    expect(() => fill('cat {{NOWHERE}}', {})).toThrow('NOWHERE');
    expect(fill({ a: ['{{X}}', 1] }, { X: 'y' })).toEqual({ a: ['y', 1] });
  });
  it('repetition is written down, and __proto__ stays a name', () => {
    expect(expand({ a: { $repeat: ['ab', 3] } })).toEqual({ a: 'ababab' });
    expect(Object.keys(expand(JSON.parse('{"__proto__": {"x": 1}}')) as object)).toEqual(['__proto__']);
  });
  it.each([
    ['no attacks', { version: 1, attacks: [] }],
    ['another version', { version: 2, attacks: [attack('a', '')] }],
    ['an id that is a path', file(attack('../x', ''))],
    ['an unknown language', file({ ...attack('a', ''), language: 'ruby' })],
  ])('%s is refused', (_what, value) => {
    expect(AttackFile.safeParse(value).success).toBe(false);
  });
});
