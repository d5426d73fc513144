import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { readOpenAIChatBody, readOpenAIChatStream } from '../../../router/protocols/openai-chat-reader.ts';
import { failure, UpstreamError } from '../../../router/upstreams/failure.ts';
import { bytesOf, collect, chunk, STOP, DONE, stream, codeOf } from './reply-bytes.ts';

describe('readOpenAIChatStream()', () => {
  it('reads text, reasoning, refusal, tool calls, choices, logprobs and usage in order', async () => {
    const text =
      ': hello\n\n' +
      chunk({ role: 'assistant', content: '' }) +
      chunk({ reasoning_content: 'hm' }) +
      chunk({ reasoning: 'm' }) +
      chunk({ content: 'a' }, { logprobs: { content: [{ token: 'a' }] } }) +
      chunk({ refusal: 'no' }) +
      chunk({ tool_calls: [{ index: 0, id: 'x', type: 'function', function: { name: 'f', arguments: '' } }] }) +
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] }) +
      chunk({ tool_calls: [{ index: 1, id: 'y', type: 'function', function: { name: 'g', arguments: '{}' } }] }) +
      chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }) +
      chunk({ content: 'other' }, { index: 1 }) +
      chunk({}, { index: 1, finish_reason: 'length' }) +
      chunk({}, { finish_reason: 'tool_calls' }) +
      chunk(
        null,
        {},
        {
          usage: {
            prompt_tokens: 3,
            completion_tokens: 4,
            prompt_tokens_details: { cached_tokens: 2 },
            completion_tokens_details: { reasoning_tokens: 1 },
          },
        },
      ) +
      DONE;
    const expected: ReplyEvent[] = [
      { kind: 'start', id: 'c1', model: 'm', createdSeconds: 7 },
      { kind: 'reasoning', choice: 0, text: 'hm' },
      { kind: 'reasoning', choice: 0, text: 'm' },
      { kind: 'text', choice: 0, text: 'a' },
      { kind: 'logprobs', choice: 0, value: { content: [{ token: 'a' }] } },
      { kind: 'refusal', choice: 0, text: 'no' },
      { kind: 'tool-call', choice: 0, index: 0, id: 'x', name: 'f' },
      { kind: 'tool-arguments', choice: 0, index: 0, text: '{"a"' },
      { kind: 'tool-call', choice: 0, index: 1, id: 'y', name: 'g' },
      { kind: 'tool-arguments', choice: 0, index: 1, text: '{}' },
      { kind: 'tool-arguments', choice: 0, index: 0, text: ':1}' },
      { kind: 'text', choice: 1, text: 'other' },
      { kind: 'finish', choice: 1, reason: 'length' },
      { kind: 'finish', choice: 0, reason: 'tool-calls' },
      { kind: 'usage', usage: { inputTokens: 3, outputTokens: 4, cachedInputTokens: 2, reasoningTokens: 1 } },
      { kind: 'end' },
    ];
    expect(await stream(text)).toEqual(expected);
    const length = Buffer.byteLength(text);
    for (let at = 0; at < length; at++) expect(await stream(text, [at])).toEqual(expected);
    expect(
      await stream(
        text.replaceAll('\n', '\r\n'),
        Array.from({ length: length * 2 }, (_, index) => index),
      ),
    ).toEqual(expected);
  });

  it.each<[string, string, string]>([
    ['nothing at all', '', 'upstream_truncated'],
    ['comments only', ': x\n\n', 'upstream_truncated'],
    ['no terminator', chunk({ content: 'a' }) + STOP, 'upstream_truncated'],
    ['no finish reason', chunk({ content: 'a' }) + DONE, 'upstream_truncated'],
    [
      'one of two choices unfinished',
      chunk({ content: 'a' }) + chunk({ content: 'b' }, { index: 1 }) + STOP + DONE,
      'upstream_truncated',
    ],
    ['a terminator and nothing else', DONE, 'upstream_truncated'],
    ['an end inside an event', `${chunk({ content: 'a' })}data: {"id"`, 'upstream_truncated'],
    ['an end inside the terminator', `${chunk({ content: 'a' })}${STOP}data: [DO`, 'upstream_truncated'],
    ['a line that is no JSON', `${chunk({ content: 'a' })}data: {oops\n\n${STOP}${DONE}`, 'upstream_malformed'],
    ['JSON of another kind', `data: 7\n\n${STOP}${DONE}`, 'upstream_malformed'],
    ['choices that are no list', 'data: {"choices":{}}\n\n', 'upstream_malformed'],
    ['an index nobody has', chunk({ content: 'a' }, { index: -1 }) + DONE, 'upstream_malformed'],
    [
      'an unknown finish reason',
      chunk({ content: 'a' }) + chunk({}, { finish_reason: 'insufficient_system_resource' }) + DONE,
      'upstream_malformed',
    ],
    [
      'a call without a name',
      chunk({ tool_calls: [{ index: 0, id: 'x', function: { arguments: '{}' } }] }) +
        chunk({}, { finish_reason: 'tool_calls' }) +
        DONE,
      'upstream_malformed',
    ],
    [
      'an error in the stream',
      `${chunk({ content: 'a' })}data: {"error":{"message":"SECRET","code":"rate_limit_exceeded"}}\n\n${DONE}`,
      'upstream_overloaded',
    ],
    ['an error that is a string', `${chunk({ content: 'a' })}data: {"error":"SECRET"}\n\n`, 'upstream_rejected'],
    ['an error beside choices', `data: {"choices":[],"error":{"type":"server_error"}}\n\n${DONE}`, 'upstream_failed'],
  ])('ends in an error after %s', async (_name, text, code) => {
    const events = await stream(text);
    expect(codeOf(events)).toBe(code);
    expect(events.filter((event) => event.kind === 'end' || event.kind === 'error')).toHaveLength(1);
    expect(JSON.stringify(events)).not.toContain('SECRET');
  });

  it('turns what the body throws into its failure', async () => {
    const timeout = new UpstreamError(failure('up', 'upstream_timeout', true));
    expect(codeOf(await collect(readOpenAIChatStream(bytesOf(chunk({ content: 'a' }), [], timeout), 'up')))).toBe(
      'upstream_timeout',
    );
    expect(codeOf(await collect(readOpenAIChatStream(bytesOf(STOP, [], new Error('SECRET')), 'up')))).toBe(
      'upstream_reset',
    );
  });

  it('reads no more after the terminator', async () => {
    expect(codeOf(await stream(`${chunk({ content: 'a' })}${STOP}${DONE}data: garbage\n\n`))).toBe('end');
  });

  it.each<[string, readonly object[], readonly string[]]>([
    [
      'calls all numbered 0 without ids, in one chunk',
      [
        {
          tool_calls: [
            { index: 0, function: { name: 'f', arguments: '{"a":1}' } },
            { index: 0, function: { name: 'g', arguments: '{"b":2}' } },
          ],
        },
      ],
      ['f {"a":1}', 'g {"b":2}'],
    ],
    [
      'the same over two chunks',
      [
        { tool_calls: [{ index: 0, function: { name: 'f', arguments: '{"a":1}' } }] },
        { tool_calls: [{ index: 0, function: { name: 'g', arguments: '{}' } }] },
      ],
      ['f {"a":1}', 'g {}'],
    ],
    [
      'a second id under one index',
      [
        { tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }] },
        { tool_calls: [{ index: 0, id: 'b', function: { name: 'f', arguments: '{}' } }] },
      ],
      ['f {}', 'f {}'],
    ],
    [
      'a name repeated with each piece',
      [
        { tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{"a"' } }] },
        { tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: ':1}' } }] },
      ],
      ['f {"a":1}'],
    ],
    [
      'arguments before the name',
      [
        { tool_calls: [{ index: 0, id: 'a', function: { arguments: '{"a"' } }] },
        { tool_calls: [{ index: 0, function: { name: 'f', arguments: ':1}' } }] },
      ],
      ['f {"a":1}'],
    ],
    [
      'arguments that are an object',
      [{ tool_calls: [{ id: 'a', function: { name: 'f', arguments: { a: 1 } } }] }],
      ['f {"a":1}'],
    ],
    [
      'the old function_call',
      [{ function_call: { name: 'f', arguments: '{"a"' } }, { function_call: { arguments: ':1}' } }],
      ['f {"a":1}'],
    ],
    [
      'no index at all',
      [
        {
          tool_calls: [
            { id: 'a', function: { name: 'f', arguments: '{}' } },
            { id: 'b', function: { name: 'g', arguments: '{}' } },
          ],
        },
      ],
      ['f {}', 'g {}'],
    ],
  ])('reads tool calls with %s', async (_name, deltas, expected) => {
    const events = await stream(deltas.map((delta) => chunk(delta)).join('') + STOP + DONE);
    const calls: { id: string; name: string; text: string }[] = [];
    for (const event of events) {
      if (event.kind === 'tool-call') calls[event.index] = { id: event.id, name: event.name, text: '' };
      if (event.kind === 'tool-arguments') calls[event.index]!.text += event.text;
    }
    expect(calls.map((call) => `${call.name} ${call.text}`)).toEqual(expected);
    expect(new Set(calls.map((call) => call.id)).size).toBe(calls.length);
    expect(calls.every((call) => call.id !== '')).toBe(true);
    expect(events.at(-2)).toEqual({ kind: 'finish', choice: 0, reason: 'tool-calls' });
  });
});

describe('readOpenAIChatBody()', () => {
  const body = (value: unknown) =>
    collect(readOpenAIChatBody(bytesOf(typeof value === 'string' ? value : JSON.stringify(value), [3, 9]), 'up'));

  it('reads one reply', async () => {
    const events = await body({
      id: 'c',
      created: 1,
      model: 'm',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'é',
            tool_calls: [{ id: 'x', type: 'function', function: { name: 'f', arguments: '{}' } }],
          },
          finish_reason: 'tool_calls',
        },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    });
    expect(events.map((event) => event.kind)).toEqual([
      'start',
      'text',
      'tool-call',
      'tool-arguments',
      'finish',
      'usage',
      'end',
    ]);
  });

  it.each<[string, unknown, string]>([
    ['half a body', '{"id":"c","choices":[{"ind', 'upstream_malformed'],
    ['nothing', '', 'upstream_malformed'],
    ['an empty object', '{}', 'upstream_truncated'],
    ['no finish reason', { choices: [{ index: 0, message: { content: 'a' } }] }, 'upstream_truncated'],
    ['an error under 200', { error: { message: 'SECRET', code: 'context_length_exceeded' } }, 'context_too_long'],
  ])('ends in an error after %s', async (_name, value, code) => {
    const events = await body(value);
    expect(codeOf(events)).toBe(code);
    expect(JSON.stringify(events)).not.toContain('SECRET');
  });
});
