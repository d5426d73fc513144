import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { StoreFault } from '../../../router/store/database.ts';
import { CARD, COMPLEX, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const open: TestSluice[] = [];
const directories: string[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(open.splice(0).map((sluice) => sluice.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
async function instances(): Promise<readonly [TestSluice, TestSluice, string]> {
  const directory = mkdtempSync(join(tmpdir(), 'responses-'));
  directories.push(directory);
  const config = 'surfaces: { responses: { store: store } }\npolicy: { masking: "off" }';
  const local = { replies: [{ text: 'from home' }] };
  const made = [
    await startSluice({ stateDir: directory, config, local }),
    await startSluice({ stateDir: directory, config, local }),
  ];
  open.push(...made);
  return [made[0]!, made[1]!, directory];
}
const ask = async (
  sluice: TestSluice,
  body: object,
): Promise<{ id: string; status: number; route: string; code: string }> => {
  const response = await sluice.ask({ model: 'auto', ...body }, {}, '/v1/responses');
  const reply = (await response.json()) as { id?: string; error?: { code: string } | null };
  return {
    id: reply.id ?? '',
    status: response.status,
    route: response.headers.get('x-sluice-route') ?? '',
    code: reply.error?.code ?? '',
  };
};
const get = (sluice: TestSluice, id: string): Promise<Response> => fetch(`${sluice.url}/v1/responses/${id}`);

describe('replies kept in the store', () => {
  it('are gone on with, retrieved and deleted on another instance, with the label they had', async () => {
    const [one, two, directory] = await instances();
    const first = await ask(one, { input: `Block ${CARD} please` });
    const second = await ask(two, { input: COMPLEX, previous_response_id: first.id });
    // What was said before is in the request again, and so is what it was.
    expect([second.status, second.route]).toEqual([200, 'local']);
    expect(JSON.stringify(two.local.chats().at(-1))).toContain(CARD);
    const third = await ask(one, { input: 'And now?', previous_response_id: second.id });
    expect(JSON.stringify(one.local.chats().at(-1))).toContain(CARD);
    expect(third.status).toBe(200);
    expect((await get(one, second.id)).status).toBe(200);
    expect((await fetch(`${one.url}/v1/responses/${second.id}`, { method: 'DELETE' })).status).toBe(200);
    expect([(await get(one, second.id)).status, (await get(two, second.id)).status]).toEqual([404, 404]);
    expect((await ask(two, { input: 'x', previous_response_id: second.id })).code).toBe('previous_response_not_found');
    for (const name of readdirSync(directory))
      expect(readFileSync(join(directory, name)).toString('latin1').includes(CARD), name).toBe(false);
  });

  it('that lost a reply before them are not taken up by others', async () => {
    const [one, two] = await instances();
    const first = await ask(one, { input: `Block ${CARD} please` });
    const second = await ask(one, { input: 'go on', previous_response_id: first.id });
    await fetch(`${one.url}/v1/responses/${first.id}`, { method: 'DELETE' });
    expect((await ask(two, { input: 'x', previous_response_id: second.id })).code).toBe('previous_response_not_found');
  });

  it('stay in memory when they cannot be written', async () => {
    const [one, two] = await instances();
    const { database } = one.context.store;
    const { batch } = database;
    vi.spyOn(database, 'batch').mockImplementation((statements) => {
      if (statements.some(({ sql }) => sql.includes('INSERT INTO kept'))) throw new StoreFault('sqlite_13');
      return batch.call(database, statements);
    });
    const first = await ask(one, { input: 'hello' });
    expect((await ask(one, { input: 'again', previous_response_id: first.id })).status).toBe(200);
    expect((await get(two, first.id)).status).toBe(404);
    expect(one.logged()).toContain('"event":"store-failed"');
  });
});
