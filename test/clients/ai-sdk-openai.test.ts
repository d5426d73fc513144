/** Vercel's AI SDK with its OpenAI provider (responses, chat, completions, embeddings) and its OpenAI-compatible one, against a running Sluice: text, streams, objects, a tool round each. */
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateText, jsonSchema, type LanguageModel, Output, stepCountIs, streamText, tool } from 'ai';
import { afterEach, describe, expect, it } from 'vitest';
import { callItem, messageItem, reasoningItem } from '../helpers/responses-events.ts';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
const MAIL = 'jane.roe@corp-mail.example';
const tokenIn = (body: string): string =>
  /\[\[[A-Z_a-z]+\]\](?![\s\S]*\[\[[A-Z_a-z]+\]\])/.exec(body)?.[0] ?? 'nothing';

type Make = (url: string) => LanguageModel;
const MODELS: readonly (readonly [string, Make, 'chat' | 'responses'])[] = [
  ['openai responses over a chat cloud', (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: 'x' })('auto'), 'chat'],
  [
    'openai responses over a responses cloud',
    (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: 'x' })('auto'),
    'responses',
  ],
  [
    'openai chat over a responses cloud',
    (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: 'x' }).chat('auto'),
    'responses',
  ],
  ['openai-compatible', (url) => createOpenAICompatible({ name: 'sluice', baseURL: `${url}/v1` })('auto'), 'chat'],
];
async function connect(options: TestSluiceOptions): Promise<TestSluice> {
  sluice = await startSluice(options);
  return sluice;
}

describe.each(MODELS)('ai with %s', (_, make, cloudApi) => {
  it('asks every route, whole and streamed', async () => {
    const { url } = await connect({
      cloudApi,
      cloud: {
        reply: ({ body }) => ({ text: `heard ${tokenIn(body)}` }),
        responses: ({ body }) => ({ output: [reasoningItem('hm'), messageItem(`heard ${tokenIn(body)}`)] }),
      },
      local: { reply: () => ({ text: 'at home' }) },
    });
    const model = make(url);
    for (const [prompt, expected] of [
      [COMPLEX, 'heard nothing'],
      [`${COMPLEX} for ${MAIL}`, `heard ${MAIL}`],
      [`my card is ${CARD}`, 'at home'],
    ] as const) {
      const whole = await generateText({ model, prompt, maxRetries: 0 });
      expect(whole.text).toBe(expected);
      expect(whole.finishReason).toBe('stop');
      expect(whole.usage.totalTokens).toBeGreaterThan(0);
      const streamed = streamText({ model, prompt, maxRetries: 0 });
      let text = '';
      for await (const piece of streamed.textStream) text += piece;
      expect(text).toBe(expected);
      expect(await streamed.finishReason).toBe('stop');
    }
  });

  it('goes through a tool round, the second step streamed too', async () => {
    const { url, sentToCloud } = await connect({
      cloudApi,
      cloud: {
        replies: [
          { toolCalls: [{ name: 'weather', arguments: { city: 'Rome' }, id: 'call_1' }] },
          { text: 'sunny in Rome' },
        ],
        responses: [
          {
            output: [
              reasoningItem('hm', { encrypted_content: 'A'.repeat(80) }),
              callItem('weather', '{"city":"Rome"}'),
            ],
          },
          { output: [messageItem('sunny in Rome')] },
        ],
      },
    });
    const seen: string[] = [];
    const streamed = streamText({
      model: make(url),
      prompt: COMPLEX,
      maxRetries: 0,
      stopWhen: stepCountIs(3),
      tools: {
        weather: tool({
          description: 'tells the weather',
          inputSchema: jsonSchema<{ city: string }>({
            type: 'object',
            properties: { city: { type: 'string' } },
            required: ['city'],
          }),
          execute: ({ city }) => {
            seen.push(city);
            return `sunny in ${city}`;
          },
        }),
      },
    });
    expect(await streamed.text).toBe('sunny in Rome');
    expect(seen).toEqual(['Rome']);
    expect((await streamed.steps).length).toBe(2);
    expect(sentToCloud()).toContain('sunny in Rome');
  });

  it('reads an object whose values were masked outside', async () => {
    const { url } = await connect({
      cloudApi,
      cloud: {
        reply: ({ body }) => ({ text: JSON.stringify({ mail: tokenIn(body) }) }),
        responses: ({ body }) => ({ output: [messageItem(JSON.stringify({ mail: tokenIn(body) }))], piece: 2 }),
      },
    });
    const { output } = await generateText({
      model: make(url),
      prompt: `${COMPLEX} for ${MAIL}`,
      maxRetries: 0,
      output: Output.object({
        schema: jsonSchema<{ mail: string }>({
          type: 'object',
          properties: { mail: { type: 'string' } },
          required: ['mail'],
          additionalProperties: false,
        }),
      }),
    });
    expect(output).toEqual({ mail: MAIL });
  });

  it('sees a refusal once, and a reply that broke as an error', async () => {
    const running = await connect({
      cloudApi,
      config: 'policy: { unknown: refuse, onCloudFailure: error }',
      cloud: { replies: ['truncated'], responses: ['truncated'] },
    });
    const model = make(running.url);
    await expect(
      generateText({
        model,
        messages: [
          {
            role: 'user',
            content: [{ type: 'image', image: new Uint8Array([137, 80, 78, 71]), mediaType: 'image/png' }],
          },
        ],
      }),
    ).rejects.toMatchObject({ statusCode: 400 });
    expect(running.cloud.requests).toEqual([]);
    const errors: unknown[] = [];
    const streamed = streamText({
      model,
      prompt: COMPLEX,
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    });
    await streamed.consumeStream();
    expect(errors.length).toBeGreaterThan(0);
  });
});

describe('ai with openai', () => {
  it('carries on with a kept response, by reference', async () => {
    const { url, cloud } = await connect({
      cloudApi: 'responses',
      cloud: { responses: [{ output: [messageItem('first')] }, { output: [messageItem('second')] }] },
    });
    const model = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'x' })('auto');
    const first = await generateText({ model, prompt: COMPLEX, maxRetries: 0 });
    const second = await generateText({
      model,
      maxRetries: 0,
      messages: [{ role: 'user', content: COMPLEX }, ...first.response.messages, { role: 'user', content: COMPLEX }],
    });
    expect(second.text).toBe('second');
    expect(cloud.requests.at(-1)?.body).toContain('first');
    expect(cloud.requests.at(-1)?.body).not.toContain('item_reference');
  });

  it('completes and embeds', async () => {
    const { url } = await connect({
      cloud: { reply: () => ({ text: 'completed' }) },
      local: { models: [{ name: 'embedder:latest', capabilities: ['embedding'] }] },
    });
    const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'x' });
    expect((await generateText({ model: openai.completion('auto'), prompt: COMPLEX, maxRetries: 0 })).text).toBe(
      'completed',
    );
    const { embeddings } = await embedMany({ model: openai.embedding('auto'), values: ['a', 'bc'], maxRetries: 0 });
    expect(embeddings.map((vector) => vector[0])).toEqual([1, 2]);
  });
});
