/** A value planted in every position of a Messages request: in no cloud byte, log, metric, header or error. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryOf, leaksIn } from '../helpers/canary.ts';
import { type Body, expectKeptHome } from '../helpers/kept-home.ts';
import { CARD, COMPLEX, startSluice, type TestSluice } from '../helpers/sluice.ts';

const canary = canaryOf(CARD);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const user = (content: unknown): Body => ({ role: 'user', content });
const text = (words: string, more: Body = {}): Body => ({ type: 'text', text: words, ...more });
const use = (input: unknown, more: Body = {}): Body => ({
  role: 'assistant',
  content: [{ type: 'tool_use', id: 'toolu_1', name: 'lookup', input, ...more }],
});
const result = (content: unknown, more: Body = {}): Body =>
  user([{ type: 'tool_result', tool_use_id: 'toolu_1', content, ...more }]);
const tool = (change: Body): Body => ({
  name: 'lookup',
  description: 'looks up',
  input_schema: { type: 'object', properties: { id: { type: 'string' } } },
  ...change,
});

/** Every row has its own opening: a conversation remembered from another row would stay home whatever is planted. */
const positions = (COMPLEX: string): Readonly<Record<string, Body>> => {
  const base = (change: Body): Body => ({ model: 'auto', max_tokens: 99, messages: [user(COMPLEX)], ...change });
  const said = (block: Body): Body =>
    base({ messages: [user('x'), { role: 'assistant', content: [block, text('y')] }, user(COMPLEX)] });
  const asked = (block: Body): Body => base({ messages: [user([text(COMPLEX), block])] });
  return {
    'user text': base({ messages: [user(`${COMPLEX} ${CARD}`)] }),
    'a text block': asked(text(CARD)),
    'a text block with a cache mark': asked(text(CARD, { cache_control: { type: 'ephemeral', ttl: '1h' } })),
    'a cache mark': asked(text('x', { cache_control: { type: 'ephemeral', note: CARD } })),
    'first of many turns': base({
      messages: [
        user(CARD),
        { role: 'assistant', content: 'ok' },
        user(COMPLEX),
        { role: 'assistant', content: 'ok' },
        user(COMPLEX),
      ],
    }),
    'system string': base({ system: `Customer card ${CARD}` }),
    'system block': base({ system: [text('be kind'), text(CARD)] }),
    'a second billing block': base({ system: [text(`x-anthropic-billing-header: a=b`), text(`card ${CARD}`)] }),
    'system and talk, split': base({ messages: [user(`6362 1486 please ${COMPLEX}`)], system: 'card 4539 5787' }),
    'a system message': base({
      messages: [user(COMPLEX), { role: 'assistant', content: 'y' }, { role: 'system', content: CARD }, user('go on')],
    }),
    'assistant text': base({
      messages: [user('x'), { role: 'assistant', content: `the card ${CARD}` }, user(COMPLEX)],
    }),
    thinking: said({ type: 'thinking', thinking: CARD, signature: 'A'.repeat(300) }),
    'the signature of thinking': said({ type: 'thinking', thinking: 'hm', signature: CARD }),
    'the signature of thinking, base64': said({
      type: 'thinking',
      thinking: 'hm',
      signature: base64(`card ${CARD} of the customer`),
    }),
    'an unknown member of thinking': said({ type: 'thinking', thinking: 'hm', signature: '', note: CARD }),
    'redacted thinking': said({ type: 'redacted_thinking', data: CARD }),
    'redacted thinking, base64': said({ type: 'redacted_thinking', data: base64(`card ${CARD} of the customer`) }),
    'a signature of the user': base({
      messages: [user([text(COMPLEX), { type: 'thinking', thinking: 'a', signature: CARD }])],
    }),
    'split over blocks': base({ messages: [user([text(`${COMPLEX} card 4539 5787`), text(' 6362 1486 please')])] }),
    'split over messages': base({ messages: [user(`${COMPLEX} card 4539 5787`), user('6362 1486 please')] }),
    'tool input': base({ messages: [user(COMPLEX), use({ card: CARD }), result('ok')] }),
    'tool input, deep': base({
      messages: [user(COMPLEX), use({ a: [{ b: { source: { data: CARD } } }] }), result('ok')],
    }),
    'tool input, a signature': base({ messages: [user(COMPLEX), use({ signature: CARD }), result('ok')] }),
    'tool input, a name': base({ messages: [user(COMPLEX), use({ name: CARD }), result('ok')] }),
    'tool input, a number': base({ messages: [user(COMPLEX), use({ card: 4539578763621486 }), result('ok')] }),
    'tool input, a key': base({ messages: [user(COMPLEX), use({ [CARD]: 1 }), result('ok')] }),
    'tool input, JSON in a string': base({
      messages: [user(COMPLEX), use({ body: JSON.stringify({ card: CARD }) }), result('ok')],
    }),
    'tool use id': base({
      messages: [
        user(COMPLEX),
        use({}, { id: CARD }),
        user([{ type: 'tool_result', tool_use_id: CARD, content: 'ok' }]),
      ],
    }),
    'tool result': base({ messages: [user(COMPLEX), use({}), result(CARD)] }),
    'tool result blocks': base({ messages: [user(COMPLEX), use({}), result([text('x'), text(CARD)])] }),
    'tool result as JSON': base({
      messages: [user(COMPLEX), use({}), result(JSON.stringify({ rows: [{ card: CARD }] }))],
    }),
    'tool result, failed': base({ messages: [user(COMPLEX), use({}), result(CARD, { is_error: true })] }),
    'tool result, a search result': base({
      messages: [
        user(COMPLEX),
        use({}),
        result([{ type: 'search_result', source: 'a', title: 'b', content: [text(CARD)] }]),
      ],
    }),
    'tool result, a document': base({
      messages: [
        user(COMPLEX),
        use({}),
        result([{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: CARD } }]),
      ],
    }),
    'tool result, an image': base({
      messages: [
        user(COMPLEX),
        use({}),
        result([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: base64(CARD) } }]),
      ],
    }),
    'tool result, then text': base({
      messages: [
        user(COMPLEX),
        use({}),
        user([{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'ok' }, text(CARD)]),
      ],
    }),
    'a plain document': asked({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: CARD } }),
    'a document in base64': asked({
      type: 'document',
      source: { type: 'base64', media_type: 'text/plain', data: base64(`card ${CARD}`) },
    }),
    'a PDF': asked({
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: base64(`%PDF ${CARD}`) },
    }),
    'a document of blocks': asked({ type: 'document', source: { type: 'content', content: [text(CARD)] } }),
    'a document title': asked({
      type: 'document',
      title: CARD,
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
    }),
    'a document context': asked({
      type: 'document',
      context: CARD,
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
    }),
    'a document URL': asked({
      type: 'document',
      source: { type: 'url', url: `https://x.example/${CARD.replaceAll(' ', '')}` },
    }),
    'a file id': asked({ type: 'document', source: { type: 'file', file_id: CARD } }),
    'an image': asked({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: base64(CARD) } }),
    'an image URL': asked({
      type: 'image',
      source: { type: 'url', url: `https://x.example/${CARD.replaceAll(' ', '')}.png` },
    }),
    'a media type': asked({ type: 'image', source: { type: 'base64', media_type: CARD, data: 'AAAA' } }),
    'a search result': asked({ type: 'search_result', source: 'https://x.example', title: CARD, content: [text('x')] }),
    'a citation': said(text('y', { citations: [{ type: 'char_location', cited_text: CARD, document_index: 0 }] })),
    'the blob of a citation': said(
      text('y', { citations: [{ type: 'web_search_result_location', cited_text: 'x', encrypted_index: CARD }] }),
    ),
    'a search of the provider': said({ type: 'server_tool_use', id: 's1', name: 'web_search', input: { query: CARD } }),
    'what it found': said({
      type: 'web_search_tool_result',
      tool_use_id: 's1',
      content: [
        { type: 'web_search_result', title: CARD, url: 'https://x.example', encrypted_content: 'A'.repeat(300) },
      ],
    }),
    'the blob of what it found': said({
      type: 'web_search_tool_result',
      tool_use_id: 's1',
      content: [
        {
          type: 'web_search_result',
          title: 't',
          url: 'https://x.example',
          encrypted_content: base64(`card ${CARD} of the customer`),
        },
      ],
    }),
    'what the provider ran': said({
      type: 'bash_code_execution_tool_result',
      tool_use_id: 's1',
      content: { type: 'bash_code_execution_result', stdout: CARD, stderr: '', return_code: 0 },
    }),
    'what an MCP server said': said({ type: 'mcp_tool_result', tool_use_id: 's1', content: [text(CARD)] }),
    'an uploaded file': asked({ type: 'container_upload', file_id: CARD }),
    'a block nobody knows': asked({ type: 'hologram', data: CARD }),
    'a container': base({ container: { id: CARD } }),
    'tool description': base({ tools: [tool({ description: `charges ${CARD}` })] }),
    'tool schema default': base({
      tools: [tool({ input_schema: { type: 'object', properties: { card: { type: 'string', default: CARD } } } })],
    }),
    'tool schema key': base({
      tools: [tool({ input_schema: { type: 'object', properties: { [CARD]: { type: 'string' } } } })],
    }),
    'tool examples': base({ tools: [tool({ input_examples: [{ id: CARD }] })] }),
    'a provider tool': base({
      tools: [{ type: 'web_search_20250305', name: 'web_search', user_location: { type: 'approximate', city: CARD } }],
    }),
    'tool choice': base({ tools: [tool({})], tool_choice: { type: 'auto', note: CARD } }),
    'an MCP server': base({
      mcp_servers: [{ type: 'url', name: 'x', url: 'https://x.example', authorization_token: CARD }],
    }),
    'metadata.user_id': base({ metadata: { user_id: CARD } }),
    'metadata key': base({ metadata: { [CARD]: 'x' } }),
    'stop sequence': base({ stop_sequences: [CARD] }),
    'output schema': base({
      output_config: {
        format: { type: 'json_schema', schema: { type: 'object', properties: { card: { const: CARD } } } },
      },
    }),
    'thinking settings': base({ thinking: { type: 'disabled', note: CARD } }),
    'context management': base({ context_management: { edits: [{ type: 'x', note: CARD }] } }),
    'an unknown field': base({ something_new: { deep: [[{ er: CARD }]] } }),
    'an unknown number': base({ something_new: 4539578763621486 }),
    'an unknown key': base({ [CARD]: 1 }),
    'the model name': base({ model: CARD }),
    'base64 in text': base({ messages: [user(`${COMPLEX} ${base64(`card ${CARD} of the customer`)}`)] }),
    'zero-width spaces between': base({ messages: [user(`${COMPLEX} ${[...CARD].join('\u200b')}`)] }),
  };
};

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startSluice({
    claude: { reply: () => ({ text: 'ok' }) },
    local: {
      models: [{ name: 'small:latest', capabilities: ['completion', 'tools', 'vision'] }],
      reply: () => ({ text: 'ok' }),
    },
  });
});
afterAll(() => sluice.close());

describe('a card number planted in', () => {
  it('the search itself works: what stays inside is found where it is', async () => {
    const response = await fetch(`${sluice.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', max_tokens: 9, messages: [user(`hello ${CARD}`)] }),
    });
    await response.text();
    expect(leaksIn(canary, JSON.stringify(sluice.local.chats()))).not.toEqual([]);
  });

  it.each(Object.keys(positions('')))('%s', async (name) => {
    expect.hasAssertions();
    const opening = `${COMPLEX} (case ${name})`;
    await expectKeptHome(sluice, canary, {
      path: '/v1/messages',
      control: { model: 'auto', max_tokens: 99, messages: [user(opening)] },
      planted: positions(opening)[name] ?? {},
      ...(NEVER_LEAVES.has(name) ? { plantedRoutes: ['cloud'] as const } : {}),
    });
  });

  it.each(['x-api-key', 'authorization', 'anthropic-beta', 'x-claude-code-session-id', 'user-agent'])(
    'header %s',
    async (header) => {
      const planted = header === 'anthropic-beta' ? `beta-${CARD.replaceAll(' ', '')}-2025-01-01, ${CARD}` : CARD;
      const response = await fetch(`${sluice.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', [header]: planted },
        body: JSON.stringify({ model: 'auto', max_tokens: 9, messages: [user(`${COMPLEX} (header ${header})`)] }),
      });
      await response.text();
      expect(response.status).toBe(200);
      expect(leaksIn(canary, sluice.sentToCloud())).toEqual([]);
      expect(leaksIn(canary, sluice.logged())).toEqual([]);
    },
  );
});

/** What only its issuer can read is left out unless it is the issuer's own, so the rest may go. */
const NEVER_LEAVES: ReadonlySet<string> = new Set([
  'the signature of thinking',
  'the signature of thinking, base64',
  'redacted thinking',
  'redacted thinking, base64',
  'a signature of the user',
  'the blob of a citation',
  'the blob of what it found',
]);
