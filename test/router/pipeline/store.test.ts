import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { StoreFault } from '../../../router/store/database.ts';
import { CARD, COMPLEX, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const open: TestSluice[] = [];
const directories: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((sluice) => sluice.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
async function start(options: Parameters<typeof startSluice>[0]): Promise<TestSluice> {
  const sluice = await startSluice(options);
  open.push(sluice);
  return sluice;
}
function stateDir(): string {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  directories.push(directory);
  return directory;
}
const ANSWER = 'Noted: the card of that customer is blocked now, and a new one is on its way to the address on file.';
const route = async (response: Response): Promise<string> => {
  await response.text();
  return response.headers.get('x-sluice-route') ?? '';
};

describe('the store behind the latch', () => {
  it('carries a conversation’s label over a restart', async () => {
    const directory = stateDir();
    const before = await start({ stateDir: directory, local: { replies: [{ text: ANSWER }] } });
    expect(await route(await before.ask(say(`Block ${CARD}`)))).toBe('local');
    await before.close();
    open.splice(0);
    const after = await start({ stateDir: directory });
    expect(await route(await after.ask(say(`${COMPLEX}\n${ANSWER}`)))).toBe('local');
    expect(await route(await after.ask(say(`${COMPLEX} and nothing else`)))).toBe('cloud');
  });

  it('refuses what it cannot remember, and keeps inside what it cannot know', async () => {
    const sluice = await start({});
    await sluice.context.store.close();
    const sensitive = await sluice.ask(say(`Block ${CARD}`));
    expect([sensitive.status, ((await sensitive.json()) as { error: { code: string } }).error.code]).toEqual([
      400,
      'store_unavailable',
    ]);
    expect(sluice.local.chats()).toEqual([]);
    const clean = await sluice.ask(say(COMPLEX));
    expect(clean.headers.get('x-sluice-reason')).toBe('classification-incomplete:store-unavailable');
    expect([clean.status, await route(clean)]).toEqual([200, 'local']);
    expect(sluice.cloud.requests).toEqual([]);
  });

  it('restores after a restart what was masked before, and keeps inside what it cannot keep a map of', async () => {
    const directory = stateDir();
    const MAIL = 'jane.roe@corp-mail.example';
    const ask = say(`${COMPLEX} Then write to ${MAIL}`);
    const session = { 'x-session-id': 's1' };
    const before = await start({ stateDir: directory, cloud: { reply: () => ({ text: 'noted' }) } });
    expect(await route(await before.ask(ask, session))).toBe('cloud-masked');
    const token = /\[\[[^\]]+\]\]/.exec(before.sentToCloud())?.[0] ?? '';
    expect(token).not.toBe('');
    await before.close();
    open.splice(0);
    // The cloud remembers the placeholder of a value that this request no longer holds.
    const after = await start({ stateDir: directory, cloud: { reply: () => ({ text: `I wrote to ${token}` }) } });
    const again = await after.ask(say(`${COMPLEX} And to joe.doe@corp-mail.example too`), session);
    expect(again.headers.get('x-sluice-route')).toBe('cloud-masked');
    expect(await again.text()).toContain(`I wrote to ${MAIL}`);
    for (const name of readdirSync(directory))
      expect(readFileSync(join(directory, name)).toString('latin1').includes('jane.roe'), name).toBe(false);
    vi.spyOn(after.context.masks, 'keep').mockRejectedValue(new StoreFault('sqlite_13'));
    const lost = await after.ask(say(`${COMPLEX} And to ann.poe@corp-mail.example`), session);
    expect([lost.headers.get('x-sluice-route'), lost.headers.get('x-sluice-reason')]).toEqual([
      'local',
      expect.stringMatching(/^mask-failed/),
    ]);
    expect(after.sentToCloud()).not.toContain('ann.poe');
  });

  it('keeps histories it never saw at home when the operator says so', async () => {
    const sluice = await start({
      config: 'sessions: { unseenHistory: local }',
      cloud: { reply: () => ({ text: 'fine' }) },
    });
    const history = [
      { role: 'user', content: COMPLEX },
      { role: 'assistant', content: 'fine' },
      { role: 'user', content: `${COMPLEX} again` },
    ];
    const unseen = await sluice.ask({ model: 'auto', messages: history });
    expect(unseen.headers.get('x-sluice-reason')).toMatch(/^classification-incomplete:unseen-history/);
    expect(await route(unseen)).toBe('local');
    const own = [{ role: 'user', content: `${COMPLEX} from the start` }];
    expect(await route(await sluice.ask({ model: 'auto', messages: own }))).toBe('cloud');
    expect(await route(await sluice.ask({ model: 'auto', messages: [...own, ...history.slice(1)] }))).toBe('cloud');
  });
});
