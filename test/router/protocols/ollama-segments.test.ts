import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ollamaChat } from '../../../router/protocols/ollama-chat.ts';
import { ollamaEmbed } from '../../../router/protocols/ollama-embed.ts';
import { ollamaGenerate } from '../../../router/protocols/ollama-generate.ts';
import type { ReadChat, RequestProtocol } from '../../../router/protocols/protocol.ts';
import { WIRE_WORDS } from '../../../router/protocols/segments.ts';
import { document } from './chat-bodies.ts';

function read(protocol: RequestProtocol, body: unknown): Extract<ReadChat, { kind: 'chat' }> {
  const read = protocol.read(document(body));
  if (read.kind === 'problem') throw new Error(`problem: ${read.problem.code} ${read.problem.pointer}`);
  return read;
}
const said = (protocol: RequestProtocol, body: unknown): string[] =>
  read(protocol, body).segments.map((each) => `${each.form} ${each.role} ${each.pointer} ${each.text}`);

const BODIES: readonly [RequestProtocol, (odd: unknown) => object][] = [
  [
    ollamaChat,
    (odd) => ({
      messages: [
        { role: 'assistant', content: 'C', odd, tool_calls: [{ function: { name: 'F', arguments: { odd } } }] },
      ],
      tools: [{ type: 'function', function: { name: 'T', parameters: { odd } } }],
      format: { odd },
      options: { odd },
      odd,
    }),
  ],
  [ollamaGenerate, (odd) => ({ prompt: 'P', system: 'S', format: { odd }, options: { odd }, odd })],
  [ollamaEmbed, (odd) => ({ input: ['I', 'J'], options: { odd }, odd })],
];

describe('segments', () => {
  it.each(BODIES.map(([protocol, make]) => [protocol.name, protocol, make] as const))(
    'of %s never leave a string out, whatever the body',
    (_, protocol, make) => {
      expect.hasAssertions();
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 4 }), (odd) => {
          const body = make(odd);
          const texts = new Set(read(protocol, body).segments.map((each) => each.text));
          const visit = (value: unknown, key = ''): void => {
            if (Array.isArray(value)) for (const each of value) visit(each);
            else if (typeof value === 'object' && value !== null)
              for (const [name, each] of Object.entries(value)) {
                if (name !== '' && !WIRE_WORDS.has(name)) expect(texts).toContain(name);
                visit(each, name);
              }
            else if (
              typeof value === 'string' &&
              value !== '' &&
              !(['type', 'role'].includes(key) && WIRE_WORDS.has(value))
            )
              expect(texts).toContain(value);
          };
          visit(JSON.parse(JSON.stringify(body)));
        }),
        { numRuns: 150 },
      );
    },
  );

  it('know whose words they are', () => {
    const found = said(ollamaChat, {
      model: 'M',
      messages: [
        { role: 'SYSTEM', content: 'S' },
        { role: 'user', content: 'U' },
        {
          role: 'assistant',
          content: 'A',
          thinking: 'H',
          tool_calls: [{ id: 'I', function: { name: 'F', arguments: { k: 'V' } } }],
        },
        { role: 'tool', content: '{"r":"R"}', tool_name: 'F' },
      ],
      options: { stop: ['X'] },
    });
    for (const line of [
      'text meta /model M',
      'text system /messages/0/content S',
      'text user /messages/1/content U',
      'text assistant /messages/2/content A',
      'text assistant /messages/2/thinking H',
      'text assistant /messages/2/tool_calls/0/function/arguments/k V',
      'text tool /messages/3/content {"r":"R"}',
      'arguments tool /messages/3/content#/r R',
      'text tool /messages/3/tool_name F',
      'text meta /options/stop/0 X',
    ])
      expect(found).toContain(line);
  });

  it('of a prompt come in the order the model reads them', () => {
    const body = { odd: 'O', prompt: '{"a":"P"}', messages: [{ role: 'assistant', content: 'A' }], system: 'S' };
    const { segments } = read(ollamaGenerate, body);
    expect(
      segments.filter((each) => each.form !== 'key').map((each) => `${each.role} ${each.pointer} ${each.flow}`),
    ).toEqual([
      'system /system 0',
      'user /prompt 0',
      // The key and the value of what the prompt holds.
      'user /prompt#/a -1',
      'user /prompt#/a -1',
      'meta /odd -1',
      'assistant /messages/0/content 0',
    ]);
  });

  it('of images are gaps and no text', () => {
    const image = 'iVBORw0KGgo=';
    const chat = read(ollamaChat, { messages: [{ role: 'user', content: 'x', images: [image, image] }] });
    expect(chat.gaps.map((gap) => `${gap.cause} ${gap.pointer}`)).toEqual([
      'unsupported-content /messages/0/images/0',
      'unsupported-content /messages/0/images/1',
    ]);
    const prompt = read(ollamaGenerate, { prompt: 'x', images: [image] });
    expect(prompt.gaps.map((gap) => `${gap.cause} ${gap.pointer}`)).toEqual(['unsupported-content /images/0']);
    for (const each of [chat, prompt]) expect(each.segments.some((segment) => segment.text === image)).toBe(false);
  });

  it('of images elsewhere than where images belong are text', () => {
    expect(
      said(ollamaChat, { images: ['SECRET'], messages: [{ role: 'user', content: 'x', more: { images: ['DEEP'] } }] }),
    ).toEqual(expect.arrayContaining(['text meta /images/0 SECRET', 'text user /messages/0/more/images/0 DEEP']));
  });

  it('of texts to embed are the person’s', () => {
    expect(said(ollamaEmbed, { model: 'M', input: ['A', 'B'] })).toEqual(
      expect.arrayContaining(['text user /input/0 A', 'text user /input/1 B', 'text meta /model M']),
    );
    expect(said(ollamaEmbed, { input: 'A' })).toContain('text user /input A');
  });
});

describe('what the tool loop adds', () => {
  const results = [
    { call: { id: 'c1', name: 'exec', arguments: '{"command":"id"}' }, content: 'uid=0' },
    { call: { id: 'c2', name: 'exec', arguments: 'broken {' }, content: 'no' },
  ];
  const tools = [{ name: 'exec', description: 'runs', parameters: { type: 'object', properties: {} } }];

  it.each([
    ['chat', ollamaChat, { messages: [{ role: 'user', content: 'hi' }] }],
    ['generate', ollamaGenerate, { system: 'S', prompt: 'hi' }],
    ['generate with tools: null', ollamaGenerate, { prompt: 'hi', tools: null, messages: null }],
  ] as const)('is read back as it was meant: %s', (_, protocol, body) => {
    const before = read(protocol, body).chat.messages;
    const offered = document(protocol.withTools(document(body), tools));
    const grown = protocol.withToolRound(offered, 'let me see', results);
    const { chat } = read(protocol, grown);
    expect(chat.tools).toEqual(tools);
    expect(chat.messages.slice(0, before.length)).toEqual(before);
    expect(chat.messages.slice(before.length)).toEqual([
      {
        role: 'assistant',
        content: [{ kind: 'text', text: 'let me see' }],
        toolCalls: [
          { id: 'c1', name: 'exec', arguments: '{"command":"id"}' },
          { id: 'c2', name: 'exec', arguments: '{"arguments":"broken {"}' },
        ],
        toolCallId: '',
        name: '',
      },
      { role: 'tool', content: [{ kind: 'text', text: 'uid=0' }], toolCalls: [], toolCallId: 'c1', name: 'exec' },
      { role: 'tool', content: [{ kind: 'text', text: 'no' }], toolCalls: [], toolCallId: 'c2', name: 'exec' },
    ]);
    // A second round goes behind the first.
    const again = read(protocol, protocol.withToolRound(document(grown), '', results)).chat.messages;
    expect(again).toHaveLength(chat.messages.length + 3);
  });

  it('is nothing when there is nothing to add', () => {
    const body = document({ prompt: 'hi' });
    expect(ollamaGenerate.withTools(body, [])).toBe(body.source);
    expect(ollamaGenerate.withToolRound(body, 'x', [])).toBe(body.source);
  });

  it.each([
    [{ prompt: 'P' }, 'LINE'],
    [{ prompt: 'P', system: 'S' }, 'LINE\n\nS'],
    [{ prompt: 'P', system: null }, 'LINE'],
  ])('a line before %j is its system text', (body, system) => {
    const { chat } = read(ollamaGenerate, ollamaGenerate.withPreface?.(document(body), 'LINE'));
    expect(chat.messages.map((message) => message.content)).toEqual([
      [{ kind: 'text', text: system }],
      [{ kind: 'text', text: 'P' }],
    ]);
  });
});
