import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endOrphans } from '../../../sandbox/backends/orphans.ts';
import { area } from './fixture.ts';
import type { Area } from './fixture.ts';

let home: Area;
const children: ChildProcess[] = [];
beforeEach((context) => {
  if (!existsSync('/proc/self/comm')) context.skip('there is no /proc here, and so no bubblewrap');
  home = area();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  home.remove();
});

/** A program of this name that holds a file of this directory open. */
async function holder(name: string, directory: string): Promise<ChildProcess> {
  const program = join(home.path, name);
  if (!existsSync(program)) copyFileSync('/bin/sleep', program);
  const place = join(home.path, directory);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'filter'), '');
  const script = `chmod +x '${program}'; exec 6< '${join(place, 'filter')}'; echo up; exec '${program}' 60`;
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await expect.poll(() => child.exitCode).toBe(null);
  return child;
}
const comm = (child: ChildProcess): string => readFileSync(`/proc/${child.pid}/comm`, 'latin1');

describe('endOrphans()', () => {
  it('ends a bwrap that holds a file of an abandoned directory, and nothing else', async () => {
    const orphan = await holder('bwrap', 'gone');
    const living = await holder('bwrap', 'living');
    const other = await holder('other', 'gone');
    await expect.poll(() => comm(orphan)).toBe('bwrap\n');
    const ended = new Promise((resolve) => orphan.once('exit', (_code, signal) => resolve(signal)));
    endOrphans([]);
    endOrphans([join(home.path, 'gone')]);
    expect(await ended).toBe('SIGKILL');
    expect([living.signalCode, other.signalCode]).toEqual([null, null]);
  });

  it('a directory whose name only begins like one is not that one', async () => {
    const neighbour = await holder('bwrap', 'gone-not');
    await expect.poll(() => comm(neighbour)).toBe('bwrap\n');
    endOrphans([join(home.path, 'gone')]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(neighbour.signalCode).toBe(null);
  });
});
