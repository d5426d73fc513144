import { describe, expect, it } from 'vitest';
import { readAny, read, user } from './chat-bodies.ts';

describe('read() refuses', () => {
  it.each<[string, object, string, string]>([
    ['no messages', { model: 'm' }, 'missing_field', '/messages'],
    ['messages of another type', { messages: 'hi' }, 'wrong_type', '/messages'],
    ['an empty conversation', { messages: [] }, 'out_of_range', '/messages'],
    ['a message that is a string', { messages: ['hi'] }, 'wrong_type', '/messages/0'],
    ['a message without role', { messages: [{ content: 'x' }] }, 'missing_field', '/messages/0/role'],
    ['an unknown role', { messages: [user('a'), { role: 'boss', content: 'x' }] }, 'unknown_role', '/messages/1/role'],
    ['a role in capitals', { messages: [{ role: 'User', content: 'x' }] }, 'unknown_role', '/messages/0/role'],
    [
      'a role named like a method',
      { messages: [{ role: 'constructor', content: 'x' }] },
      'unknown_role',
      '/messages/0/role',
    ],
    ['a role that is a number', { messages: [{ role: 1, content: 'x' }] }, 'wrong_type', '/messages/0/role'],
    ['a user without content', { messages: [{ role: 'user' }] }, 'missing_field', '/messages/0/content'],
    ['content that is a number', { messages: [user(7)] }, 'wrong_type', '/messages/0/content'],
    ['content that is an object', { messages: [user({ text: 'x' })] }, 'wrong_type', '/messages/0/content'],
    ['a part that is a number', { messages: [user([1])] }, 'wrong_type', '/messages/0/content/0'],
    ['a part without type', { messages: [user([{ text: 'x' }])] }, 'missing_field', '/messages/0/content/0/type'],
    [
      'a text part without text',
      { messages: [user([{ type: 'text' }])] },
      'missing_field',
      '/messages/0/content/0/text',
    ],
    [
      'tool calls that are no list',
      { messages: [{ role: 'assistant', tool_calls: {} }] },
      'wrong_type',
      '/messages/0/tool_calls',
    ],
    [
      'a tool call without function',
      { messages: [{ role: 'assistant', tool_calls: [{ id: 'a' }] }] },
      'missing_field',
      '/messages/0/tool_calls/0/function',
    ],
    ['a model that is a number', { model: 4, messages: [user('a')] }, 'wrong_type', '/model'],
    ['stream as a string', { stream: 'yes', messages: [user('a')] }, 'wrong_type', '/stream'],
    ['a negative choice count', { n: -1, messages: [user('a')] }, 'out_of_range', '/n'],
    ['a fractional choice count', { n: 1.5, messages: [user('a')] }, 'wrong_type', '/n'],
    ['a temperature out of range', { temperature: 9, messages: [user('a')] }, 'out_of_range', '/temperature'],
    ['stop with a number in it', { stop: ['a', 1], messages: [user('a')] }, 'wrong_type', '/stop/1'],
    ['tools that are no list', { tools: {}, messages: [user('a')] }, 'wrong_type', '/tools'],
    [
      'a tool without a name',
      { tools: [{ type: 'function', function: {} }], messages: [user('a')] },
      'missing_field',
      '/tools/0/function/name',
    ],
    ['an unknown tool choice', { tool_choice: 'perhaps', messages: [user('a')] }, 'unsupported_value', '/tool_choice'],
    [
      'an unknown response format',
      { response_format: { type: 'xml' }, messages: [user('a')] },
      'unsupported_value',
      '/response_format/type',
    ],
    ['messages in capitals', { messages: [user('a')], Messages: [user('b')] }, 'unsupported_value', '/Messages'],
    [
      'messages with a long s',
      { messages: [user('a')], 'me\u017f\u017fages': [] },
      'unsupported_value',
      '/me\u017f\u017fages',
    ],
    ['store in capitals', { messages: [user('a')], STORE: true }, 'unsupported_value', '/STORE'],
    ['a second content', { messages: [{ ...user('a'), Content: [] }] }, 'unsupported_value', '/messages/0/Content'],
    [
      'a part with a second image',
      { messages: [user([{ type: 'text', text: 'a', Image_URL: {} }])] },
      'unsupported_value',
      '/messages/0/content/0/Image_URL',
    ],
  ])('%s', (_name, body, code, pointer) => {
    expect(readAny(body)).toEqual({ kind: 'problem', problem: { code, pointer } });
  });
});

describe('read() takes', () => {
  it('what real clients send', () => {
    const { chat, model } = read({
      model: 'gpt-x',
      stream: true,
      stream_options: { include_usage: true },
      n: 2,
      temperature: 0,
      top_p: null,
      max_completion_tokens: 5,
      max_tokens: 9,
      stop: 'x',
      seed: -3,
      parallel_tool_calls: false,
      tool_choice: { type: 'function', function: { name: 'f' } },
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 's', schema: { $schema: 'y' } } },
      tools: [
        { type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } },
        { type: 'web_search' },
      ],
      messages: [
        { role: 'developer', content: 'be good' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'image_url', image_url: { url: 'https://x/y.png' } },
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
          ],
          name: 'ann',
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'result' },
      ],
      unknown_field: { deep: ['x'] },
    });
    expect(model).toBe('gpt-x');
    expect(chat).toMatchObject({
      stream: true,
      includeUsage: true,
      choices: 2,
      parallelToolCalls: false,
      toolChoice: { kind: 'tool', name: 'f' },
      reasoningEffort: 'low',
      sampling: { temperature: 0, maxTokens: 5, stop: ['x'], seed: -3 },
      responseFormat: { kind: 'schema', name: 's' },
      tools: [{ name: 'f', description: 'd' }],
    });
    expect(chat.sampling).not.toHaveProperty('topP');
    expect(
      chat.messages.map((message) => [message.role, message.content.map((part) => part.kind).join(), message.name]),
    ).toEqual([
      ['system', 'text', ''],
      ['user', 'text,image,opaque', 'ann'],
      ['assistant', '', ''],
      ['tool', 'text', 'f'],
    ]);
  });

  it('a body without model as auto', () => {
    expect(read({ messages: [user('a')] }).model).toBe('auto');
  });

  it.each<[string, readonly object[], readonly string[]]>([
    ['by id, in any order', [{ tool_call_id: 'b_2' }, { tool_call_id: 'a_1' }], ['g', 'f']],
    ['by id without the punctuation a client dropped', [{ tool_call_id: 'b2' }, { tool_call_id: 'a1' }], ['g', 'f']],
    ['by position without ids', [{}, {}], ['f', 'g']],
    ['by position with strange ids', [{ tool_call_id: '?' }, { tool_call_id: '!' }], ['f', 'g']],
    ['by their own name first', [{ name: 'mine' }, { tool_name: 'also' }], ['mine', 'also']],
  ])('tool results mapped %s', (_name, results, names) => {
    const call = (id: string, name: string) => ({ id, type: 'function', function: { name, arguments: '{}' } });
    const { chat } = read({
      messages: [
        user('x'),
        { role: 'assistant', tool_calls: [call('a_1', 'f'), call('b_2', 'g')] },
        ...results.map((each) => ({ role: 'tool', content: 'r', ...each })),
      ],
    });
    expect(chat.messages.slice(2).map((message) => message.name)).toEqual(names);
  });

  it('old function messages in a history', () => {
    const { chat } = read({
      messages: [
        user('x'),
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":1}' } },
        { role: 'function', name: 'f', content: 'r' },
      ],
    });
    expect(chat.messages[1]?.toolCalls).toEqual([{ id: '', name: 'f', arguments: '{"a":1}' }]);
    expect(chat.messages[2]).toMatchObject({ role: 'tool', name: 'f' });
  });
});
