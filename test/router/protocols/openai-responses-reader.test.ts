/** Replies of /responses to events: both forms say the same, cut anywhere; whatever is not whole ends in an error. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import {
  readOpenAIResponsesBody,
  readOpenAIResponsesStream,
} from '../../../router/protocols/openai-responses-reader.ts';
import {
  callItem,
  messageItem,
  reasoningItem,
  type ResponsesAnswer,
  responsesBody,
  responsesEvents,
  toFrames,
} from '../../helpers/responses-events.ts';

async function* bytes(...pieces: readonly (string | Buffer)[]): AsyncIterable<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}
async function all(events: AsyncIterable<ReplyEvent>): Promise<readonly ReplyEvent[]> {
  const out: ReplyEvent[] = [];
  for await (const event of events) out.push(event);
  return out;
}
const stream = (...pieces: readonly (string | Buffer)[]): Promise<readonly ReplyEvent[]> =>
  all(readOpenAIResponsesStream(bytes(...pieces), 'sky'));
const body = (value: unknown): Promise<readonly ReplyEvent[]> =>
  all(readOpenAIResponsesBody(bytes(typeof value === 'string' ? value : JSON.stringify(value)), 'sky'));

/** Neighbours of one channel joined: where deltas are cut says nothing. */
function joined(events: readonly ReplyEvent[]): readonly ReplyEvent[] {
  const out: ReplyEvent[] = [];
  for (const event of events) {
    const last = out.at(-1);
    if ('text' in event && last !== undefined && 'text' in last) {
      const { text, ...rest } = event;
      const { text: before, ...known } = last;
      if (JSON.stringify(rest) === JSON.stringify(known)) {
        out[out.length - 1] = { ...last, text: before + text } as ReplyEvent;
        continue;
      }
    }
    out.push(event);
  }
  return out;
}
const ends = (events: readonly ReplyEvent[]): unknown => {
  const last = events.at(-1);
  return last?.kind === 'error' ? last.failure.code : last?.kind;
};

const SEAL = 'gAAAA'.padEnd(120, 'Qw9_');
const EVERYTHING: ResponsesAnswer = {
  output: [
    reasoningItem('thinking about it', { encrypted_content: SEAL, content: [{ type: 'reasoning_text', text: 'raw' }] }),
    messageItem('first of all', { id: 'msg_1', phase: 'commentary' }),
    messageItem('héllo 🌍 end', {
      id: 'msg_2',
      content: [
        {
          type: 'output_text',
          text: 'héllo 🌍 end',
          annotations: [{ type: 'url_citation', start_index: 0, end_index: 5, url: 'https://a.example', title: 'A' }],
        },
        { type: 'refusal', refusal: 'not that' },
      ],
    }),
    callItem('lookup', '{"id":"7"}'),
    callItem('spawn', '{}', { id: 'fc_2', call_id: 'call_2', namespace: 'agents' }),
    { id: 'ct_1', type: 'custom_tool_call', call_id: 'call_3', name: 'patch', input: '*** Begin\n+x' },
    { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' } },
  ],
};

describe('a reply of /responses', () => {
  it('says the same streamed and whole', async () => {
    const streamed = joined(await stream(toFrames(responsesEvents(EVERYTHING))));
    expect(streamed).toEqual(joined(await body(responsesBody(EVERYTHING))));
    expect(streamed).toEqual([
      { kind: 'start', id: 'resp_upstream', model: 'gpt-fake', createdSeconds: 1_700_000_000 },
      { kind: 'reasoning', choice: 0, text: 'thinking about it', item: 'rs_upstream', summary: 0 },
      { kind: 'reasoning', choice: 0, text: 'raw', item: 'rs_upstream' },
      { kind: 'reasoning-seal', choice: 0, item: 'rs_upstream', seal: SEAL },
      { kind: 'text', choice: 0, text: 'first of all', item: 'msg_1', phase: 'commentary' },
      { kind: 'text', choice: 0, text: 'héllo 🌍 end', item: 'msg_2' },
      {
        kind: 'annotation',
        choice: 0,
        value: { type: 'url_citation', start_index: 12, end_index: 17, url: 'https://a.example', title: 'A' },
      },
      { kind: 'refusal', choice: 0, text: 'not that' },
      { kind: 'tool-call', choice: 0, index: 0, id: 'call_1', name: 'lookup' },
      { kind: 'tool-arguments', choice: 0, index: 0, text: '{"id":"7"}' },
      { kind: 'tool-call', choice: 0, index: 1, id: 'call_2', name: 'agents__spawn' },
      { kind: 'tool-arguments', choice: 0, index: 1, text: '{}' },
      { kind: 'tool-call', choice: 0, index: 2, id: 'call_3', name: 'patch', raw: true },
      { kind: 'tool-arguments', choice: 0, index: 2, text: '*** Begin\n+x' },
      {
        kind: 'provider-item',
        choice: 0,
        value: { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' } },
      },
      { kind: 'finish', choice: 0, reason: 'tool-calls' },
      { kind: 'usage', usage: { inputTokens: 11, outputTokens: 5, cachedInputTokens: 3, reasoningTokens: 2 } },
      { kind: 'end' },
    ]);
  });

  it('says the same wherever its bytes are cut', async () => {
    const whole = Buffer.from(toFrames(responsesEvents(EVERYTHING)));
    const expected = await stream(whole);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        expect(await stream(...at.slice(1).map((end, index) => whole.subarray(at[index], end)))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('is taken from whole items where a server streams no deltas, and from the last list where it streams no items', async () => {
    const events = responsesEvents(EVERYTHING);
    const expected = joined(await body(responsesBody(EVERYTHING)));
    const noDeltas = events.filter((event) => !/delta|annotation|text\.done/.test(String(event['type'])));
    expect(joined(await stream(toFrames(noDeltas)))).toEqual(expected);
    const noItems = events.filter((event) => /created|completed/.test(String(event['type'])));
    expect(joined(await stream(toFrames(noItems)))).toEqual(expected);
  });

  it.each([
    ['the limit', { status: 'incomplete', reason: 'max_output_tokens' }, 'length'],
    ['a filter', { status: 'incomplete', reason: 'content_filter' }, 'content-filter'],
  ] as const)('that ends by %s finishes so', async (_, change, reason) => {
    const answer: ResponsesAnswer = { output: [messageItem('part')], ...change };
    for (const events of [await stream(toFrames(responsesEvents(answer))), await body(responsesBody(answer))]) {
      expect(events).toContainEqual({ kind: 'finish', choice: 0, reason });
      expect(ends(events)).toBe('end');
    }
  });

  it.each([
    ['rate_limit_exceeded', 'upstream_overloaded'],
    ['server_error', 'upstream_failed'],
    ['invalid_prompt', 'upstream_rejected'],
    ['context_length_exceeded', 'context_too_long'],
  ])('that failed with %s is %s', async (code, expected) => {
    const answer: ResponsesAnswer = { output: [], status: 'failed', error: { code, message: 'secret words' } };
    for (const events of [await stream(toFrames(responsesEvents(answer))), await body(responsesBody(answer))]) {
      expect(ends(events)).toBe(expected);
      expect(JSON.stringify(events)).not.toContain('secret words');
    }
  });

  const frames = responsesEvents({ output: [callItem('lookup', '{"id":"7"}')] });
  const without = (type: string): string => toFrames(frames.filter((event) => event['type'] !== type));
  const done = frames.findIndex((event) => event['type'] === 'response.output_item.done');
  it.each([
    ['without its terminal event', without('response.completed'), 'upstream_truncated'],
    ['with chat’s terminator instead', `${without('response.completed')}data: [DONE]\n\n`, 'upstream_truncated'],
    ['cut inside its terminal event', toFrames(frames).slice(0, -40), 'upstream_truncated'],
    ['with a line that is no JSON', `${toFrames(frames.slice(0, 3))}data: {"type":\n\n`, 'upstream_malformed'],
    ['with a line that is no object', `${toFrames(frames.slice(0, 3))}data: 7\n\n`, 'upstream_malformed'],
    ['with a delta of nothing that began', toFrames([frames[4]!]), 'upstream_malformed'],
    [
      'with an error event',
      `${toFrames(frames.slice(0, 3))}data: {"type":"error","code":"server_error","message":"x","param":null}\n\n`,
      'upstream_failed',
    ],
    ['with an untyped error', 'data: {"error":{"code":429,"message":"x"}}\n\n', 'upstream_overloaded'],
    [
      'whose call is another at its end',
      toFrames([...frames.slice(0, done), { ...frames[done], item: callItem('lookup', '{"id":"8"}') }]),
      'upstream_malformed',
    ],
    [
      'whose call was begun and is nowhere at its end',
      toFrames([...frames.slice(0, done), { type: 'response.completed', response: responsesBody({ output: [] }) }]),
      'upstream_malformed',
    ],
    ['whose call has no name', toFrames(responsesEvents({ output: [callItem('', '{}')] })), 'upstream_malformed'],
    [
      'that was cancelled',
      toFrames([{ type: 'response.cancelled', response: responsesBody({ output: [] }) }]),
      'upstream_truncated',
    ],
    ['that is empty', '', 'upstream_truncated'],
  ])('%s is an error', async (_, text, code) => {
    expect(ends(await stream(text))).toBe(code);
  });

  it.each([
    ['no JSON', 'x', 'upstream_malformed'],
    ['cut', JSON.stringify(responsesBody(EVERYTHING)).slice(0, -5), 'upstream_malformed'],
    ['still running', { ...responsesBody({ output: [] }), status: 'in_progress' }, 'upstream_truncated'],
    ['an error object', { error: { code: 'insufficient_quota' } }, 'upstream_overloaded'],
    ['something else', { object: 'chat.completion', choices: [] }, 'upstream_malformed'],
  ])('that is %s is an error', async (_, value, code) => {
    expect(ends(await body(value))).toBe(code);
  });
});
