import { Ollama } from 'ollama';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OllamaUpstream } from '../../../config/schema.ts';
import type { ChatRequest, ReplyEvent } from '../../../router/chat.ts';
import { createOllamaUpstream, type OllamaLocal } from '../../../router/upstreams/ollama.ts';
import { chatRequest, message } from '../../helpers/chat-request.ts';
import { startFakeOllama, type FakeOllama } from '../../helpers/fake-ollama.ts';
import type { FakeOllamaFault, FakeOllamaOptions } from '../../helpers/fake-ollama-model.ts';
import { refusedPort } from '../../helpers/rude-server.ts';

const CANARY = 'canary-7f3a';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function fakeWith(options: FakeOllamaOptions = {}): Promise<FakeOllama> {
  const fake = await startFakeOllama(options);
  closers.push(() => fake.close());
  return fake;
}

function upstream(url: string, more: object = {}): OllamaLocal {
  const created = createOllamaUpstream(
    OllamaUpstream.parse({
      kind: 'ollama',
      name: 'local',
      sees: 'restricted',
      url,
      firstByteTimeoutMs: 5_000,
      idleTimeoutMs: 5_000,
      ...more,
    }),
  );
  closers.push(() => created.close());
  return created;
}

async function eventsOf(source: AsyncIterable<ReplyEvent>): Promise<readonly ReplyEvent[]> {
  const events: ReplyEvent[] = [];
  for await (const event of source) events.push(event);
  return events;
}

function ask(
  local: OllamaLocal,
  chat: ChatRequest = chatRequest(),
  options: { model?: string; signal?: AbortSignal } = {},
): Promise<readonly ReplyEvent[]> {
  return eventsOf(
    local.send(chat, { model: options.model ?? 'small', signal: options.signal ?? new AbortController().signal }),
  );
}

const textIn = (events: readonly ReplyEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');
const lastOf = (events: readonly ReplyEvent[]): ReplyEvent | undefined => events.at(-1);
const codeOf = (events: readonly ReplyEvent[]): string => {
  const last = lastOf(events);
  return last?.kind === 'error' ? last.failure.code : (last?.kind ?? 'nothing');
};

describe('a model that is not on this machine never sees the prompt', () => {
  it.each([
    'gpt-oss:120b-cloud',
    'kimi-k2:cloud',
    'KIMI-K2:Cloud',
    'ns/x:cloud',
    ' x:cloud ',
    'x:cloud:local',
    'qwen3-coder:480b-cloud',
  ])('by name: %j', async (model) => {
    const fake = await fakeWith({
      models: [{ name: 'small' }, { name: model.trim(), remoteHost: 'https://ollama.com:443' }],
    });
    expect(await ask(upstream(fake.url), chatRequest({ text: CANARY }), { model })).toEqual([
      {
        kind: 'error',
        failure: { code: 'model_not_local', upstream: 'local', status: 0, retryAfterSeconds: 0, sent: false },
      },
    ]);
    expect(fake.wire().toString()).not.toContain(CANARY);
  });

  it.each(['known', 'unknown'] as const)('a stub under an innocent name, :local suffix %s', async (localSuffix) => {
    const fake = await fakeWith({ localSuffix, models: [{ name: 'innocent', remoteHost: 'https://ollama.com:443' }] });
    expect(codeOf(await ask(upstream(fake.url), chatRequest({ text: CANARY }), { model: 'innocent' }))).toBe(
      'model_not_local',
    );
    expect(fake.wire().toString()).not.toContain(CANARY);
  });

  it('a model swapped for a stub between question and prompt is not answered by it', async () => {
    const fake = await fakeWith({ models: [{ name: 'small' }] });
    const local = upstream(fake.url);
    await ask(local);
    fake.replace({ name: 'small', remoteHost: 'https://ollama.com:443' });
    expect(codeOf(await ask(local, chatRequest({ text: CANARY })))).toBe('model_not_found');
    expect(fake.forwarded).toEqual([]);
  });

  it.each([0, 1])(
    'a frame that names a remote host ends the reply before its content, from frame %i',
    async (remoteFrom) => {
      const fake = await fakeWith({
        replies: [{ pieces: ['first', 'second', 'third'], remoteHost: 'https://ollama.com:443', remoteFrom }],
      });
      const events = await ask(upstream(fake.url));
      expect(codeOf(events)).toBe('model_not_local');
      expect(textIn(events)).toBe(remoteFrom === 0 ? '' : 'first');
    },
  );

  it.each(['unauthorized', 'cloud-disabled'] as const)('%s means that the server wanted to forward', async (fault) => {
    const fake = await fakeWith({ replies: [fault] });
    expect(codeOf(await ask(upstream(fake.url)))).toBe('model_not_local');
  });

  it('and is not listed', async () => {
    const fake = await fakeWith({
      models: [
        { name: 'a:cloud' },
        { name: 'b:8b', remoteHost: 'https://ollama.com:443' },
        { name: 'ns/c:7b', modifiedAt: '2026-01-02T03:04:05Z' },
      ],
    });
    expect(await upstream(fake.url).models()).toEqual({
      kind: 'models',
      models: [{ id: 'ns/c:7b', ownedBy: 'ns', createdSeconds: 1_767_323_045 }],
    });
  });

  it.each(['hang', 'server-error', 'not-json', 'reset'] as const)(
    'a server whose catalogue is %s gets no prompt',
    async (catalogue) => {
      const fake = await fakeWith({ catalogue });
      const local = upstream(fake.url, { firstByteTimeoutMs: 100 });
      expect(codeOf(await ask(local, chatRequest({ text: CANARY })))).toBe(
        {
          hang: 'upstream_timeout',
          'server-error': 'upstream_failed',
          'not-json': 'upstream_unreachable',
          reset: 'upstream_unreachable',
        }[catalogue],
      );
      expect((await local.models()).kind).toBe('unreachable');
      expect(fake.wire().toString()).not.toContain(CANARY);
    },
  );

  it('a URL at ollama.com is no local upstream', () => {
    expect(() => upstream('https://ollama.com')).toThrowError(expect.objectContaining({ code: 'not_local' }));
  });
});

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

describe('the reply', () => {
  const reply = async (
    answer: NonNullable<FakeOllamaOptions['replies']>[number],
    chat = chatRequest(),
  ): Promise<readonly ReplyEvent[]> => ask(upstream((await fakeWith({ replies: [answer] })).url), chat);

  it.each([true, false])('comes as events in order, stream %j', async (stream) => {
    const events = await reply(
      { pieces: ['Hel', 'lo'], thinking: 'hm', promptTokens: 12, outputTokens: 5 },
      chatRequest({ stream }),
    );
    expect(events).toEqual([
      {
        kind: 'start',
        id: expect.stringMatching(/^chatcmpl-[0-9a-f]{24}$/),
        model: 'small:latest',
        createdSeconds: 1_795_456_800,
      },
      { kind: 'reasoning', choice: 0, text: 'hm' },
      { kind: 'text', choice: 0, text: 'Hel' },
      { kind: 'text', choice: 0, text: 'lo' },
      { kind: 'finish', choice: 0, reason: 'stop' },
      { kind: 'usage', usage: { inputTokens: 12, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 } },
      { kind: 'end' },
    ]);
  });

  it.each(['bare', 'carries-everything'] as const)('loses no tool call, last frame %s', async (doneFrame) => {
    const events = await reply({
      text: 'ok',
      thinking: 'hm',
      doneFrame,
      toolCalls: [
        { id: 'call_ab12cd34', name: 'exec', arguments: { command: 'ls', n: 1 } },
        { id: 'call_ab12cd34', name: 'read', arguments: {} },
      ],
    });
    expect(events.filter((event) => event.kind !== 'start' && event.kind !== 'usage')).toEqual([
      { kind: 'reasoning', choice: 0, text: 'hm' },
      { kind: 'text', choice: 0, text: 'ok' },
      { kind: 'tool-call', choice: 0, index: 0, id: 'call_ab12cd34', name: 'exec' },
      { kind: 'tool-arguments', choice: 0, index: 0, text: '{"command":"ls","n":1}' },
      { kind: 'tool-call', choice: 0, index: 1, id: expect.stringMatching(/^call_[0-9a-f]{24}$/), name: 'read' },
      { kind: 'tool-arguments', choice: 0, index: 1, text: '{}' },
      { kind: 'finish', choice: 0, reason: 'tool-calls' },
      { kind: 'end' },
    ]);
  });

  it('makes ids and indices where an older server gives none', async () => {
    const events = await reply({
      ids: 'missing',
      toolCalls: [
        { name: 'a', arguments: {} },
        { name: 'b', arguments: {} },
      ],
    });
    const opened = events.filter((event) => event.kind === 'tool-call');
    expect(opened.map((event) => event.index)).toEqual([0, 1]);
    expect(new Set(opened.map((event) => event.id)).size).toBe(2);
    for (const event of opened) expect(event.id).toMatch(/^call_[0-9a-f]{24}$/);
  });

  it.each([
    ['stop', undefined, 'stop'],
    ['length', undefined, 'length'],
    ['length', [{ name: 'a', arguments: {} }], 'length'],
    ['stop', [{ name: 'a', arguments: {} }], 'tool-calls'],
    ['', undefined, 'stop'],
  ] as const)('done_reason %j with calls %j finishes %j', async (doneReason, toolCalls, reason) => {
    const events = await reply({ text: 'x', doneReason, ...(toolCalls === undefined ? {} : { toolCalls }) });
    expect(events.find((event) => event.kind === 'finish')).toMatchObject({ reason });
  });

  it('counts what is not given as 0', async () => {
    const events = await reply({ text: 'x', promptTokens: 0, outputTokens: 0 });
    expect(events.find((event) => event.kind === 'usage')).toMatchObject({
      usage: { inputTokens: 0, outputTokens: 0 },
    });
  });

  it('passes logprobs on in OpenAI’s shape', async () => {
    const logprobs = [{ token: 'x', logprob: -0.1, bytes: [120], top_logprobs: [] }];
    expect((await reply({ text: 'x', logprobs })).find((event) => event.kind === 'logprobs')).toEqual({
      kind: 'logprobs',
      choice: 0,
      value: { content: logprobs, refusal: null },
    });
  });

  it('answers n choices with n requests and different seeds', async () => {
    const fake = await fakeWith({
      replies: [
        { text: 'one', promptTokens: 9, outputTokens: 2 },
        { text: 'two', promptTokens: 9, outputTokens: 3 },
      ],
    });
    const events = await ask(upstream(fake.url), chatRequest({ choices: 2, sampling: { seed: 5 } }));
    expect(events.filter((event) => event.kind === 'finish').map((event) => event.choice)).toEqual([0, 1]);
    expect(events.filter((event) => event.kind === 'start' || event.kind === 'end')).toHaveLength(2);
    expect(events.find((event) => event.kind === 'usage')).toMatchObject({
      usage: { inputTokens: 9, outputTokens: 5 },
    });
    expect(fake.chats().map((body) => (body['options'] as { seed: number }).seed)).toEqual([5, 6]);
  });

  it('keeps the connection for the next request', async () => {
    const fake = await fakeWith();
    const local = upstream(fake.url);
    for (let turn = 0; turn < 5; turn += 1) {
      await ask(local);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(fake.connections()).toBeLessThanOrEqual(2);
  });

  it('waits for a slow load and through the silence before a tool call', async () => {
    const fake = await fakeWith({
      slowLoadMs: 120,
      replies: [{ gapBeforeToolCallMs: 120, toolCalls: [{ name: 'a', arguments: {} }] }],
    });
    expect(codeOf(await ask(upstream(fake.url, { connectTimeoutMs: 50 })))).toBe('end');
  });
});

describe('faults end in an error with a code', () => {
  const rows: readonly (readonly [FakeOllamaFault, string, string])[] = [
    ['reset', 'upstream_reset', ''],
    ['close', 'upstream_reset', ''],
    ['hang-before-headers', 'upstream_timeout', ''],
    ['hang-mid-stream', 'upstream_timeout', 'Hello from t'],
    ['truncated', 'upstream_truncated', 'Hello from t'],
    ['reset-mid-stream', 'upstream_reset', 'Hello from t'],
    ['no-done', 'upstream_truncated', 'Hello from t'],
    ['error-line', 'upstream_failed', 'Hello from t'],
    ['error-line-first', 'upstream_failed', ''],
    ['bad-json-line', 'upstream_malformed', 'Hello from t'],
    ['not-a-frame', 'upstream_malformed', ''],
    ['content-is-no-string', 'upstream_malformed', 'Hello from t'],
    ['bad-utf8', 'upstream_malformed', 'Hello from t'],
    ['silent-200', 'upstream_truncated', ''],
    ['server-error', 'upstream_failed', ''],
    ['queue-full', 'upstream_overloaded', ''],
    ['no-memory', 'upstream_overloaded', ''],
    ['lost-user-turn', 'context_too_long', ''],
    ['cancelled', 'upstream_rejected', ''],
    ['quotes-the-prompt', 'upstream_rejected', ''],
  ];

  it.each(rows)('%j is %s', async (fault, code, text) => {
    const fake = await fakeWith({ replies: [fault] });
    const events = await ask(
      upstream(fake.url, { firstByteTimeoutMs: 200, idleTimeoutMs: 200 }),
      chatRequest({ text: CANARY }),
    );
    expect(lastOf(events)).toMatchObject({ kind: 'error', failure: { code, upstream: 'local', sent: true } });
    expect(textIn(events)).toBe(text);
    expect(events.filter((event) => event.kind === 'end' || event.kind === 'finish')).toEqual([]);
    expect(JSON.stringify(events)).not.toContain(CANARY);
    expect(fake.chats()).toHaveLength(1);
  });

  it('a redirect is not followed', async () => {
    const elsewhere = await fakeWith();
    const fake = await fakeWith({ replies: [{ fault: 'redirect', to: `${elsewhere.url}/api/chat` }] });
    expect(codeOf(await ask(upstream(fake.url)))).toBe('upstream_rejected');
    expect(elsewhere.wire().length).toBe(0);
  });

  it('a server that is not there is unreachable, and nothing was sent', async () => {
    const local = upstream(`http://127.0.0.1:${await refusedPort()}`);
    expect(lastOf(await ask(local))).toMatchObject({ failure: { code: 'upstream_unreachable', sent: false } });
    expect(await local.models()).toEqual({ kind: 'unreachable', reason: 'upstream_unreachable' });
    expect(await local.health()).toMatchObject({ kind: 'unreachable' });
  });

  it('a model that is not there is not found', async () => {
    expect(codeOf(await ask(upstream((await fakeWith()).url), chatRequest(), { model: 'nothing' }))).toBe(
      'model_not_found',
    );
  });

  it('a preload is no answer', async () => {
    const fake = await fakeWith({ replies: [{ text: '', doneReason: 'load' }] });
    expect(codeOf(await ask(upstream(fake.url)))).toBe('upstream_malformed');
  });

  it('an abort ends the request at the server', async () => {
    const fake = await fakeWith({ replies: ['hang-mid-stream'] });
    const controller = new AbortController();
    const events: ReplyEvent[] = [];
    for await (const event of upstream(fake.url).send(chatRequest(), { model: 'small', signal: controller.signal })) {
      events.push(event);
      if (event.kind === 'text') controller.abort();
    }
    expect(codeOf(events)).toBe('aborted');
    await vi.waitUntil(() => fake.requests.at(-1)?.aborted === true);
  });

  it('a reader that walks away ends the request at the server', async () => {
    const fake = await fakeWith({ replies: ['hang-mid-stream'] });
    for await (const event of upstream(fake.url).send(chatRequest(), {
      model: 'small',
      signal: new AbortController().signal,
    }))
      if (event.kind === 'text') break;
    await vi.waitUntil(() => fake.requests.at(-1)?.aborted === true);
    expect(fake.chats()).toHaveLength(1);
  });
});

describe('a prompt longer than the window', () => {
  const words = (count: number): string => Array.from({ length: count }, (_, index) => `word${index % 10}`).join(' ');

  it('that cannot fit is refused before it is sent', async () => {
    const fake = await fakeWith();
    expect(
      lastOf(await ask(upstream(fake.url, { contextTokens: 512 }), chatRequest({ text: words(2_000) }))),
    ).toMatchObject({ kind: 'error', failure: { code: 'context_too_long', sent: false } });
    expect(fake.chats()).toEqual([]);
  });

  it('that may fit is left to the server, which says no', async () => {
    const fake = await fakeWith();
    expect(
      lastOf(await ask(upstream(fake.url, { contextTokens: 512 }), chatRequest({ text: words(400) }))),
    ).toMatchObject({ kind: 'error', failure: { code: 'context_too_long', sent: true, status: 400 } });
  });

  it('counts against what the model was trained with', async () => {
    const fake = await fakeWith({ models: [{ name: 'small', contextLength: 1_024 }] });
    expect(codeOf(await ask(upstream(fake.url), chatRequest({ text: words(2_000) })))).toBe('context_too_long');
    expect(fake.chats()).toEqual([]);
  });

  it.each([true, false])('cut in silence by a server that ignores truncate is an error, stream %j', async (stream) => {
    const fake = await fakeWith({ overflow: 'always-cut' });
    const events = await ask(upstream(fake.url, { contextTokens: 600 }), chatRequest({ stream, text: words(550) }));
    expect(codeOf(events)).toBe('context_too_long');
    expect(textIn(events)).toBe(stream ? 'Hello from the fake' : '');
    expect(events.some((event) => event.kind === 'finish')).toBe(false);
  });

  it('raises the window in doubling steps, and keeps it', async () => {
    const fake = await fakeWith();
    const local = upstream(fake.url, { contextTokens: 512, overflow: 'raise-window', maxContextTokens: 3_000 });
    for (const count of [10, 500, 700, 10, 1_400])
      expect(codeOf(await ask(local, chatRequest({ text: words(count) })))).toBe('end');
    expect(fake.loads).toEqual(['small:latest@512', 'small:latest@2048', 'small:latest@3000']);
    expect(codeOf(await ask(local, chatRequest({ text: words(4_000) })))).toBe('context_too_long');
  });

  it('raises it when the server finds it too small, before anything was passed on', async () => {
    const fake = await fakeWith();
    // A ceiling estimate under the truth: every sign is a token.
    const local = upstream(fake.url, { contextTokens: 4_096, overflow: 'raise-window', maxContextTokens: 16_384 });
    expect(codeOf(await ask(local, chatRequest({ text: '()[]{}'.repeat(1_000) })))).toBe('end');
    expect(fake.loads).toEqual(['small:latest@4096', 'small:latest@8192']);
    expect(fake.chats()).toHaveLength(2);
  });
});

describe('models', () => {
  it('without a configured one the first that is local and can chat is taken', async () => {
    const fake = await fakeWith({
      models: [
        { name: 'a:cloud' },
        { name: 'b', remoteHost: 'https://ollama.com:443' },
        { name: 'embed', capabilities: ['embedding'] },
        { name: 'c:7b' },
      ],
    });
    await ask(upstream(fake.url), chatRequest(), { model: '' });
    expect(fake.chats()[0]).toMatchObject({ model: 'c:7b:local' });
    await ask(upstream(fake.url, { model: 'c:7b' }), chatRequest(), { model: '' });
    expect(fake.chats()[1]).toMatchObject({ model: 'c:7b:local' });
  });

  it('are asked for once in a while, not with every request', async () => {
    const fake = await fakeWith();
    const local = upstream(fake.url);
    for (let turn = 0; turn < 4; turn += 1) await ask(local, chatRequest(), { model: '' });
    expect(fake.requests.filter((request) => request.path !== '/api/chat')).toHaveLength(2);
  });

  it('no local model at all is model_not_found', async () => {
    expect(codeOf(await ask(upstream((await fakeWith({ models: [] })).url), chatRequest(), { model: '' }))).toBe(
      'model_not_found',
    );
  });

  it('health names version and models', async () => {
    expect(await upstream((await fakeWith()).url).health()).toEqual({
      kind: 'reachable',
      version: '0.31.2',
      models: ['small:latest'],
    });
  });
});

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
