/** The official Anthropic client against a running Sluice: whole, streamed, tools, counting, errors; with a cloud of its own wire, one of another, and at home. */
import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CARD,
  COMPLEX,
  recordingExecutor,
  startSluice,
  type TestSluice,
  type TestSluiceOptions,
} from '../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function connect(options: TestSluiceOptions): Promise<{ client: Anthropic; sluice: TestSluice }> {
  sluice = await startSluice(options);
  return { client: new Anthropic({ baseURL: sluice.url, apiKey: 'none', maxRetries: 0 }), sluice };
}
const MAIL = 'jane.roe@corp-mail.example';
const heard = (body: string): { readonly text: string } => ({
  text: `heard ${/\[\[[A-Za-z0-9_]+\]\]/.exec(body)?.[0] ?? 'nothing masked'}`,
});
const echo = { reply: ({ body }: { readonly body: string }) => heard(body) };
const CLOUDS = [
  ['of its own wire', { claude: echo }],
  ['of another wire', { cloud: echo }],
] as const;
const textOf = (message: Anthropic.Message): string =>
  message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');

describe.each(CLOUDS)('@anthropic-ai/sdk and a cloud %s', (_name, clouds) => {
  it.each([
    ['cloud', COMPLEX, 'heard nothing masked'],
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, `heard ${MAIL}`],
    ['local', `My card is ${CARD}`, 'local heard'],
  ])('%s: create, stream and the stream helper agree', async (route, content, expected) => {
    const { client } = await connect({ ...clouds, local: { reply: () => ({ text: 'local heard' }) } });
    const asked = { model: 'auto', max_tokens: 100, messages: [{ role: 'user' as const, content }] };
    const { data, response } = await client.messages.create(asked).withResponse();
    expect(response.headers.get('x-sluice-route')).toBe(route);
    expect(textOf(data)).toBe(expected);
    expect(data.stop_reason).toBe('end_turn');
    expect(data.usage.output_tokens).toBeGreaterThan(0);

    let streamed = '';
    const kinds: string[] = [];
    for await (const event of await client.messages.create({ ...asked, stream: true })) {
      kinds.push(event.type);
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') streamed += event.delta.text;
    }
    expect(streamed).toBe(expected);
    expect([kinds[0], ...kinds.slice(-2)]).toEqual(['message_start', 'message_delta', 'message_stop']);

    const final = await client.messages.stream(asked).finalMessage();
    expect(textOf(final)).toBe(expected);
    expect(final.stop_reason).toBe('end_turn');
    expect(final.usage.output_tokens).toBeGreaterThan(0);
  });

  it('runs a tool round: calls come with their input, results go back, and values are restored in input', async () => {
    const call = (body: string) => ({ city: /\[\[[A-Za-z0-9_]+\]\]/.exec(body)?.[0] ?? 'Rome' });
    const { client, sluice: running } = await connect(
      'claude' in clouds
        ? {
            claude: {
              reply: ({ body }) =>
                body.includes('tool_result')
                  ? { text: 'sunny there' }
                  : { text: 'looking', toolCalls: [{ name: 'weather', input: call(body), id: 'toolu_9' }] },
            },
          }
        : {
            cloud: {
              reply: ({ body }) =>
                body.includes('"role":"tool"')
                  ? { text: 'sunny there' }
                  : { toolCalls: [{ name: 'weather', arguments: call(body), id: 'call_9' }] },
            },
          },
    );
    const tools: Anthropic.Tool[] = [
      {
        name: 'weather',
        description: 'tells it',
        input_schema: { type: 'object', properties: { city: { type: 'string' } } },
      },
    ];
    for (const content of [COMPLEX, `${COMPLEX} for ${MAIL}`]) {
      const messages: Anthropic.MessageParam[] = [{ role: 'user', content }];
      const first = await client.messages.stream({ model: 'auto', max_tokens: 100, tools, messages }).finalMessage();
      expect(first.stop_reason).toBe('tool_use');
      const use = first.content.find((block) => block.type === 'tool_use');
      expect(use?.input).toEqual({ city: content === COMPLEX ? 'Rome' : MAIL });
      messages.push({ role: 'assistant', content: first.content });
      messages.push({
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: use?.id ?? '', content: [{ type: 'text', text: 'sun' }] }],
      });
      const { data: last, response } = await client.messages
        .create({ model: 'auto', max_tokens: 100, tools, messages })
        .withResponse();
      // A call that was given something sensitive keeps the conversation inside.
      expect(response.headers.get('x-sluice-route')).toBe(content === COMPLEX ? 'cloud' : 'local');
      if (content === COMPLEX) expect(textOf(last)).toBe('sunny there');
    }
    expect(running.sentToCloud()).not.toContain(MAIL);
  });

  it('runs bundled tools here, and goes on with the model', async () => {
    const executor = recordingExecutor(() => 'sandboxed');
    const { client } = await connect({
      config: 'tools: { offer: [exec] }',
      sandbox: executor,
      ...('claude' in clouds
        ? {
            claude: {
              replies: [
                {
                  thinking: { text: 'I should look', signature: 'S'.repeat(200) },
                  text: 'let me see. ',
                  toolCalls: [{ name: 'exec', input: { command: 'id' } }],
                },
                { text: 'it is sandboxed' },
              ],
            },
          }
        : {
            cloud: {
              replies: [{ toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] }, { text: 'it is sandboxed' }],
            },
          }),
    });
    const message = await client.messages
      .stream({ model: 'auto', max_tokens: 100, messages: [{ role: 'user', content: COMPLEX }] })
      .finalMessage();
    expect(executor.requests.map(({ tool, arguments: given }) => [tool, given])).toEqual([
      ['exec', '{"command":"id"}'],
    ]);
    expect(message.stop_reason).toBe('end_turn');
    expect(textOf(message)).toContain('it is sandboxed');
    expect(message.content.some((block) => block.type === 'tool_use')).toBe(false);
    if (!('claude' in clouds)) return;
    const second = JSON.parse(sluice?.claude.requests[1]?.body ?? '{}') as {
      messages: { content: { type: string }[] }[];
    };
    // What the turn thought goes back signed, and first.
    expect(second.messages.at(-2)?.content.map((block) => block.type)).toEqual(['thinking', 'text', 'tool_use']);
    expect(second.messages.at(-1)?.content.map((block) => block.type)).toEqual(['tool_result']);
  });
});

describe('@anthropic-ai/sdk', () => {
  it('runs bundled tools in a masked conversation: what was thought about a placeholder goes back as it was signed', async () => {
    const executor = recordingExecutor(() => 'sandboxed');
    const { client, sluice: running } = await connect({
      config: 'tools: { offer: [exec] }',
      sandbox: executor,
      claude: {
        reply: ({ body }) => {
          const name = /\[\[\w+\]\]/.exec(body)?.[0] ?? 'nobody';
          return body.includes('tool_result')
            ? { text: `wrote to ${name}` }
            : {
                thinking: { text: `this is for ${name}`, signature: 'S'.repeat(200) },
                toolCalls: [{ name: 'exec', input: { command: 'id' } }],
              };
        },
      },
    });
    const message = await client.messages
      .stream({ model: 'auto', max_tokens: 100, messages: [{ role: 'user', content: `${COMPLEX} for ${MAIL}` }] })
      .finalMessage();
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: `this is for ${MAIL}` },
      { type: 'text', text: `wrote to ${MAIL}` },
    ]);
    const sent = JSON.parse(running.claude.requests[1]?.body ?? '{}') as { messages: { content: object[] }[] };
    expect(sent.messages.at(-2)?.content).toMatchObject([
      {
        type: 'thinking',
        thinking: expect.stringMatching(/^this is for \[\[\w+\]\]$/) as string,
        signature: 'S'.repeat(200),
      },
      { type: 'tool_use', name: 'exec', input: { command: 'id' } },
    ]);
    expect(running.sentToCloud()).not.toContain(MAIL);
  });

  it('counts tokens here, and shows the prompt to nobody', async () => {
    const { client, sluice: running } = await connect({ claude: {} });
    const count = await client.messages.countTokens({
      model: 'claude-fake',
      system: 'be kind',
      tools: [{ name: 'x', input_schema: { type: 'object' } }],
      messages: [{ role: 'user', content: COMPLEX.repeat(20) }],
    });
    const characters = COMPLEX.length * 20;
    expect(count.input_tokens).toBeGreaterThan(characters / 6);
    expect(count.input_tokens).toBeLessThan(characters / 2);
    expect([running.claude.requests.length, running.local.chats().length]).toEqual([0, 0]);
  });

  it('lists and retrieves models in its own form', async () => {
    const { client } = await connect({ claude: {}, local: { models: [{ name: 'small:latest' }] } });
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(expect.arrayContaining(['auto', 'small:latest', 'claude-fake', 'claude-other']));
    expect(await client.models.retrieve('small:latest')).toMatchObject({ type: 'model', id: 'small:latest' });
  });

  it('honours a real model name', async () => {
    const { client, sluice: running } = await connect({ claude: echo });
    const { response } = await client.messages
      .create({ model: 'claude-other', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] })
      .withResponse();
    expect(response.headers.get('x-sluice-reason')).toContain('model-honoured');
    expect((JSON.parse(running.claude.requests[0]?.body ?? '{}') as { model: string }).model).toBe('claude-other');
  });

  it('sees a refusal by policy as a PermissionDeniedError, once', async () => {
    const { client, sluice: running } = await connect({ claude: {}, config: 'policy: { unknown: refuse }' });
    const asked = client.messages.create({
      model: 'auto',
      max_tokens: 9,
      messages: [
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }],
        },
      ],
    });
    await expect(asked).rejects.toBeInstanceOf(Anthropic.PermissionDeniedError);
    await expect(asked).rejects.toMatchObject({
      status: 403,
      error: { type: 'error', error: { type: 'permission_error', code: 'refused_unknown_content' } },
    });
    expect([running.claude.requests.length, running.local.chats().length]).toEqual([0, 0]);
  });

  it('sees a wrong shape as a BadRequestError that names the place', async () => {
    const { client } = await connect({ claude: {} });
    await expect(
      client.messages.create({ model: 'auto', messages: [{ role: 'user', content: 'x' }] } as never),
    ).rejects.toMatchObject({ status: 400, error: { error: { code: 'missing_field', param: '/max_tokens' } } });
  });

  it.each([
    ['rate-limited', 429, 'rate_limit_error'],
    ['overloaded', 429, 'rate_limit_error'],
    ['unauthorized', 502, 'api_error'],
    ['server-error', 502, 'api_error'],
    ['prompt-too-long', 400, 'invalid_request_error'],
  ] as const)('sees an upstream that is %s as %i %s', async (fault, status, type) => {
    const { client } = await connect({ claude: { replies: [fault] }, config: 'policy: { onCloudFailure: error }' });
    const asked = client.messages.create({
      model: 'auto',
      max_tokens: 9,
      messages: [{ role: 'user', content: COMPLEX }],
    });
    await expect(asked).rejects.toMatchObject({ status, error: { error: { type } } });
    if (fault === 'prompt-too-long') await expect(asked).rejects.toThrow(/prompt is too long/);
  });

  it.each(['truncated', 'no-terminator', 'no-stop-reason', 'reset-mid-stream', 'error-mid-stream'] as const)(
    'sees a stream that ends as %s as an error, never as a message',
    async (fault) => {
      const { client } = await connect({ claude: { replies: [fault] } });
      const stream = client.messages.stream({
        model: 'auto',
        max_tokens: 9,
        messages: [{ role: 'user', content: COMPLEX }],
      });
      await expect(stream.finalMessage()).rejects.toThrow();
    },
  );

  it('keeps thinking and its signature through a conversation, where the upstream issued it', async () => {
    const signature = Buffer.from('signed by the fake, long enough to be one').toString('base64');
    const { client, sluice: running } = await connect({
      claude: {
        reply: ({ body }) => ({
          thinking: { text: `about ${/\[\[\w+\]\]/.exec(body)?.[0] ?? 'it'}`, signature },
          text: 'so',
        }),
      },
    });
    for (const content of [COMPLEX, `${COMPLEX} for ${MAIL}`]) {
      const ask = (messages: Anthropic.MessageParam[]) =>
        client.messages.create({
          model: 'auto',
          max_tokens: 2048,
          thinking: { type: 'enabled', budget_tokens: 1024 },
          messages,
        });
      const first = await ask([{ role: 'user', content }]);
      expect(first.content[0]).toMatchObject({
        type: 'thinking',
        thinking: content === COMPLEX ? 'about it' : `about ${MAIL}`,
        signature,
      });
      const history: Anthropic.MessageParam[] = [
        { role: 'user', content },
        { role: 'assistant', content: first.content },
      ];
      await ask([...history, { role: 'user', content: 'and then?' }]);
      const sent = (): string => running.claude.requests.at(-1)?.body ?? '';
      expect(sent()).toContain(signature);
      expect(sent()).toMatch(content === COMPLEX ? /about it/ : /about \[\[EMAIL/);
      // Changed words, and words of nobody, lose their block.
      const changed = first.content.map((block) =>
        block.type === 'thinking' ? { ...block, thinking: 'about that' } : block,
      );
      await ask([
        { role: 'user', content },
        { role: 'assistant', content: changed },
        { role: 'user', content: 'and then??' },
      ]);
      expect(sent()).toContain('and then??');
      expect(sent()).not.toContain(signature);
      expect(sent()).not.toContain('about that');
    }
    expect(running.sentToCloud()).not.toContain(MAIL);
  });

  it('gets the client’s own key to an upstream only where the configuration says so', async () => {
    for (const [more, expected] of [
      ['', 'upstream-key-of-the-test'],
      [', forwardClientKey: true', 'sk-of-the-client'],
    ] as const) {
      sluice = await startSluice({ claude: echo, claudeMore: more });
      const client = new Anthropic({ baseURL: sluice.url, apiKey: 'sk-of-the-client', maxRetries: 0 });
      await client.messages.create({ model: 'auto', max_tokens: 9, messages: [{ role: 'user', content: COMPLEX }] });
      const { 'x-api-key': key = '', authorization = '' } = sluice.claude.requests[0]?.headers ?? {};
      expect(`${key}${authorization}`.replace('Bearer ', '')).toBe(expected);
      expect(sluice.logged()).not.toContain('sk-of-the-client');
      await sluice.close();
    }
    sluice = undefined;
  });
});
