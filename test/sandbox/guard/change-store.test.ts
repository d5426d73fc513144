import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { createChangeStore } from '../../../sandbox/guard/change-store.ts';
import type { ChangeSet, ChangeStore } from '../../../sandbox/guard/change-store.ts';
import { area, never, options, shell } from '../backends/fixture.ts';
import type { Area } from '../backends/fixture.ts';

let place: Area;
let workspace: string;
let store: ChangeStore;
beforeEach(() => {
  place = area();
  workspace = join(place.path, 'workspace');
  mkdirSync(join(workspace, 'src'), { recursive: true });
  writeFileSync(join(workspace, 'src/a.ts'), 'one');
  writeFileSync(join(workspace, 'src/b.ts'), 'two');
  writeFileSync(join(workspace, 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(workspace, 'run.sh'), 0o755);
  symlinkSync('src/a.ts', join(workspace, 'link'));
  store = createChangeStore({ directory: join(place.path, 'changes'), maxEntries: 1000, maxBytes: 1_000_000 });
});
afterEach(() => place.remove());

const open = async () => {
  const copy = await store.open(workspace);
  if ('kind' in copy) throw new Error(copy.kind);
  return copy;
};
const rows = ({ changes }: ChangeSet): readonly string[] =>
  changes.map(({ change, kind, shown }) => `${change} ${kind} ${shown}`);

describe('change store', () => {
  it('a copy has what the workspace has; nothing changed means nothing kept', async () => {
    const copy = await open();
    expect(readFileSync(join(copy.path, 'src/a.ts'), 'utf8')).toBe('one');
    expect(statSync(join(copy.path, 'run.sh')).mode & 0o777).toBe(0o755);
    expect(readlinkSync(join(copy.path, 'link'))).toBe('src/a.ts');
    expect(rows(await copy.finish())).toEqual([]);
    expect(store.list()).toEqual([]);
    expect(readdirSync(join(place.path, 'changes'))).toEqual([]);
  });

  it('says what was added, modified and deleted, and applies exactly that', async () => {
    const copy = await open();
    writeFileSync(join(copy.path, 'src/a.ts'), 'ONE');
    rmSync(join(copy.path, 'src/b.ts'));
    mkdirSync(join(copy.path, 'new/deep'), { recursive: true });
    writeFileSync(join(copy.path, 'new/deep/file'), 'three');
    chmodSync(join(copy.path, 'run.sh'), 0o644);
    rmSync(join(copy.path, 'link'));
    symlinkSync('src', join(copy.path, 'link'));
    const set = await copy.finish();
    expect(rows(set)).toEqual([
      'modified link link',
      'added directory new',
      'added directory new/deep',
      'added file new/deep/file',
      'modified file run.sh',
      'modified file src/a.ts',
      'deleted file src/b.ts',
    ]);
    expect(readFileSync(join(workspace, 'src/a.ts'), 'utf8')).toBe('one');
    expect(store.list()).toEqual([set.id]);
    expect(await store.apply(set.id)).toEqual({ kind: 'applied', changes: 7 });
    expect(readFileSync(join(workspace, 'src/a.ts'), 'utf8')).toBe('ONE');
    expect(existsSync(join(workspace, 'src/b.ts'))).toBe(false);
    expect(readFileSync(join(workspace, 'new/deep/file'), 'utf8')).toBe('three');
    expect(statSync(join(workspace, 'run.sh')).mode & 0o111).toBe(0);
    expect(readlinkSync(join(workspace, 'link'))).toBe('src');
    expect(store.list()).toEqual([]);
  });

  it('a file touched but equal is no change', async () => {
    const copy = await open();
    writeFileSync(join(copy.path, 'src/a.ts'), 'one');
    expect(rows(await copy.finish())).toEqual([]);
  });

  it('a file and a directory can change places', async () => {
    const copy = await open();
    rmSync(join(copy.path, 'run.sh'));
    mkdirSync(join(copy.path, 'run.sh'));
    rmSync(join(copy.path, 'src'), { recursive: true });
    writeFileSync(join(copy.path, 'src'), 'file');
    const set = await copy.finish();
    expect(await store.apply(set.id)).toMatchObject({ kind: 'applied' });
    expect([lstatSync(join(workspace, 'run.sh')).isDirectory(), readFileSync(join(workspace, 'src'), 'utf8')]).toEqual([
      true,
      'file',
    ]);
  });

  it('does not overwrite what changed in the workspace meanwhile, not in part either', async () => {
    const copy = await open();
    writeFileSync(join(copy.path, 'src/a.ts'), 'theirs');
    writeFileSync(join(copy.path, 'src/b.ts'), 'theirs');
    const set = await copy.finish();
    writeFileSync(join(workspace, 'src/b.ts'), 'mine');
    expect(await store.apply(set.id)).toEqual({ kind: 'refused', why: 'conflict', paths: ['src/b.ts'] });
    expect([
      readFileSync(join(workspace, 'src/a.ts'), 'utf8'),
      readFileSync(join(workspace, 'src/b.ts'), 'utf8'),
    ]).toEqual(['one', 'mine']);
  });

  it('does not apply what the guard objects to unless told to', async () => {
    const copy = await open();
    mkdirSync(join(copy.path, '.git/hooks'), { recursive: true });
    writeFileSync(join(copy.path, '.git/hooks/pre-commit'), 'evil');
    const set = await copy.finish();
    expect(set.findings).toEqual([{ rule: 'git-hook', path: '.git/hooks/pre-commit' }]);
    expect(await store.apply(set.id)).toEqual({ kind: 'refused', why: 'guard', paths: ['.git/hooks/pre-commit'] });
    expect(existsSync(join(workspace, '.git'))).toBe(false);
    expect(await store.apply(set.id, { despiteGuard: true })).toMatchObject({ kind: 'applied' });
  });

  it('a directory of the workspace that became a link is not written through', async () => {
    const copy = await open();
    writeFileSync(join(copy.path, 'src/new.ts'), 'x');
    const set = await copy.finish();
    const outside = join(place.path, 'outside');
    mkdirSync(outside);
    rmSync(join(workspace, 'src'), { recursive: true });
    symlinkSync(outside, join(workspace, 'src'));
    expect(await store.apply(set.id)).toEqual({ kind: 'refused', why: 'conflict', paths: ['src/new.ts'] });
    expect(readdirSync(outside)).toEqual([]);
  });

  it.each([
    ['entries', { maxEntries: 3, maxBytes: 1_000_000 }],
    ['bytes', { maxEntries: 1000, maxBytes: 5 }],
  ])('too many %s: no copy, rather than part of one', async (_what, bounds) => {
    const small = createChangeStore({ directory: join(place.path, 'small'), ...bounds });
    expect(await small.open(workspace)).toEqual({ kind: 'too-large' });
    expect(readdirSync(join(place.path, 'small'))).toEqual([]);
  });

  it.each(['../../etc', '', 'x', '00000000-0000-0000-0000-000000000000'])(
    'an id that is none of its own is unknown: %j',
    async (id) => {
      expect(store.read(id)).toBeUndefined();
      expect(store.discard(id)).toBe(false);
      expect(await store.apply(id)).toMatchObject({ kind: 'refused', why: 'unknown' });
    },
  );
});

describe('copy-on-write calls', () => {
  it('change a copy, and the receipt says which change set to review', async (context) => {
    const backend = createBubblewrapBackend(options(join(place.path, 'state')));
    const available = await backend.available();
    if (!available.usable) context.skip(available.reason);
    chmodSync(workspace, 0o755);
    const plan = shell('cat src/a.ts; echo changed > src/a.ts; rm src/b.ts; touch made', {
      workspace: { access: 'cow', source: workspace },
      cwd: '/workspace',
    });
    const outcome = await backend.run(plan, { signal: never() });
    expect(outcome).toMatchObject({
      kind: 'exited',
      code: 0,
      stdout: { head: 'one' },
      attested: { filesAdded: 1, filesModified: 1, filesDeleted: 1, guardFindings: 0 },
    });
    expect(readFileSync(join(workspace, 'src/a.ts'), 'utf8')).toBe('one');
    const changes = await backend.changes();
    const [id = ''] = changes.list();
    expect(outcome.kind === 'exited' && outcome.attested.changeSet).toBe(id);
    expect(await changes.apply(id)).toEqual({ kind: 'applied', changes: 3 });
    expect(readFileSync(join(workspace, 'src/a.ts'), 'utf8')).toBe('changed\n');
    await backend.close();
  });
});

describe('copies of calls that were killed', () => {
  const { pid: dead } = spawnSync('/bin/true');
  const leave = (name: string, files: Readonly<Record<string, string>>): void => {
    const directory = join(place.path, 'changes', name);
    mkdirSync(join(directory, 'tree'), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
  };
  const id = (digit: number): string => `${String(digit).repeat(8)}-0000-4000-8000-000000000000`;
  const set = (which: string): string => JSON.stringify({ id: which, workspace, changes: [], findings: [] });

  it.each<readonly [string, string, Readonly<Record<string, string>>, boolean]>([
    ['of a process that is gone', id(1), { 'in-use': String(dead) }, false],
    ['of a process that runs', id(2), { 'in-use': String(process.pid) }, true],
    ['half made by a process that is gone', `passing-${dead}-x`, {}, false],
    ['half deleted by a process that runs', `passing-${process.pid}-x`, {}, true],
    ['finished, and not told before the end', id(3), { 'in-use': String(dead), 'changes.json': set(id(3)) }, true],
    ['of somebody who left no number', id(4), {}, true],
    ['with nonsense for a number', id(5), { 'in-use': '-1' }, true],
  ])('%s: swept when the next is opened, or not', async (_what, name, files, stays) => {
    leave(name, files);
    const copy = await open();
    expect(existsSync(join(place.path, 'changes', name))).toBe(stays);
    copy.discard();
    expect(readdirSync(join(place.path, 'changes'))).toEqual(stays ? [name] : []);
  });
});
