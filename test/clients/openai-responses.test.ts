/** The official openai client's responses API against a running Sluice: create, stream, parse, retrieve, inputItems, delete, tools, over every route and both APIs of a cloud. */
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { callItem, messageItem, reasoningItem } from '../helpers/responses-events.ts';
import {
  CARD,
  COMPLEX,
  recordingExecutor,
  startSluice,
  type TestSluice,
  type TestSluiceOptions,
} from '../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function connect(options: TestSluiceOptions): Promise<{ client: OpenAI; sluice: TestSluice }> {
  sluice = await startSluice(options);
  return { client: new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: 'none', maxRetries: 0 }), sluice };
}
const MAIL = 'jane.roe@corp-mail.example';
const tokenIn = (body: string): string =>
  /\[\[[A-Z_a-z]+\]\](?![\s\S]*\[\[[A-Z_a-z]+\]\])/.exec(body)?.[0] ?? 'nothing masked';
const echo = {
  reply: (request: { readonly body: string }) => ({ text: `heard ${tokenIn(request.body)}` }),
  responses: (request: { readonly body: string }) => ({
    output: [reasoningItem(`seen ${tokenIn(request.body)}`), messageItem(`heard ${tokenIn(request.body)}`)],
  }),
};

describe.each(['chat', 'responses'] as const)('openai responses, cloud by %s', (cloudApi) => {
  it.each([
    ['cloud', COMPLEX, 'heard nothing masked'],
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, `heard ${MAIL}`],
    ['local', `My card is ${CARD}`, 'local heard'],
  ])('%s: create, stream and the stream helper agree', async (route, input, expected) => {
    const { client } = await connect({ cloudApi, cloud: echo, local: { reply: () => ({ text: 'local heard' }) } });
    const { data, response } = await client.responses.create({ model: 'auto', input }).withResponse();
    expect(response.headers.get('x-sluice-route')).toBe(route);
    expect(data.output_text).toBe(expected);
    expect(data.status).toBe('completed');
    expect(data.usage?.total_tokens).toBeGreaterThan(0);

    let streamed = '';
    const types: string[] = [];
    const numbers: number[] = [];
    for await (const event of await client.responses.create({ model: 'auto', input, stream: true })) {
      types.push(event.type);
      numbers.push(event.sequence_number);
      if (event.type === 'response.output_text.delta') streamed += event.delta;
      if (event.type === 'response.completed') expect(event.response.output_text ?? streamed).toBe(expected);
    }
    expect(streamed).toBe(expected);
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(types.slice(0, 2)).toEqual(['response.created', 'response.in_progress']);
    expect(types.at(-1)).toBe('response.completed');

    const final = await client.responses.stream({ model: 'auto', input }).finalResponse();
    expect(final.output_text).toBe(expected);
  });

  it('carries on from an earlier response, which no upstream keeps', async () => {
    const { client, sluice: running } = await connect({
      cloudApi,
      cloud: {
        replies: [{ text: 'first answer' }, { text: 'second answer' }],
        responses: [{ output: [messageItem('first answer')] }, { output: [messageItem('second answer')] }],
      },
    });
    const first = await client.responses.create({ model: 'auto', input: COMPLEX, instructions: 'Be terse.' });
    const second = await client.responses.create({
      model: 'auto',
      input: `${COMPLEX} And what of the second case?`,
      previous_response_id: first.id,
    });
    expect(second.previous_response_id).toBe(first.id);
    expect(second.output_text).toBe('second answer');
    const sent = running.cloud.requests.at(-1)?.body ?? '';
    expect(sent).toContain('first answer');
    expect(sent).toContain(COMPLEX);
    // Instructions are of one request.
    expect(sent).not.toContain('Be terse.');
    expect(sent).not.toContain(first.id);
    if (cloudApi === 'responses') expect(JSON.parse(sent)).toMatchObject({ store: false });

    expect((await client.responses.retrieve(first.id)).output_text).toBe('first answer');
    const items: string[] = [];
    for await (const item of client.responses.inputItems.list(second.id, { order: 'asc', limit: 1 }))
      items.push(item.type ?? '');
    expect(items).toEqual(['message', 'message', 'message']);
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toMatchObject({
      status: 404,
      code: 'response_not_found',
    });
    await expect(
      client.responses.create({ model: 'auto', input: 'x', previous_response_id: first.id }),
    ).rejects.toMatchObject({ status: 400, code: 'previous_response_not_found' });
    // What came after it still knows it.
    expect(
      (await client.responses.create({ model: 'auto', input: COMPLEX, previous_response_id: second.id })).status,
    ).toBe('completed');
    await expect(client.responses.cancel(second.id)).rejects.toMatchObject({ status: 400, code: 'not_cancellable' });
  });

  it('keeps a conversation inside that held something sensitive, however harmless its next turn', async () => {
    const { client, sluice: running } = await connect({
      cloudApi,
      config: 'policy: { masking: off }',
      local: { reply: () => ({ text: 'noted' }) },
    });
    const first = await client.responses.create({ model: 'auto', input: `My card is ${CARD}` });
    const { data, response } = await client.responses
      .create({ model: 'auto', input: COMPLEX, previous_response_id: first.id })
      .withResponse();
    expect(response.headers.get('x-sluice-route')).toBe('local');
    expect(data.output_text).toBe('noted');
    expect(running.cloud.requests).toEqual([]);
  });

  it('goes through a tool round of the client’s own, and ours beside it', async () => {
    const executor = recordingExecutor(() => 'sandboxed');
    const { client } = await connect({
      cloudApi,
      config: 'tools: { offer: [exec] }',
      sandbox: executor,
      cloud: {
        replies: [
          { toolCalls: [{ name: 'weather', arguments: { city: 'Rome' }, id: 'call_1' }] },
          { toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] },
          { text: 'sunny and sandboxed' },
        ],
        responses: [
          { output: [reasoningItem('hm'), callItem('weather', '{"city":"Rome"}')] },
          { output: [callItem('exec', '{"command":"id"}', { call_id: 'call_2' })] },
          { output: [messageItem('sunny and sandboxed')] },
        ],
      },
    });
    const tools = [
      {
        type: 'function' as const,
        name: 'weather',
        description: 'tells the weather',
        strict: false,
        parameters: { type: 'object', properties: { city: { type: 'string' } } },
      },
    ];
    const first = await client.responses.create({ model: 'auto', input: COMPLEX, tools });
    const call = first.output.find((item) => item.type === 'function_call');
    expect(call).toMatchObject({ name: 'weather', arguments: '{"city":"Rome"}', call_id: 'call_1' });
    const second = await client.responses
      .stream({
        model: 'auto',
        tools,
        previous_response_id: first.id,
        input: [{ type: 'function_call_output', call_id: 'call_1', output: 'sunny' }],
      })
      .finalResponse();
    expect(second.output_text).toBe('sunny and sandboxed');
    // Only the client's own tools are told of.
    expect(second.tools.map((tool) => (tool.type === 'function' ? tool.name : tool.type))).toEqual(['weather']);
    expect(executor.requests.map((request) => request.tool)).toEqual(['exec']);
  });

  it('restores values in structured output, and it parses', async () => {
    const { client } = await connect({
      cloudApi,
      cloud: {
        reply: (request) => ({ text: JSON.stringify({ mail: tokenIn(request.body), quote: '"' }) }),
        responses: (request) => ({
          output: [messageItem(JSON.stringify({ mail: tokenIn(request.body), quote: '"' }))],
          piece: 3,
        }),
      },
    });
    const parsed = await client.responses.parse({
      model: 'auto',
      input: `${COMPLEX} to ${MAIL}`,
      text: { format: zodTextFormat(z.object({ mail: z.string(), quote: z.string() }), 'out') },
    });
    expect(parsed.output_parsed).toEqual({ mail: MAIL, quote: '"' });
  });

  it('sees a refusal as a BadRequestError, once, and one after the stream began as a failed response', async () => {
    const { client } = await connect({ cloudApi, config: 'policy: { unknown: refuse }' });
    const image = { type: 'input_image' as const, image_url: 'data:image/png;base64,AAAA', detail: 'auto' as const };
    await expect(
      client.responses.create({ model: 'auto', input: [{ role: 'user', content: [image] }] }),
    ).rejects.toMatchObject({ status: 400, code: 'refused_unknown_content' });
    await expect(client.responses.create({ model: 'auto', input: 'x', conversation: 'conv_1' })).rejects.toMatchObject({
      status: 400,
      code: 'conversation_unsupported',
    });
    await expect(client.responses.create({ model: 'auto', input: 'x', background: true })).rejects.toMatchObject({
      status: 400,
      code: 'background_unsupported',
    });
  });

  it('is told that an upstream broke inside its answer', async () => {
    const { client } = await connect({ cloudApi, cloud: { replies: ['truncated'], responses: ['truncated'] } });
    const types: string[] = [];
    for await (const event of await client.responses.create({ model: 'auto', input: COMPLEX, stream: true })) {
      types.push(event.type);
      if (event.type === 'response.failed') expect(event.response.error?.code).toBe('server_error');
    }
    expect(types.at(-1)).toBe('response.failed');
    expect(types).not.toContain('response.completed');
  });

  it('stops the upstream when its reader breaks off', async () => {
    const { client, sluice: running } = await connect({
      cloudApi,
      cloud: {
        replies: [{ pieces: Array.from({ length: 100 }, () => 'word '), gapMs: 20 }],
        responses: [{ output: [messageItem('word '.repeat(100))], gapMs: 20 }],
      },
    });
    for await (const event of await client.responses.create({ model: 'auto', input: COMPLEX, stream: true }))
      if (event.type === 'response.output_text.delta') break;
    await expect.poll(() => running.cloud.requests[0]?.aborted, { timeout: 3_000 }).toBe(true);
  });
});
