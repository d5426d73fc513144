import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { ollamaChat } from '../../../router/protocols/ollama-chat.ts';
import { ollamaGenerate } from '../../../router/protocols/ollama-generate.ts';
import type { WriterOptions } from '../../../router/protocols/protocol.ts';
import { failure } from '../../../router/upstreams/failure.ts';
import { readLines } from '../../../router/upstreams/ollama-lines.ts';
import { ChoiceReader, readFrame } from '../../../router/upstreams/ollama-reply.ts';
import { bytesOf, gist } from './reply-bytes.ts';

type Path = 'chat' | 'generate';
/** What a frame says, by the wire's names. */
interface Said {
  readonly content?: string;
  readonly thinking?: string;
  readonly tool_calls?: readonly object[];
}
type Frame = Readonly<Record<string, unknown>>;

function writer(path: Path, stream: boolean, more: Partial<WriterOptions> = {}) {
  let out = '';
  let ended = 0;
  const made = (path === 'chat' ? ollamaChat : ollamaGenerate).createWriter(
    { write: (bytes) => void (out += bytes.toString()), end: () => void ended++ },
    {
      stream,
      includeUsage: true,
      id: 'x',
      model: 'fallback',
      createdSeconds: 5,
      errorBody: (cause) => JSON.stringify({ error: `broke: ${cause.code}` }),
      ...more,
    },
  );
  return { made, text: () => out, ended: () => ended };
}
async function written(path: Path, stream: boolean, events: readonly ReplyEvent[], more: Partial<WriterOptions> = {}) {
  const { made, text, ended } = writer(path, stream, more);
  for (const event of events) await made.write(event);
  expect(ended()).toBe(1);
  return text();
}
const framesOf = (text: string): Frame[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Frame);
/** Without what the clock says. */
const timeless = (frame: Frame): Frame =>
  Object.fromEntries(Object.entries(frame).filter(([key]) => !/_duration$|^created_at$/.test(key)));

const START: ReplyEvent = { kind: 'start', id: 'theirs', model: 'm', createdSeconds: 1 };
const text = (said: string): ReplyEvent => ({ kind: 'text', choice: 0, text: said });
const called = (index: number, name: string, ...pieces: readonly string[]): ReplyEvent[] => [
  { kind: 'tool-call', choice: 0, index, id: `call_${index}`, name },
  ...pieces.map((piece): ReplyEvent => ({ kind: 'tool-arguments', choice: 0, index, text: piece })),
];
const finish = (reason: 'stop' | 'length' | 'tool-calls' | 'content-filter'): ReplyEvent => ({
  kind: 'finish',
  choice: 0,
  reason,
});
const USAGE: ReplyEvent = {
  kind: 'usage',
  usage: { inputTokens: 11, outputTokens: 7, cachedInputTokens: 0, reasoningTokens: 0 },
};
const END: ReplyEvent = { kind: 'end' };
const ERROR: ReplyEvent = { kind: 'error', failure: failure('up', 'upstream_reset', true) };

describe('a streamed reply', () => {
  it.each([
    ['chat', ({ content = '', ...said }: Said) => ({ message: { role: 'assistant', content, ...said } })],
    ['generate', ({ content = '', ...said }: Said) => ({ response: content, ...said })],
  ] as const)('of %s is one frame a line, the last with reason and counters', async (path, shape) => {
    const out = await written(path, true, [
      START,
      { kind: 'reasoning', choice: 0, text: 'hm' },
      text('a"\n'),
      ...called(0, 'f', '{"a"', ':{"b":[1,null]}}'),
      ...called(1, 'g'),
      { kind: 'logprobs', choice: 0, value: { content: [{ token: 'a' }], refusal: null } },
      finish('tool-calls'),
      USAGE,
      END,
    ]);
    expect(out.endsWith('}\n')).toBe(true);
    const calls = [
      { id: 'call_0', function: { index: 0, name: 'f', arguments: { a: { b: [1, null] } } } },
      { id: 'call_1', function: { index: 1, name: 'g', arguments: {} } },
    ];
    const head = { model: 'm', done: false };
    expect(framesOf(out).map(timeless)).toEqual([
      { ...head, ...shape({ thinking: 'hm' }) },
      { ...head, ...shape({ content: 'a"\n' }) },
      { ...head, ...shape({}), logprobs: [{ token: 'a' }] },
      { ...head, ...shape({ tool_calls: calls }) },
      { model: 'm', ...shape({}), done: true, done_reason: 'stop', prompt_eval_count: 11, eval_count: 7 },
    ]);
    const last = framesOf(out).at(-1) ?? {};
    for (const frame of framesOf(out)) expect(frame['created_at']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(Number.isSafeInteger(last['total_duration'])).toBe(true);
  });

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['tool-calls', 'stop'],
    ['content-filter', 'content_filter'],
  ] as const)('that finished by %s is done by %s', async (reason, done) => {
    for (const stream of [true, false])
      expect(framesOf(await written('chat', stream, [START, text('a'), finish(reason), END])).at(-1)).toMatchObject({
        done: true,
        done_reason: done,
      });
  });

  it('leaves out counters of zero', async () => {
    const [frame = {}] = framesOf(await written('chat', true, [START, finish('stop'), END]));
    expect(Object.keys(frame)).not.toContain('eval_count');
    expect(Object.keys(frame)).not.toContain('prompt_eval_count');
  });

  it.each(['load', 'unload'] as const)('to no message says %s', async (loads) => {
    expect(framesOf(await written('generate', true, [finish('stop'), END], { loads }))).toMatchObject([
      { model: 'fallback', response: '', done: true, done_reason: loads },
    ]);
  });

  it.each<[string, ReplyEvent[], number]>([
    ['an error at once', [ERROR], 0],
    ['an error after text', [START, text('a'), ERROR], 1],
    ['an error inside a call', [START, ...called(0, 'f', '{"a'), ERROR], 0],
    ['an end that nothing finished', [START, text('a'), END], 1],
    ['an end with a call still open', [START, ...called(0, 'f', '{}'), END], 0],
    ['nothing but an end', [END], 0],
  ])('%s ends in an error line and never in a done frame', async (_, events, before) => {
    for (const path of ['chat', 'generate'] as const) {
      const frames = framesOf(await written(path, true, [...events, text('late'), END]));
      expect(frames).toHaveLength(before + 1);
      expect(frames.at(-1)).toEqual({
        error: expect.stringMatching(/^broke: upstream_(?:reset|truncated)$/) as string,
      });
      expect(frames.some((frame) => frame['done'] === true)).toBe(false);
      expect(framesOf(await written(path, false, [...events, END]))).toEqual([
        { error: expect.stringMatching(/^broke: upstream_(?:reset|truncated)$/) as string },
      ]);
    }
  });

  it.each<[string, string, object]>([
    ['nothing', '', {}],
    ['blanks', ' \n', {}],
    ['an object', '{"a":1}', { a: 1 }],
    ['a list', '[1]', { arguments: '[1]' }],
    ['an object cut short', '{"a":', { arguments: '{"a":' }],
    ['words', 'ls -l', { arguments: 'ls -l' }],
    ['a key named like the prototype', '{"__proto__":{"a":1}}', JSON.parse('{"__proto__":{"a":1}}') as object],
  ])('takes %s as arguments', async (_, given, expected) => {
    const [frame = {}] = framesOf(await written('chat', true, [START, ...called(0, 'f', given), finish('stop'), END]));
    const { tool_calls: calls } = frame['message'] as { tool_calls: { function: { arguments: object } }[] };
    expect(JSON.stringify(calls[0]?.function.arguments)).toBe(JSON.stringify(expected));
  });

  it('waits for the client that cannot take more', async () => {
    const { promise: drained, resolve: release } = Promise.withResolvers<void>();
    const ended: string[] = [];
    const made = ollamaChat.createWriter(
      { write: () => drained, end: () => void ended.push('end') },
      { stream: true, includeUsage: true, id: 'x', model: 'm', createdSeconds: 5, errorBody: () => '{}' },
    );
    const writing = made.write(text('a'));
    expect(writing).toBeInstanceOf(Promise);
    void made.write(finish('stop'));
    const ending = made.write(END);
    expect(ended).toEqual([]);
    release();
    await Promise.all([writing, ending]);
    expect(ended).toEqual(['end']);
  });
});

describe('a whole reply', () => {
  it.each(['chat', 'generate'] as const)('of %s says what the stream says', async (path) => {
    const events = [
      START,
      { kind: 'reasoning', choice: 0, text: 'h' },
      { kind: 'reasoning', choice: 0, text: 'm' },
      text('a'),
      text('b'),
      { kind: 'refusal', choice: 0, text: '!' },
      ...called(0, 'f', '{"a":1}'),
      finish('tool-calls'),
      USAGE,
      END,
    ] as const satisfies ReplyEvent[];
    const said = {
      thinking: 'hm',
      tool_calls: [{ id: 'call_0', function: { index: 0, name: 'f', arguments: { a: 1 } } }],
    };
    expect(timeless(JSON.parse(await written(path, false, events)) as Frame)).toEqual({
      model: 'm',
      ...(path === 'chat' ? { message: { role: 'assistant', content: 'ab!', ...said } } : { response: 'ab!', ...said }),
      done: true,
      done_reason: 'stop',
      prompt_eval_count: 11,
      eval_count: 7,
    });
  });
});

/** Our own reader of Ollama's stream, which was written against the real one. */
async function readBack(out: string, cuts: readonly number[]): Promise<ReplyEvent[]> {
  const reader = new ChoiceReader(0, new Set());
  const events: ReplyEvent[] = [];
  for await (const line of readLines(bytesOf(out, cuts) as AsyncIterable<Buffer>)) {
    if (line === 'malformed') throw new Error('malformed');
    const frame = readFrame(line.text);
    if (frame.kind === 'failed') throw new Error(frame.code);
    events.push(...reader.events(frame.frame));
  }
  return events;
}

describe('whatever a reply says, in whatever pieces', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.constantFrom('\n', '\r\n', '{"done":true}', '"', '\\', '\u2028', '[[CARD_abcdefghij]]', '😀'),
  );
  const said = fc.array(
    fc.oneof(
      piece.map((each): ReplyEvent => text(each)),
      piece.map((each): ReplyEvent => ({ kind: 'reasoning', choice: 0, text: each })),
    ),
    { maxLength: 12 },
  );
  const calls = fc.array(
    fc.record({ name: fc.stringMatching(/^[a-z_]{1,12}$/), given: fc.dictionary(fc.string(), fc.jsonValue()) }),
    { maxLength: 3 },
  );

  it('is read back the same, however its bytes are cut', async () => {
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(
        said,
        calls,
        fc.array(fc.nat(2_000), { maxLength: 8 }),
        fc.nat(5),
        async (words, made, cuts, step) => {
          const asked = made.flatMap(({ name, given }, index) => {
            const json = JSON.stringify(given);
            const size = step + 1;
            return called(index, name, ...(json.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []));
          });
          const reason = made.length > 0 ? 'tool-calls' : 'stop';
          const out = await written('chat', true, [START, ...words, ...asked, finish(reason), USAGE, END]);
          expect(gist(await readBack(out, cuts))).toEqual(
            gist([
              ...words,
              ...made.flatMap(({ name, given }, index) =>
                called(index, name, JSON.stringify(JSON.parse(JSON.stringify(given)))),
              ),
              finish(reason),
            ]),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is read back the same when its bytes are cut at each single place', async () => {
    const events = [
      START,
      text('é😀"\n'),
      { kind: 'reasoning', choice: 0, text: 'ü' } as const,
      ...called(0, 'f', '{"a":"ß\\n"}'),
    ];
    const out = await written('chat', true, [...events, finish('tool-calls'), USAGE, END]);
    const expected = await readBack(out, []);
    for (let at = 1; at < Buffer.byteLength(out); at += 1) expect(await readBack(out, [at])).toEqual(expected);
  });
});
