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
  ])('refuses %s', async (_, change, param) => {
    const { client } = await connect({});
    await expect(client.completions.create({ model: 'auto', prompt: 'x', ...change } as never)).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_value',
      param,
    });
  });

  it.each([
    ['token numbers', [1, 2], '/prompt/0'],
    ['lists of token numbers', [[1, 2], [3]], '/prompt/0'],
    ['token numbers beside text', ['a', [3]], '/prompt/1'],
  ])('refuses %s: what cannot be read is not clean', async (_, prompt, param) => {
    const { client } = await connect({});
    await expect(client.completions.create({ model: 'auto', prompt } as never)).rejects.toMatchObject({
      status: 400,
      code: 'tokens_unreadable',
      param,
    });
  });

  describe('several prompts', () => {
    /** Says which prompt it was asked, once for every answer it is asked for. */
    const saying = {
      reply: ({ body }: { readonly body: string }) => ({
        text: `heard ${/prompt-\d/.exec(body)?.[0] ?? '?'} ${/\[\[[A-Z_a-z]+\]\]/.exec(body)?.[0] ?? ''}`,
      }),
    };
    const PROMPTS = [0, 1, 2, 3, 4, 5].map((at) => `${COMPLEX} prompt-${at}`);

    it.each([true, false])('are asked one by one and answered in one reply, streamed: %s', async (stream) => {
      const { client, sluice: running } = await connect({ cloud: saying });
      const texts = new Map<number, string>();
      const finished: number[] = [];
      let usage = 0;
      const asked = { model: 'auto', prompt: PROMPTS, echo: true };
      if (stream) {
        for await (const { choices, usage: counted } of await client.completions.create({
          ...asked,
          stream,
          stream_options: { include_usage: true },
        })) {
          for (const { index, text, finish_reason: reason } of choices) {
            texts.set(index, (texts.get(index) ?? '') + text);
            if ((reason as string | null) !== null) finished.push(index);
          }
          usage = counted?.total_tokens ?? usage;
        }
      } else {
        const reply = await client.completions.create(asked);
        for (const { index, text } of reply.choices) texts.set(index, text);
        finished.push(...reply.choices.map(({ index }) => index));
        usage = reply.usage?.total_tokens ?? 0;
      }
      expect([...texts].toSorted(([a], [b]) => a - b)).toEqual(
        PROMPTS.map((prompt, at) => [at, `${prompt}heard prompt-${at} `]),
      );
      expect(finished.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
      expect(running.cloud.requests).toHaveLength(6);
      expect(usage).toBe(6 * 16);
    });

    it('are judged together: what one of them holds keeps all inside', async () => {
      const { client, sluice: running } = await connect({
        cloud: saying,
        local: { reply: () => ({ text: 'at home' }) },
      });
      const prompt = [PROMPTS[0] ?? '', `my card is ${CARD}`];
      const { data, response } = await client.completions
        .create({ model: 'auto', prompt, max_tokens: 5 })
        .withResponse();
      expect(response.headers.get('x-sluice-label')).toBe('confidential');
      expect(data.choices.map(({ index }) => index)).toEqual([0, 1]);
      expect(running.sentToCloud()).not.toContain(CARD);
      if (response.headers.get('x-sluice-route') === 'local') expect(running.cloud.requests).toEqual([]);
    });

    it('are masked each by itself, and each gets its own values back', async () => {
      const { client, sluice: running } = await connect({ cloud: saying });
      const mails = ['ann.lee@corp-mail.example', 'bob.roe@corp-mail.example'];
      const prompt = mails.map((mail, at) => `${COMPLEX} prompt-${at} for ${mail}`);
      const { data, response } = await client.completions.create({ model: 'auto', prompt }).withResponse();
      expect(response.headers.get('x-sluice-route')).toBe('cloud-masked');
      expect(data.choices.map(({ text }) => text)).toEqual(mails.map((mail, at) => `heard prompt-${at} ${mail}`));
      for (const mail of mails) expect(running.sentToCloud()).not.toContain(mail);
    });

    it('break together: a reply with a part missing is no reply', async () => {
      const broken = {
        reply: ({ body }: { readonly body: string }) =>
          body.includes('prompt-1') ? ('truncated' as const) : { text: 'ok' },
      };
      const { client } = await connect({ cloud: broken, config: 'policy: { onCloudFailure: error }' });
      await expect(client.completions.create({ model: 'auto', prompt: PROMPTS.slice(0, 3) })).rejects.toMatchObject({
        status: 502,
      });
    });

    it.each([
      ['none', []],
      ['too many', Array.from({ length: 65 }, () => 'a')],
    ])('%s are refused', async (_, prompt) => {
      const { client } = await connect({});
      await expect(client.completions.create({ model: 'auto', prompt })).rejects.toMatchObject({
        code: 'out_of_range',
      });
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
