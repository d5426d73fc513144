import { describe, expect, it } from 'vitest';
import type { ChatRequest } from '../../../router/chat.ts';
import { chatRequest, message } from '../../helpers/chat-request.ts';
import type { FakeOllamaOptions } from '../../helpers/fake-ollama-model.ts';
import { ask, codeOf, fakeWith, lastOf, upstream } from './ollama-harness.ts';

describe('the request', () => {
  const sent = async (
    chat: ChatRequest,
    options: FakeOllamaOptions = {},
    config: object = {},
  ): Promise<Readonly<Record<string, unknown>> | undefined> => {
    const fake = await fakeWith(options);
    const events = await ask(upstream(fake.url, config), chat);
    if (lastOf(events)?.kind !== 'end') throw new Error(codeOf(events));
    return fake.chats()[0];
  };

  it('always fixes the window and forbids truncation', async () => {
    expect(await sent(chatRequest(), {}, { contextTokens: 16_384, keepAlive: '10m' })).toEqual({
      model: 'small:latest:local',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      truncate: false,
      shift: false,
      keep_alive: '10m',
      options: { num_ctx: 16_384 },
    });
  });

  it.each([
    ['-1', -1],
    ['0', 0],
    ['300', 300],
    ['1h30m', '1h30m'],
  ])('keepAlive %j goes out as %j', async (keepAlive, expected) => {
    expect((await sent(chatRequest(), {}, { keepAlive }))?.['keep_alive']).toBe(expected);
  });

  it('names the model plainly to a server that does not know the :local suffix', async () => {
    expect(await sent(chatRequest(), { localSuffix: 'unknown' })).toMatchObject({ model: 'small' });
  });

  it('carries sampling under the native names', async () => {
    const sampling = {
      temperature: 0,
      topP: 0.5,
      maxTokens: 7,
      stop: ['a', 'b'],
      seed: 3,
      presencePenalty: 0.1,
      frequencyPenalty: -0.1,
      logprobs: true,
      topLogprobs: 2,
    };
    expect(await sent(chatRequest({ sampling }))).toMatchObject({
      logprobs: true,
      top_logprobs: 2,
      options: {
        temperature: 0,
        top_p: 0.5,
        num_predict: 7,
        stop: ['a', 'b'],
        seed: 3,
        presence_penalty: 0.1,
        frequency_penalty: -0.1,
      },
    });
  });

  it.each([
    ['none', false],
    ['minimal', 'low'],
    ['medium', 'medium'],
    ['xhigh', 'max'],
    ['odd', undefined],
    ['', undefined],
  ])('reasoning effort %j thinks %j where the model can', async (reasoningEffort, think) => {
    const body = await sent(chatRequest({ reasoningEffort }), {
      models: [{ name: 'small', capabilities: ['completion', 'thinking'] }],
    });
    expect(body?.['think']).toBe(think);
  });

  it('asks no model to think that cannot', async () => {
    expect(await sent(chatRequest({ reasoningEffort: 'high' }))).not.toHaveProperty('think');
  });

  it.each([
    [{ kind: 'json' } as const, 'json'],
    [
      { kind: 'schema', name: 'x', schema: { type: 'object', properties: { a: { type: 'string' } } } } as const,
      { type: 'object', properties: { a: { type: 'string' } } },
    ],
    [{ kind: 'text' } as const, undefined],
  ])('format of %j', async (responseFormat, format) => {
    expect((await sent(chatRequest({ responseFormat })))?.['format']).toEqual(format);
  });

  it('joins parts into one string, images beside it as bare base64', async () => {
    const image = { kind: 'image', url: 'data:image/png;base64,aGVsbG8=' } as const;
    const parts = {
      role: 'user',
      content: [{ kind: 'text', text: 'one' }, image, { kind: 'text', text: 'two' }],
      toolCalls: [],
      toolCallId: '',
      name: '',
    } as const;
    expect(
      await sent(chatRequest({ messages: [parts] }), {
        models: [{ name: 'small', capabilities: ['completion', 'vision'] }],
      }),
    ).toMatchObject({
      messages: [{ role: 'user', content: 'one\ntwo', images: ['aGVsbG8='] }],
    });
  });

  it.each([
    ['an image by URL', { kind: 'image', url: 'https://example.com/x.png' }, ['completion', 'vision']],
    ['an image that is no base64', { kind: 'image', url: 'data:image/png,hello' }, ['completion', 'vision']],
    ['an SVG', { kind: 'image', url: 'data:image/svg+xml;base64,aGVsbG8=' }, ['completion', 'vision']],
    ['an image for a model that cannot see', { kind: 'image', url: 'data:image/png;base64,aGVsbG8=' }, ['completion']],
    ['audio', { kind: 'opaque', type: 'input_audio' }, ['completion', 'vision']],
  ] as const)('%s is refused, not dropped', async (_name, part, capabilities) => {
    const fake = await fakeWith({ models: [{ name: 'small', capabilities }] });
    const events = await ask(
      upstream(fake.url),
      chatRequest({ messages: [{ ...message('user', 'look'), content: [{ kind: 'text', text: 'look' }, part] }] }),
    );
    expect(lastOf(events)).toMatchObject({ kind: 'error', failure: { code: 'unsupported_by_model', sent: false } });
    expect(fake.chats()).toEqual([]);
  });

  it('tools for a model that has none are refused, not dropped', async () => {
    const fake = await fakeWith({ models: [{ name: 'small', capabilities: ['completion'] }] });
    const events = await ask(
      upstream(fake.url),
      chatRequest({ tools: [{ name: 'exec', description: '', parameters: {} }] }),
    );
    expect(codeOf(events)).toBe('unsupported_by_model');
  });

  const calls = [
    { id: 'call_1', name: 'read', arguments: '{"path":"a"}' },
    { id: 'call_2', name: 'read', arguments: '' },
    { id: 'call_3', name: 'list', arguments: 'broken {' },
  ];
  const results = (...rows: readonly (readonly [string, string])[]): readonly ReturnType<typeof message>[] =>
    rows.map(([toolCallId, name], index) => message('tool', `result ${index}`, { toolCallId, name }));

  it.each([
    ['by id', results(['call_2', ''], ['call_3', ''], ['call_1', '']), ['call_2', 'call_3', 'call_1']],
    [
      'by id without its underscore',
      results(['call1', ''], ['call3', ''], ['call2', '']),
      ['call_1', 'call_3', 'call_2'],
    ],
    ['by name only', results(['', 'list'], ['', 'read'], ['', 'read']), ['call_3', 'call_1', 'call_2']],
    ['by position when there is neither', results(['', ''], ['', ''], ['', '']), ['call_1', 'call_2', 'call_3']],
    ['by position when the id is nobody’s', results(['x', ''], ['y', ''], ['z', '']), ['call_1', 'call_2', 'call_3']],
  ] as const)('matches tool results to calls %s', async (_name, answers, ids) => {
    const names: Readonly<Record<string, string>> = { call_1: 'read', call_2: 'read', call_3: 'list' };
    const body = await sent(
      chatRequest({ messages: [message('user', 'go'), message('assistant', '', { toolCalls: calls }), ...answers] }),
    );
    expect(body?.['messages']).toEqual([
      { role: 'user', content: 'go' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [
          { id: 'call_1', function: { index: 0, name: 'read', arguments: { path: 'a' } } },
          { id: 'call_2', function: { index: 1, name: 'read', arguments: {} } },
          { id: 'call_3', function: { index: 2, name: 'list', arguments: { arguments: 'broken {' } } },
        ],
      },
      ...ids.map((id, index) => ({ role: 'tool', content: `result ${index}`, tool_name: names[id], tool_call_id: id })),
    ]);
  });

  const tools = [
    {
      name: 'exec',
      description: 'run',
      parameters: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
    },
    { name: 'read', description: '', parameters: null },
    { name: 'web_search', description: '', parameters: null },
    { name: 'web_search_2025_08_26', description: '', parameters: {} },
  ];
  it.each([
    ['auto', { kind: 'auto' }, ['exec', 'read']],
    ['none', { kind: 'none' }, undefined],
    ['one by name', { kind: 'tool', name: 'read' }, ['read']],
  ] as const)('tool choice %s, and no hosted search', async (_name, toolChoice, names) => {
    const body = await sent(chatRequest({ tools, toolChoice }));
    const offered = body?.['tools'] as readonly { function: { name: string } }[] | undefined;
    expect(offered?.map((tool) => tool.function.name)).toEqual(names);
  });

  it('keeps a search function of the client’s own', async () => {
    const own = {
      name: 'web_search',
      description: '',
      parameters: { type: 'object', properties: { query: { type: 'string' } } },
    };
    expect((await sent(chatRequest({ tools: [own] })))?.['tools']).toHaveLength(1);
  });

  it('sends the server’s own Host and none of a client’s headers', async () => {
    const fake = await fakeWith();
    await ask(upstream(fake.url));
    const request = fake.requests.find((each) => each.path === '/api/chat');
    expect(Object.keys(request?.headers ?? {}).toSorted()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
    ]);
    expect(request?.headers['host']).toBe(`127.0.0.1:${fake.port}`);
  });
});
