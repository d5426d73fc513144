/** Events to the wire of /responses: whatever comes, numbered without gaps, every item closed, pieces adding up, both forms alike; what was written is read as what was said. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { restoreEvents } from '../../../router/masking/restore-events.ts';
import {
  readOpenAIResponsesBody,
  readOpenAIResponsesStream,
} from '../../../router/protocols/openai-responses-reader.ts';
import type { KnownTool } from '../../../router/protocols/openai-responses-tools.ts';
import { createOpenAIResponsesWriter } from '../../../router/protocols/openai-responses-writer.ts';
import type { WriterOptions } from '../../../router/protocols/protocol.ts';
import { newMap } from '../masking/findings.ts';

type Json = Readonly<Record<string, unknown>>;
const TOOLS = new Map<string, KnownTool>([
  ['lookup', { kind: 'function', name: 'lookup', namespace: '' }],
  ['ns__spawn', { kind: 'function', name: 'spawn', namespace: 'ns' }],
  ['patch', { kind: 'custom', name: 'patch', namespace: '' }],
]);

async function write(
  events: Iterable<ReplyEvent> | AsyncIterable<ReplyEvent>,
  stream: boolean,
  request: Json = {},
): Promise<{ readonly bytes: string; readonly done: readonly Json[]; readonly ended: number }> {
  let bytes = '';
  let ended = 0;
  const done: Json[] = [];
  const options: WriterOptions = {
    stream,
    includeUsage: true,
    id: 'resp_0123',
    model: 'asked',
    createdSeconds: 1_700_000_000,
    errorBody: (failure) =>
      JSON.stringify({
        error: {
          message: 'words',
          type: failure.code === 'upstream_rejected' ? 'invalid_request_error' : 'api_error',
          code: failure.code,
        },
      }),
  };
  const writer = createOpenAIResponsesWriter(
    { write: (piece) => void (bytes += String(piece)), end: () => void (ended += 1) },
    options,
    { request: request as never, tools: TOOLS, onDone: (response) => void done.push(response) },
  );
  for await (const event of events) await writer.write(event);
  return { bytes, done, ended };
}
const framesOf = (bytes: string): readonly Json[] =>
  bytes
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => {
      const [event = '', data = ''] = frame.split('\n');
      const value = JSON.parse(data.slice('data: '.length)) as Json;
      expect(event).toBe(`event: ${String(value['type'])}`);
      return value;
    });
async function all(events: AsyncIterable<ReplyEvent>): Promise<readonly ReplyEvent[]> {
  const out: ReplyEvent[] = [];
  for await (const event of events) out.push(event);
  return out;
}
async function* chunks(bytes: Buffer, cuts: readonly number[]): AsyncIterable<Uint8Array> {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  for (let index = 1; index < at.length; index += 1) yield bytes.subarray(at[index - 1], at[index]);
}
const read = (bytes: string, cuts: readonly number[] = []): Promise<readonly ReplyEvent[]> =>
  all(readOpenAIResponsesStream(chunks(Buffer.from(bytes), cuts), 'x'));

const word = fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' }).map((text) => text.toWellFormed());
const SEAL = 'Q'.repeat(64);
type Part = (state: { next: number; thought: number }) => readonly ReplyEvent[];
const part: fc.Arbitrary<Part> = fc.oneof(
  fc.array(word, { minLength: 1, maxLength: 3 }).map(
    (words): Part =>
      () =>
        words.map((text): ReplyEvent => ({ kind: 'text', choice: 0, text })),
  ),
  fc.tuple(word, fc.constantFrom('commentary', 'final_answer')).map(([text, phase]): Part => () => [
    { kind: 'text', choice: 0, text, item: `m${phase}`, phase },
  ]),
  word.map((text): Part => () => [{ kind: 'refusal', choice: 0, text }]),
  fc.tuple(word, fc.boolean()).map(([text, sealed]): Part => (state) => {
    const item = `rs_${state.thought++}`;
    return [
      { kind: 'reasoning', choice: 0, text, item, summary: 0 },
      { kind: 'reasoning', choice: 0, text, item, summary: 1 },
      ...(sealed ? [{ kind: 'reasoning-seal', choice: 0, item, seal: SEAL } as const] : []),
    ];
  }),
  fc
    .tuple(fc.constantFrom('lookup', 'ns__spawn', 'patch', 'unheard-of'), fc.array(word, { maxLength: 3 }))
    .map(([name, words]): Part => (state) => {
      const index = state.next++;
      return [
        { kind: 'tool-call', choice: 0, index, id: `call_${index}`, name, ...(name === 'patch' ? { raw: true } : {}) },
        ...words.map((text): ReplyEvent => ({ kind: 'tool-arguments', choice: 0, index, text })),
      ];
    }),
  fc.constant<Part>(() => [
    { kind: 'provider-item', choice: 0, value: { id: 'ws', type: 'web_search_call', status: 'completed' } },
  ]),
);
const reply = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts): readonly ReplyEvent[] => {
  const state = { next: 0, thought: 0 };
  return parts.flatMap((each) => each(state));
});
const ended = (events: readonly ReplyEvent[]): readonly ReplyEvent[] => [
  { kind: 'start', id: 'x', model: 'answered', createdSeconds: 1 },
  ...events,
  { kind: 'finish', choice: 0, reason: events.some((event) => event.kind === 'tool-call') ? 'tool-calls' : 'stop' },
  { kind: 'usage', usage: { inputTokens: 3, outputTokens: 2, cachedInputTokens: 1, reasoningTokens: 1 } },
  { kind: 'end' },
];
/** What was said per channel, whoever cut it. */
const said = (events: readonly ReplyEvent[]): Json => {
  const out: Record<string, unknown> = {};
  for (const event of events) {
    if ('text' in event) {
      const key = event.kind === 'tool-arguments' ? `${event.kind} ${event.index}` : event.kind;
      out[key] = String(out[key] ?? '') + event.text;
    } else if (event.kind === 'tool-call') out[`call ${event.index}`] = [event.id, event.name, event.raw];
    else if (event.kind === 'reasoning-seal') out[`seal ${event.item}`] = event.seal;
    else if (event.kind === 'finish') out['finish'] = event.reason;
    else if (event.kind === 'usage') out['usage'] = event.usage;
  }
  return out;
};

describe('createOpenAIResponsesWriter()', () => {
  it('numbers events, opens and closes every item, and ends with what it said', async () => {
    await fc.assert(
      fc.asyncProperty(reply, async (events) => {
        const { bytes, done, ended: ends } = await write(ended(events), true);
        const frames = framesOf(bytes);
        expect(ends).toBe(1);
        expect(frames.map((frame) => frame['sequence_number'])).toEqual(frames.map((_, index) => index));
        expect(frames.slice(0, 2).map((frame) => frame['type'])).toEqual(['response.created', 'response.in_progress']);
        const last = frames.at(-1)!;
        expect(last['type']).toBe('response.completed');
        const { output } = last['response'] as { readonly output: readonly Json[] };
        expect(done).toEqual([last['response']]);
        const of = (type: string): readonly Json[] => frames.filter((frame) => frame['type'] === type);
        expect(of('response.output_item.added').map((frame) => frame['output_index'])).toEqual(
          output.map((_, index) => index),
        );
        const closed = of('response.output_item.done');
        expect(closed.length).toBe(output.length);
        for (const frame of closed) expect(frame['item']).toEqual(output[Number(frame['output_index'])]);
        expect(new Set(output.map((item) => item['id'])).size).toBe(
          output.filter((item) => item['id'] !== 'ws').length + (output.some((item) => item['id'] === 'ws') ? 1 : 0),
        );
        // The pieces of a text are the text.
        for (const end of of('response.output_text.done')) {
          const pieces = of('response.output_text.delta').filter(
            (frame) => frame['item_id'] === end['item_id'] && frame['content_index'] === end['content_index'],
          );
          expect(pieces.map((frame) => frame['delta']).join('')).toBe(end['text']);
        }
        for (const [kind, member] of [
          ['function_call_arguments', 'arguments'],
          ['custom_tool_call_input', 'input'],
        ] as const)
          for (const end of of(`response.${kind}.done`)) {
            const pieces = of(`response.${kind}.delta`).filter((frame) => frame['item_id'] === end['item_id']);
            expect(pieces.map((frame) => frame['delta']).join('')).toBe(end[member]);
          }
      }),
      { numRuns: 200 },
    );
  });

  it('writes what is read as it was said, cut anywhere, and the same whole', async () => {
    await fc.assert(
      fc.asyncProperty(reply, fc.array(fc.nat(100_000), { maxLength: 8 }), async (events, cuts) => {
        const streamed = await write(ended(events), true);
        const again = await read(streamed.bytes, cuts);
        expect(said(again)).toEqual(said(ended(events)));
        expect(again.at(-1)?.kind).toBe('end');
        const whole = await write(ended(events), false);
        const body = await all(readOpenAIResponsesBody(chunks(Buffer.from(whole.bytes), cuts), 'x'));
        expect(said(body)).toEqual(said(ended(events)));
        expect((JSON.parse(whole.bytes) as Json)['output']).toEqual(streamed.done[0]?.['output']);
      }),
      { numRuns: 150 },
    );
  });

  it('tells a custom tool’s input as text, though the model was offered a function', async () => {
    const events: readonly ReplyEvent[] = [
      { kind: 'tool-call', choice: 0, index: 0, id: 'c', name: 'patch' },
      { kind: 'tool-arguments', choice: 0, index: 0, text: '{"inp' },
      { kind: 'tool-arguments', choice: 0, index: 0, text: 'ut":"*** \\"x\\"\\n"}' },
    ];
    const { bytes, done } = await write(ended(events), true);
    expect((done[0]!['output'] as readonly Json[])[0]).toMatchObject({
      type: 'custom_tool_call',
      call_id: 'c',
      name: 'patch',
      input: '*** "x"\n',
    });
    expect(framesOf(bytes).filter((frame) => frame['type'] === 'response.custom_tool_call_input.delta')).toHaveLength(
      1,
    );
  });

  it.each([
    ['length', 'max_output_tokens'],
    ['content-filter', 'content_filter'],
  ] as const)('a reply cut by %s is incomplete, and so is what was open', async (reason, told) => {
    for (const stream of [true, false]) {
      const { bytes, done } = await write(
        [{ kind: 'text', choice: 0, text: 'part' }, { kind: 'finish', choice: 0, reason }, { kind: 'end' }],
        stream,
      );
      const response = (stream ? framesOf(bytes).at(-1)!['response'] : JSON.parse(bytes)) as Json;
      expect(response).toMatchObject({
        status: 'incomplete',
        incomplete_details: { reason: told },
        completed_at: null,
      });
      expect((response['output'] as readonly Json[])[0]).toMatchObject({ status: 'incomplete' });
      expect(done).toHaveLength(1);
    }
  });

  it.each([
    ['a policy', 'upstream_rejected', 'invalid_prompt'],
    ['an upstream', 'upstream_reset', 'server_error'],
    ['a rate limit', 'upstream_overloaded', 'rate_limit_exceeded'],
  ] as const)('a reply that ends by %s has failed, and nothing of it is complete', async (_, code, told) => {
    const failure = { code, upstream: 'x', status: 0, retryAfterSeconds: 0, sent: true } as const;
    const {
      bytes,
      done,
      ended: ends,
    } = await write(
      [
        { kind: 'text', choice: 0, text: 'part' },
        { kind: 'error', failure },
        { kind: 'text', choice: 0, text: 'late' },
      ],
      true,
    );
    const frames = framesOf(bytes);
    expect(frames.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: told }, output: [{ status: 'incomplete' }] },
    });
    expect(bytes).not.toContain('late');
    expect(bytes).not.toContain('"status":"completed"');
    expect([done, ends]).toEqual([[], 1]);
  });

  it('a source that says it is over before it finished has failed', async () => {
    const { bytes, done } = await write([{ kind: 'text', choice: 0, text: 'part' }, { kind: 'end' }], true);
    expect(framesOf(bytes).at(-1)).toMatchObject({ type: 'response.failed' });
    expect(done).toEqual([]);
  });
});

describe('a masked reply of /responses', () => {
  it('is restored in text, reasoning and arguments, however the upstream cuts text and bytes', async () => {
    const map = newMap();
    const values = ['jane.roe@corp-mail.example', 'say "hi"\n'];
    const tokens = values.map((value) => map.tokenFor(value, 'NOTE')!);
    const piece = fc.oneof(fc.constantFrom(...tokens, '[', '[[', ']]', '[[NOTE_', tokens[0]!.slice(0, 9)), word);
    const line = fc
      .array(piece, { minLength: 1, maxLength: 6 })
      .map((pieces) => pieces.join(''))
      // What begins like JSON is taken for JSON inside a string.
      .filter((text) => !/^\s*[[{]/.test(text));
    const cut = (text: string, step: number): readonly string[] =>
      Array.from({ length: Math.ceil(text.length / step) }, (_, index) => text.slice(index * step, (index + 1) * step));
    const expected = (text: string): string =>
      tokens.reduce((rest, token, index) => rest.replaceAll(token, () => values[index]!), text);
    await fc.assert(
      fc.asyncProperty(
        fc.record({ text: line, reasoning: line, argument: line }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.nat(100_000), { maxLength: 8 }),
        async ({ text, reasoning, argument }, step, cuts) => {
          const json = JSON.stringify({ argument });
          const wrote = await write(
            ended([
              ...cut(reasoning, step).map((each): ReplyEvent => ({
                kind: 'reasoning',
                choice: 0,
                text: each,
                item: 'rs_1',
                summary: 0,
              })),
              ...cut(text, step).map((each): ReplyEvent => ({ kind: 'text', choice: 0, text: each })),
              { kind: 'tool-call', choice: 0, index: 0, id: 'c', name: 'lookup' },
              ...cut(json, step).map((each): ReplyEvent => ({
                kind: 'tool-arguments',
                choice: 0,
                index: 0,
                text: each,
              })),
            ]),
            true,
          );
          const upstream = readOpenAIResponsesStream(chunks(Buffer.from(wrote.bytes), cuts), 'up');
          const client = await write(restoreEvents(upstream, createRestorer(map)), true);
          const got = said(await read(client.bytes));
          expect([got['text'], got['reasoning']]).toEqual([expected(text), expected(reasoning)]);
          expect(JSON.parse(String(got['tool-arguments 0']))).toEqual({ argument: expected(argument) });
        },
      ),
      { numRuns: 150 },
    );
  });
});
