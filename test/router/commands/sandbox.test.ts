import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../config/load.ts';
import { runCommand } from '../../../router/commands/sandbox-run.ts';
import { sandboxCommand } from '../../../router/commands/sandbox.ts';
import { sandboxProblems } from '../../../router/provision.ts';
import { findBwrap } from '../../../sandbox/backends/machine.ts';
import { ALLOW_HOST } from '../../../sandbox/policy.ts';
import { changesDirectory, COPY_LIMITS, createChangeStore } from '../../../sandbox/guard/change-store.ts';
import { runInProcess } from '../../helpers/command.ts';
import { recordingExecutor } from '../../helpers/sluice.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-commands-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const sluice = (args: readonly string[], yaml = '') => {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(file, `stateDir: ${join(directory, 'state')}\n${yaml}`);
  return runInProcess(sandboxCommand(), [...args, '--config', file]);
};
/** Everything that moves a cursor, colours a line or turns its direction. */
// oxlint-disable-next-line no-control-regex -- the very characters that must not be printed
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const HOSTILE = 'a\u001b[31m\u009b1mb\u202ec\u0007';

describe('a sandbox policy with a problem', () => {
  const BAD = 'sandbox: { tools: { exce: { mode: deny } }, mode: host }';

  it.each([['explain', 'exec'], ['list'], ['prune'], ['changes', 'list'], ['run', 'exec', '{}'], ['verify']])(
    'stops %s %s with its key',
    async (...args) => {
      const { code, stdout, stderr } = await sluice(args, BAD);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain('sandbox.tools.exce: there is no tool of this name');
      expect(stderr).toContain(`sandbox.mode: host runs without isolation and needs sandbox.allowHost: ${ALLOW_HOST}`);
    },
  );

  it('is a problem of the configuration, by path', () => {
    const loaded = parseConfig(BAD, '/test/sluice.yaml', {});
    if (loaded.kind === 'invalid') throw new Error('the schema cannot see it');
    expect(sandboxProblems(loaded.config).map(({ path }) => path)).toEqual(['sandbox.mode', 'sandbox.tools.exce']);
  });
});

describe('sandbox explain', () => {
  const RULES = `sandbox: { timeoutMs: 5000, tools: { exec: { memoryBytes: 1000000, environment: { TOKEN: "CANARY" } } }, agents: { nightly: { deny: ["group:runtime"] }, main: { tools: { exec: { scope: session } } } } }`;

  it('names the layer and the key of each setting, and no value of the environment', async () => {
    const { code, stdout } = await sluice(['explain', 'exec', '--json'], RULES);
    expect(code).toBe(0);
    const { settings, environment } = JSON.parse(stdout) as {
      settings: { name: string; value: unknown; origin: { layer: string; key: string } }[];
      environment: { name: string; key: string }[];
    };
    const origin = (name: string): unknown => settings.find((each) => each.name === name)?.origin;
    expect(origin('scope')).toEqual({ layer: 'agent-tool', key: 'sandbox.agents.main.tools.exec.scope' });
    expect(origin('memoryBytes')).toEqual({ layer: 'tool', key: 'sandbox.tools.exec.memoryBytes' });
    expect(origin('timeoutMs')).toEqual({ layer: 'defaults', key: 'sandbox.timeoutMs' });
    expect(environment).toEqual([{ name: 'TOKEN', key: 'sandbox.tools.exec.environment.TOKEN' }]);
    expect(stdout).not.toContain('CANARY');
  });

  it.each([
    ['a denied tool', ['exec', '--agent', 'nightly'], 1, /denied .*\(sandbox\.agents\.nightly\.deny\)/],
    ['one of another group', ['read', '--agent', 'nightly'], 0, /^read runs in bubblewrap/],
    ['no tool', [`nope${HOSTILE}`], 2, /^There is no tool of this name/],
  ])('%s', async (_what, args, code, expected) => {
    const result = await sluice(['explain', ...args], RULES);
    expect(result.code).toBe(code);
    expect(result.stdout).toMatch(expected);
    expect(result.stdout).not.toMatch(STEERING);
  });
});

describe('sandbox run', () => {
  it.each([[], ['--json']])('what a tool prints cannot steer the terminal %s', async (...args) => {
    const executor = recordingExecutor(() => HOSTILE);
    const { code, stdout } = await runInProcess(
      runCommand(() => Promise.resolve(executor)),
      ['exec', '{}', ...args],
    );
    expect(code).toBe(0);
    expect(stdout).not.toMatch(STEERING);
    if (args.length > 0) expect(JSON.parse(stdout)).toMatchObject({ stdout: { head: HOSTILE } });
  });
});

describe('sandbox list, prune, recreate', () => {
  const KEYS = { old: 'a'.repeat(64), idle: `b${'a'.repeat(63)}`, recent: 'c'.repeat(64) };
  const HOUR = 3_600_000;
  const place = (key: string): string => join(directory, 'state', 'sandbox', 'scopes', key);
  const YAML = `sandbox: { idleMs: ${24 * HOUR} }`;
  beforeEach(() => {
    for (const [name, key] of Object.entries(KEYS)) {
      mkdirSync(join(place(key), 'home'), { recursive: true });
      writeFileSync(join(place(key), 'home', 'note'), 'kept');
      const used = new Date(Date.now() - { old: 48 * HOUR, idle: HOUR, recent: 1000 }[name as keyof typeof KEYS]);
      utimesSync(place(key), used, used);
    }
  });

  it('lists what is kept, what expired, and what may still run', async () => {
    const { stdout } = await sluice(['list', '--json'], YAML);
    const { scopes } = JSON.parse(stdout) as { scopes: { key: string; expired: boolean; inUse: boolean }[] };
    expect(
      scopes
        .map(({ key, expired, inUse }) => [key, expired, inUse])
        .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    ).toEqual([
      [KEYS.old, true, false],
      [KEYS.idle, false, false],
      [KEYS.recent, false, true],
    ]);
  });

  it.each([
    ['prune', [], [KEYS.old], []],
    ['prune', ['--all'], [KEYS.old, KEYS.idle], [KEYS.recent]],
  ])('%s %j deletes and leaves alone', async (name, args, deleted, inUse) => {
    const { code, stdout } = await sluice([name, ...args, '--json'], YAML);
    const told = JSON.parse(stdout) as { deleted: string[]; inUse: string[] };
    expect(code).toBe(0);
    expect({ deleted: told.deleted.toSorted(), inUse: told.inUse }).toEqual({ deleted, inUse });
    for (const key of Object.values(KEYS)) expect(existsSync(place(key))).toBe(!deleted.includes(key));
  });

  it.each([
    ['a scope that rests', KEYS.idle, 0, false],
    ['the beginning of its key', KEYS.idle.slice(0, 8), 0, false],
    ['one that was used a moment ago', KEYS.recent, 1, true],
    ['too little of a key', KEYS.idle.slice(0, 7), 2, true],
    ['a path', '../../etc', 2, true],
  ])('recreate: %s', async (_what, key, code, stays) => {
    const before = Object.values(KEYS).filter((each) => existsSync(place(each))).length;
    expect((await sluice(['recreate', key], YAML)).code).toBe(code);
    const after = Object.values(KEYS).filter((each) => existsSync(place(each))).length;
    expect(before - after).toBe(stays ? 0 : 1);
  });
});

describe('sandbox changes', () => {
  let workspace = '';
  let id = '';
  const write = async (name: string, content: string): Promise<void> => {
    workspace = join(directory, 'workspace');
    mkdirSync(workspace, { recursive: true });
    const store = createChangeStore({ directory: changesDirectory(join(directory, 'state')), ...COPY_LIMITS });
    const copy = await store.open(workspace);
    if ('kind' in copy) throw new Error('too large');
    mkdirSync(join(copy.path, name, '..'), { recursive: true });
    writeFileSync(join(copy.path, name), content);
    id = (await copy.finish()).id;
  };

  it('are listed, shown and applied', async () => {
    await write('note.txt', 'new');
    expect(JSON.parse((await sluice(['changes', 'list', '--json'])).stdout)).toEqual({
      changeSets: [{ id, workspace, changes: 1, findings: 0 }],
    });
    expect((await sluice(['changes', 'show', id])).stdout).toMatch(/^added +file +3 +note\.txt\n$/);
    expect(existsSync(join(workspace, 'note.txt'))).toBe(false);
    expect(await sluice(['changes', 'apply', id])).toMatchObject({ code: 0, stdout: 'applied 1 changes\n' });
    expect(readFileSync(join(workspace, 'note.txt'), 'utf8')).toBe('new');
    expect((await sluice(['changes', 'apply', id])).code).toBe(2);
  });

  it('are not applied over what changed meanwhile', async () => {
    await write('note.txt', 'new');
    writeFileSync(join(workspace, 'note.txt'), 'mine');
    expect(await sluice(['changes', 'apply', id])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^refused: .*\n  note\.txt\n$/),
    });
    expect(readFileSync(join(workspace, 'note.txt'), 'utf8')).toBe('mine');
  });

  it('are not applied over the guard’s objection unless told so, and a name cannot write lines', async () => {
    await write(`.git/hooks/post-merge${HOSTILE}\nadded     file`, '#!/bin/sh\n');
    const shown = await sluice(['changes', 'show', id]);
    expect(shown.stdout).not.toMatch(STEERING);
    expect(shown.stdout).toContain('guard ');
    const refused = await sluice(['changes', 'apply', id]);
    expect([refused.code, existsSync(join(workspace, '.git'))]).toEqual([1, false]);
    expect(refused.stdout).toMatch(/^refused: the guard objects/);
    expect(refused.stdout).not.toMatch(STEERING);
    expect((await sluice(['changes', 'apply', id, '--despite-guard'])).code).toBe(0);
    expect(existsSync(join(workspace, '.git', 'hooks'))).toBe(true);
  });

  it('are gone when discarded', async () => {
    await write('note.txt', 'new');
    expect((await sluice(['changes', 'discard', id])).code).toBe(0);
    expect(JSON.parse((await sluice(['changes', 'list', '--json'])).stdout)).toEqual({ changeSets: [] });
  });

  it('one that cannot be read is said so without its words', async () => {
    await write('note.txt', 'new');
    writeFileSync(join(changesDirectory(join(directory, 'state')), id, 'changes.json'), 'CANARY');
    const { code, stderr } = await sluice(['changes', 'show', id]);
    expect(code).toBe(1);
    expect(stderr).toContain('could not be handled');
    expect(stderr).not.toContain('CANARY');
  });

  it.each(['show', 'apply', 'discard'])('%s of another id, or of a path', async (name) => {
    for (const other of ['00000000-0000-0000-0000-000000000000', '../../etc'])
      expect((await sluice(['changes', name, other])).code).toBe(2);
  });
});

describe('sandbox attack', () => {
  const attempt = (id: string, code: string, more: object = {}): object => ({
    id,
    language: 'sh',
    code,
    expect: { verdict: 'denied', escaped_if: { stdout: 'PWNED' } },
    ...more,
  });
  const SEES = 'test -e {{HOST_SECRET}} && echo PWNED';
  const attack = (attempts: readonly object[], args: readonly string[] = [], yaml = '') => {
    const file = join(directory, 'attacks.json');
    writeFileSync(file, JSON.stringify({ version: 1, attacks: attempts }));
    return sluice(['attack', file, ...args], yaml);
  };
  const HOST = `sandbox: { allowHost: ${ALLOW_HOST} }`;

  it.for([
    ['denied, with a live control', [attempt('a', SEES, { control: true })], 0, { denied: 1 }],
    ['a dead control', [attempt('a', 'true', { control: true })], 1, { denied: 1 }],
    ['an escape', [attempt('a', SEES), attempt('b', 'echo PWNED')], 1, { denied: 1, ESCAPED: 1 }],
  ] as const)('%s', async ([_what, attempts, code, counts], context) => {
    const found = await findBwrap();
    if (found.kind === 'unusable') context.skip(found.reason);
    const result = await attack(attempts, ['--json']);
    expect(result.code, result.stderr).toBe(code);
    expect(JSON.parse(result.stdout)).toMatchObject({ backend: 'bubblewrap', counts });
  });

  it('sees the escape where there is no sandbox, and tells each attempt as it ends', async () => {
    const { code, stdout } = await attack(
      [attempt('a', 'echo PWNED'), attempt('b', 'true')],
      ['--backend', 'host'],
      HOST,
    );
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^ESCAPED .* a .*\(expected denied\)$/),
      expect.stringMatching(/^denied .* b /),
      'host: 2 attempts, 1 denied, 0 flagged, 0 refused, 1 ESCAPED, 0 not run, 0 controls not live',
      '',
    ]);
  });

  it('runs only what was asked for', async () => {
    const attempts = [attempt('a', 'echo PWNED'), attempt('b', 'true')];
    const { code, stdout } = await attack(attempts, ['--backend', 'host', '--only', 'b', '--json'], HOST);
    expect([code, (JSON.parse(stdout) as { attempts: unknown[] }).attempts.length]).toEqual([0, 1]);
  });

  it.each([
    ['an attempt that is not in the file', ['--only', 'zz'], '', 'no attempt zz'],
    ['a backend that does not exist', ['--backend', 'chroot'], '', '--backend takes one of'],
    ['host without the words', ['--backend', 'host'], '', ALLOW_HOST],
  ])('%s is unusable', async (_what, args, yaml, said) => {
    const { code, stdout, stderr } = await attack([attempt('a', 'true')], args, yaml);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(said);
  });

  it.each([
    ['no JSON', 'CANARY'],
    ['no attack file', JSON.stringify({ version: 1, attacks: [{ id: 'CANARY/x' }] })],
  ])('%s is unusable, and not quoted', async (_what, text) => {
    const file = join(directory, 'attacks.json');
    writeFileSync(file, text);
    const { code, stderr } = await sluice(['attack', file]);
    expect(code).toBe(2);
    expect(stderr).not.toContain('CANARY');
  });
});
