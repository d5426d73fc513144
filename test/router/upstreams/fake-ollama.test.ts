import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { fakeWith } from './ollama-harness.ts';

describe('the fake is shaped like the real thing: the official client', () => {
  it('chats, streamed and whole', async () => {
    const fake = await fakeWith({
      replies: [{ text: 'Hello there', toolCalls: [{ name: 'exec', arguments: { a: 1 } }] }],
    });
    const client = new Ollama({ host: fake.url });
    const whole = await client.chat({ model: 'small', messages: [{ role: 'user', content: 'Hi' }] });
    expect(whole.message).toMatchObject({
      content: 'Hello there',
      tool_calls: [{ function: { name: 'exec', arguments: { a: 1 } } }],
    });
    const pieces: string[] = [];
    for await (const part of await client.chat({
      model: 'small',
      stream: true,
      messages: [{ role: 'user', content: 'Hi' }],
    }))
      pieces.push(part.message.content);
    expect(pieces.join('')).toBe('Hello there');
  });

  it('sees errors as it would', async () => {
    const fake = await fakeWith({ replies: ['error-line', 'no-done'] });
    const client = new Ollama({ host: fake.url });
    const drain = async (): Promise<void> => {
      for await (const _part of await client.chat({
        model: 'small',
        stream: true,
        messages: [{ role: 'user', content: 'Hi' }],
      }))
        continue;
    };
    await expect(drain()).rejects.toThrow('an error was encountered while running the model');
    await expect(drain()).rejects.toThrow('Did not receive done or success response in stream.');
    await expect(client.chat({ model: 'nothing', messages: [] })).rejects.toMatchObject({
      status_code: 404,
      error: "model 'nothing' not found",
    });
  });

  it('lists, shows and sees what is loaded', async () => {
    const fake = await fakeWith({ models: [{ name: 'small', contextLength: 2_048 }] });
    const client = new Ollama({ host: fake.url });
    await client.chat({ model: 'small', messages: [{ role: 'user', content: 'Hi' }] });
    expect((await client.list()).models.map((model) => model.name)).toEqual(['small:latest']);
    expect((await client.show({ model: 'small' })).capabilities).toEqual(['completion', 'tools']);
    expect((await client.ps()).models).toMatchObject([{ context_length: 2_048 }]);
  });
});

describe('its OpenAI-compatible side differs where the real one does: the official client', () => {
  const open = async (
    options: Parameters<typeof fakeWith>[0] = {},
  ): Promise<{ fake: Awaited<ReturnType<typeof fakeWith>>; client: OpenAI }> => {
    const fake = await fakeWith(options);
    return { fake, client: new OpenAI({ baseURL: `${fake.url}/v1`, apiKey: 'unused', maxRetries: 0 }) };
  };
  const ask = { model: 'small', messages: [{ role: 'user' as const, content: 'Hi' }] };

  it('chats, streams, thinks aloud and calls tools', async () => {
    const { client } = await open({
      replies: [{ text: 'Hello', thinking: 'hm', toolCalls: [{ name: 'exec', arguments: { a: 1 } }] }],
    });
    const whole = await client.chat.completions.create(ask);
    expect(whole).toMatchObject({
      system_fingerprint: 'fp_ollama',
      choices: [{ finish_reason: 'tool_calls', message: { content: 'Hello', reasoning: 'hm' } }],
    });
    const final = await client.chat.completions
      .stream({ ...ask, stream_options: { include_usage: true } })
      .finalChatCompletion();
    expect(final.choices[0]?.message.tool_calls).toMatchObject([{ function: { name: 'exec', arguments: '{"a":1}' } }]);
    expect(final.usage?.prompt_tokens).toBeGreaterThan(0);
  });

  it('ends a stream that failed without finish and without terminator', async () => {
    const { client } = await open({ replies: ['error-line'] });
    const finishes: unknown[] = [];
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true }))
      finishes.push(chunk.choices[0]?.finish_reason);
    expect(finishes).toEqual([null, null]);
  });

  it('cuts what does not fit in silence, because the window cannot be set', async () => {
    const { client } = await open();
    const long = await client.chat.completions.create({
      ...ask,
      messages: [{ role: 'user', content: 'word '.repeat(6_000) }],
    });
    expect(long.usage?.prompt_tokens).toBe(2_050);
  });

  it.each([
    ['content null', [{ role: 'assistant' as const, content: null }], 'invalid message content type: <nil>'],
    [
      'an image by URL',
      [
        {
          role: 'user' as const,
          content: [{ type: 'image_url' as const, image_url: { url: 'https://example.com/x.png' } }],
        },
      ],
      'invalid image input',
    ],
    [
      'empty arguments',
      [
        {
          role: 'assistant' as const,
          tool_calls: [{ id: 'a', type: 'function' as const, function: { name: 'x', arguments: '' } }],
        },
      ],
      'invalid tool call arguments',
    ],
  ])('refuses %s', async (_name, messages, words) => {
    const { client } = await open();
    await expect(client.chat.completions.create({ model: 'small', messages })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining(words),
    });
  });

  it('forwards what names a cloud model, and a web search', async () => {
    const { fake, client } = await open({
      models: [{ name: 'small' }, { name: 'stub', remoteHost: 'https://ollama.com:443' }],
    });
    await client.chat.completions.create({ ...ask, model: 'stub' });
    await client.responses.create({ model: 'small', input: 'Hi', tools: [{ type: 'web_search' }] });
    expect(fake.forwarded).toHaveLength(2);
    await expect(
      client.responses.create({ model: 'small', input: [{ type: 'item_reference', id: 'x' }] }),
    ).rejects.toMatchObject({ status: 400 });
  });

  it('lists an empty store as null', async () => {
    const { fake, client } = await open({ models: [] });
    expect(await (await fetch(`${fake.url}/v1/models`)).json()).toEqual({ object: 'list', data: null });
    expect((await client.models.list()).data).toEqual([]);
  });
});
