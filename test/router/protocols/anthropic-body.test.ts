/** Chats of other wires as Messages bodies, and official clients of those wires asking a cloud that speaks it. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import type { ChatMessage, ChatRequest } from '../../../router/chat.ts';
import { toAnthropic } from '../../../router/protocols/anthropic-body.ts';
import { COMPLEX, startSluice, type TestSluice } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());

const said = (role: ChatMessage['role'], text: string, more: Partial<ChatMessage> = {}): ChatMessage => ({
  role,
  content: text === '' ? [] : [{ kind: 'text', text }],
  toolCalls: [],
  toolCallId: '',
  name: '',
  ...more,
});
const chat = (messages: readonly ChatMessage[], more: Partial<ChatRequest> = {}): ChatRequest => ({
  messages,
  tools: [],
  toolChoice: { kind: 'auto' },
  parallelToolCalls: true,
  stream: false,
  includeUsage: false,
  choices: 1,
  sampling: {},
  responseFormat: { kind: 'text' },
  reasoningEffort: '',
  ...more,
});
const body = (request: ChatRequest): Record<string, unknown> =>
  JSON.parse(toAnthropic(request, { model: 'm', stream: false, includeUsage: false, maxTokens: 777 })) as Record<
    string,
    unknown
  >;

describe('toAnthropic()', () => {
  it('has system text apart, results of tools in a user’s turn, and every call with the id of its result', () => {
    const call = (id: string, name: string, given: string) => ({ id, name, arguments: given });
    const {
      system,
      messages,
      max_tokens: limit,
    } = body(
      chat([
        said('system', 'be kind'),
        said('user', 'look'),
        said('assistant', '', { toolCalls: [call('call.1', 'ls', '{"path":"/"}'), call('', 'pwd', 'not JSON')] }),
        said('tool', 'bin', { toolCallId: 'call.1' }),
        said('tool', '/home', { name: 'pwd' }),
        said('system', 'be short'),
        said('user', 'and?'),
        said('assistant', 'so'),
      ]),
    );
    expect([system, limit]).toEqual(['be kind\n\nbe short', 777]);
    expect(messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'look' }] },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'call_1', name: 'ls', input: { path: '/' } },
          { type: 'tool_use', id: 'call_2_1', name: 'pwd', input: { arguments: 'not JSON' } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: 'bin' }] },
          { type: 'tool_result', tool_use_id: 'call_2_1', content: [{ type: 'text', text: '/home' }] },
          { type: 'text', text: 'and?' },
        ],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'so' }] },
    ]);
  });

  it('begins with a user, and leaves out what says nothing', () => {
    const { messages } = body(chat([said('assistant', 'hello'), said('user', '  '), said('user', 'hi')])) as {
      messages: { role: string; content: object[] }[];
    };
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(messages[2]?.content).toEqual([{ type: 'text', text: 'hi' }]);
  });

  it.each<[Partial<ChatRequest>, object]>([
    [
      { sampling: { temperature: 1.7, topP: 0.5, maxTokens: 5, stop: [' ', 'END'] } },
      { temperature: 1, max_tokens: 5, stop_sequences: ['END'] },
    ],
    [{ sampling: { topP: 0.5 } }, { top_p: 0.5 }],
    [
      { responseFormat: { kind: 'schema', name: 'n', schema: { type: 'object' } } },
      { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
    ],
    [{ responseFormat: { kind: 'json' } }, { system: 'Answer with one JSON object and nothing else.' }],
  ])('%j', (more, expected) => {
    expect(body(chat([said('user', 'x')], more))).toMatchObject(expected);
  });

  it.each<[ChatRequest['toolChoice'], boolean, object]>([
    [{ kind: 'auto' }, true, { type: 'auto' }],
    [{ kind: 'required' }, false, { type: 'any', disable_parallel_tool_use: true }],
    [{ kind: 'none' }, false, { type: 'none' }],
    [{ kind: 'tool', name: 'f' }, true, { type: 'tool', name: 'f' }],
  ])('choice %j, parallel: %s', (toolChoice, parallelToolCalls, expected) => {
    const tools = [{ name: 'f', description: '', parameters: { type: 'object' } }];
    expect(body(chat([said('user', 'x')], { tools, toolChoice, parallelToolCalls }))).toMatchObject({
      tools: [{ name: 'f', input_schema: { type: 'object' } }],
      tool_choice: expected,
    });
  });

  it('has images inline, and by address', () => {
    const content = [
      { kind: 'image' as const, url: 'data:image/png;base64,AAAA' },
      { kind: 'image' as const, url: 'https://x.example/a.png' },
    ];
    expect(body(chat([said('user', '', { content })]))['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          { type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } },
        ],
      },
    ]);
  });
});

describe('the official openai client and a cloud of the Messages wire', () => {
  const MAIL = 'jane.roe@corp-mail.example';
  it('is answered whole and streamed, masked too, and finishes a tool round', async () => {
    sluice = await startSluice({
      claude: {
        reply: ({ body: text }) =>
          text.includes('tool_result') || !text.includes('"tools"')
            ? {
                thinking: { text: 'hm', signature: 'S'.repeat(40) },
                text: `heard ${/\[\[\w+\]\]/.exec(text)?.[0] ?? 'nothing'}`,
                usage: { input: 10, output: 3, cached: 2 },
              }
            : { toolCalls: [{ name: 'weather', input: { city: 'Rome' }, id: 'toolu_1' }] },
      },
    });
    const client = new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: 'none', maxRetries: 0 });
    for (const [content, expected] of [
      [COMPLEX, 'heard nothing'],
      [`${COMPLEX} for ${MAIL}`, `heard ${MAIL}`],
    ] as const) {
      const messages = [{ role: 'user' as const, content }];
      const whole = await client.chat.completions.create({ model: 'auto', messages });
      expect(whole.choices[0]?.message.content).toBe(expected);
      expect(whole.usage).toMatchObject({
        prompt_tokens: 12,
        completion_tokens: 3,
        prompt_tokens_details: { cached_tokens: 2 },
      });
      const streamed = await client.chat.completions.stream({ model: 'auto', messages }).finalChatCompletion();
      expect(streamed.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: expected } });
    }
    const runner = client.chat.completions.runTools({
      model: 'auto',
      messages: [{ role: 'user', content: COMPLEX }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'tells it',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            parse: JSON.parse as (text: string) => { city: string },
            function: ({ city }: { city: string }) => `sun in ${city}`,
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('heard nothing');
    expect(sluice.sentToCloud()).not.toContain(MAIL);
  });

  it('is answered at home when it wants several choices', async () => {
    sluice = await startSluice({ claude: {}, local: { reply: () => ({ text: 'home' }) } });
    const client = new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const { choices } = await client.chat.completions.create({
      model: 'auto',
      n: 2,
      messages: [{ role: 'user', content: COMPLEX }],
    });
    expect(choices.map(({ message }) => message.content)).toEqual(['home', 'home']);
    expect(sluice.claude.requests).toHaveLength(0);
  });
});
