/** The official ollama client against a running Sluice: whole, streamed, tools, catalogue, errors. */
import { Ollama } from 'ollama';
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
async function connect(options: TestSluiceOptions): Promise<{ client: Ollama; sluice: TestSluice }> {
  sluice = await startSluice(options);
  return { client: new Ollama({ host: sluice.url }), sluice };
}
const MAIL = 'jane.roe@corp-mail.example';
const echo = {
  reply: (request: { readonly body: string }) => ({
    text: `heard ${/\[\[[A-Za-z0-9_]+\]\]/.exec((JSON.parse(request.body) as { messages: { content: string }[] }).messages.at(-1)?.content ?? '')?.[0] ?? 'nothing masked'}`,
  }),
};
const routeOf = (running: TestSluice): string =>
  /"route":"([a-z-]+)"/.exec(running.logged().trim().split('\n').at(-1) ?? '')?.[1] ?? '';

describe('chat', () => {
  it.each([
    ['cloud', COMPLEX, 'heard nothing masked'],
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, `heard ${MAIL}`],
    ['local', `My card is ${CARD}`, 'local heard'],
  ])('%s: whole and streamed agree', async (route, content, expected) => {
    const { client, sluice: running } = await connect({
      cloud: echo,
      local: { reply: () => ({ text: 'local heard' }) },
    });
    const messages = [{ role: 'user', content }];
    const whole = await client.chat({ model: 'auto', messages });
    await expect.poll(() => routeOf(running)).toBe(route);
    expect(whole).toMatchObject({
      message: { role: 'assistant', content: expected },
      done: true,
      done_reason: 'stop',
    });
    expect(whole.prompt_eval_count).toBeGreaterThan(0);
    expect(whole.eval_count).toBeGreaterThan(0);
    expect(whole.total_duration).toBeGreaterThan(0);

    let streamed = '';
    let last: { done: boolean; done_reason?: string; eval_count?: number } | undefined;
    for await (const part of await client.chat({ model: 'auto', messages, stream: true })) {
      streamed += part.message.content;
      last = part;
    }
    expect(streamed).toBe(expected);
    expect(last).toMatchObject({ done: true, done_reason: 'stop' });
    expect(last?.eval_count).toBeGreaterThan(0);
  });

  it.each([
    ['cloud', COMPLEX, 'heard nothing masked'],
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, `heard ${MAIL}`],
    ['local', `My card is ${CARD}`, 'local heard'],
  ])('generate, %s: whole and streamed agree', async (route, prompt, expected) => {
    const { client, sluice: running } = await connect({
      cloud: echo,
      local: { reply: () => ({ text: 'local heard' }) },
    });
    const whole = await client.generate({ model: 'auto', prompt, system: 'Be short.' });
    await expect.poll(() => routeOf(running)).toBe(route);
    expect(whole).toMatchObject({ response: expected, done: true, done_reason: 'stop' });
    let streamed = '';
    for await (const part of await client.generate({ model: 'auto', prompt, stream: true })) streamed += part.response;
    expect(streamed).toBe(expected);
  });

  it('carries what local models understand, and leaves out what would reload them', async () => {
    const { client, sluice: running } = await connect({
      local: { models: [{ name: 'small:latest', capabilities: ['completion', 'thinking'] }] },
    });
    await client.chat({
      model: 'small',
      messages: [{ role: 'user', content: 'hi' }],
      think: false,
      keep_alive: '90s',
      format: { type: 'object', properties: { a: { type: 'string' } } },
      options: { num_ctx: 512, num_batch: 9, temperature: 0.25, num_predict: 77, top_k: 5, seed: 3, stop: ['END'] },
    });
    const [asked] = running.local.chats();
    expect(asked).toMatchObject({
      think: false,
      keep_alive: '90s',
      format: { type: 'object', properties: { a: { type: 'string' } } },
      options: { num_ctx: 8192, temperature: 0.25, num_predict: 77, top_k: 5, seed: 3, stop: ['END'] },
      truncate: false,
      shift: false,
    });
    expect(asked?.['options']).not.toHaveProperty('num_batch');
  });

  it('knows what was said in a sensitive conversation when it comes back elsewhere', async () => {
    const line = 'The customer prefers deliveries on the first Tuesday of every second month.';
    const { client, sluice: running } = await connect({ local: { reply: () => ({ text: line }) } });
    const prompt = `${COMPLEX}\n${line}`;
    await client.generate({ model: 'auto', prompt });
    expect(running.cloud.requests).toHaveLength(1);
    await client.chat({ model: 'auto', messages: [{ role: 'user', content: `My card is ${CARD}` }], stream: false });
    await client.generate({ model: 'auto', prompt: `${prompt} Go on.\n${line}` });
    await client.chat({ model: 'auto', messages: [{ role: 'user', content: `${COMPLEX} Go on.\n${line}` }] });
    expect(running.cloud.requests).toHaveLength(1);
  });

  it('shows thinking apart from the answer', async () => {
    const { client } = await connect({
      local: {
        models: [{ name: 'small:latest', capabilities: ['completion', 'thinking'] }],
        reply: () => ({ thinking: 'hm', text: 'done' }),
      },
    });
    const asked = { model: 'small', messages: [{ role: 'user', content: 'hi' }], think: true };
    expect((await client.chat(asked)).message).toEqual({ role: 'assistant', content: 'done', thinking: 'hm' });
    expect(await client.generate({ model: 'small', prompt: 'hi', think: true })).toMatchObject({
      response: 'done',
      thinking: 'hm',
    });
  });

  it('keeps an image at home', async () => {
    const { client, sluice: running } = await connect({
      local: {
        models: [{ name: 'eyes:latest', capabilities: ['completion', 'vision'] }],
        reply: () => ({ text: 'a cat' }),
      },
    });
    const image = 'iVBORw0KGgoAAAANSUhEUgAAAAE=';
    const { message } = await client.chat({
      model: 'auto',
      messages: [{ role: 'user', content: COMPLEX, images: [image] }],
    });
    expect(message.content).toBe('a cat');
    expect((await client.generate({ model: 'auto', prompt: COMPLEX, images: [image] })).response).toBe('a cat');
    expect(running.cloud.requests).toEqual([]);
    expect(running.local.chats().map((chat) => chat['messages'])).toEqual([
      [{ role: 'user', content: COMPLEX, images: [image] }],
      [{ role: 'user', content: COMPLEX, images: [image] }],
    ]);
  });

  it.each([
    ['load', 'small', undefined, 1],
    ['unload', 'small', 0, 1],
    ['load', 'gpt-fake', undefined, 0],
  ] as const)('%ss %s without a message', async (reason, model, keepAlive, asked) => {
    const { client, sluice: running } = await connect({});
    const keep = keepAlive === undefined ? {} : { keep_alive: keepAlive };
    expect(await client.generate({ model, prompt: '', ...keep })).toMatchObject({
      response: '',
      done: true,
      done_reason: reason,
    });
    expect(await client.chat({ model, messages: [], ...keep })).toMatchObject({ done: true, done_reason: reason });
    expect(running.local.chats()).toHaveLength(asked * 2);
    expect(running.cloud.requests).toEqual([]);
  });
});

describe('tools', () => {
  const weather = {
    type: 'function',
    function: {
      name: 'weather',
      description: 'tells the weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  };
  const calls = [{ name: 'weather', arguments: { city: 'Rome', days: [1, 2] } }];
  const asCalled = { name: 'weather', arguments: { city: 'Rome', days: [1, 2] } };

  it.each([
    ['cloud', COMPLEX],
    ['local', `My card is ${CARD}`],
  ])('%s: calls come with objects, and results are matched however the client names them', async (route, content) => {
    const script = { replies: [{ toolCalls: calls }, { text: 'sunny' }, { text: 'sunny' }, { text: 'sunny' }] };
    const { client, sluice: running } = await connect({ cloud: script, local: script });
    const first = await client.chat({ model: 'auto', messages: [{ role: 'user', content }], tools: [weather] });
    expect(first.done_reason).toBe('stop');
    expect(first.message.tool_calls).toMatchObject([{ function: asCalled }]);
    const id = String(Reflect.get(first.message.tool_calls?.[0] ?? {}, 'id'));
    expect(id).toMatch(/^[A-Za-z0-9_-]+$/);

    for (const naming of [{ tool_call_id: id.replaceAll('_', '') }, { tool_name: 'weather' }, {}]) {
      const withIds = 'tool_call_id' in naming;
      const last = await client.chat({
        model: 'auto',
        messages: [
          { role: 'user', content },
          withIds ? first.message : { role: 'assistant', content: '', tool_calls: [{ function: asCalled }] },
          { role: 'tool', content: 'sun', ...naming },
        ],
        tools: [weather],
      });
      expect(last.message.content).toBe('sunny');
    }
    const sent = (
      route === 'cloud'
        ? running.cloud.requests.map((request) => JSON.parse(request.body) as { messages: Message[] })
        : (running.local.chats() as unknown as { messages: Message[] }[])
    ).slice(1);
    expect(sent).toHaveLength(3);
    for (const { messages } of sent) {
      const call = messages.at(-2)?.tool_calls?.[0];
      const result = messages.at(-1);
      if (route === 'cloud') {
        expect(result?.tool_call_id).toBe(call?.id);
        expect(result?.tool_call_id).not.toBe('');
        expect(JSON.parse(call?.function.arguments as string)).toEqual(asCalled.arguments);
      } else {
        expect(result).toMatchObject({ role: 'tool', content: 'sun', tool_name: 'weather' });
        expect(call?.function).toMatchObject(asCalled);
      }
    }
  });

  it('streams a call whole, in one frame before the last', async () => {
    const { client } = await connect({
      cloud: { replies: [{ text: 'Let me see.', toolCalls: [...calls, ...calls] }] },
    });
    const frames: unknown[] = [];
    let said = '';
    const stream = await client.chat({
      model: 'auto',
      messages: [{ role: 'user', content: COMPLEX }],
      tools: [weather],
      stream: true,
    });
    for await (const part of stream) {
      said += part.message.content;
      if (part.message.tool_calls !== undefined) frames.push(...part.message.tool_calls);
    }
    expect(said).toBe('Let me see.');
    expect(frames).toMatchObject([{ function: asCalled }, { function: asCalled }]);
  });

  it.each(['chat', 'generate'] as const)('runs bundled tools in the sandbox on the way of %s', async (path) => {
    const executor = recordingExecutor(() => 'uid=0');
    const { client, sluice: running } = await connect({
      config: 'tools: { offer: [exec] }',
      sandbox: executor,
      cloud: {
        replies: [{ toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] }, { text: 'you are root' }],
      },
    });
    const answer =
      path === 'chat'
        ? (await client.chat({ model: 'auto', messages: [{ role: 'user', content: COMPLEX }] })).message.content
        : (await client.generate({ model: 'auto', prompt: COMPLEX, system: 'Be short.' })).response;
    expect(answer).toBe('you are root');
    expect(executor.requests.map((request) => JSON.parse(request.arguments) as unknown)).toEqual([{ command: 'id' }]);
    const { messages } = JSON.parse(running.cloud.requests[1]?.body ?? '') as { messages: Message[] };
    expect(messages.map((message) => message.role).slice(-3)).toEqual(['user', 'assistant', 'tool']);
    expect(messages.at(-1)?.content).toContain('uid=0');
  });
});

interface Message {
  readonly role: string;
  readonly content: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly arguments: unknown } }[];
}

describe('trouble', () => {
  it('a refusal by policy is an error with words, once', async () => {
    const { client, sluice: running } = await connect({ config: 'policy: { unknown: refuse }' });
    const messages = [{ role: 'user', content: 'what is this', images: ['iVBORw0KGgo='] }];
    for (const attempt of [
      () => client.chat({ model: 'auto', messages }),
      () => client.chat({ model: 'auto', messages, stream: true }),
      () => client.generate({ model: 'auto', prompt: 'what is this', images: ['iVBORw0KGgo='] }),
    ])
      await expect(attempt()).rejects.toMatchObject({
        status_code: 400,
        error: expect.stringMatching(/^Refused by policy: parts of the request could not be read/) as string,
      });
    expect([...running.local.chats(), ...running.cloud.requests]).toEqual([]);
  });

  it.each(['truncated', 'error-line', 'no-done'] as const)(
    'an upstream that ends %s is an error in the stream',
    async (fault) => {
      const { client } = await connect({ local: { replies: [fault] } });
      const heard: string[] = [];
      const stream = await client.chat({ model: 'small', messages: [{ role: 'user', content: 'hi' }], stream: true });
      await expect(
        (async () => {
          for await (const part of stream) heard.push(part.message.content);
        })(),
      ).rejects.toThrow(/local model server failed|before it was complete/);
      expect(heard.join('')).not.toBe('');
    },
  );

  it.each(['server-error', 'no-done', 'queue-full'] as const)('whole: %s is an error with a status', async (fault) => {
    const { client } = await connect({ local: { replies: [fault] } });
    await expect(client.chat({ model: 'small', messages: [{ role: 'user', content: 'hi' }] })).rejects.toMatchObject({
      status_code: fault === 'queue-full' ? 429 : 502,
    });
  });

  it('abort stops the upstream', async () => {
    const { client, sluice: running } = await connect({
      cloud: { replies: [{ pieces: Array.from({ length: 100 }, () => 'word '), gapMs: 20 }] },
    });
    const stream = await client.chat({ model: 'auto', messages: [{ role: 'user', content: COMPLEX }], stream: true });
    await expect(
      (async () => {
        for await (const _ of stream) stream.abort();
      })(),
    ).rejects.toThrow('abort');
    await expect.poll(() => running.cloud.requests[0]?.aborted, { timeout: 3_000 }).toBe(true);
  });
});
