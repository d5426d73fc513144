import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { readOpenAIChatBody } from '../../../router/protocols/openai-chat-reader.ts';
import { createOpenAIChatWriter } from '../../../router/protocols/openai-chat-writer.ts';
import { failure } from '../../../router/upstreams/failure.ts';
import { bytesOf, collect, DONE, stream, gist } from './reply-bytes.ts';

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
