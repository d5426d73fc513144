/** The official openai client against a running Sluice: whole, streamed, helpers, tools. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
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
const echo = {
  reply: (request: { readonly body: string }) => ({
    text: `heard ${/\[\[[A-Za-z0-9_]+\]\]/.exec((JSON.parse(request.body) as { messages: { content: string }[] }).messages.at(-1)?.content ?? '')?.[0] ?? 'nothing masked'}`,
  }),
};

describe('openai', () => {
  it.each([
    ['cloud', COMPLEX, 'heard nothing masked'],
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, `heard ${MAIL}`],
    ['local', `My card is ${CARD}`, 'local heard'],
  ])('%s: create, stream and the stream helper agree', async (route, content, expected) => {
    const { client } = await connect({ cloud: echo, local: { reply: () => ({ text: 'local heard' }) } });
    const messages = [{ role: 'user' as const, content }];
    const { data, response } = await client.chat.completions.create({ model: 'auto', messages }).withResponse();
    expect(response.headers.get('x-sluice-route')).toBe(route);
    expect(data.choices[0]?.message.content).toBe(expected);
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(data.usage?.total_tokens).toBeGreaterThan(0);

    let streamed = '';
    let usage = 0;
    for await (const chunk of await client.chat.completions.create({
      model: 'auto',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      streamed += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage?.total_tokens ?? usage;
    }
    expect(streamed).toBe(expected);
    expect(usage).toBeGreaterThan(0);

    const final = await client.chat.completions.stream({ model: 'auto', messages }).finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe(expected);
  });

  it('runs its own tools through runTools, and ours beside them', async () => {
    const executor = recordingExecutor(() => 'sandboxed');
    const seen: string[] = [];
    const { client } = await connect({
      config: 'tools: { offer: [exec] }',
      sandbox: executor,
      cloud: {
        replies: [
          { toolCalls: [{ name: 'weather', arguments: { city: 'Rome' }, id: 'call_1' }] },
          { toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] },
          { text: 'sunny and sandboxed' },
        ],
      },
    });
    const runner = client.chat.completions.runTools({
      model: 'auto',
      messages: [{ role: 'user', content: COMPLEX }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'tells the weather',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            parse: JSON.parse as (text: string) => { city: string },
            function: ({ city }: { city: string }) => {
              seen.push(city);
              return 'sunny';
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('sunny and sandboxed');
    expect(seen).toEqual(['Rome']);
    expect(executor.requests.map((request) => request.tool)).toEqual(['exec']);
  });

  it('lists and retrieves models, ids with slashes too', async () => {
    const { client } = await connect({ local: { models: [{ name: 'ns/small:latest' }] } });
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(['auto', 'ns/small:latest', 'gpt-fake', 'gpt-other']);
    expect((await client.models.retrieve('ns/small:latest')).id).toBe('ns/small:latest');
    await expect(client.models.retrieve('none')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('sees a refusal as a BadRequestError with our code, once', async () => {
    const { client, sluice: running } = await connect({ config: 'policy: { unknown: refuse }' });
    await expect(
      client.chat.completions.create({
        model: 'auto',
        messages: [
          { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] },
        ],
      }),
    ).rejects.toMatchObject({ status: 400, code: 'refused_unknown_content' });
    expect(running.local.chats()).toEqual([]);
  });

  it('sees an upstream that breaks inside its answer as an error', async () => {
    const { client } = await connect({ cloud: { replies: ['truncated'] } });
    const stream = await client.chat.completions.create({
      model: 'auto',
      messages: [{ role: 'user', content: COMPLEX }],
      stream: true,
    });
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toThrow();
  });

  it('stops the upstream when its reader breaks off', async () => {
    const { client, sluice: running } = await connect({
      cloud: { replies: [{ pieces: Array.from({ length: 100 }, () => 'word '), gapMs: 20 }] },
    });
    for await (const chunk of await client.chat.completions.create({
      model: 'auto',
      messages: [{ role: 'user', content: COMPLEX }],
      stream: true,
    }))
      if (chunk.choices[0]?.delta.content !== undefined) break;
    await expect.poll(() => running.cloud.requests[0]?.aborted, { timeout: 3_000 }).toBe(true);
  });
});
