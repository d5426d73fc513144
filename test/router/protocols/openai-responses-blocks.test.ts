/** A /responses body in blocks: an agent that sends its whole history again costs only what is new, and no leaf is lost between two blocks. */
import { describe, expect, it } from 'vitest';
import { parseJsonText } from '../../../router/json/parse.ts';
import { createOpenAIResponses } from '../../../router/protocols/openai-responses.ts';
import type { ReadChat } from '../../../router/protocols/protocol.ts';
import { traceConversation } from '../../../router/sessions/memory.ts';

function read(body: unknown): ReadChat & { readonly kind: 'chat' } {
  const parsed = parseJsonText(JSON.stringify(body), { maxDepth: 64, maxLeaves: 100_000 });
  if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
  const protocol = createOpenAIResponses({
    providerTools: 'strip',
    writer: { request: {}, tools: new Map(), onDone: () => undefined },
  });
  const chat = protocol.read(parsed.document);
  if (chat.kind === 'problem') throw new Error(`${chat.problem.code} ${chat.problem.pointer}`);
  return chat;
}
const keys = (chat: ReadChat & { readonly kind: 'chat' }): readonly string[] =>
  chat.blocks?.blocks.map((block) => block.key) ?? [];

const history = [
  { role: 'user', content: 'first question' },
  { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'A'.repeat(64) },
  { role: 'assistant', content: [{ type: 'output_text', text: 'let me look' }] },
  { type: 'function_call', call_id: 'a', name: 'look', arguments: '{"path":"deep/er"}' },
  { type: 'function_call', call_id: 'b', name: 'look', arguments: '{}' },
  { type: 'function_call_output', call_id: 'a', output: 'seen a' },
  { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'seen b' }] },
];
const body = (input: unknown): object => ({
  model: 'auto',
  instructions: 'Be brief.',
  tools: [{ type: 'function', name: 'look', parameters: { type: 'object', properties: {} }, strict: false }],
  input,
});

describe('blocks of a /responses body', () => {
  it('are those of the turn before, and one for what is new', () => {
    const before = new Set(keys(read(body(history))));
    const after = keys(read(body([...history, { role: 'user', content: 'second question' }])));
    expect(after.filter((key) => !before.has(key))).toHaveLength(1);
    // An item that is another is no old one.
    const changed = keys(read(body([{ role: 'user', content: 'first question?' }, ...history.slice(1)])));
    expect(changed.filter((key) => !before.has(key))).toHaveLength(1);
  });

  it('hold every leaf once, but sealed reasoning, which never leaves unread', () => {
    const chat = read(body(history));
    const pointers = chat.segments.map((segment) => `${segment.pointer} ${segment.form} ${segment.text}`);
    expect(new Set(pointers).size).toBe(pointers.length);
    const texts = chat.segments.map((segment) => segment.text);
    for (const text of ['Be brief.', 'first question', 'hm', 'let me look', 'deep/er', 'seen a', 'seen b', 'look'])
      expect(texts, text).toContain(text);
    expect(texts.join(' ')).not.toContain('AAAA');
    expect(chat.gaps).toEqual([]);
  });

  it('say whose words they are, and where a call is', () => {
    const { chat, segments, where } = read(body(history));
    expect(chat.messages.map((message) => message.role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool']);
    expect(chat.messages[2]?.toolCalls.map((call) => call.id)).toEqual(['a', 'b']);
    const roleOf = (text: string): string | undefined => segments.find((segment) => segment.text === text)?.role;
    expect([roleOf('Be brief.'), roleOf('first question'), roleOf('let me look'), roleOf('seen b')]).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
    ]);
    expect(
      [
        '/instructions',
        '/input/0/content',
        '/input/1/summary/0/text',
        '/input/4/arguments',
        '/input/6/output/0/text',
        '/tools/0',
      ].map((pointer) => where?.messageAt(pointer)),
    ).toEqual([0, 1, 2, 2, 4, undefined]);
    expect(
      ['/input/3/arguments#/path', '/input/5/output', '/tools/0/name'].map((pointer) => where?.isInCall(pointer)),
    ).toEqual([true, false, false]);
  });

  it('trace a conversation the same with and without what is remembered of its items', () => {
    const chat = read(body(history));
    const key = Buffer.alloc(32, 5);
    const plain = traceConversation(key, 'p', chat.chat.messages, []);
    for (let round = 0; round < 2; round += 1)
      expect(traceConversation(key, 'p', chat.chat.messages, [], chat.blocks?.messageKeys)).toEqual(plain);
  });
});
