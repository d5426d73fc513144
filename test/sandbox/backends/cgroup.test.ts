import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCgroupController } from '../../../sandbox/backends/cgroup.ts';
import type { GroupDirectories } from '../../../sandbox/backends/cgroup.ts';
import { area } from './fixture.ts';
import type { Area } from './fixture.ts';

let place: Area;
beforeEach(() => {
  place = area();
});
afterEach(() => place.remove());

const V1: Readonly<Record<string, readonly string[]>> = {
  memory: ['memory.limit_in_bytes', 'memory.oom_control'],
  pids: ['pids.max'],
  cpu: ['cpu.shares'],
};
const V2 = ['memory.max', 'memory.events', 'pids.max', 'cpu.weight'];

const file = (...path: readonly string[]): string => join(place.path, ...path);
const write = (path: string, text = ''): void => writeFileSync(path, text);
/** Makes the files the kernel would make in a new group. */
const kernel = (files: (path: string) => readonly string[]): GroupDirectories => ({
  make(path) {
    mkdirSync(path);
    for (const name of ['cgroup.procs', ...files(path)]) write(join(path, name));
  },
  removeNow: (path) => rmSync(path, { recursive: true }),
  remove: (path) => rm(path, { recursive: true }),
});
const v1Kernel = kernel((path) => V1[path.slice(place.path.length + 1).split('/')[0] ?? ''] ?? []);
const v1 = (own: string): void => {
  for (const name of Object.keys(V1)) {
    mkdirSync(file(name, own), { recursive: true });
    write(file(name, 'cgroup.procs'));
  }
};
const LIMITS = { memoryBytes: 1000, processes: 10 };

describe('createCgroupController()', () => {
  it('v1: one group per hierarchy, below the one the service is in, with its limits and members', async () => {
    v1('parent');
    const selfText = '6:pids:/parent\n4:memory:/parent\n2:cpu:/parent\n0::/\n';
    const controller = createCgroupController({ root: place.path, selfText, pid: 77, directories: v1Kernel });
    expect(controller.controllers).toEqual(['memory', 'pids', 'cpu']);
    const group = controller.create(LIMITS);
    await group.join([123, 124]);
    const [name] = (await import('node:fs')).readdirSync(file('memory/parent'));
    expect(readFileSync(file('memory/parent', name as string, 'memory.limit_in_bytes'), 'latin1')).toBe('1000');
    // The sandbox's init and shell count too.
    expect(readFileSync(file('pids/parent', name as string, 'pids.max'), 'latin1')).toBe('12');
    expect(readFileSync(file('cpu/parent', name as string, 'cgroup.procs'), 'latin1')).toBe('124');
    write(file('memory/parent', name as string, 'memory.oom_control'), 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n');
    expect(await group.memoryKills()).toBe(3);
    await group.remove();
    expect(existsSync(file('memory/parent', name as string))).toBe(false);
  });

  it('v1: inside a container, where the mount shows the own group as its root', () => {
    v1('');
    const selfText = '6:pids:/docker/abc\n4:memory:/docker/abc\n2:cpu:/docker/abc\n';
    const controller = createCgroupController({ root: place.path, selfText, directories: v1Kernel });
    expect(controller.controllers).toEqual(['memory', 'pids', 'cpu']);
  });

  it('v2: controllers are handed down and set below the own group', async () => {
    const own = file('service');
    mkdirSync(own);
    write(file('cgroup.controllers'), 'cpu memory pids');
    write(join(own, 'cgroup.controllers'), 'cpu io memory pids\n');
    write(join(own, 'cgroup.subtree_control'));
    const directories = kernel(() => V2);
    const controller = createCgroupController({ root: place.path, selfText: '0::/service\n', directories });
    expect(controller.controllers).toEqual(['cpu', 'memory', 'pids']);
    expect(readFileSync(join(own, 'cgroup.subtree_control'), 'latin1')).toBe('+cpu +memory +pids');
    const group = controller.create(LIMITS);
    const name = (await import('node:fs')).readdirSync(own).find((entry) => entry.startsWith('sluice-')) ?? '';
    expect(readFileSync(join(own, name, 'memory.max'), 'latin1')).toBe('1000');
    expect(readFileSync(join(own, name, 'pids.max'), 'latin1')).toBe('12');
    write(join(own, name, 'memory.events'), 'low 0\noom 1\noom_kill 1\n');
    expect(await group.memoryKills()).toBe(1);
    await group.remove();
  });

  it.each([
    ['there is no cgroup file system', () => undefined],
    ['the hierarchy of this machine has no controllers', () => write(file('cgroup.controllers'), 'hugetlb\n')],
  ])('has none where %s, and says so', async (_what, prepare) => {
    prepare();
    const controller = createCgroupController({ root: place.path, selfText: '0::/\n' });
    expect(controller.controllers).toEqual([]);
    const group = controller.create(LIMITS);
    await group.join([1]);
    expect([group.controllers, await group.memoryKills()]).toEqual([[], 0]);
  });

  it('drops a hierarchy whose groups do not take limits: a limit not set is not claimed', () => {
    v1('');
    const broken = kernel((path) =>
      path.includes('/memory/') ? [] : (V1[path.slice(place.path.length + 1).split('/')[0] ?? ''] ?? []),
    );
    const controller = createCgroupController({ root: place.path, selfText: '', directories: broken });
    expect(controller.controllers).toEqual(['pids', 'cpu']);
  });
});
