import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeEgressRoot, nameEgressRoot } from '../../../sandbox/egress/egress-root.ts';

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-roots-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The number of a process that has ended. */
const gone = (): number => spawnSync('/bin/true').pid;
const nameOf = (pid: number): string => nameEgressRoot(pid).slice('/tmp/'.length);

test('is entered by others and listed by nobody, with room for a socket’s name', async () => {
  const root = join(temporary(), nameOf(process.pid));
  await makeEgressRoot(root);
  expect(statSync(root).mode & 0o777).toBe(0o711);
  expect(`${nameEgressRoot(4_194_304)}/${'f'.repeat(32)}.sock`.length).toBeLessThan(108);
});

test('is not taken over when someone made it first', async () => {
  const root = join(temporary(), nameOf(process.pid));
  mkdirSync(root);
  await expect(makeEgressRoot(root)).rejects.toMatchObject({ code: 'EEXIST' });
});

test('what a dead broker left is removed; what is in use, other names and links are not', async () => {
  const parent = temporary();
  const at = (name: string): string => join(parent, name);
  const [dead, used, link] = [nameOf(gone()), nameOf(process.pid), nameOf(gone())];
  for (const name of [dead, used, 'other']) mkdirSync(at(name));
  writeFileSync(join(at(dead), 'x.sock'), '');
  symlinkSync(at('other'), at(link));
  await makeEgressRoot(at(nameOf(process.pid)));
  expect([dead, used, 'other', link].map((name) => existsSync(at(name)))).toEqual([false, true, true, true]);
});
