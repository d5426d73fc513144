import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Admin } from '../../router/admin/admin.ts';
import { AdminAuthority, NO_KEYS } from '../../router/admin/authority.ts';
import type { LiveContext } from '../../router/reload.ts';
import { COMPLEX, say, startSluice, type TestSluice } from '../helpers/sluice.ts';

const undo: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

async function watched(): Promise<{ readonly sluice: TestSluice; readonly file: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'watch-'));
  const file = join(directory, 'sluice.yaml');
  let live: LiveContext | undefined;
  const sluice = await startSluice({
    configFile: file,
    config: 'policy: { clean: { complex: cloud } }',
    admin(given) {
      live = given;
      return new Admin({ authority: new AdminAuthority(() => NO_KEYS), live: given });
    },
  });
  undo.push(
    () => rmSync(directory, { recursive: true, force: true }),
    () => sluice.close(),
  );
  undo.push(live!.watch(20));
  return { sluice, file };
}
const route = async (sluice: TestSluice): Promise<string> => {
  const response = await sluice.ask(say(COMPLEX));
  await response.text();
  return response.headers.get('x-sluice-route') ?? '';
};
const toLocal = (file: string): string => readFileSync(file, 'utf8').replace('complex: cloud', 'complex: local');

describe('a configuration file that changes', () => {
  it.each([
    ['written over', (file: string) => writeFileSync(file, toLocal(file))],
    [
      'renamed into place',
      (file: string) => {
        writeFileSync(`${file}.new`, toLocal(file));
        renameSync(`${file}.new`, file);
      },
    ],
    [
      'a link to another file',
      (file: string) => {
        writeFileSync(`${file}.two`, toLocal(file));
        unlinkSync(file);
        symlinkSync(`${file}.two`, file);
      },
    ],
  ])('is read again: %s; and the change is in the audit', async (_, change) => {
    const { sluice, file } = await watched();
    expect(await route(sluice)).toBe('cloud');
    change(file);
    await vi.waitFor(async () => expect(await route(sluice)).toBe('local'), { timeout: 10_000, interval: 50 });
    const { hits } = await sluice.context.audit.search({ kind: 'reload' });
    expect(hits.map(({ record }) => record)).toEqual([
      expect.objectContaining({ outcome: 'reloaded', applied: true, changes: ['policy.clean.complex'] }),
    ]);
  });

  it('keeps the old policy when the new one is bad, and says so loudly', async () => {
    const { sluice, file } = await watched();
    // The watch takes its first look on its own time: what changes before that is what it starts from.
    expect(await route(sluice)).toBe('cloud');
    writeFileSync(file, `${readFileSync(file, 'utf8')}\nnonsense: 1\n`);
    await vi.waitFor(
      () => expect(sluice.logged()).toMatch(/"level":"error"[^\n]*"event":"reload"[^\n]*"outcome":"invalid"/),
      {
        timeout: 10_000,
        interval: 50,
      },
    );
    expect(await route(sluice)).toBe('cloud');
    const { hits } = await sluice.context.audit.search({ kind: 'reload' });
    expect(hits[0]?.record).toMatchObject({ outcome: 'invalid', applied: false });
  });
});
