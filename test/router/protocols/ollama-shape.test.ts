import { describe, expect, it } from 'vitest';
import { ollamaChat } from '../../../router/protocols/ollama-chat.ts';
import { ollamaEmbed, ollamaEmbeddings } from '../../../router/protocols/ollama-embed.ts';
import { ollamaGenerate } from '../../../router/protocols/ollama-generate.ts';
import type { ReadChat, RequestProtocol } from '../../../router/protocols/protocol.ts';
import { document } from './chat-bodies.ts';

const user = (content: unknown, more: object = {}): object => ({ role: 'user', content, ...more });
const chat = (more: object): object => ({ model: 'm', messages: [user('hi')], ...more });
const generate = (more: object): object => ({ model: 'm', prompt: 'hi', ...more });

function read(protocol: RequestProtocol, body: object): Extract<ReadChat, { kind: 'chat' }> {
  const read = protocol.read(document(body));
  if (read.kind === 'problem') throw new Error(`problem: ${read.problem.code} ${read.problem.pointer}`);
  return read;
}

const EITHER: readonly [string, object, string, string][] = [
  ['options that are no object', { options: [] }, 'wrong_type', '/options'],
  ['a temperature in words', { options: { temperature: 'hot' } }, 'wrong_type', '/options/temperature'],
  ['a temperature out of range', { options: { temperature: 9 } }, 'out_of_range', '/options/temperature'],
  ['a fractional seed', { options: { seed: 1.5 } }, 'wrong_type', '/options/seed'],
  ['a fractional limit', { options: { num_predict: 1.5 } }, 'wrong_type', '/options/num_predict'],
  ['stop with a number in it', { options: { stop: ['a', 1] } }, 'wrong_type', '/options/stop/1'],
  ['a format in other words', { format: 'xml' }, 'unsupported_value', '/format'],
  ['a format that is a list', { format: [] }, 'wrong_type', '/format'],
  ['thinking in other words', { think: 'deeply' }, 'unsupported_value', '/think'],
  ['thinking as a number', { think: 1 }, 'wrong_type', '/think'],
  ['stream as a string', { stream: 'yes' }, 'wrong_type', '/stream'],
  ['a time of no unit', { keep_alive: 'long' }, 'unsupported_value', '/keep_alive'],
  ['a time that is an object', { keep_alive: {} }, 'wrong_type', '/keep_alive'],
  ['a model that is a number', { model: 4 }, 'wrong_type', '/model'],
  ['tools that are no list', { tools: {} }, 'wrong_type', '/tools'],
  ['a tool without a name', { tools: [{ type: 'function', function: {} }] }, 'missing_field', '/tools/0/function/name'],
  ['truncate in words', { truncate: 'no' }, 'wrong_type', '/truncate'],
  ['a second body in capitals', { Messages: [] }, 'unsupported_value', '/Messages'],
  ['a second option set in capitals', { OPTIONS: {} }, 'unsupported_value', '/OPTIONS'],
];

type Row = [name: string, protocol: RequestProtocol, body: object, code: string, pointer: string];
const both = (path: string, protocol: RequestProtocol, make: (more: object) => object): Row[] =>
  EITHER.map(([name, more, code, at]) => [`${name} (${path})`, protocol, make(more), code, at]);

describe('read() refuses', () => {
  it.each<Row>([
    ...both('chat', ollamaChat, chat),
    ...both('generate', ollamaGenerate, generate),
    ['no messages', ollamaChat, { model: 'm' }, 'missing_field', '/messages'],
    ['messages of another type', ollamaChat, { messages: 'hi' }, 'wrong_type', '/messages'],
    ['a message that is a string', ollamaChat, { messages: ['hi'] }, 'wrong_type', '/messages/0'],
    ['a message without role', ollamaChat, { messages: [{ content: 'x' }] }, 'missing_field', '/messages/0/role'],
    ['an unknown role', ollamaChat, { messages: [{ role: 'boss', content: 'x' }] }, 'unknown_role', '/messages/0/role'],
    [
      'a role named like a method',
      ollamaChat,
      { messages: [{ role: 'constructor' }] },
      'unknown_role',
      '/messages/0/role',
    ],
    [
      'content in parts',
      ollamaChat,
      { messages: [user([{ type: 'text', text: 'x' }])] },
      'wrong_type',
      '/messages/0/content',
    ],
    [
      'thinking that is a list',
      ollamaChat,
      { messages: [user('a', { thinking: [] })] },
      'wrong_type',
      '/messages/0/thinking',
    ],
    [
      'images that are no list',
      ollamaChat,
      { messages: [user('a', { images: 'x' })] },
      'wrong_type',
      '/messages/0/images',
    ],
    [
      'an image that is a number',
      ollamaChat,
      { messages: [user('a', { images: [1] })] },
      'wrong_type',
      '/messages/0/images/0',
    ],
    [
      'content in capitals',
      ollamaChat,
      { messages: [user('a', { Content: 'b' })] },
      'unsupported_value',
      '/messages/0/Content',
    ],
    [
      'a call without function',
      ollamaChat,
      { messages: [{ role: 'assistant', tool_calls: [{ id: 'a' }] }] },
      'missing_field',
      '/messages/0/tool_calls/0/function',
    ],
    [
      'arguments that are a list',
      ollamaChat,
      { messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: [] } }] }] },
      'wrong_type',
      '/messages/0/tool_calls/0/function/arguments',
    ],
    ['a prompt that is a list', ollamaGenerate, { prompt: ['a'] }, 'wrong_type', '/prompt'],
    ['system that is an object', ollamaGenerate, { prompt: 'a', system: {} }, 'wrong_type', '/system'],
    ['raw prompts', ollamaGenerate, generate({ raw: true }), 'unsupported_value', '/raw'],
    ['a template', ollamaGenerate, generate({ template: '{{ .Prompt }}' }), 'unsupported_value', '/template'],
    ['a fill in the middle', ollamaGenerate, generate({ suffix: 'end' }), 'unsupported_value', '/suffix'],
    ['a conversation in tokens', ollamaGenerate, generate({ context: [1, 2] }), 'unsupported_value', '/context'],
    ['an image that is an object', ollamaGenerate, generate({ images: [{}] }), 'wrong_type', '/images/0'],
    ['nothing to embed', ollamaEmbed, { model: 'm' }, 'missing_field', '/input'],
    ['a number to embed', ollamaEmbed, { input: 1 }, 'wrong_type', '/input'],
    ['tokens to embed', ollamaEmbed, { input: ['a', [1, 2]] }, 'wrong_type', '/input/1'],
    ['no dimensions', ollamaEmbed, { input: 'a', dimensions: 0 }, 'out_of_range', '/dimensions'],
    ['a second input', ollamaEmbed, { input: 'a', INPUT: 'b' }, 'unsupported_value', '/INPUT'],
    ['no prompt to embed', ollamaEmbeddings, { input: 'a' }, 'missing_field', '/prompt'],
    ['prompts to embed', ollamaEmbeddings, { prompt: ['a'] }, 'wrong_type', '/prompt'],
  ])('%s', (_, protocol, body, code, pointer) => {
    expect(protocol.read(document(body))).toEqual({ kind: 'problem', problem: { code, pointer } });
  });
});

describe('read() takes', () => {
  it('a bare request: it streams, and asks for nothing else', () => {
    expect(read(ollamaChat, chat({})).chat).toEqual({
      messages: [{ role: 'user', content: [{ kind: 'text', text: 'hi' }], toolCalls: [], toolCallId: '', name: '' }],
      tools: [],
      toolChoice: { kind: 'auto' },
      parallelToolCalls: true,
      stream: true,
      includeUsage: true,
      choices: 1,
      sampling: {},
      responseFormat: { kind: 'text' },
      reasoningEffort: '',
    });
    expect(read(ollamaGenerate, generate({})).chat).toEqual(read(ollamaChat, chat({})).chat);
  });

  it.each<[string, object, object]>([
    ['stream off', { stream: false }, { stream: false }],
    ['think on', { think: true }, { think: true, reasoningEffort: '' }],
    ['think off', { think: false }, { think: false, reasoningEffort: '' }],
    ['a thinking level', { think: 'high' }, { reasoningEffort: 'high' }],
    ['the highest level', { think: 'max' }, { reasoningEffort: 'xhigh' }],
    ['JSON', { format: 'json' }, { responseFormat: { kind: 'json' } }],
    ['no format', { format: '' }, { responseFormat: { kind: 'text' } }],
    [
      'a schema',
      { format: { type: 'object' } },
      { responseFormat: { kind: 'schema', name: 'response', schema: { type: 'object' } } },
    ],
    ['seconds', { keep_alive: 90 }, { keepAlive: 90 }],
    ['seconds in a string', { keep_alive: '-1' }, { keepAlive: -1 }],
    ['a duration', { keep_alive: '1h30m' }, { keepAlive: '1h30m' }],
    ['a choice of tools, which is no part of this wire', { tool_choice: 'required' }, { toolChoice: { kind: 'auto' } }],
    ['a limit', { options: { num_predict: 5 } }, { sampling: { maxTokens: 5 } }],
    ['no limit', { options: { num_predict: -1 } }, { sampling: {} }],
    ['one stop', { options: { stop: 'END' } }, { sampling: { stop: ['END'] } }],
    [
      'null for anything',
      { options: null, format: null, think: null, tools: null, keep_alive: null },
      { sampling: {} },
    ],
    [
      'options that reload the model, by leaving them out',
      { options: { num_ctx: 1, num_batch: 2, num_gpu: 0, use_mmap: false, num_thread: 1, top_k: 3, min_p: 0.5 } },
      { sampling: { localOptions: { top_k: 3, min_p: 0.5 } } },
    ],
  ])('%s', (_, more, expected) => {
    expect(read(ollamaChat, chat(more)).chat).toMatchObject(expected);
    expect(read(ollamaGenerate, generate(more)).chat).toMatchObject(expected);
  });

  it.each([
    ['auto:latest', 'auto'],
    ['', 'auto'],
    ['qwen3:8b', 'qwen3:8b'],
    ['x:latest', 'x:latest'],
  ])('the model %j as %j', (model, expected) => {
    expect(read(ollamaChat, chat({ model })).model).toBe(expected);
  });

  it('roles in capitals, as Ollama does', () => {
    const roles = ['System', 'USER', 'Assistant', 'TOOL'];
    const messages = roles.map((role) => ({ role, content: 'x' }));
    expect(read(ollamaChat, { messages }).chat.messages.map((message) => message.role)).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
    ]);
  });

  it.each([
    ['/9j/4AAQ', 'data:image/jpeg;base64,/9j/4AAQ'],
    ['iVBORw0KGgo=', 'data:image/png;base64,iVBORw0KGgo='],
    ['UklGRiQA\n', 'data:image/webp;base64,UklGRiQA'],
    ['data:image/png;base64,AAAA', 'data:image/png;base64,AAAA'],
  ])('the image %j', (image, url) => {
    const expected = [
      { kind: 'text', text: 'hi' },
      { kind: 'image', url },
    ];
    expect(read(ollamaChat, { messages: [user('hi', { images: [image] })] }).chat.messages[0]?.content).toEqual(
      expected,
    );
    expect(read(ollamaGenerate, generate({ images: [image] })).chat.messages[0]?.content).toEqual(expected);
  });

  it('results by id, by id without its punctuation, by name, by order', () => {
    const calls = ['a', 'b', 'c', 'd'].map((name) => ({ id: `call_${name}`, function: { name, arguments: { x: 1 } } }));
    const results = [{ tool_call_id: 'callc' }, { tool_name: 'b' }, {}, { tool_call_id: 'call_d' }];
    const messages = [
      user('hi'),
      { role: 'assistant', content: '', tool_calls: calls },
      ...results.map((naming) => ({ role: 'tool', content: 'r', ...naming })),
    ];
    expect(
      read(ollamaChat, { messages })
        .chat.messages.slice(2)
        .map((message) => message.name),
    ).toEqual(['c', 'b', 'a', 'd']);
  });

  it('no prompt as a wish to load the model', () => {
    expect(read(ollamaGenerate, { model: 'm', system: 'Be short.' }).chat.messages).toEqual([]);
    expect(read(ollamaChat, { model: 'm', messages: [] }).chat.messages).toEqual([]);
  });
});
