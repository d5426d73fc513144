import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../router/json/parse.ts';
import { anthropicMessages } from '../../../router/protocols/anthropic-messages.ts';
import type { UpstreamChange } from '../../../router/protocols/protocol.ts';
import { traceConversation } from '../../../router/sessions/memory.ts';
import { startSluice } from '../../helpers/sluice.ts';

function documentOf(body: unknown) {
  const parsed = parseJson(Buffer.from(JSON.stringify(body)), { maxDepth: 64, maxLeaves: 100_000 });
  if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
  return parsed.document;
}
function read(body: object) {
  const shape = anthropicMessages.read(documentOf({ model: 'm', max_tokens: 9, ...body }));
  if (shape.kind === 'problem') throw new Error(`${shape.problem.code} ${shape.problem.pointer}`);
  return shape;
}
const MARK = { cache_control: { type: 'ephemeral' } };
const text = (words: string, more: object = {}) => ({ type: 'text', text: words, ...more });

describe('a Messages request', () => {
  it('is the chat it says: system first, results of tools among a user’s words, reasoning nobody else’s', () => {
    const { chat, where } = read({
      system: [text('be kind'), text('and short')],
      messages: [
        { role: 'user', content: 'look' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            text('I look'),
            { type: 'tool_use', id: 't1', name: 'ls', input: { path: '/' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't1', content: [text('bin')], is_error: true },
            text('and now?'),
          ],
        },
      ],
      tools: [
        { name: 'ls', input_schema: { type: 'object' } },
        { type: 'bash_20250124', name: 'bash' },
        { type: 'web_search_20250305', name: 'web_search' },
      ],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      stop_sequences: ['END'],
      top_k: 5,
      thinking: { type: 'enabled', budget_tokens: 1024 },
    });
    expect(
      chat.messages.map(({ role, content, toolCalls, toolCallId, name }) => [
        role,
        content.map((part) => (part.kind === 'text' ? part.text : part.kind)),
        toolCalls.map((call) => [call.name, call.arguments]),
        toolCallId,
        name,
      ]),
    ).toEqual([
      ['system', ['be kind', 'and short'], [], '', ''],
      ['user', ['look'], [], '', ''],
      ['assistant', ['I look'], [['ls', '{"path":"/"}']], '', ''],
      ['tool', ['[the tool failed]', 'bin'], [], 't1', 'ls'],
      ['user', ['and now?'], [], '', ''],
    ]);
    expect(chat.tools.map((tool) => tool.name)).toEqual(['ls', 'bash']);
    expect(chat.toolChoice).toEqual({ kind: 'required' });
    expect(chat).toMatchObject({
      parallelToolCalls: false,
      think: true,
      sampling: { stop: ['END'], localOptions: { top_k: 5 } },
    });
    expect([0, 1, 2].map((index) => where?.messageAt(`/messages/${index}/content/0`))).toEqual([1, 2, 3]);
    expect(where?.isInCall('/messages/1/content/2/input/path')).toBe(true);
    expect(where?.isInCall('/messages/1/content/1/text')).toBe(false);
  });

  it.each<[string, object, string, string]>([
    ['no messages', { messages: undefined }, 'missing_field', '/messages'],
    ['an empty conversation', { messages: [] }, 'out_of_range', '/messages'],
    ['no max_tokens', { max_tokens: undefined }, 'missing_field', '/max_tokens'],
    ['a role of another wire', { messages: [{ role: 'tool', content: 'x' }] }, 'unknown_role', '/messages/0/role'],
    ['a message under another case', { Messages: [] }, 'unsupported_value', '/Messages'],
    [
      'a block under another case',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', Text: 'b' }] }] },
      'unsupported_value',
      '/messages/0/content/0/Text',
    ],
    [
      'input that is no object',
      { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'b', input: 'c' }] }] },
      'wrong_type',
      '/messages/0/content/0/input',
    ],
    ['a temperature of 2', { temperature: 2 }, 'out_of_range', '/temperature'],
    ['a tool without a schema', { tools: [{ name: 'x' }] }, 'missing_field', '/tools/0/input_schema'],
    ['a choice nobody knows', { tool_choice: { type: 'maybe' } }, 'unsupported_value', '/tool_choice/type'],
  ])('%s is a problem', (_name, change, code, pointer) => {
    const body = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }], ...change };
    expect(anthropicMessages.read(documentOf(body))).toEqual({ kind: 'problem', problem: { code, pointer } });
  });
});

describe('what an agent sends again', () => {
  const REMINDER = `<system-reminder>${'all of the rules of this house, at length. '.repeat(200)}</system-reminder>`;
  const first = (marked: boolean) => ({
    system: [text('You are an agent.', MARK)],
    messages: [{ role: 'user', content: [text(REMINDER), text('do it', marked ? MARK : {})] }],
  });
  const later = (form: 'string' | 'block', marked: boolean) => ({
    system: [text('You are an agent.', MARK)],
    messages: [
      ...first(false).messages,
      { role: 'assistant', content: form === 'string' ? 'done' : [text('done')] },
      {
        role: 'user',
        content:
          form === 'string'
            ? 'thanks'
            : [text('thanks', marked ? { cache_control: { type: 'ephemeral', ttl: '1h' } } : {})],
      },
    ],
  });

  it('is known with its cache mark moved, and costs nothing again', async () => {
    const sluice = await startSluice({});
    try {
      const classify = async (body: object): Promise<number> => {
        const { blocks } = read(body);
        const how = { signal: new AbortController().signal, nearMisses: 'omit' } as const;
        return (await sluice.context.classifier.classifyBlocks(blocks?.blocks ?? [], blocks?.gaps ?? [], how))
          .scannedChars;
      };
      const whole = await classify(first(true));
      expect(whole).toBeGreaterThan(REMINDER.length);
      expect(await classify(first(true))).toBe(0);
      expect(await classify(first(false))).toBe(0);
      expect(await classify(later('block', true))).toBeLessThan(1_000);
      expect(await classify(later('block', false))).toBe(0);
    } finally {
      await sluice.close();
    }
  });

  it('is the same conversation, marked or not, as a string or as one block', () => {
    const chains = (body: object) => {
      const { chat, blocks } = read(body);
      return traceConversation(Buffer.alloc(32, 1), 'p', chat.messages, [], blocks?.messageKeys).chains;
    };
    const all = [chains(later('string', false)), chains(later('block', false)), chains(later('block', true))];
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    expect(all[0]?.slice(0, 1)).toEqual(chains(first(true)));
  });

  it('is not the same when a mark holds anything else', () => {
    const keys = [
      MARK,
      { cache_control: { type: 'ephemeral', note: 'x' } },
      { cache_control: { type: 'other' } },
      {},
    ].map(
      (more) => read({ messages: [{ role: 'user', content: [text('a', more), text('b')] }] }).blocks?.messageKeys[0],
    );
    expect(keys[0]).toBe(keys[3]);
    expect(new Set(keys).size).toBe(3);
    const quoted = (words: string) =>
      read({ messages: [{ role: 'user', content: [text(words), text('b')] }] }).blocks?.messageKeys[0];
    expect(quoted('a,"cache_control":{"type":"ephemeral"}')).not.toBe(quoted('a'));
  });
});

describe('what leaves for an upstream of the same wire', () => {
  const SEAL = 'A'.repeat(40);
  const change = (more: Partial<UpstreamChange> = {}): UpstreamChange => ({
    model: 'real',
    stream: true,
    includeUsage: true,
    ...more,
  });
  const sent = (body: object, more: Partial<UpstreamChange> = {}): Record<string, never> =>
    JSON.parse(
      anthropicMessages.forUpstream(
        documentOf({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }], ...body }),
        change(more),
      ),
    ) as Record<string, never>;

  it('is the client’s own source but for what names the client', () => {
    const body = {
      model: 'm',
      max_tokens: 9,
      metadata: { user_id: 'me' },
      unknown: [1.5],
      messages: [{ role: 'user', content: 'x' }],
      stream: true,
    };
    const source = JSON.stringify(body).replace('1.5', '1.50');
    const parsed = parseJson(Buffer.from(source), { maxDepth: 9, maxLeaves: 99 });
    if (parsed.kind === 'problem') throw new Error();
    expect(anthropicMessages.forUpstream(parsed.document, change())).toBe(
      source.replace('"m"', '"real"').replace('"metadata":{"user_id":"me"},', ''),
    );
  });

  it('has no billing header, and none of the tools a provider would run unless they may be carried', () => {
    const body = {
      system: [text('x-anthropic-billing-header: cc_version=2'), text('be kind')],
      tools: [
        { name: 'ls', input_schema: {} },
        { type: 'web_search_20250305', name: 'web_search' },
        { type: 'computer_20250124', name: 'computer' },
      ],
      tool_choice: { type: 'tool', name: 'web_search' },
      mcp_servers: [{ type: 'url', url: 'https://x.example', name: 'x' }],
    };
    const bare = sent(body);
    expect(bare['system']).toEqual([text('be kind')]);
    expect((bare['tools'] as unknown as { name: string }[]).map((tool) => tool.name)).toEqual(['ls', 'computer']);
    expect(Object.keys(bare)).not.toEqual(expect.arrayContaining(['mcp_servers']));
    expect(Object.keys(bare)).not.toEqual(expect.arrayContaining(['tool_choice']));
    const carried = sent(body, { carriesTools: true });
    expect(carried['tools']).toHaveLength(3);
    expect(carried['mcp_servers']).toHaveLength(1);
  });

  const history = (block: object, more: object = {}) => ({
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: [block, text('y')] },
      { role: 'user', content: 'z' },
    ],
    ...more,
  });
  const content = (body: Record<string, never>): readonly { type: string }[] =>
    (body['messages'] as unknown as { content: { type: string }[] }[])[1]?.content ?? [];

  it.each([
    ['thinking', { type: 'thinking', thinking: 'hm', signature: SEAL }, 'hm'],
    ['redacted thinking', { type: 'redacted_thinking', data: SEAL }, ''],
    [
      'a search',
      {
        type: 'web_search_tool_result',
        tool_use_id: 's',
        content: [{ type: 'web_search_result', encrypted_content: SEAL }],
      },
      '',
    ],
  ])('has %s only back for the one who issued it', (_name, block, words) => {
    expect(content(sent(history(block))).map(({ type }) => type)).toEqual(['text']);
    const kept = sent(history(block), { keepSeal: (seal, said) => seal === SEAL && said === words });
    expect(content(kept)).toHaveLength(2);
    expect(content(sent(history(block), { keepSeal: (seal, said) => seal === SEAL && said === 'else' }))).toHaveLength(
      1,
    );
  });

  it('loses a search together with what it found, and a citation without its text', () => {
    const body = {
      messages: [
        { role: 'user', content: 'x' },
        {
          role: 'assistant',
          content: [
            { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } },
            {
              type: 'web_search_tool_result',
              tool_use_id: 's',
              content: [{ type: 'web_search_result', encrypted_content: SEAL }],
            },
            text('so', { citations: [{ type: 'web_search_result_location', encrypted_index: SEAL }] }),
          ],
        },
        { role: 'user', content: 'z' },
      ],
    };
    expect(content(sent(body))).toEqual([text('so')]);
  });

  it('does not ask for thinking where the turn under way lost its own', () => {
    const round = {
      thinking: { type: 'enabled', budget_tokens: 1024 },
      context_management: { edits: [] },
      messages: [
        { role: 'user', content: 'x' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: SEAL },
            { type: 'tool_use', id: 't', name: 'f', input: {} },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'r' }] },
      ],
    };
    expect(Object.keys(sent(round))).not.toContain('thinking');
    expect(Object.keys(sent(round))).not.toContain('context_management');
    expect(Object.keys(sent(round, { keepSeal: () => true }))).toContain('thinking');
    expect(
      Object.keys(sent(history({ type: 'thinking', thinking: 'hm', signature: SEAL }, { thinking: round.thinking }))),
    ).toContain('thinking');
  });

  it('drops a message of which nothing is left', () => {
    const body = sent({
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: SEAL }] },
        { role: 'user', content: 'z' },
      ],
    });
    expect((body['messages'] as unknown as { role: string }[]).map(({ role }) => role)).toEqual(['user', 'user']);
  });
});
