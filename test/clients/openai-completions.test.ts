/** The official openai client's legacy completions against a running Sluice: every route, streamed and whole, echo, logprobs, what is refused. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function connect(options: TestSluiceOptions): Promise<{ client: OpenAI; sluice: TestSluice }> {
  sluice = await startSluice(options);
  return { client: new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: 'none', maxRetries: 0 }), sluice };
}
const MAIL = 'jane.roe@corp-mail.example';
const echoing = {
  reply: (request: { readonly body: string }) => ({
    text: `heard ${/\[\[[A-Z_a-z]+\]\](?![\s\S]*\[\[)/.exec(request.body)?.[0] ?? 'nothing masked'}`,
  }),
};

describe('openai completions', () => {
  it.each([
    ['cloud', COMPLEX, 'heard nothing masked'],
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, `heard ${MAIL}`],
    ['local', `My card is ${CARD}`, 'local heard'],
  ])('%s: whole and streamed agree', async (route, prompt, expected) => {
    const { client, sluice: running } = await connect({
      cloud: echoing,
      local: { reply: () => ({ text: 'local heard' }) },
    });
    const { data, response } = await client.completions.create({ model: 'auto', prompt: [prompt] }).withResponse();
    expect(response.headers.get('x-sluice-route')).toBe(route);
    expect(data).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: expected, finish_reason: 'stop', logprobs: null }],
    });
    expect(data.usage?.total_tokens).toBeGreaterThan(0);

    let streamed = '';
    let usage = 0;
    const finishes: unknown[] = [];
    for await (const chunk of await client.completions.create({
      model: 'auto',
      prompt,
      echo: true,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      streamed += chunk.choices[0]?.text ?? '';
      finishes.push(...chunk.choices.map((choice) => choice.finish_reason).filter((reason) => reason !== null));
      usage = chunk.usage?.total_tokens ?? usage;
    }
    // The prompt comes back as the client sent it, not as the cloud was shown it.
    expect(streamed).toBe(prompt + expected);
    expect(finishes).toEqual(['stop']);
    expect(usage).toBeGreaterThan(0);
    if (route === 'cloud')
      expect(JSON.parse(running.cloud.requests[0]?.body ?? '')).toMatchObject({
        messages: [{ role: 'user', content: prompt }],
        max_completion_tokens: 16,
      });
  });

  it.each([
    ['a suffix', { suffix: 'tail' }, '/suffix'],
    ['the best of several', { best_of: 3 }, '/best_of'],
    ['token numbers', { prompt: [1, 2] }, '/prompt'],
    ['several prompts', { prompt: ['a', 'b'] }, '/prompt/1'],
  ])('refuses %s', async (_, change, param) => {
    const { client } = await connect({});
    await expect(client.completions.create({ model: 'auto', prompt: 'x', ...change } as never)).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_value',
      param,
    });
  });

  it('tells that an upstream broke inside its answer', async () => {
    const { client } = await connect({ cloud: { replies: ['truncated'] } });
    const stream = await client.completions.create({ model: 'auto', prompt: COMPLEX, stream: true });
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toThrow();
  });
});
