import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonDocument } from '../../../router/json/document.ts';
import { parseJsonText } from '../../../router/json/parse.ts';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';
import { WIRE_WORDS } from '../../../router/protocols/segments.ts';
import type { ReadChat } from '../../../router/protocols/protocol.ts';

const LIMITS = { maxDepth: 64, maxLeaves: 100_000 };

function document(body: unknown): JsonDocument {
  const parsed = parseJsonText(typeof body === 'string' ? body : JSON.stringify(body), LIMITS);
  if (parsed.kind !== 'document') throw new Error(`refused: ${parsed.problem.code}`);
  return parsed.document;
}
const readAny = (body: unknown): ReadChat => openaiChat.read(document(body));
function read(body: unknown): Extract<ReadChat, { kind: 'chat' }> {
  const chat = readAny(body);
  if (chat.kind === 'problem') throw new Error(`problem: ${chat.problem.code} ${chat.problem.pointer}`);
  return chat;
}
const user = (content: unknown): object => ({ role: 'user', content });
const said = (body: unknown): string[] =>
  read(body).segments.map((segment) => `${segment.form} ${segment.role} ${segment.pointer} ${segment.text}`);

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
    ['the old functions', { functions: [{ name: 'f' }], messages: [user('a')] }, 'unsupported_value', '/functions'],
    ['the old function_call', { function_call: 'auto', messages: [user('a')] }, 'unsupported_value', '/function_call'],
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

describe('segments', () => {
  it('hold every string, unusual key and number, wherever it is', () => {
    const found = said({
      model: 'm',
      user: 'U',
      metadata: { Kkey: 'V' },
      odd: [['deep', 4111]],
      tools: [
        {
          type: 'function',
          function: {
            name: 'T',
            description: 'D',
            parameters: {
              type: 'object',
              properties: { Pkey: { type: 'string', description: 'E', enum: ['F'], default: 7 } },
            },
          },
        },
      ],
      response_format: { type: 'json_schema', json_schema: { name: 'R', schema: { title: 'S' } } },
      messages: [{ role: 'user', name: 'N', content: 'C', extra: { X: 'Y' } }],
    });
    for (const text of [
      'm',
      'U',
      'V',
      'deep',
      '4111',
      'T',
      'D',
      'E',
      'F',
      '7',
      'R',
      'S',
      'N',
      'C',
      'Y',
      'Kkey',
      'Pkey',
      'X',
      'odd',
      'extra',
    ])
      expect([text, found.filter((each) => each.endsWith(` ${text}`)).length]).toEqual([text, 1]);
    expect(found.some((each) => /^key \S+ \S+ (?:role|content|type|properties)$/.test(each))).toBe(false);
    expect(found).toContain('text user /messages/0/content C');
    expect(found).toContain('number meta /odd/0/1 4111');
    expect(found).toContain('key user /messages/0/extra/X X');
  });

  it('never leave a string leaf out, whatever the body', () => {
    expect.hasAssertions();
    const value = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(value, value, fc.string(), (extra, inMessage, text) => {
        const given = { messages: [{ role: 'user', content: text, extra: inMessage }], extra };
        const body = document(given);
        const known = new Set(
          read(given).segments.map((segment) => `${segment.form === 'key' ? 'key' : 'value'} ${segment.text}`),
        );
        const missing = body.leaves
          .filter(
            (leaf) =>
              !(WIRE_WORDS.has(leaf.text) && (leaf.kind === 'key' || leaf.key === 'type' || leaf.key === 'role')),
          )
          .filter((leaf) => leaf.text !== '' && !known.has(`${leaf.kind === 'key' ? 'key' : 'value'} ${leaf.text}`));
        expect(missing).toEqual([]);
      }),
    );
  });

  it('read on through parts and messages as one flow, and other strings do not', () => {
    const { segments } = read({
      user: 'U',
      messages: [
        user([{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }, 'c']),
        { role: 'assistant', content: 'd', reasoning_content: 'e' },
        user('f'),
      ],
    });
    expect(
      segments
        .filter((segment) => segment.flow === 0)
        .map((segment) => segment.text)
        .join(''),
    ).toBe('abcdef');
    expect(segments.find((segment) => segment.text === 'U')?.flow).toBe(-1);
  });

  it('join strings of one array with each other only', () => {
    const { segments } = read({ a: ['1', '2'], b: ['3'], messages: [user('x')] });
    const flow = (text: string) => segments.find((segment) => segment.text === text)?.flow;
    expect(flow('1')).toBe(flow('2'));
    expect(flow('1')).not.toBe(flow('3'));
    expect(flow('1')).toBeGreaterThan(0);
  });

  it('carry the nearest key as hint', () => {
    const { segments } = read({ messages: [user('x')], metadata: { ssn: '1', list: ['2'] } });
    expect(segments.filter((segment) => /^[12]$/.test(segment.text)).map((segment) => segment.hint)).toEqual([
      'ssn',
      'list',
    ]);
  });

  it('open tool-call arguments and any other JSON in a string, also nested', () => {
    const inner = JSON.stringify({ q: JSON.stringify({ deep: 'D\u00e9' }), n: 5, list: ['L'] }).replace('D', '\\u0044');
    const found = said({
      messages: [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'i', type: 'function', function: { name: 'f', arguments: inner } }],
        },
        { role: 'tool', content: ' [{"Rkey":"R"}] ' },
      ],
    });
    const at = '/messages/0/tool_calls/0/function/arguments';
    expect(found).toContain(`text assistant ${at} ${inner}`);
    expect(found).toContain(`arguments assistant ${at}#/n 5`);
    expect(found).toContain(`arguments assistant ${at}#/list/0 L`);
    expect(found).toContain(`arguments assistant ${at}#/q#/deep Dé`);
    expect(found).toContain('arguments tool /messages/1/content#/0/Rkey R');
    expect(found).toContain('arguments tool /messages/1/content#/0/Rkey Rkey');
  });

  it('read both values of a duplicate key in arguments', () => {
    const found = said({
      messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{"a":"one","a":"two"}' } }] }],
    });
    expect(found.filter((each) => / (?:one|two)$/.test(each))).toHaveLength(2);
  });

  it.each([
    ['nested too deep', `${'['.repeat(200)}${']'.repeat(200)}`],
    ['wrapped in strings too often', Array.from({ length: 6 }).reduce<string>((text) => JSON.stringify([text]), '[1]')],
  ])('leave a gap where JSON in a string is %s', (_name, content) => {
    expect(read({ messages: [user(content)] }).gaps).toContainEqual(expect.objectContaining({ cause: 'over-budget' }));
  });
});

describe('parts nobody can read', () => {
  const image = (url: unknown) => ({ type: 'image_url', image_url: { url } });
  const base64 = (text: string | Buffer) => Buffer.from(text as string).toString('base64');
  it.each<[string, unknown]>([
    ['an image by address', image('https://example.com/x.png')],
    ['an image in the body', image(`data:image/png;base64,${base64('x')}`)],
    ['audio', { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }],
    ['a file by id', { type: 'file', file: { file_id: 'file-1' } }],
    [
      'a PDF',
      { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${base64('%PDF')}` } },
    ],
    ['a file that is bare base64', { type: 'file', file: { file_data: base64('text') } }],
    ['a type nobody knows', { type: 'video', video: 'x' }],
    ['a type named like a method', { type: 'constructor' }],
    ['an image without its holder', { type: 'image_url', image_url: 'data:image/png;base64,AA' }],
    ['text that is not UTF-8', image(`data:text/plain;base64,${base64(Buffer.from([0xff, 0xfe, 0x41]))}`)],
    ['text that is UTF-16 in truth', image(`data:text/plain;base64,${base64(Buffer.from('secret', 'utf16le'))}`)],
    ['text in another charset', image(`data:text/plain;charset=utf-7;base64,${base64('x')}`)],
    ['base64 with a foreign character', image('data:text/plain;base64,QUJD!QUJD')],
    ['base64 named in the middle', image('data:text/plain;base64;x=y,QUJD')],
    ['a broken percent escape', image('data:text/plain,%zz')],
  ])('%s is a gap', (_name, part) => {
    const { gaps } = read({ messages: [user([{ type: 'text', text: 'look' }, part])] });
    expect(gaps).toEqual([
      { classifier: 'openai-chat', cause: 'unsupported-content', pointer: '/messages/0/content/1' },
    ]);
  });

  it.each<[string, string]>([
    ['text/plain', `data:text/plain;base64,${base64('SECRET')}`],
    ['CSV with a charset', `data:text/csv;charset=utf-8;base64,${base64('SECRET')}`],
    ['JSON', `data:application/json;base64,${base64('SECRET')}`],
    ['no type at all', 'data:,SECRET'],
    ['percent-encoded', 'data:text/plain,%53ECRET'],
    ['in capitals', `DATA:TEXT/PLAIN;BASE64,${base64('SECRET')}`],
    ['in a parameter of the URL itself', `data:text/plain;name=SECRET;base64,${base64('x')}`],
  ])('but text in a data URL is read: %s', (_name, url) => {
    const { gaps, segments } = read({ messages: [user([image(url)])] });
    expect(gaps).toEqual([]);
    expect(
      segments.filter((segment) => segment.form === 'file').map((segment) => [segment.pointer, segment.role]),
    ).toEqual([['/messages/0/content/0/image_url/url', 'user']]);
    expect(segments.find((segment) => segment.form === 'file')?.text).toContain('SECRET');
  });

  it('and a key that spells the path of an image hides nothing', () => {
    const found = said({
      messages: [
        {
          role: 'user',
          'content/0/image_url': { url: 'SECRET' },
          content: [image(`data:text/plain;base64,${base64('x')}`)],
        },
      ],
    });
    expect(found.some((each) => each.endsWith(' SECRET'))).toBe(true);
  });

  it('and audio kept at the provider is a gap', () => {
    expect(read({ messages: [{ role: 'assistant', audio: { id: 'a' } }, user('x')] }).gaps).toHaveLength(1);
  });
});

/** As the far side reads it. */
const reread = (source: string): Record<string, unknown> =>
  JSON.parse(JSON.stringify(document(source).root)) as Record<string, unknown>;

describe('forUpstream()', () => {
  const forUpstream = (body: unknown, change: Partial<Parameters<typeof openaiChat.forUpstream>[1]> = {}) =>
    reread(openaiChat.forUpstream(document(body), { model: 'cloud', stream: true, includeUsage: true, ...change }));

  it('sets model and stream and drops what names the client, leaving the rest byte for byte', () => {
    const body =
      '{"user":"me", "model":"auto","messages":[{"role":"user","content":"caf\\u00e9"}] ,"metadata":{"a":"b"},"x":1.50,"safety_identifier":"s","litellm_session_id":"z"}';
    expect(openaiChat.forUpstream(document(body), { model: 'gpt "4"', stream: false, includeUsage: false })).toBe(
      '{"stream":false,"model":"gpt \\"4\\"","messages":[{"role":"user","content":"caf\\u00e9"}] ,"x":1.50}',
    );
  });

  it.each<[string, object, Parameters<typeof openaiChat.forUpstream>[1], object]>([
    [
      'usage asked for',
      {},
      { model: 'c', stream: true, includeUsage: true },
      { stream_options: { include_usage: true } },
    ],
    [
      'options kept beside it',
      { stream_options: { include_usage: false, include_obfuscation: false } },
      { model: 'c', stream: true, includeUsage: true },
      { stream_options: { include_usage: true, include_obfuscation: false } },
    ],
    ['store forced off', { store: true }, { model: 'c', stream: false, includeUsage: false }, { store: false }],
    ['store null forced off', { store: null }, { model: 'c', stream: false, includeUsage: false }, { store: false }],
  ])('%s', (_name, more, change, expected) => {
    expect(forUpstream({ messages: [user('x')], ...more }, change)).toMatchObject(expected);
  });

  it('leaves stream options out where nothing streams, and store where nobody asked', () => {
    const sent = forUpstream(
      { stream: true, stream_options: { include_usage: true }, messages: [user('x')] },
      { stream: false },
    );
    expect(Object.keys(sent).toSorted()).toEqual(['messages', 'model', 'stream']);
  });

  it('is what the value would be, for any body', () => {
    const member = fc.constantFrom('model', 'stream', 'user', 'metadata', 'x', 'tools2', 'session_id', '__proto__');
    fc.assert(
      fc.property(fc.dictionary(member, fc.jsonValue({ maxDepth: 2 })), fc.constantFrom(0, 1), (extra, indent) => {
        const body = JSON.stringify({ ...extra, messages: [user('é—😀')] }, null, indent);
        const sent = reread(openaiChat.forUpstream(document(body), { model: 'c', stream: true, includeUsage: false }));
        const {
          user: _user,
          metadata: _metadata,
          session_id: _session,
          ...rest
        } = JSON.parse(body) as Record<string, unknown>;
        expect(sent).toEqual({ ...rest, model: 'c', stream: true });
      }),
    );
  });
});

describe('withTools() and withToolRound()', () => {
  const tool = { name: 'exec', description: 'run "it"', parameters: { type: 'object', properties: {} } };

  it.each<[string, object]>([
    ['missing', {}],
    ['null', { tools: null }],
    ['empty', { tools: [] }],
  ])('adds tools where they are %s', (_name, more) => {
    const sent = reread(openaiChat.withTools(document({ messages: [user('x')], ...more }), [tool]));
    expect(sent['tools']).toEqual([{ type: 'function', function: tool }]);
  });

  it("adds behind the client's own, and changes nothing for none", () => {
    const body = document({ tools: [{ type: 'function', function: { name: 'mine' } }], messages: [user('x')] });
    expect((reread(openaiChat.withTools(body, [tool, tool]))['tools'] as unknown[]).length).toBe(3);
    expect(openaiChat.withTools(body, [])).toBe(body.source);
  });

  it('appends the turn and its results so that they name each other', () => {
    const source = openaiChat.withToolRound(document({ messages: [user('x')] }), 'thinking', [
      { call: { id: 'a', name: 'f', arguments: '{"q":"\\"é"}' }, content: 'line\n"two" \ud83d' },
      { call: { id: '', name: 'g', arguments: '' }, content: '' },
    ]);
    expect(reread(source)['messages']).toEqual([
      user('x'),
      {
        role: 'assistant',
        content: 'thinking',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'f', arguments: '{"q":"\\"é"}' } },
          { id: 'call_1', type: 'function', function: { name: 'g', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: 'line\n"two" \ufffd' },
      { role: 'tool', tool_call_id: 'call_1', content: '' },
    ]);
    expect(read(source).chat.messages.at(-1)?.name).toBe('g');
  });

  it('frees a forced tool choice after the first call, and only that', () => {
    const after = (choice: unknown) =>
      reread(
        openaiChat.withToolRound(document({ tool_choice: choice, messages: [user('x')] }), '', [
          { call: { id: 'a', name: 'f', arguments: '{}' }, content: '' },
        ]),
      )['tool_choice'];
    expect(after('required')).toBe('auto');
    expect(after({ type: 'function', function: { name: 'f' } })).toBe('auto');
    expect(after('none')).toBe('none');
    expect(after(null)).toBeNull();
  });
});
