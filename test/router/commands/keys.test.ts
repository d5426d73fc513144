import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { keysCommand } from '../../../router/commands/keys.ts';
import { runInProcess } from '../../helpers/command.ts';
import { runCli } from '../../helpers/cli.ts';

const directory = mkdtempSync(join(tmpdir(), 'keys-cli-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = join(directory, 'sluice.yaml');
writeFileSync(file, `stateDir: ${join(directory, 'state')}\nlisten: { host: 0.0.0.0, port: 0 }\n`);
const keys = (...args: string[]) => runInProcess(keysCommand(), [...args, '-c', file]);

describe('sluice keys', () => {
  it('refuses to serve others without a key', async () => {
    const refused = await runCli(['serve', '-c', file]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('listen.host: 0.0.0.0 is not a loopback address');
  });

  it('makes, lists and revokes', async () => {
    const made = await keys('create', 'ci', '--rate', '60', '--budget', 'tokens/day=1000', '--budget', 'cost/month=5');
    expect(made.code).toBe(0);
    const key = made.stdout.trim();
    expect(key).toMatch(/^slu_[a-z0-9]{10}_[A-Za-z0-9]{40}$/);
    expect(made.stderr).not.toContain(key);
    const listed = await keys('list', '--json');
    expect(listed.stdout).not.toContain(key.split('_')[2]);
    expect(JSON.parse(listed.stdout)).toMatchObject([
      {
        principal: 'ci',
        role: 'agent',
        state: 'live',
        terms: { rate: { perMinute: 60, burst: 10 }, budget: { tokens: { day: 1000 }, cost: { month: 5 } } },
      },
    ]);
    const id = key.split('_')[1]!;
    expect((await keys('revoke', id)).code).toBe(0);
    expect((await keys('revoke', id)).code).toBe(1);
    expect(JSON.parse((await keys('list', '--json')).stdout)).toMatchObject([{ state: 'revoked' }]);
  });

  it.each([
    ['a label that is not on the ladder', ['create', 'x', '--cloud-sees', 'secret']],
    ['a route that is none', ['create', 'x', '--routes', 'moon']],
    ['a name that is none', ['create', 'a b']],
  ])('refuses %s', async (_, args) => {
    const refused = await keys(...args);
    expect([refused.code, refused.stdout]).toEqual([2, '']);
  });
});
