/** Reasoning that only its upstream can read goes back to it after a restart too: for the same principal, with the same words, and to nobody else. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { messageItem } from '../../helpers/responses-events.ts';
import { COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../../helpers/sluice.ts';

let stateDir = '';
let sluice: TestSluice | undefined;
beforeEach(() => (stateDir = mkdtempSync(join(tmpdir(), 'sluice-seals-'))));
afterEach(async () => {
  await sluice?.close();
  rmSync(stateDir, { recursive: true, force: true });
});
/** A new process on the same state directory, as far as memory goes. */
async function restart(options: TestSluiceOptions): Promise<TestSluice> {
  await sluice?.close();
  sluice = await startSluice({ stateDir, ...options });
  return sluice;
}
const SEAL = randomBytes(120).toString('base64');
const ANSWERS: TestSluiceOptions = {
  claude: { replies: [{ thinking: { text: 'let me think', signature: SEAL }, text: 'I looked.' }] },
};
const ask = (running: TestSluice, thinking: string): Promise<Response> =>
  running.ask(
    {
      model: 'auto',
      max_tokens: 99,
      messages: [
        { role: 'user', content: COMPLEX },
        ...(thinking === ''
          ? []
          : [
              {
                role: 'assistant',
                content: [
                  { type: 'thinking', thinking, signature: SEAL },
                  { type: 'text', text: 'I looked.' },
                ],
              },
              { role: 'user', content: 'And then?' },
            ]),
      ],
    },
    {},
    '/v1/messages',
  );

describe('after a restart', () => {
  it('a signature goes back with its words, and not with others', async () => {
    await (await ask(await restart(ANSWERS), '')).text();
    const again = await restart(ANSWERS);
    const replayed = await ask(again, 'let me think');
    await replayed.text();
    expect(replayed.headers.get('x-sluice-removed')).toBeNull();
    expect(again.sentToCloud()).toContain(SEAL);
    const third = await restart(ANSWERS);
    const bent = await ask(third, 'let me think of something else');
    await bent.text();
    expect(bent.headers.get('x-sluice-removed')).toBe('reasoning:1');
    expect(third.sentToCloud()).not.toContain(SEAL);
  });

  it('sealed reasoning of /v1/responses goes back', async () => {
    const options: TestSluiceOptions = {
      cloudApi: 'responses',
      cloud: {
        responses: [
          {
            output: [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: SEAL }, messageItem('I looked.')],
          },
        ],
      },
    };
    const post = (running: TestSluice, items: readonly unknown[]): Promise<Response> =>
      running.ask(
        {
          model: 'auto',
          store: false,
          include: ['reasoning.encrypted_content'],
          input: [{ role: 'user', content: COMPLEX }, ...items],
        },
        {},
        '/v1/responses',
      );
    const first = (await (await post(await restart(options), [])).json()) as { readonly output: readonly unknown[] };
    const again = await restart(options);
    await (await post(again, [...first.output, { role: 'user', content: 'And then?' }])).text();
    expect(again.sentToCloud()).toContain(SEAL);
  });

  it('nothing of it lies in the store but a keyed digest', async () => {
    await (await ask(await restart(ANSWERS), '')).text();
    await sluice?.close();
    sluice = undefined;
    const bytes = readFileSync(join(stateDir, 'sluice.db')).toString('latin1');
    expect(bytes).not.toContain(SEAL.slice(0, 40));
    expect(bytes).not.toContain('let me think');
  });

  it('is not known where the operator keeps it in memory', async () => {
    const options = { ...ANSWERS, config: 'sessions: { placeholderDays: 0 }' };
    await (await ask(await restart(options), '')).text();
    const again = await restart(options);
    await (await ask(again, 'let me think')).text();
    expect(again.sentToCloud()).not.toContain(SEAL);
  });

  it('a store that fails leaves it out', async () => {
    await (await ask(await restart(ANSWERS), '')).text();
    const again = await restart(ANSWERS);
    const { database } = again.context.store;
    const all = database.all.bind(database);
    database.all = (sql: string, params) =>
      sql.includes('FROM kept') ? Promise.reject(new Error('the store is gone')) : all(sql, params);
    const replayed = await ask(again, 'let me think');
    expect(replayed.status).toBe(200);
    await replayed.text();
    expect(again.sentToCloud()).not.toContain(SEAL);
  });
});
