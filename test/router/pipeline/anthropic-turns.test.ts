/** Conversations of a Messages client over several turns: what sticks, what is masked where, what is said to have been left out. */
import { afterEach, describe, expect, it } from 'vitest';
import { CARD, COMPLEX, startSluice, type TestSluice } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());

const MAIL = 'jane.roe@corp-mail.example';
type Block = Readonly<Record<string, unknown>>;
const user = (content: unknown) => ({ role: 'user', content });
const text = (words: string, more: Block = {}): Block => ({ type: 'text', text: words, ...more });
const use = (input: Block, id = 'toolu_01A09q90qw90lq917835lq9'): Block => ({
  type: 'tool_use',
  id,
  name: 'lookup',
  input,
});
const result = (content: unknown, id = 'toolu_01A09q90qw90lq917835lq9'): Block => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
});
const MARK = { cache_control: { type: 'ephemeral' } };

async function ask(messages: readonly object[], more: object = {}): Promise<Response> {
  const response = await sluice!.ask({ model: 'auto', max_tokens: 99, messages, ...more }, {}, '/v1/messages');
  expect(response.status).toBe(200);
  return response;
}
const sent = (): {
  readonly messages: readonly { readonly content: readonly Block[] }[];
  readonly [key: string]: unknown;
} => JSON.parse(sluice!.claude.requests.at(-1)?.body ?? '{}') as never;

describe('a conversation that held something', () => {
  it('stays inside after its client cleared the old result, whatever marks of the cache were moved', async () => {
    sluice = await startSluice({ claude: {}, local: { reply: () => ({ text: 'ok' }) } });
    const opening = user([text('Look the customer up.', MARK)]);
    const call = { role: 'assistant', content: [use({ id: 7 })] };
    const first = await ask([opening, call, user([result(`card ${CARD}`)])]);
    expect(first.headers.get('x-sluice-route')).toBe('local');
    const later = [
      user('Look the customer up.'),
      call,
      user([result('[old result cleared]', 'toolu01A09q90qw90lq917835lq9')]),
      { role: 'assistant', content: 'ok' },
      user([text(COMPLEX, MARK)]),
    ];
    const second = await ask(later);
    expect(second.headers.get('x-sluice-route')).toBe('local');
    expect(second.headers.get('x-sluice-reason')).toContain('session-label');
    expect(sluice.claude.requests).toHaveLength(0);
    // The same words in a conversation of their own are nobody's.
    expect((await ask([user([text(COMPLEX, MARK)])])).headers.get('x-sluice-route')).toBe('cloud');
  });

  it('is masked in tool input by any name, results and system text, and stays what it was', async () => {
    sluice = await startSluice({
      claude: { reply: () => ({ text: 'ok' }) },
      config: 'policy: { maskedToolResults: mask }',
    });
    const input = { name: MAIL, type: 'person', list: [MAIL, 7, null, true], deep: { id: MAIL } };
    const response = await ask(
      [
        user(COMPLEX),
        { role: 'assistant', content: [use(input)] },
        user([result([text(`mail ${MAIL}`)]), text('and now?')]),
      ],
      { system: [text(`The customer is ${MAIL}.`, MARK)] },
    );
    expect(response.headers.get('x-sluice-route')).toBe('cloud-masked');
    const token = /\[\[EMAIL_ADDRESS_[a-z]{10}\]\]/.exec(JSON.stringify(sent()))?.[0] ?? '';
    const [preface, system] = sent()['system'] as readonly Block[];
    expect(preface?.['text']).toContain('placeholders');
    expect(system).toEqual(text(`The customer is ${token}.`, MARK));
    expect(sent().messages[1]?.content[0]?.['input']).toEqual({
      name: token,
      type: 'person',
      list: [token, 7, null, true],
      deep: { id: token },
    });
    expect(sent().messages[2]?.content[0]).toEqual(result([text(`mail ${token}`)]));
    expect(sluice.sentToCloud()).not.toContain(MAIL);
  });
});

describe('what was left out is said', () => {
  it.each([
    [
      'a thought of nobody known',
      {
        messages: [
          user('x'),
          { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 'A'.repeat(40) }, text('y')] },
          user(COMPLEX),
        ],
      },
      'reasoning:1',
    ],
    [
      'a tool the provider runs',
      { messages: [user(COMPLEX)], tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      'tool:web_search_20250305',
    ],
    [
      'servers for the provider to ask',
      { messages: [user(COMPLEX)], mcp_servers: [{ type: 'url', url: 'https://x.example/mcp', name: 'x' }] },
      'tool:mcp',
    ],
  ])('%s', async (_name, body, expected) => {
    sluice = await startSluice({ claude: {} });
    const response = await ask(body.messages, body);
    expect(response.headers.get('x-sluice-route')).toBe('cloud');
    expect(response.headers.get('x-sluice-removed')).toBe(expected);
    expect(JSON.stringify(sent())).not.toMatch(/web_search|mcp|AAAA/);
  });

  it('and what may be carried, or is refused, as the configuration says', async () => {
    const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
    sluice = await startSluice({ claude: {}, config: 'surfaces: { providerTools: carry }' });
    const carried = await ask([user(COMPLEX)], { tools });
    expect(carried.headers.get('x-sluice-removed')).toBeNull();
    expect(sent()['tools']).toEqual(tools);
    await sluice.close();
    sluice = await startSluice({ claude: {}, config: 'surfaces: { providerTools: refuse }' });
    const refused = await sluice.ask(
      { model: 'auto', max_tokens: 9, messages: [user(COMPLEX)], tools },
      {},
      '/v1/messages',
    );
    expect([refused.status, sluice.claude.requests.length]).toEqual([403, 0]);
    expect(await refused.text()).toContain('provider_tool_refused');
  });
});
