import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { removeTree } from '../../../sandbox/broker/remove-tree.ts';
import { ScopeStore } from '../../../sandbox/broker/scope-store.ts';
import { workspaceProblem } from '../../../sandbox/broker/workspace-root.ts';
import type { ExecutionPlan } from '../../../sandbox/plan.ts';

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-scope-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const KEY = 'a'.repeat(64);
const HOUR = 3_600_000;

function planIn(root: string, kept: 'kept' | 'once', key = KEY, workspace: 'none' | 'rw' = 'rw'): ExecutionPlan {
  return {
    callId: 'c',
    tool: 'exec',
    mode: 'bubblewrap',
    argv: ['/bin/sh'],
    stdin: '',
    cwd: '/workspace',
    env: {},
    workspace: workspace === 'none' ? { access: 'none' } : { access: 'rw', source: join(root, key, 'workspace') },
    home: kept === 'kept' ? join(root, key, 'home') : '',
    egress: { kind: 'none' },
    limits: { wallMs: 1, memoryBytes: 1, processes: 1, outputBytes: 1, diskBytes: 1, fileBytes: 1 },
    scopeKey: key,
    sessionKey: 'c'.repeat(64),
    policyDigest: KEY,
  };
}

function storeIn(root: string, now = { ms: Date.now() }): { readonly store: ScopeStore; readonly now: { ms: number } } {
  return { store: new ScopeStore({ root, idleMs: HOUR, maxAgeMs: 24 * HOUR, now: () => now.ms }), now };
}

describe('ScopeStore', () => {
  test('keeps what a session wrote, in directories nobody else may enter', async () => {
    const root = join(temporary(), 'scopes');
    const { store } = storeIn(root);
    const plan = planIn(root, 'kept');
    const scope = await store.enter(plan);
    writeFileSync(join(plan.home, 'note'), 'kept');
    await scope.leave();
    await (await store.enter(plan)).leave();
    expect(readFileSync(join(plan.home, 'note'), 'utf8')).toBe('kept');
    for (const path of [root, join(root, KEY), plan.home, join(root, KEY, 'workspace')])
      expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test('what was made for one call is gone after it', async () => {
    const root = join(temporary(), 'scopes');
    const { store } = storeIn(root);
    const scope = await store.enter(planIn(root, 'once'));
    expect(existsSync(join(root, KEY, 'workspace'))).toBe(true);
    await scope.leave();
    expect(readdirSync(root)).toEqual([]);
  });

  test('makes nothing for a call that needs nothing', async () => {
    const root = join(temporary(), 'scopes');
    await (await storeIn(root).store.enter(planIn(root, 'once', KEY, 'none'))).leave();
    expect(existsSync(root)).toBe(false);
  });

  test('refuses a home that is not the scope’s', async () => {
    const root = join(temporary(), 'scopes');
    const plan = { ...planIn(root, 'kept'), home: '/etc' };
    await expect(storeIn(root).store.enter(plan)).rejects.toThrow('home is not of this scope');
  });

  test('refuses a scope directory that is a link', async () => {
    const root = join(temporary(), 'scopes');
    mkdirSync(root);
    symlinkSync('/etc', join(root, KEY));
    await expect(storeIn(root).store.enter(planIn(root, 'kept'))).rejects.toThrow('not a directory');
  });

  test('prunes the idle and the old, never what runs', async () => {
    const root = join(temporary(), 'scopes');
    const { store, now } = storeIn(root);
    const [idle, busy, fresh] = ['1', '2', '3'].map((digit) => digit.repeat(64)) as [string, string, string];
    await (await store.enter(planIn(root, 'kept', idle))).leave();
    const running = await store.enter(planIn(root, 'kept', busy));
    now.ms += 2 * HOUR;
    await (await store.enter(planIn(root, 'kept', fresh))).leave();
    expect((await store.prune('idle')).map((scope) => scope.scopeKey)).toEqual([idle]);
    expect((await store.list()).map(({ scopeKey, running: count }) => [scopeKey, count]).toSorted()).toEqual([
      [busy, 1],
      [fresh, 0],
    ]);
    await running.leave();
    now.ms += 48 * HOUR;
    utimesSync(join(root, fresh), new Date(now.ms), new Date(now.ms));
    expect((await store.prune('idle')).map((scope) => scope.scopeKey).toSorted()).toEqual([busy, fresh]);
    expect(readdirSync(root)).toEqual([]);
  });

  test('finishes a deletion that a killed executor left half done', async () => {
    const root = join(temporary(), 'scopes');
    mkdirSync(join(root, '.doomed-1', 'home'), { recursive: true });
    mkdirSync(join(root, '.doomed-2-trash', '0', 'x'), { recursive: true });
    writeFileSync(join(root, '.doomed-1', 'home', 'file'), '');
    await storeIn(root).store.prune('idle');
    expect(readdirSync(root)).toEqual([]);
  });

  test('prunes one by name, and nothing by a name that is no scope', async () => {
    const root = join(temporary(), 'scopes');
    const { store } = storeIn(root);
    await (await store.enter(planIn(root, 'kept'))).leave();
    expect(await store.prune('../..')).toEqual([]);
    expect(await store.prune(KEY)).toMatchObject([{ scopeKey: KEY }]);
  });
});

describe('removeTree()', () => {
  test('removes what rm -r cannot: a tree deeper than PATH_MAX, without permissions, with links out', async () => {
    const base = temporary();
    const outside = join(base, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'precious'), '');
    const tree = join(base, 'tree');
    mkdirSync(tree);
    symlinkSync(outside, join(tree, 'link'));
    // Built from the leaf up, as a program inside builds it with chdir: no path on the way is long.
    let chain = join(base, 'chain-0');
    mkdirSync(chain);
    for (let depth = 1; depth <= 40; depth += 1) {
      const next = join(base, `chain-${depth}`);
      mkdirSync(join(next, 'n'.repeat(200)), { recursive: true });
      renameSync(chain, join(next, 'n'.repeat(200), 'd'));
      chain = next;
    }
    renameSync(chain, join(tree, 'deep'));
    chmodSync(join(tree, 'deep'), 0o000);
    await removeTree(tree, join(base, 'trash'));
    expect(readdirSync(base)).toEqual(['outside']);
    expect(readdirSync(outside)).toEqual(['precious']);
  });
});

describe('workspaceProblem()', () => {
  test('accepts a plain directory', async () => {
    const base = temporary();
    mkdirSync(join(base, 'work'));
    expect(
      await workspaceProblem(join(base, 'work'), { holds: [join(base, 'state')], outside: [join(base, 'state')] }),
    ).toBe('');
  });

  const table: readonly (readonly [string, (base: string) => string, RegExp])[] = [
    ['what does not exist', (base) => join(base, 'none'), /does not exist/],
    ['a link', (base) => join(base, 'link'), /is a link/],
    ['a file', (base) => join(base, 'config.yaml'), /not a directory/],
    ['the root', () => '/', /system directory/],
    ['/etc', () => '/etc', /system directory/],
    ['something in /usr', () => '/usr/share', /system directory/],
    ['/proc', () => '/proc', /system directory/],
    ['the state directory', (base) => join(base, 'state'), /state directory/],
    ['something in the state directory', (base) => join(base, 'state', 'inner'), /state directory/],
    ['what holds state and config', (base) => base, /holds the state directory/],
    ['a way round by ..', (base) => join(base, 'work', '..'), /holds the state directory/],
  ];
  test.each(table)('refuses %s', async (_, pathOf, problem) => {
    const base = temporary();
    mkdirSync(join(base, 'state', 'inner'), { recursive: true });
    mkdirSync(join(base, 'work'));
    symlinkSync(join(base, 'work'), join(base, 'link'));
    writeFileSync(join(base, 'config.yaml'), '');
    const rules = { holds: [join(base, 'state'), join(base, 'config.yaml')], outside: [join(base, 'state')] };
    expect(await workspaceProblem(pathOf(base), rules)).toMatch(problem);
  });
});
