/** Writer and reader of the Messages wire against each other: what one writes, the other reads, however it is cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { readAnthropicBody, readAnthropicStream } from '../../../router/protocols/anthropic-reader.ts';
import { createAnthropicWriter, UNSIGNED } from '../../../router/protocols/anthropic-writer.ts';
import { type FakeMessage, messageEvents, toMessage } from '../../helpers/fake-anthropic.ts';

const OPTIONS = {
  includeUsage: true,
  id: 'msg_1',
  model: 'm',
  createdSeconds: 0,
  errorBody: ({ code }: { code: string }) => JSON.stringify({ type: 'error', error: { type: 'api_error', code } }),
};

async function write(events: Iterable<ReplyEvent>, stream: boolean): Promise<string> {
  let out = '';
  let ended = 0;
  const writer = createAnthropicWriter(
    { write: (bytes) => void (out += bytes.toString()), end: () => void (ended += 1) },
    { ...OPTIONS, stream },
  );
  for (const event of events) await writer.write(event);
  expect(ended).toBe(1);
  return out;
}

async function* cut(text: string, at: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  const edges = [0, ...at.map((each) => each % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  for (let index = 1; index < edges.length; index++) yield bytes.subarray(edges[index - 1], edges[index]);
}

async function read(text: string, stream: boolean, at: readonly number[] = []): Promise<readonly ReplyEvent[]> {
  const events: ReplyEvent[] = [];
  for await (const event of (stream ? readAnthropicStream : readAnthropicBody)(cut(text, at), 'up')) events.push(event);
  return events;
}

/** Pieces of one channel joined, so that cuts do not show. */
function joined(events: readonly ReplyEvent[]): readonly ReplyEvent[] {
  const out: ReplyEvent[] = [];
  for (const event of events) {
    const last = out.at(-1);
    if (
      last !== undefined &&
      last.kind === event.kind &&
      (event.kind === 'text' || event.kind === 'reasoning' || event.kind === 'tool-arguments') &&
      'text' in last &&
      (event.kind !== 'tool-arguments' || (last.kind === 'tool-arguments' && last.index === event.index))
    )
      out[out.length - 1] = { ...last, text: last.text + event.text } as ReplyEvent;
    else out.push(event);
  }
  return out;
}

const words = fc.string({ minLength: 1, maxLength: 12 }).map((text) => text.toWellFormed());
const spoken = fc.oneof(
  words.map((text): ReplyEvent => ({ kind: 'text', choice: 0, text })),
  words.map((text): ReplyEvent => ({ kind: 'reasoning', choice: 0, text })),
);

describe('the Messages wire', () => {
  it.each([true, false])('what is written is what is read (stream: %s)', async (stream) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(spoken, { maxLength: 8 }),
        fc.array(fc.record({ name: fc.stringMatching(/^[a-z]{1,8}$/), argument: words }), { maxLength: 3 }),
        fc.array(fc.nat(5_000), { maxLength: 8 }),
        async (talk, calls, at) => {
          const events: ReplyEvent[] = [
            { kind: 'start', id: 'x', model: 'm', createdSeconds: 0 },
            ...talk,
            ...calls.flatMap(({ name, argument }, index): ReplyEvent[] => [
              { kind: 'tool-call', choice: 0, index, id: `toolu_${index}`, name },
              { kind: 'tool-arguments', choice: 0, index, text: JSON.stringify({ argument }) },
            ]),
            { kind: 'finish', choice: 0, reason: calls.length > 0 ? 'tool-calls' : 'stop' },
            { kind: 'usage', usage: { inputTokens: 9, outputTokens: 4, cachedInputTokens: 3, reasoningTokens: 0 } },
            { kind: 'end' },
          ];
          const back = await read(await write(events, stream), stream, at);
          const heard = joined(back.filter((event) => event.kind !== 'reasoning-seal' && event.kind !== 'start'));
          expect(heard).toEqual(joined(events.filter((event) => event.kind !== 'start')));
          const seals = back.flatMap((event) => (event.kind === 'reasoning-seal' ? [event.seal] : []));
          expect(new Set(seals)).toEqual(new Set(talk.some((event) => event.kind === 'reasoning') ? [UNSIGNED] : []));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('blocks of a stream begin, go on and stop one after the other, in the order in which they were said', async () => {
    const out = await write(
      [
        { kind: 'reasoning', choice: 0, text: 'a' },
        { kind: 'text', choice: 0, text: 'b' },
        { kind: 'tool-call', choice: 0, index: 0, id: 't0', name: 'f' },
        { kind: 'tool-arguments', choice: 0, index: 0, text: '{}' },
        { kind: 'tool-call', choice: 0, index: 1, id: 't1', name: 'g' },
        { kind: 'finish', choice: 0, reason: 'tool-calls' },
        { kind: 'end' },
      ],
      true,
    );
    expect(out.split('\n').filter((line) => line.startsWith('event: '))).toEqual(
      [
        'message_start',
        'content_block_start',
        'content_block_delta',
        'content_block_delta',
        'content_block_stop',
        'content_block_start',
        'content_block_delta',
        'content_block_stop',
        'content_block_start',
        'content_block_delta',
        'content_block_stop',
        'content_block_start',
        'content_block_stop',
        'message_delta',
        'message_stop',
      ].map((name) => `event: ${name}`),
    );
  });

  it('calls whose arguments come interleaved each get their own', async () => {
    const call = (index: number): ReplyEvent => ({ kind: 'tool-call', choice: 0, index, id: `t${index}`, name: 'f' });
    const say = (index: number, text: string): ReplyEvent => ({ kind: 'tool-arguments', choice: 0, index, text });
    const events: ReplyEvent[] = [
      call(0),
      say(0, '{"a"'),
      call(1),
      say(1, '{"b"'),
      say(0, ':1}'),
      say(1, ':2}'),
      { kind: 'finish', choice: 0, reason: 'tool-calls' },
      { kind: 'end' },
    ];
    for (const stream of [true, false]) {
      const back = await read(await write(events, stream), stream);
      const given = new Map<number, string>();
      for (const event of back)
        if (event.kind === 'tool-arguments') given.set(event.index, (given.get(event.index) ?? '') + event.text);
      expect([...given.values()].map((text) => JSON.parse(text) as unknown)).toEqual([{ a: 1 }, { b: 2 }]);
    }
  });

  it.each([true, false])('an end that no finish came before is an error (stream: %s)', async (stream) => {
    const out = await write([{ kind: 'text', choice: 0, text: 'a' }, { kind: 'end' }], stream);
    expect(out).toContain('upstream_truncated');
    expect(out).not.toContain('message_stop');
  });

  const reply: FakeMessage = {
    thinking: { text: 'hm', signature: 'S'.repeat(40) },
    redacted: 'R'.repeat(40),
    blocks: [{ type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } }],
    text: 'hello',
    toolCalls: [{ name: 'f', input: { a: 'ö' } }],
    stopSequence: 'END',
    usage: { input: 5, output: 6, cached: 7 },
  };
  it.each([true, false])('blocks that only this wire knows are kept whole (stream: %s)', async (stream) => {
    const text = stream ? [...messageEvents(reply, 'm')].join('') : JSON.stringify(toMessage(reply, 'm'));
    const events = await read(text, stream, [3, 50, 51, 400]);
    expect(joined(events)).toMatchObject([
      { kind: 'start', id: 'msg_fake', model: 'm' },
      { kind: 'reasoning', text: 'hm' },
      { kind: 'reasoning-seal', seal: 'S'.repeat(40), vouches: true },
      { kind: 'native', value: { type: 'redacted_thinking', data: 'R'.repeat(40) } },
      { kind: 'native', value: { type: 'server_tool_use', id: 's', input: { query: 'q' } } },
      { kind: 'text', text: 'hello' },
      { kind: 'tool-call', id: 'toolu_fake0', name: 'f' },
      { kind: 'tool-arguments', text: '{"a":"ö"}' },
      { kind: 'finish', reason: 'stop', stopSequence: 'END' },
      { kind: 'usage', usage: { inputTokens: 12, outputTokens: 6, cachedInputTokens: 7 } },
      { kind: 'end' },
    ]);
    const again = await read(await write(events, stream), stream);
    expect(joined(again).slice(1)).toEqual(joined(events).slice(1));
  });

  const whole = [...messageEvents({ text: 'hello' }, 'm')];
  it.each<[string, readonly string[], string]>([
    ['nothing', [], 'upstream_truncated'],
    ['no message_stop', whole.slice(0, -1), 'upstream_truncated'],
    ['no stop reason', [...whole.slice(0, -2), whole.at(-1)!], 'upstream_truncated'],
    ['an open block', whole.filter((event) => !event.includes('content_block_stop')), 'upstream_truncated'],
    ['an unknown stop reason', whole.map((event) => event.replace('end_turn', 'nap')), 'upstream_malformed'],
    ['a delta without a block', whole.filter((event) => !event.includes('content_block_start')), 'upstream_malformed'],
    ['no JSON', [whole[0]!, 'data: {"type"\n\n', ...whole.slice(1)], 'upstream_malformed'],
    [
      'an error',
      [whole[0]!, 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'],
      'upstream_overloaded',
    ],
    [
      'a call without a name',
      [whole[0]!, 'data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"x"}}\n\n'],
      'upstream_malformed',
    ],
  ])('%s ends in an error', async (_name, events, code) => {
    const back = await read(events.join(''), true);
    expect(back.at(-1)).toMatchObject({ kind: 'error', failure: { code } });
    expect(back.filter((event) => event.kind === 'error' || event.kind === 'end')).toHaveLength(1);
  });
});
