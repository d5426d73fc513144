/** What is kept of /v1/responses: for whom, how long, over which paths. */
import { afterEach, describe, expect, it } from 'vitest';
import { createResponseStore, type StoredResponse } from '../../../router/responses/response-store.ts';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function start(options: TestSluiceOptions): Promise<TestSluice> {
  sluice = await startSluice(options);
  return sluice;
}
type Json = Readonly<Record<string, unknown>>;
const ask = (running: TestSluice, body: Json): Promise<Response> =>
  running.ask({ model: 'auto', input: COMPLEX, ...body }, {}, '/v1/responses');

describe('kept responses', () => {
  const make = (id: string, principal = 'p', more: Partial<StoredResponse> = {}): StoredResponse => ({
    id,
    principal,
    label: 'public',
    maskable: true,
    body: '{}',
    input: [`{"id":"in_${id}"}`],
    output: [`{"id":"out_${id}"}`],
    previous: undefined,
    ...more,
  });
  const limits = { maxResponses: 3, maxChars: 10_000, maxAgeMs: 1000 };

  it('are their principal’s, items too', async () => {
    const store = createResponseStore(limits);
    store.keep(make('a', 'alice'));
    expect([store.find('alice', 'a')?.id, store.find('bob', 'a'), store.findItem('bob', 'out_a')]).toEqual([
      'a',
      undefined,
      undefined,
    ]);
    expect(store.findItem('alice', 'out_a')).toBe('{"id":"out_a"}');
    expect([await store.forget('bob', 'a'), store.size, await store.forget('alice', 'a'), store.size]).toEqual([
      false,
      1,
      true,
      0,
    ]);
    expect(store.findItem('alice', 'out_a')).toBeUndefined();
  });

  it('go by number, by size and by age, the oldest first', () => {
    let now = 0;
    const store = createResponseStore(limits, () => now);
    for (const id of ['a', 'b', 'c', 'd']) store.keep(make(id));
    expect([store.find('p', 'a'), store.find('p', 'b')?.id]).toEqual([undefined, 'b']);
    store.keep(make('e', 'p', { body: 'x'.repeat(9_950) }));
    expect([store.find('p', 'd'), store.find('p', 'e')?.id, store.size]).toEqual([undefined, 'e', 1]);
    now = 1001;
    expect([store.find('p', 'e'), store.size]).toEqual([undefined, 0]);
  });

  it('are not, where the client or the operator wants none', async () => {
    const running = await start({
      config: 'surfaces: { responses: { store: off } }',
      cloud: { replies: [{ text: 'ok' }] },
    });
    const { id } = (await (await ask(running, {})).json()) as { id: string };
    expect((await fetch(`${running.url}/v1/responses/${id}`)).status).toBe(404);
  });

  it('are of nobody who did not ask for them: paths and methods', async () => {
    const running = await start({ cloud: { replies: [{ text: 'ok' }] } });
    const { id } = (await (await ask(running, { store: false })).json()) as { id: string };
    const get = async (path: string, init?: RequestInit): Promise<number> =>
      (await fetch(`${running.url}/v1/responses${path}`, init)).status;
    expect(await get(`/${id}`)).toBe(404);
    expect(await get(`/${id}`, { method: 'DELETE' })).toBe(404);
    expect(await get(`/${id}/input_items`)).toBe(404);
    expect(await get(`/${id}/cancel`, { method: 'POST' })).toBe(404);
    expect(await get('')).toBe(405);
    expect(await get('/compact')).toBe(405);
    expect(await get(`/${id}/other`)).toBe(404);
  });

  it('are told to nobody in logs', async () => {
    const running = await start({ local: { reply: () => ({ text: `your card ${CARD}` }) } });
    const { id } = (await (await ask(running, { input: `my card ${CARD}` })).json()) as { id: string };
    const kept = await (await fetch(`${running.url}/v1/responses/${id}`)).text();
    expect(kept).toContain(CARD);
    expect(running.logged()).not.toContain(CARD);
  });
});
