import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';
import { document, read, user } from './chat-bodies.ts';

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
