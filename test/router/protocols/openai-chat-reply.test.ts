import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { readOpenAIChatBody, readOpenAIChatStream } from '../../../router/protocols/openai-chat-reader.ts';
import { createOpenAIChatWriter } from '../../../router/protocols/openai-chat-writer.ts';
import { failure, UpstreamError } from '../../../router/upstreams/failure.ts';

async function* bytesOf(text: string, cuts: readonly number[] = [], broken?: Error): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text);
  const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
  for (let index = 1; index < edges.length; index++) yield bytes.subarray(edges[index - 1], edges[index]);
  if (broken !== undefined) throw broken;
}

async function collect(events: AsyncIterable<ReplyEvent>): Promise<ReplyEvent[]> {
  const all: ReplyEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const chunk = (delta: object | null, more: object = {}, top: object = {}): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 7, model: 'm', choices: delta === null ? [] : [{ index: 0, delta, finish_reason: null, ...more }], ...top })}\n\n`;
const STOP = chunk({}, { finish_reason: 'stop' });
const DONE = 'data: [DONE]\n\n';
const stream = (text: string, cuts?: readonly number[]) => collect(readOpenAIChatStream(bytesOf(text, cuts), 'up'));
const codeOf = (events: readonly ReplyEvent[]): string => {
  const last = events.at(-1);
  return last?.kind === 'error' ? last.failure.code : (last?.kind ?? 'nothing');
};

/** Neighbouring pieces of one text joined: what a reply says, however it was cut. */
function gist(events: readonly ReplyEvent[]): ReplyEvent[] {
  const out: ReplyEvent[] = [];
  for (const event of events) {
    const last = out.at(-1);
    const joins =
      last !== undefined &&
      'text' in last &&
      'text' in event &&
      last.kind === event.kind &&
      last.choice === event.choice &&
      (event.kind !== 'tool-arguments' || last.kind !== 'tool-arguments' || last.index === event.index);
    if (joins) out[out.length - 1] = { ...last, text: last.text + event.text } as ReplyEvent;
    else out.push(event);
  }
  return out;
}

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

function writer(options: { stream: boolean; includeUsage?: boolean }) {
  let out = '';
  let ended = 0;
  const made = createOpenAIChatWriter(
    { write: (bytes) => void (out += bytes.toString()), end: () => void ended++ },
    {
      includeUsage: false,
      id: 'chatcmpl-1',
      model: 'fallback',
      createdSeconds: 5,
      errorBody: (cause) => JSON.stringify({ error: { message: 'broke', code: cause.code } }),
      ...options,
    },
  );
  return { writer: made, text: () => out, ended: () => ended };
}

const START: ReplyEvent = { kind: 'start', id: 'theirs', model: 'm', createdSeconds: 1 };
const ERROR: ReplyEvent = { kind: 'error', failure: failure('up', 'upstream_reset', true) };

describe('createOpenAIChatWriter()', () => {
  it('writes exact chunks', async () => {
    const made = writer({ stream: true, includeUsage: true });
    for (const event of [
      START,
      { kind: 'text', choice: 0, text: 'a"\n' },
      { kind: 'finish', choice: 0, reason: 'stop' },
      { kind: 'usage', usage: { inputTokens: 1, outputTokens: 2, cachedInputTokens: 0, reasoningTokens: 0 } },
      { kind: 'end' },
    ] as ReplyEvent[])
      await made.writer.write(event);
    const head = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m"';
    expect(made.text()).toBe(
      `data: {${head},"choices":[{"index":0,"delta":{"role":"assistant","content":"a\\"\\n"},"logprobs":null,"finish_reason":null}],"usage":null}\n\n` +
        `data: {${head},"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n` +
        `data: {${head},"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}\n\n` +
        DONE,
    );
    expect(made.ended()).toBe(1);
  });

  it.each<[string, ReplyEvent[]]>([
    ['an error at once', [ERROR]],
    ['an error after text', [START, { kind: 'text', choice: 0, text: 'a' }, ERROR]],
    [
      'an error inside a tool call',
      [
        START,
        { kind: 'tool-call', choice: 0, index: 0, id: 'x', name: 'f' },
        { kind: 'tool-arguments', choice: 0, index: 0, text: '{"a' },
        ERROR,
      ],
    ],
    ['an end with a choice open', [START, { kind: 'text', choice: 0, text: 'a' }, { kind: 'end' }]],
    ['an end with no choice', [START, { kind: 'end' }]],
  ])('never presents %s as success', async (_name, events) => {
    for (const streaming of [true, false]) {
      const made = writer({ stream: streaming });
      for (const event of [...events, { kind: 'text', choice: 0, text: 'late' } as const, { kind: 'end' } as const])
        await made.writer.write(event);
      expect(made.text()).toContain('"error":{');
      expect(made.text()).not.toMatch(/"finish_reason":"|late/);
      const body = streaming ? /data: (\{"error":[^\n]*\})\n\ndata: \[DONE\]\n\n$/.exec(made.text())?.[1] : made.text();
      expect(Object.keys(JSON.parse(body ?? '{}') as object)).toEqual(['error']);
      expect(made.ended()).toBe(1);
    }
  });

  it('waits for the sink before it ends it', async () => {
    const order: string[] = [];
    const made = createOpenAIChatWriter(
      { write: () => Promise.resolve().then(() => void order.push('written')), end: () => void order.push('ended') },
      { stream: true, includeUsage: false, id: 'i', model: 'm', createdSeconds: 0, errorBody: () => '{}' },
    );
    await made.write(ERROR);
    expect(order).toEqual(['written', 'ended']);
  });

  const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).map((text) => text.toWellFormed());
  const choiceEvents = (choice: number): fc.Arbitrary<ReplyEvent[]> =>
    fc
      .tuple(
        fc.array(
          fc.oneof(
            anyText.map((text) => ({ kind: 'reasoning', choice, text }) as const),
            anyText.map((text) => ({ kind: 'text', choice, text }) as const),
            anyText.map((text) => ({ kind: 'refusal', choice, text }) as const),
          ),
          { maxLength: 4 },
        ),
        fc.array(fc.tuple(anyText, anyText), { maxLength: 2 }),
        fc.constantFrom<'stop' | 'length'>('stop', 'length'),
      )
      .map(([texts, calls, reason]) => [
        ...texts,
        ...calls.flatMap(([name, text], index) => [
          { kind: 'tool-call', choice, index, id: `id${index}`, name } as const,
          { kind: 'tool-arguments', choice, index, text } as const,
        ]),
        { kind: 'finish', choice, reason: calls.length > 0 && reason === 'stop' ? 'tool-calls' : reason },
      ]);

  it('writes what the reader reads back, at every split, streamed and whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        choiceEvents(0),
        choiceEvents(1),
        fc.array(fc.nat(3000), { maxLength: 5 }),
        async (zero, one, cuts) => {
          const events: ReplyEvent[] = [
            START,
            ...zero,
            ...one,
            { kind: 'usage', usage: { inputTokens: 1, outputTokens: 2, cachedInputTokens: 3, reasoningTokens: 4 } },
            { kind: 'end' },
          ];
          const expected = gist(
            events.map((event) =>
              event.kind === 'start' ? { kind: 'start', id: 'chatcmpl-1', model: 'm', createdSeconds: 5 } : event,
            ),
          );
          const streamed = writer({ stream: true, includeUsage: true });
          for (const event of events) await streamed.writer.write(event);
          expect(gist(await stream(streamed.text(), cuts))).toEqual(expected);
          const whole = writer({ stream: false });
          for (const event of events) await whole.writer.write(event);
          const read = gist(await collect(readOpenAIChatBody(bytesOf(whole.text(), cuts), 'up')));
          // One body has each kind of text once and in its own order.
          const said = (list: readonly ReplyEvent[], kind: string, choice: number) =>
            list
              .filter((event) => event.kind === kind && 'choice' in event && event.choice === choice)
              .map((event) => ('text' in event ? event.text : ''))
              .join('');
          for (const kind of ['text', 'reasoning', 'refusal', 'tool-arguments'])
            for (const choice of [0, 1]) expect(said(read, kind, choice)).toBe(said(events, kind, choice));
          expect(read.at(-1)).toEqual({ kind: 'end' });
        },
      ),
      { numRuns: 60 },
    );
  });
});
