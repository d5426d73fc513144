/** POST /v1/responses/compact: a summary that only this installation opens, for the principal it was made for, and that is a conversation like any other when it comes back. */
import { afterEach, describe, expect, it } from 'vitest';
import { openCompaction, sealCompaction } from '../../../router/responses/compactions.ts';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function start(options: TestSluiceOptions): Promise<TestSluice> {
  sluice = await startSluice(options);
  return sluice;
}
type Json = Readonly<Record<string, unknown>>;
async function compact(running: TestSluice, body: Json): Promise<{ readonly status: number; readonly body: Json }> {
  const reply = await running.ask({ model: 'auto', ...body }, {}, '/v1/responses/compact');
  return { status: reply.status, body: (await reply.json()) as Json };
}
const outputOf = (body: Json): readonly Json[] => body['output'] as readonly Json[];

describe('/v1/responses/compact', () => {
  it('gives what the user said and a sealed summary, from which the conversation goes on', async () => {
    const running = await start({ cloud: { replies: [{ text: 'They chose cobalt.' }, { text: 'cobalt' }] } });
    const input = [
      { role: 'user', content: `${COMPLEX} Choose a word.` },
      { role: 'assistant', content: 'Cobalt, then.' },
    ];
    const { status, body } = await compact(running, { input, prompt_cache_key: 'k' });
    expect(status).toBe(200);
    expect(body['object']).toBe('response.compaction');
    const output = outputOf(body);
    expect(output.map((item) => item['type'])).toEqual(['message', 'compaction']);
    expect(output[0]).toMatchObject({ role: 'user', status: 'completed', content: [{ type: 'input_text' }] });
    expect(JSON.stringify(output)).not.toContain('They chose');
    expect(running.cloud.requests[0]?.body).toContain('Cobalt, then.');

    const next = await running.ask(
      { model: 'auto', input: [...output, { role: 'user', content: 'Which word?' }] },
      {},
      '/v1/responses',
    );
    expect(next.status).toBe(200);
    expect(running.cloud.requests[1]?.body).toContain('They chose cobalt.');
    expect(running.cloud.requests[1]?.body).not.toContain('sluice1.');
  });

  it('summarises what a kept reply went before', async () => {
    const running = await start({ cloud: { replies: [{ text: 'noted' }, { text: 'Summary.' }] } });
    const first = (await (
      await running.ask({ model: 'auto', input: `${COMPLEX} The word is cobalt.` }, {}, '/v1/responses')
    ).json()) as Json;
    const { status } = await compact(running, { previous_response_id: first['id'] });
    expect(status).toBe(200);
    expect(running.cloud.requests[1]?.body).toContain('cobalt');
  });

  it('keeps inside what was inside, on the way to the summary and after it', async () => {
    const running = await start({
      cloud: {
        reply: ({ body }) => ({ text: `pays with ${/\[\[CREDIT_CARD_[a-z]+\]\]/.exec(body)?.[0] ?? 'nothing'}` }),
      },
      local: { reply: () => ({ text: 'at home' }) },
    });
    const input = [{ role: 'user', content: `${COMPLEX} Pay with ${CARD}.` }];
    const { body } = await compact(running, { input });
    // Of the summary alone: the user's own words are gone.
    const summary = outputOf(body).filter((item) => item['type'] === 'compaction');
    expect(JSON.stringify(summary)).not.toContain(CARD);
    const next = await running.ask(
      { model: 'auto', input: [...summary, { role: 'user', content: COMPLEX }] },
      {},
      '/v1/responses',
    );
    await next.text();
    expect(next.headers.get('x-sluice-label')).toBe('confidential');
    expect(leaksIn(canaryOf(CARD), running.sentToCloud())).toEqual([]);
    expect(running.cloud.requests.at(-1)?.body).toMatch(/pays with \[\[CREDIT_CARD_/);
  });

  it('is opened for nobody else', async () => {
    const [key, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const sealed = sealCompaction(key, 'alice', { summary: 's', label: 'public', maskable: true });
    expect(openCompaction(key, 'alice', sealed)?.summary).toBe('s');
    expect(openCompaction(key, 'bob', sealed)).toBeUndefined();
    expect(openCompaction(other, 'alice', sealed)).toBeUndefined();
    expect(openCompaction(key, 'alice', `${sealed.slice(0, -4)}AAAA`)).toBeUndefined();
    // What does not open is an item nobody can read.
    const running = await start({ local: { reply: () => ({ text: 'at home' }) } });
    const foreign = { type: 'compaction', encrypted_content: sealed };
    const reply = await running.ask(
      { model: 'auto', input: [foreign, { role: 'user', content: COMPLEX }] },
      {},
      '/v1/responses',
    );
    await reply.text();
    expect(running.cloud.requests).toEqual([]);
  });

  it.each([
    ['no model', { model: undefined, input: 'a' }, 400, 'missing_field'],
    ['nothing to summarise', { input: [], previous_response_id: 'resp_no' }, 400, 'previous_response_not_found'],
  ])('refuses %s', async (_, body, status, code) => {
    const running = await start({});
    const refused = await compact(running, body);
    expect([refused.status, (refused.body['error'] as Json)['code']]).toEqual([status, code]);
  });

  it('takes a summary that was cut off for none', async () => {
    const running = await start({ cloud: { replies: [{ text: 'They', finish: 'length' }] } });
    const { status, body } = await compact(running, { input: COMPLEX });
    expect(outputOf(body)).toBeUndefined();
    expect([status, (body['error'] as Json)['code']]).toEqual([502, 'upstream_truncated']);
  });
});
