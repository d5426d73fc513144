import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { OpenAIUpstream } from '../../../config/upstream-schema.ts';
import { Secret } from '../../../config/secret.ts';
import { explainOpenAI } from '../../../router/upstreams/explain-openai.ts';
import { createOpenAIUpstream, type OpenAICloud } from '../../../router/upstreams/openai.ts';
import { codeOfStatus, retryAfter } from '../../../router/upstreams/failure.ts';
import { clearedFor } from '../../helpers/cleared.ts';
import { startFakeOpenAI, type FakeOpenAI, type FakeOpenAIOptions } from '../../helpers/fake-openai.ts';
import { refusedPort, startRudeServer, type RudeReply } from '../../helpers/rude-server.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function fakeWith(options: FakeOpenAIOptions = {}): Promise<FakeOpenAI> {
  const fake = await startFakeOpenAI(options);
  closers.push(() => fake.close());
  return fake;
}

function cloud(url: string, apiKey: Secret | undefined = undefined, more: object = {}): OpenAICloud {
  const created = createOpenAIUpstream(
    OpenAIUpstream.parse({ kind: 'openai', name: 'cloud', sees: 'public', url, model: 'gpt-fake', ...more }),
    apiKey,
  );
  closers.push(() => created.close());
  return created;
}

describe('createOpenAIUpstream()', () => {
  it('names the routed model first and each once', () => {
    const created = cloud('http://127.0.0.1:1/v1', undefined, { models: ['gpt-large', 'gpt-fake'] });
    expect([created.models, created.defaultModel]).toEqual([['gpt-fake', 'gpt-large'], 'gpt-fake']);
  });

  it('sends cleared bytes and gives back what comes', async () => {
    const fake = await fakeWith({ replies: [{ text: 'Hi' }] });
    const reply = await cloud(fake.url).send(clearedFor('cloud', { model: 'gpt-fake', messages: [] }), {
      signal: new AbortController().signal,
    });
    if (reply.kind === 'failed') throw new Error(reply.failure.code);
    const chunks: Buffer[] = [];
    for await (const chunk of reply.body) chunks.push(chunk as Buffer);
    expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ choices: [{ message: { content: 'Hi' } }] });
  });

  it('keeps the key out of everything that can be printed', async () => {
    const created = cloud('http://127.0.0.1:1/v1', new Secret('sk-hidden'));
    const { inspect } = await import('node:util');
    expect(`${inspect(created, { depth: 20, showHidden: true })}${JSON.stringify(created)}`).not.toContain('sk-hidden');
  });
});

describe('health()', () => {
  it('lists the models, with the configured key and none of the client library’s headers', async () => {
    const fake = await fakeWith({ models: ['a', 'b'] });
    expect(await cloud(fake.url, new Secret('sk-key')).health()).toEqual({ kind: 'reachable', models: ['a', 'b'] });
    const headers = fake.requests[0]?.headers ?? {};
    expect(Object.keys(headers).filter((name) => name.startsWith('x-') || name.startsWith('openai'))).toEqual([]);
    expect(headers['authorization']).toBe('Bearer sk-key');
  });

  const rows: readonly (readonly [string, RudeReply, object])[] = [
    [
      'a refused key',
      { kind: 'answer', status: 401, body: '{"error":{"message":"no"}}' },
      { kind: 'unauthorized', models: [] },
    ],
    ['no model list', { kind: 'answer', status: 404, body: 'nope' }, { kind: 'reachable', models: [] }],
    [
      'an empty list as null',
      { kind: 'answer', status: 200, body: '{"object":"list","data":null}' },
      { kind: 'reachable', models: [] },
    ],
    ['a broken server', { kind: 'answer', status: 500, body: '' }, { kind: 'unreachable', models: [] }],
    ['a list that is no JSON', { kind: 'answer', status: 200, body: '<html>' }, { kind: 'unreachable', models: [] }],
    ['a reset', { kind: 'reset' }, { kind: 'unreachable', models: [] }],
    [
      'a redirect',
      { kind: 'answer', status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
      { kind: 'unreachable', models: [] },
    ],
  ];
  it.each(rows)('%s, asked once', async (_name, reply, expected) => {
    const server = await startRudeServer(() => reply);
    closers.push(() => server.close());
    expect(await cloud(`${server.url}/v1`).health()).toEqual(expected);
    expect(server.requests.map((request) => `${request.method} ${request.path}`)).toEqual(['GET /v1/models']);
  });

  it('a port nobody listens on', async () => {
    expect(await cloud(`http://127.0.0.1:${await refusedPort()}/v1`).health()).toEqual({
      kind: 'unreachable',
      models: [],
    });
  });
});

describe('explainOpenAI()', () => {
  it.each([
    [400, '{"error":{"code":"context_length_exceeded"}}', 'context_too_long'],
    [400, '{"error":{"code":"unsupported_value"}}', 'unsupported_by_model'],
    [403, '{"error":{"code":"model_not_found"}}', 'model_not_found'],
    [429, '{"error":{"type":"insufficient_quota","code":null}}', 'upstream_overloaded'],
    [400, '{"error":{"code":"toString"}}', 'upstream_rejected'],
    [400, '{"error":{"code":"__proto__"}}', 'upstream_rejected'],
    [400, '{"error":"context_length_exceeded"}', 'upstream_rejected'],
    [500, 'context_length_exceeded', 'upstream_failed'],
    [502, '<html>', 'upstream_failed'],
    [404, '', 'model_not_found'],
  ])('%i %s', (status, body, code) => {
    expect(explainOpenAI(status, body)).toBe(code);
  });

  it.each([
    [204, 'upstream_malformed'],
    [302, 'upstream_rejected'],
    [408, 'upstream_timeout'],
    [418, 'upstream_rejected'],
    [504, 'upstream_timeout'],
    [529, 'upstream_overloaded'],
    [599, 'upstream_failed'],
  ])('a bare %i is %s', (status, code) => {
    expect(codeOfStatus(status)).toBe(code);
  });
});

describe('retryAfter()', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  it.each([
    [undefined, 0],
    ['', 0],
    ['7', 7],
    ['0.2', 1],
    ['-5', 0],
    ['Mon, 23 Nov 2026 12:00:30 GMT', 30],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
    ['999999999', 86_400],
    ['soon', 0],
    ['9'.repeat(100), 0],
  ])('%j is %i', (header, seconds) => {
    expect(retryAfter(header, now)).toBe(seconds);
  });
});

describe('the fake is shaped like the real thing: the official client', () => {
  it('chats, streams and calls tools', async () => {
    const fake = await fakeWith({
      replies: [
        { text: 'Hello there' },
        { text: 'Hello there' },
        { toolCalls: [{ name: 'add', arguments: { a: 1, b: 2 } }] },
        { text: 'It is 3' },
      ],
    });
    const client = new OpenAI({ baseURL: fake.url, apiKey: 'unused', maxRetries: 0 });
    const messages = [{ role: 'user', content: 'Hi' }] as const;
    expect(
      (await client.chat.completions.create({ model: 'm', messages: [...messages] })).choices[0]?.message.content,
    ).toBe('Hello there');
    const stream = client.chat.completions.stream({
      model: 'm',
      messages: [...messages],
      stream_options: { include_usage: true },
    });
    expect(await stream.finalContent()).toBe('Hello there');
    const sums: unknown[] = [];
    const runner = client.chat.completions.runTools({
      model: 'm',
      stream: true,
      messages: [...messages],
      tools: [
        {
          type: 'function',
          function: {
            name: 'add',
            description: '',
            parameters: { type: 'object', properties: {} },
            parse: JSON.parse,
            function: (given: unknown) => void sums.push(given),
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is 3');
    expect(sums).toEqual([{ a: 1, b: 2 }]);
  });

  it('sees errors as it would', async () => {
    const fake = await fakeWith({ replies: ['rate-limited', 'context-too-long', 'error-mid-stream', 'server-error'] });
    const client = new OpenAI({ baseURL: fake.url, apiKey: 'unused', maxRetries: 0 });
    const ask = { model: 'm', messages: [{ role: 'user' as const, content: 'Hi' }] };
    await expect(client.chat.completions.create(ask)).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    await expect(client.chat.completions.create(ask)).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
    await expect(client.chat.completions.stream(ask).finalContent()).rejects.toBeInstanceOf(OpenAI.APIError);
    await expect(client.chat.completions.create(ask)).rejects.toBeInstanceOf(OpenAI.InternalServerError);
  });
});
