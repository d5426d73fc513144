import { describe, expect, it, vi } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { chatRequest } from '../../helpers/chat-request.ts';
import type { FakeOllamaFault, FakeOllamaOptions } from '../../helpers/fake-ollama-model.ts';
import { refusedPort } from '../../helpers/rude-server.ts';
import { ask, CANARY, codeOf, fakeWith, lastOf, textIn, upstream } from './ollama-harness.ts';

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
