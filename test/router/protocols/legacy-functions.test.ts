/** Deprecated `functions`: read, judged and offered like tools, and a call comes back as `function_call`, on every route. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { CARD, COMPLEX, startSluice, type TestSluice } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
const MAIL = 'jane.roe@corp-mail.example';
const tokenIn = (body: string): string => /\[\[EMAIL_ADDRESS_[a-z]+\]\]/.exec(body)?.[0] ?? 'nobody';
const functions = [{ name: 'send', description: 'sends', parameters: { type: 'object', properties: {} } }];

describe('functions of a deprecated client', () => {
  it.each([
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, MAIL],
    ['local', `my card is ${CARD}`, 'home'],
  ])('%s: whole and streamed', async (route, content, to) => {
    const running = await startSluice({
      cloud: { reply: ({ body }) => ({ toolCalls: [{ name: 'send', arguments: { to: tokenIn(body) } }] }) },
      local: { reply: () => ({ toolCalls: [{ name: 'send', arguments: { to: 'home' } }] }) },
    });
    sluice = running;
    const client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const asked = { model: 'auto', messages: [{ role: 'user' as const, content }], functions };
    const { data, response } = await client.chat.completions.create(asked).withResponse();
    expect(response.headers.get('x-sluice-route')).toBe(route);
    expect(data.choices[0]).toMatchObject({
      finish_reason: 'function_call',
      message: { function_call: { name: 'send', arguments: expect.stringContaining(to) as string } },
    });
    expect(data.choices[0]?.message.tool_calls).toBeUndefined();

    let name = '';
    let written = '';
    let finish = '';
    for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true })) {
      name += choices[0]?.delta.function_call?.name ?? '';
      written += choices[0]?.delta.function_call?.arguments ?? '';
      finish = choices[0]?.finish_reason ?? finish;
      expect(choices[0]?.delta.tool_calls).toBeUndefined();
    }
    expect([name, JSON.parse(written), finish]).toEqual(['send', { to }, 'function_call']);
    expect(running.sentToCloud()).not.toContain(MAIL);
  });

  it('are read for what they hold', async () => {
    const running = await startSluice({ local: { reply: () => ({ text: 'ok' }) } });
    sluice = running;
    const planted = [{ name: 'send', description: `card ${CARD}`, parameters: {} }];
    const reply = await running.ask({
      model: 'auto',
      messages: [{ role: 'user', content: COMPLEX }],
      functions: planted,
    });
    await reply.text();
    expect(reply.headers.get('x-sluice-label')).toBe('confidential');
    expect(running.sentToCloud()).not.toContain(CARD);
  });

  it.each([
    ['no name', [{ description: 'x' }], '/functions/0/name'],
    ['no object', ['x'], '/functions/0'],
  ])('with %s are refused', async (_, given, param) => {
    const running = await startSluice({});
    sluice = running;
    const reply = await running.ask({ model: 'auto', messages: [{ role: 'user', content: 'a' }], functions: given });
    expect([reply.status, ((await reply.json()) as { error: { param: string } }).error.param]).toEqual([400, param]);
  });
});

describe('POST /v1/responses/input_tokens', () => {
  it('estimates here, with what the body points to, and nobody is shown it', async () => {
    const running = await startSluice({ cloud: { replies: [{ text: 'ok' }] } });
    sluice = running;
    const client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const small = await client.responses.inputTokens.count({ model: 'auto', input: 'four short words here' });
    expect(small.object).toBe('response.input_tokens');
    expect(small.input_tokens).toBeGreaterThan(3);
    const large = await client.responses.inputTokens.count({ model: 'auto', input: COMPLEX.repeat(20) });
    expect(large.input_tokens).toBeGreaterThan(10 * small.input_tokens);
    expect(running.cloud.requests).toEqual([]);
    const first = await client.responses.create({ model: 'auto', input: COMPLEX });
    const next = await client.responses.inputTokens.count({
      model: 'auto',
      previous_response_id: first.id,
      input: 'a',
    });
    expect(next.input_tokens).toBeGreaterThan(small.input_tokens);
    expect(running.cloud.requests).toHaveLength(1);
  });
});
