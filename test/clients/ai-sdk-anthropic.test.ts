/** Vercel's AI SDK with its Anthropic provider against a running Sluice: text, streams, tools, objects. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { afterEach, describe, expect, it } from 'vitest';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../helpers/sluice.ts';

// It warns of model names it does not know; here none is known.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function connect(options: TestSluiceOptions) {
  sluice = await startSluice(options);
  return createAnthropic({ baseURL: `${sluice.url}/v1`, apiKey: 'none' })('claude-unknown');
}
const MAIL = 'jane.roe@corp-mail.example';
const placeholder = (body: string): string => /\[\[[A-Za-z0-9_]+\]\]/.exec(body)?.[0] ?? 'nothing';

describe('@ai-sdk/anthropic', () => {
  it.each([
    ['a cloud of its own wire', { claude: { reply: ({ body }) => ({ text: `heard ${placeholder(body)}` }) } }],
    ['a cloud of another wire', { cloud: { reply: ({ body }) => ({ text: `heard ${placeholder(body)}` }) } }],
  ] satisfies [string, TestSluiceOptions][])('asks %s, whole and streamed', async (_name, clouds) => {
    const model = await connect({ ...clouds, local: { reply: () => ({ text: 'at home' }) } });
    for (const [prompt, expected] of [
      [COMPLEX, 'heard nothing'],
      [`${COMPLEX} for ${MAIL}`, `heard ${MAIL}`],
      [`my card is ${CARD}`, 'at home'],
    ] as const) {
      const whole = await generateText({ model, prompt, maxRetries: 0 });
      expect(whole.text).toBe(expected);
      expect(whole.finishReason).toBe('stop');
      const streamed = streamText({ model, prompt, maxRetries: 0 });
      let text = '';
      for await (const piece of streamed.textStream) text += piece;
      expect(text).toBe(expected);
      expect(await streamed.finishReason).toBe('stop');
    }
  });

  it('runs a tool round', async () => {
    const model = await connect({
      claude: {
        reply: ({ body }) =>
          body.includes('tool_result')
            ? { text: 'it is sunny' }
            : { toolCalls: [{ name: 'weather', input: { city: 'Rome' }, id: 'toolu_1' }] },
      },
    });
    const asked: string[] = [];
    const { text, steps } = await generateText({
      model,
      prompt: COMPLEX,
      maxRetries: 0,
      stopWhen: stepCountIs(3),
      tools: {
        weather: tool({
          description: 'tells it',
          inputSchema: jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } }),
          execute: ({ city }) => {
            asked.push(city);
            return 'sun';
          },
        }),
      },
    });
    expect([text, asked, steps.length]).toEqual(['it is sunny', ['Rome'], 2]);
  });

  it('is told of a refusal once, and of a broken stream', async () => {
    const model = await connect({ claude: { replies: ['truncated'] }, config: 'policy: { unknown: refuse }' });
    await expect(
      generateText({
        model,
        maxRetries: 3,
        messages: [
          { role: 'user', content: [{ type: 'file', mediaType: 'image/png', data: new Uint8Array([1, 2, 3]) }] },
        ],
      }),
    ).rejects.toMatchObject({ statusCode: 403, isRetryable: false });
    const errors: unknown[] = [];
    const { textStream } = streamText({
      model,
      prompt: COMPLEX,
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    });
    for await (const _ of textStream);
    expect(errors).toHaveLength(1);
  });
});
