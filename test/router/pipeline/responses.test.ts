/** /v1/responses end to end: upstreams that break, tools of the provider, what of a request never leaves. */
import { afterEach, describe, expect, it } from 'vitest';
import { callItem, messageItem } from '../../helpers/responses-events.ts';
import {
  CARD,
  COMPLEX,
  recordingExecutor,
  startSluice,
  type TestSluice,
  type TestSluiceOptions,
} from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function start(options: TestSluiceOptions): Promise<TestSluice> {
  sluice = await startSluice(options);
  return sluice;
}
type Json = Readonly<Record<string, unknown>>;
const ask = (running: TestSluice, body: Json): Promise<Response> =>
  running.ask({ model: 'auto', input: COMPLEX, ...body }, {}, '/v1/responses');
const events = (sse: string): readonly Json[] =>
  sse
    .split('\n\n')
    .flatMap((frame) => frame.split('\n'))
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)) as Json);
const sent = (running: TestSluice): Json => JSON.parse(running.cloud.requests.at(-1)?.body ?? '{}') as Json;

describe.each(['chat', 'responses'] as const)('a cloud asked by %s that fails', (cloudApi) => {
  it.each([
    'reset',
    'close',
    'hang-before-headers',
    'not-http',
    'server-error',
    'overloaded',
    'rate-limited',
    'silent-200',
  ] as const)('%s: falls inwards before its first byte, or is an error', async (fault) => {
    const running = await start({
      cloudApi,
      cloud: { replies: [fault], responses: [fault] },
      local: { replies: [{ text: 'from home' }] },
    });
    const response = await ask(running, { stream: true });
    const text = await response.text();
    if (fault === 'silent-200') {
      // Its head was a reply already: then it is an error, never an empty answer.
      expect(response.status === 502 || events(text).at(-1)?.['type'] === 'response.failed').toBe(true);
      return;
    }
    expect(events(text).at(-1)?.['type']).toBe('response.completed');
    expect(text).toContain('from home');
    expect(response.headers.get('x-sluice-reason')).toMatch(/^cloud-failed/);
  });

  it.each([
    'hang-mid-stream',
    'truncated',
    'reset-mid-stream',
    'no-terminator',
    'error-mid-stream',
    'bad-json',
  ] as const)('%s: the reply has failed, whatever of it came before', async (fault) => {
    const running = await start({
      cloudApi,
      config: 'policy: { onCloudFailure: error }',
      cloud: { replies: [fault], responses: [fault] },
    });
    const response = await ask(running, { stream: true });
    const all = events(await response.text());
    expect(response.status).toBe(200);
    expect(all.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' } },
    });
    expect(all.map((event) => event['type'])).not.toContain('response.completed');
    expect(JSON.stringify(all)).not.toContain('"status":"completed"');
    expect(all.map((event) => event['sequence_number'])).toEqual(all.map((_, index) => index));
    // Nothing of it can be carried on from.
    const id = String((all[0]?.['response'] as Json | undefined)?.['id']);
    expect((await fetch(`${running.url}/v1/responses/${id}`)).status).toBe(404);
  });

  it.each(['body-too-short', 'truncated', 'reset-mid-stream'] as const)(
    '%s: a whole answer that is cut is none',
    async (fault) => {
      const running = await start({
        cloudApi,
        config: 'policy: { onCloudFailure: error }',
        cloud: { replies: [fault], responses: [fault] },
      });
      const response = await ask(running, {});
      expect(response.status).toBe(502);
      await response.text();
    },
  );
});

describe('a local model that breaks inside its answer', () => {
  it.each(['error-line', 'no-done', 'truncated', 'bad-json-line'] as const)(
    '%s: the reply has failed',
    async (fault) => {
      const running = await start({ local: { replies: [fault] } });
      const all = events(await (await ask(running, { input: `hello ${CARD}`, stream: true })).text());
      expect(all.at(-1)?.['type']).toBe('response.failed');
    },
  );
});

describe('a refusal after the reply began', () => {
  it('ends it as failed with invalid_prompt, which agents do not try again', async () => {
    const running = await start({
      config: 'tools: { offer: [exec] }\npolicy: { masking: off }',
      homeSees: 'internal',
      sandbox: recordingExecutor(() => `found ${CARD}`),
      cloud: { replies: [{ text: 'Let me look.', toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] }] },
    });
    const all = events(await (await ask(running, { stream: true })).text());
    expect(all.at(-1)).toMatchObject({ type: 'response.failed', response: { error: { code: 'invalid_prompt' } } });
    expect(running.cloud.requests.length).toBe(1);
  });
});

describe('tools a provider would run', () => {
  const tools = [
    { type: 'web_search', external_web_access: false },
    {
      type: 'function',
      name: 'lookup',
      description: 'd',
      parameters: { type: 'object', properties: {} },
      strict: false,
    },
    { type: 'mcp', server_label: 'x', server_url: 'https://m.example' },
    { type: 'shell' },
    { type: 'shell', environment: { type: 'local' } },
    { type: 'invented_tomorrow' },
  ];
  const reply = { responses: [{ output: [messageItem('ok')] }] };

  it('are left out by default, and said to be', async () => {
    const running = await start({ cloudApi: 'responses', cloud: reply });
    const response = await ask(running, { tools, tool_choice: { type: 'web_search' } });
    expect(response.headers.get('x-sluice-removed')).toBe('tool:web_search,tool:mcp,tool:shell,tool:unknown');
    expect((sent(running)['tools'] as readonly Json[]).map((tool) => tool['type'])).toEqual(['function', 'shell']);
    expect(sent(running)['tool_choice']).toBe('auto');
    // The client sees its own request.
    expect(((await response.json()) as { tools: readonly Json[] }).tools).toHaveLength(tools.length);
  });

  it('are carried where the policy says so, but to no local model', async () => {
    const config = 'surfaces: { providerTools: carry }';
    const running = await start({ cloudApi: 'responses', config, cloud: reply });
    const outside = await ask(running, { tools });
    expect(outside.headers.get('x-sluice-removed')).toBeNull();
    expect(sent(running)['tools']).toHaveLength(tools.length);
    const inside = await ask(running, { tools, input: `hello ${CARD}` });
    expect(inside.headers.get('x-sluice-removed')).toMatch(/^tool:web_search/);
    expect(JSON.stringify(running.local.chats())).not.toContain('web_search');
    await Promise.all([outside.text(), inside.text()]);
  });

  it('are refused where the policy says so', async () => {
    const running = await start({ config: 'surfaces: { providerTools: refuse }' });
    const response = await ask(running, { tools });
    expect([response.status, ((await response.json()) as { error: Json }).error['code']]).toEqual([
      400,
      'provider_tool_refused',
    ]);
  });
});

describe('a chat that lets its provider search', () => {
  const chat = { model: 'auto', messages: [{ role: 'user', content: COMPLEX }], web_search_options: {} };
  it.each([
    ['strip', false, 'tool:web_search'],
    ['carry', true, null],
  ] as const)('%s', async (providerTools, carried, removed) => {
    const running = await start({
      config: `surfaces: { providerTools: ${providerTools} }`,
      cloud: { replies: [{ text: 'ok' }] },
    });
    const response = await running.ask(chat);
    expect(response.headers.get('x-sluice-removed')).toBe(removed);
    expect('web_search_options' in sent(running)).toBe(carried);
    await response.text();
  });
  it('refuse', async () => {
    const running = await start({ config: 'surfaces: { providerTools: refuse }' });
    expect((await running.ask(chat)).status).toBe(400);
  });
});

describe('what of a request never leaves', () => {
  it('is what names the client, and all state at the provider', async () => {
    const running = await start({ cloudApi: 'responses', cloud: { responses: [{ output: [messageItem('ok')] }] } });
    const response = await ask(running, {
      store: true,
      metadata: { note: 'x' },
      client_metadata: { workspace: '/home/jane/secret-project' },
      prompt_cache_key: 'thread-1',
      safety_identifier: 'hash',
      user: 'jane',
      context_management: [{ type: 'compaction', compact_threshold: 1000 }],
      service_tier: 'flex',
      truncation: 'auto',
      include: [],
      text: { verbosity: 'low' },
    });
    expect(response.status).toBe(200);
    expect(sent(running)).toEqual({
      model: 'gpt-fake',
      stream: false,
      store: false,
      input: COMPLEX,
      service_tier: 'flex',
      truncation: 'auto',
      include: [],
      text: { verbosity: 'low' },
    });
    expect(response.headers.get('x-sluice-removed')).toBe('context_management');
    expect(await response.json()).toMatchObject({ store: true, metadata: { note: 'x' }, user: 'jane' });
  });
});

describe('custom tools and namespaces', () => {
  const tools = [
    {
      type: 'custom',
      name: 'apply',
      description: 'patches',
      format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
    },
    {
      type: 'namespace',
      name: 'agents',
      description: 'd',
      tools: [{ type: 'function', name: 'spawn', parameters: { type: 'object', properties: {} }, strict: false }],
    },
  ];

  it.each(['chat', 'responses'] as const)(
    'come back in the client’s own form from a cloud asked by %s',
    async (cloudApi) => {
      const running = await start({
        cloudApi,
        cloud: {
          replies: [
            {
              toolCalls: [
                { name: 'apply', arguments: { input: '+x' }, id: 'c1' },
                { name: 'agents__spawn', arguments: {}, id: 'c2' },
              ],
            },
            { text: 'done' },
          ],
          responses: [
            {
              output: [
                { id: 'ct', type: 'custom_tool_call', call_id: 'c1', name: 'apply', input: '+x' },
                callItem('spawn', '{}', { call_id: 'c2', namespace: 'agents' }),
              ],
            },
            { output: [messageItem('done')] },
          ],
        },
      });
      const first = (await (await ask(running, { tools })).json()) as { id: string; output: readonly Json[] };
      expect(first.output).toMatchObject([
        { type: 'custom_tool_call', call_id: 'c1', name: 'apply', input: '+x', status: 'completed' },
        { type: 'function_call', call_id: 'c2', name: 'spawn', namespace: 'agents', arguments: '{}' },
      ]);
      // References instead of items, as clients of the kept form send.
      const second = await ask(running, {
        tools,
        input: [
          { role: 'user', content: COMPLEX },
          ...first.output.map((item) => ({ type: 'item_reference', id: item['id'] })),
          { type: 'custom_tool_call_output', call_id: 'c1', output: 'patched' },
          { type: 'function_call_output', call_id: 'c2', output: 'spawned' },
        ],
      });
      expect((await second.json()) as Json).toMatchObject({ status: 'completed' });
      const body = sent(running);
      if (cloudApi === 'chat')
        expect(body['messages']).toMatchObject([
          { role: 'user' },
          {
            role: 'assistant',
            tool_calls: [
              { id: 'c1', function: { name: 'apply', arguments: '{"input":"+x"}' } },
              { id: 'c2', function: { name: 'agents__spawn' } },
            ],
          },
          { role: 'tool', tool_call_id: 'c1', content: 'patched' },
          { role: 'tool', tool_call_id: 'c2', content: 'spawned' },
        ]);
      else {
        expect(body['tools']).toEqual(tools);
        expect((body['input'] as readonly Json[]).map((item) => item['type'] ?? item['role'])).toEqual([
          'user',
          'custom_tool_call',
          'function_call',
          'custom_tool_call_output',
          'function_call_output',
        ]);
      }
    },
  );
});
