/** A parser that passes over what it has read says the same as one that reads everything: values, leaves, places, problems. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonLimits, ParsedJson } from '../../../router/json/document.ts';
import { pointerOf } from '../../../router/json/document.ts';
import { KnownValues } from '../../../router/json/known-values.ts';
import { parseJson } from '../../../router/json/parse.ts';
import type { ChatMessage } from '../../../router/chat.ts';
import { withCallIds } from '../../../router/tool-results.ts';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';

const LIMITS: JsonLimits = { maxDepth: 16, maxLeaves: 2_000 };
const recallOf = (values = new KnownValues(), owner = '') => ({ values, cut: new Set(['messages']), owner });

function described(parsed: ParsedJson): unknown {
  if (parsed.kind === 'problem') return parsed;
  const { document } = parsed;
  const leaves = (list: typeof document.leaves) =>
    list.map((leaf) => [
      leaf.kind,
      pointerOf(leaf),
      leaf.text,
      leaf.start,
      leaf.end,
      leaf.container.ordinal,
      leaf.container.pointer,
    ]);
  return {
    // In this order: parts first, while nothing has read the whole.
    items: [...document.members.keys()].map((name) => [
      name,
      document
        .itemsOf(name)
        .map((item) => [item.index, item.start, item.end, document.valueOf(item), leaves(document.leavesOf(item))]),
    ]),
    members: [...document.members].map(([name, member]) => [
      name,
      member.keyStart,
      member.valueStart,
      member.valueEnd,
      leaves(document.leavesOf(member)),
    ]),
    arrays: [...document.arrays],
    root: JSON.stringify(document.root),
    keys: Object.keys(document.root),
    leaves: leaves(document.leaves),
  };
}

const LONG = 'what was said before and is sent again, word for word, with every turn of the conversation; '.repeat(2);
const part = fc.oneof(
  fc.record({
    role: fc.constantFrom('user', 'assistant'),
    content: fc.constantFrom(LONG, `${LONG}"\\`, 'ü'.repeat(99)),
  }),
  fc.record({ role: fc.constant('user'), content: fc.string() }),
  fc.record({ long: fc.constant(LONG), more: fc.jsonValue({ maxDepth: 4 }) }),
  fc.constantFrom<unknown>(1, null, 'text', [], {}, [[LONG]], { a: { b: { c: { d: LONG } } } }),
);
const body = fc.record(
  {
    model: fc.constant('m'),
    messages: fc.array(part, { maxLength: 6 }),
    tools: fc.array(part, { maxLength: 3 }),
    other: part,
  },
  { requiredKeys: ['messages'] },
);
const edit = fc.tuple(fc.nat(2_000), fc.nat(2), fc.constantFrom('', '"', ',', '}', '{', '\\', '\u0000', '"a":1,', ' '));

describe('a parser with a memory', () => {
  it('says what one without says, whatever was parsed before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(body, fc.constantFrom(0, 1), fc.option(edit, { nil: undefined })), {
          minLength: 2,
          maxLength: 6,
        }),
        (bodies) => {
          const recall = recallOf();
          for (const [value, indent, change] of [...bodies, ...bodies]) {
            let source = JSON.stringify(value, null, indent);
            if (change !== undefined)
              source = source.slice(0, change[0]) + change[2] + source.slice(change[0] + change[1]);
            const bytes = Buffer.from(source);
            expect(described(parseJson(bytes, LIMITS, recall))).toEqual(described(parseJson(bytes, LIMITS)));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  const known = JSON.stringify({ role: 'user', content: LONG, deep: [[[1, 2, 3]]] });
  const sourceOf = (...messages: readonly string[]): Buffer => Buffer.from(`{"messages":[${messages.join(',')}]}`);

  it('parses nothing of what it knows, and everything else', () => {
    const recall = recallOf();
    parseJson(sourceOf(known), LIMITS, recall);
    const again = parseJson(sourceOf(known, '{"role":"user"}', known), LIMITS, recall);
    if (again.kind === 'problem') throw new Error(again.problem.code);
    expect(again.document.itemsOf('messages').map((item) => item.value !== undefined)).toEqual([false, true, false]);
  });

  it.each([
    ['one character inside', known.replace('again', 'agaim')],
    ['one character at its end', known.replace('3]', '4]')],
    ['a longer value', known.replace('[[[1', '[[[0,1')],
  ])('does not take for known what differs in %s', (_, other) => {
    const recall = recallOf();
    parseJson(sourceOf(known), LIMITS, recall);
    const parsed = parseJson(sourceOf(other), LIMITS, recall);
    if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
    expect(parsed.document.itemsOf('messages')[0]?.value).toEqual(JSON.parse(other));
  });

  it.each([
    ['duplicate_key', `{"role":"user","role":"user","content":"${LONG}"}`],
    ['lone_surrogate', `{"role":"user","content":"${LONG}\\ud800"}`],
    ['number_out_of_range', `{"role":"user","content":"${LONG}","n":1e999}`],
  ])('never knows what was refused: %s', (code, refused) => {
    const recall = recallOf();
    for (let time = 0; time < 3; time += 1)
      expect(parseJson(sourceOf(known, refused), LIMITS, recall)).toMatchObject({ kind: 'problem', problem: { code } });
  });

  it.each([
    ['too_many_values', { maxDepth: 16, maxLeaves: 20 }],
    ['too_deep', { maxDepth: 5, maxLeaves: 2_000 }],
  ])('counts what it passes over against the limits: %s', (code, limits) => {
    const recall = recallOf();
    parseJson(sourceOf(known), LIMITS, recall);
    for (const memory of [recall, undefined])
      expect(parseJson(sourceOf(known, known), limits, memory)).toMatchObject({ kind: 'problem', problem: { code } });
  });

  it('knows of one owner nothing that another has sent', () => {
    const values = new KnownValues();
    const message = JSON.stringify({ role: 'user', content: `hello ${LONG}` });
    parseJson(sourceOf(message), LIMITS, recallOf(values, 'ann'));
    expect(values.find(message, 0, 'ann')).toBeDefined();
    for (const other of ['', 'bob', 'an', 'anna']) expect(values.find(message, 0, other)).toBeUndefined();
  });

  it('forgets the oldest and never grows past its limit', () => {
    const values = new KnownValues(100);
    const recall = recallOf(values);
    const message = (index: number): string => JSON.stringify({ role: 'user', content: `${index} ${LONG}` });
    for (let index = 0; index < 1_000; index += 1) parseJson(sourceOf(message(index)), LIMITS, recall);
    const isKnown = (index: number): boolean => values.find(message(index), 0, '') !== undefined;
    expect(isKnown(999)).toBe(true);
    expect(Array.from({ length: 1_000 }, (_, index) => isKnown(index)).filter(Boolean).length).toBeLessThanOrEqual(100);
  });
});

describe('a chat read from known parts', () => {
  const call = (id: string, name: string) => ({
    id,
    type: 'function',
    function: { name, arguments: `{"a":"${LONG}"}` },
  });
  const message = fc.constantFrom<unknown>(
    { role: 'system', content: LONG },
    { role: 'user', content: [{ type: 'text', text: LONG }] },
    {
      role: 'user',
      content: [
        { type: 'text', text: LONG },
        { type: 'image_url', image_url: { url: 'https://a.example/b.png' } },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'file', file: { file_data: `data:text/plain;base64,${Buffer.from(LONG).toString('base64')}` } },
      ],
    },
    { role: 'assistant', content: null, tool_calls: [call('call_1', 'first'), call('call_2', 'second')] },
    { role: 'assistant', content: LONG, audio: { id: 'sound' } },
    { role: 'tool', tool_call_id: 'call_1', content: LONG },
    { role: 'tool', tool_call_id: 'call_2', content: LONG, name: 'second' },
    { role: 'user', content: 'short' },
    { role: 'tool', content: 'nothing named' },
  );
  const tools = [
    { type: 'function', function: { name: 'first', description: LONG, parameters: { type: 'object' } } },
    { type: 'web_search', about: LONG },
  ];
  const chat = (messages: readonly unknown[], withTools: boolean): Buffer =>
    Buffer.from(JSON.stringify({ messages, ...(withTools ? { tools } : {}) }));
  const plain = ({ role, content, toolCalls, toolCallId, name }: ChatMessage): ChatMessage => ({
    role,
    content,
    toolCalls,
    toolCallId,
    name,
  });
  const readAll = (bytes: Buffer, recall?: ReturnType<typeof recallOf>): unknown => {
    const parsed = parseJson(bytes, LIMITS, recall);
    if (parsed.kind === 'problem') return parsed;
    const read = openaiChat.read(parsed.document);
    if (read.kind === 'problem') return read;
    const { chat: it, gaps, segments, blocks } = read;
    return {
      gaps,
      segments: segments.map(({ flow, ...segment }) => ({ ...segment, flows: Math.sign(flow) })),
      keys: blocks?.messageKeys.length,
      pointers: blocks?.blocks.map((block) => block.pointer),
      messages: it.messages.map(plain),
      tools: it.tools.map(({ name, description, parameters }) => ({ name, description, parameters })),
      answered: withCallIds(it.messages).map(plain),
    };
  };

  it('is the chat that is read from the whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(message, { minLength: 1, maxLength: 8 }), fc.boolean()), {
          minLength: 2,
          maxLength: 4,
        }),
        (turns) => {
          const recall = recallOf();
          for (const [messages, withTools] of [...turns, ...turns]) {
            const bytes = chat(messages, withTools);
            expect(readAll(bytes, recall)).toEqual(readAll(bytes));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads nothing of known messages and tools until somebody asks', () => {
    const recall = recallOf();
    const turn = [
      { role: 'system', content: LONG },
      { role: 'assistant', content: null, tool_calls: [call('call_1', 'first')] },
    ];
    readAll(chat(turn, true), recall);
    const parsed = parseJson(
      chat([...turn, { role: 'tool', tool_call_id: 'call_1', content: 'new' }], true),
      LIMITS,
      recall,
    );
    if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
    const { document } = parsed;
    const isRead = (name: string): boolean => 'value' in (Object.getOwnPropertyDescriptor(document.root, name) ?? {});
    const read = openaiChat.read(document);
    if (read.kind === 'problem') throw new Error(read.problem.code);
    expect(read.chat.messages.map(({ role }) => role)).toEqual(['system', 'assistant', 'tool']);
    expect(read.chat.messages[2]?.content).toEqual([{ kind: 'text', text: 'new' }]);
    expect(read.chat.tools.map(({ name }) => name)).toEqual(['first']);
    expect([isRead('messages'), isRead('tools')]).toEqual([false, false]);
    expect(read.chat.messages[2]?.name).toBe('first');
    expect(isRead('messages')).toBe(true);
  });
});
