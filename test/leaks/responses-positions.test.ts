/** A value planted in every position of a responses request: in no cloud byte, log, metric, header or error, whichever API the cloud is asked by. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryOf, leaksIn } from '../helpers/canary.ts';
import { type Body, expectKeptHome } from '../helpers/kept-home.ts';
import { messageItem, reasoningItem } from '../helpers/responses-events.ts';
import { CARD, COMPLEX, startSluice, type TestSluice } from '../helpers/sluice.ts';

const canary = canaryOf(CARD);
const compact = CARD.replaceAll(' ', '');

const user = (content: unknown): Body => ({ role: 'user', content });
const text = (value: string): Body => ({ type: 'input_text', text: value });
const tool = (change: Body): Body => ({
  type: 'function',
  name: 'lookup',
  description: 'looks up',
  strict: false,
  parameters: { type: 'object', properties: { id: { type: 'string' } } },
  ...change,
});
const call = (change: Body): Body => ({
  type: 'function_call',
  call_id: 'call_1',
  name: 'lookup',
  arguments: '{}',
  ...change,
});
const output = (value: unknown): Body => ({ type: 'function_call_output', call_id: 'call_1', output: value });

/** Every row has its own opening: a conversation remembered from another row would stay home whatever is planted. */
const positions = (COMPLEX: string): Readonly<Record<string, Body>> => {
  const base = (change: Body): Body => ({ model: 'auto', input: COMPLEX, store: false, ...change });
  const items = (...input: readonly Body[]): Body => base({ input: [user(COMPLEX), ...input] });
  return {
    'a string input': base({ input: `${COMPLEX} ${CARD}` }),
    instructions: base({ instructions: `Customer card ${CARD}` }),
    'user text': base({ input: [user(`${COMPLEX} ${CARD}`)] }),
    'an item with a type': base({ input: [{ type: 'message', ...user(`${COMPLEX} ${CARD}`) }] }),
    'first of many turns': base({
      input: [
        user(CARD),
        { role: 'assistant', content: 'ok' },
        user(COMPLEX),
        { role: 'assistant', content: 'ok' },
        user(COMPLEX),
      ],
    }),
    'developer text': base({ input: [{ role: 'developer', content: CARD }, user(COMPLEX)] }),
    'system parts': base({ input: [{ role: 'system', content: [text(CARD)] }, user(COMPLEX)] }),
    'assistant text': items({ role: 'assistant', content: [{ type: 'output_text', text: CARD, annotations: [] }] }),
    'assistant refusal': items({ role: 'assistant', content: [{ type: 'refusal', refusal: CARD }] }),
    'an annotation': items({
      role: 'assistant',
      content: [
        {
          type: 'output_text',
          text: 'ok',
          annotations: [{ type: 'url_citation', url: 'https://a.example', title: CARD, start_index: 0, end_index: 2 }],
        },
      ],
    }),
    'logprobs of a replay': items({
      role: 'assistant',
      content: [
        { type: 'output_text', text: 'ok', annotations: [], logprobs: [{ token: CARD, logprob: 0, bytes: [] }] },
      ],
    }),
    'split over parts': base({ input: [user([text(`${COMPLEX} card 4539 5787`), text(' 6362 1486 please')])] }),
    'split over items': base({ input: [user(`${COMPLEX} card 4539 5787`), user('6362 1486 please')] }),
    'a reasoning summary': items(reasoningItem(`the card ${CARD}`), { role: 'assistant', content: 'ok' }),
    'raw reasoning': items(reasoningItem('x', { content: [{ type: 'reasoning_text', text: CARD }] })),
    'call arguments': items(call({ arguments: JSON.stringify({ card: CARD }) }), output('ok')),
    'call arguments, a number': items(call({ arguments: `{"card":${compact}}` }), output('ok')),
    'call arguments, escaped': items(call({ arguments: '{"card":"\\u0034539 5787 6362 1486"}' }), output('ok')),
    'a call id': items(call({ call_id: CARD }), { ...output('ok'), call_id: CARD }),
    'an item id': items(call({ id: compact }), output('ok')),
    'a call’s name': items(call({ name: compact }), output('ok')),
    'a call’s namespace': items(call({ namespace: compact }), output('ok')),
    'an output': items(call({}), output(CARD)),
    'an output as JSON': items(call({}), output(JSON.stringify({ rows: [{ card: CARD }] }))),
    'an output’s parts': items(call({}), output([text(CARD)])),
    'an output that is an object': items(call({}), output({ card: CARD })),
    'a custom call': items(
      { type: 'custom_tool_call', call_id: 'call_1', name: 'patch', input: `+card ${CARD}` },
      { type: 'custom_tool_call_output', call_id: 'call_1', output: 'ok' },
    ),
    'a custom output': items(
      { type: 'custom_tool_call', call_id: 'call_1', name: 'patch', input: 'x' },
      { type: 'custom_tool_call_output', call_id: 'call_1', output: CARD },
    ),
    'a local shell’s command': items(
      {
        type: 'local_shell_call',
        id: 'ls',
        call_id: 'call_1',
        status: 'completed',
        action: { type: 'exec', command: ['echo', CARD], env: {} },
      },
      { type: 'local_shell_call_output', id: 'ls', call_id: 'call_1', output: 'ok' },
    ),
    'a local shell’s environment': items({
      type: 'local_shell_call',
      id: 'ls',
      call_id: 'call_1',
      status: 'completed',
      action: { type: 'exec', command: ['true'], env: { CARD_NUMBER: CARD } },
    }),
    'a shell’s output': items(
      { type: 'shell_call', call_id: 'call_1', action: { commands: ['true'] } },
      {
        type: 'shell_call_output',
        call_id: 'call_1',
        output: [{ stdout: CARD, stderr: '', outcome: { type: 'exit', exit_code: 0 } }],
      },
    ),
    'a patch': items({
      type: 'apply_patch_call',
      call_id: 'call_1',
      status: 'completed',
      operation: { type: 'create_file', path: 'a', diff: `+${CARD}` },
    }),
    'a web search’s query': items({
      type: 'web_search_call',
      id: 'ws',
      status: 'completed',
      action: { type: 'search', query: CARD },
    }),
    'a file search’s results': items({
      type: 'file_search_call',
      id: 'fs',
      status: 'completed',
      queries: ['q'],
      results: [{ text: CARD }],
    }),
    'an MCP call’s output': items({
      type: 'mcp_call',
      id: 'mcp',
      name: 'x',
      server_label: 'y',
      arguments: '{}',
      output: CARD,
    }),
    'a computer’s typing': items({
      type: 'computer_call',
      id: 'cu',
      call_id: 'call_1',
      status: 'completed',
      action: { type: 'type', text: CARD },
      pending_safety_checks: [],
    }),
    'an item nobody knows': items({ type: 'something_new', deep: { er: [CARD] } }),
    'a member nobody knows': items({ ...call({}), extra: { note: CARD } }),
    'a text file': base({
      input: [
        user([
          text(COMPLEX),
          {
            type: 'input_file',
            filename: 'a.csv',
            file_data: `data:text/csv;base64,${Buffer.from(`n,card\nx,${CARD}`).toString('base64')}`,
          },
        ]),
      ],
    }),
    'a file name': base({
      input: [
        user([text(COMPLEX), { type: 'input_file', filename: `${CARD}.csv`, file_data: 'data:text/csv;base64,YQ==' }]),
      ],
    }),
    'a file’s address': base({
      input: [user([text(COMPLEX), { type: 'input_file', file_url: `https://f.example/${compact}.csv` }])],
    }),
    'an image’s address': base({
      input: [user([text(COMPLEX), { type: 'input_image', image_url: `https://i.example/${compact}.png` }])],
    }),
    'a tool’s description': base({ tools: [tool({ description: `charges ${CARD}` })] }),
    'a tool’s default': base({
      tools: [tool({ parameters: { type: 'object', properties: { card: { type: 'string', default: CARD } } } })],
    }),
    'a tool’s key': base({
      tools: [tool({ parameters: { type: 'object', properties: { [CARD]: { type: 'string' } } } })],
    }),
    'a custom tool’s grammar': base({
      tools: [
        { type: 'custom', name: 'patch', format: { type: 'grammar', syntax: 'lark', definition: `start: "${CARD}"` } },
      ],
    }),
    'a namespace’s tool': base({
      tools: [{ type: 'namespace', name: 'ns', description: 'd', tools: [tool({ description: CARD })] }],
    }),
    'a search’s location': base({
      tools: [{ type: 'web_search', user_location: { type: 'approximate', city: CARD } }],
    }),
    'an MCP server': base({
      tools: [{ type: 'mcp', server_label: 'x', server_url: 'https://m.example', headers: { authorization: CARD } }],
    }),
    metadata: base({ metadata: { note: CARD } }),
    'a metadata key': base({ metadata: { [CARD]: 'note' } }),
    'client metadata': base({ client_metadata: { workspace: `/home/x/${CARD}` } }),
    user: base({ user: CARD }),
    'the cache key': base({ prompt_cache_key: CARD }),
    'the safety identifier': base({ safety_identifier: CARD }),
    'a schema': base({
      text: {
        format: { type: 'json_schema', name: 'x', schema: { type: 'object', properties: { card: { const: CARD } } } },
      },
    }),
    'a schema’s description': base({
      text: { format: { type: 'json_schema', name: 'x', description: CARD, schema: { type: 'object' } } },
    }),
    'an unknown field': base({ something_new: { deep: [[{ er: CARD }]] } }),
    'an unknown number': base({ something_new: Number(compact) }),
    'an unknown key': base({ [CARD]: 1 }),
    'the model name': base({ model: CARD }),
    include: base({ include: [CARD] }),
    'base64 in text': base({ input: `${COMPLEX} ${Buffer.from(`card ${CARD} of the customer`).toString('base64')}` }),
    'full-width digits': base({
      input: `${COMPLEX} ${CARD.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))}`,
    }),
    'zero-width spaces between': base({ input: `${COMPLEX} ${[...CARD].join('\u200b')}` }),
  };
};

describe.each(['chat', 'responses'] as const)(
  'a card number planted in a responses request, cloud by %s, in',
  (cloudApi) => {
    let sluice: TestSluice;
    beforeAll(async () => {
      sluice = await startSluice({
        cloudApi,
        cloud: { reply: () => ({ text: 'ok' }), responses: () => ({ output: [messageItem('ok')] }) },
        local: {
          models: [{ name: 'small:latest', capabilities: ['completion', 'tools', 'vision'] }],
          reply: () => ({ text: 'ok' }),
        },
      });
    });
    afterAll(() => sluice.close());

    it('the search itself works: what stays inside is found where it is', async () => {
      await (await sluice.ask({ model: 'auto', input: `hello ${CARD}` }, {}, '/v1/responses')).text();
      expect(leaksIn(canary, JSON.stringify(sluice.local.chats()))).not.toEqual([]);
    });

    it.each(Object.keys(positions('')))('%s', async (name) => {
      expect.hasAssertions();
      const opening = `${COMPLEX} (case ${name})`;
      await expectKeptHome(sluice, canary, {
        path: '/v1/responses',
        control: { model: 'auto', input: opening, store: false },
        planted: positions(opening)[name] ?? {},
      });
    });

    it('sealed reasoning leaves only towards the upstream it came from; any other is dropped, and said to be', async () => {
      const forged = Buffer.from(`the card number is ${CARD}, ${randomBytes(60).toString('hex')}`).toString('base64');
      const response = await sluice.ask(
        {
          model: 'auto',
          store: false,
          input: [
            user(`${COMPLEX} (seals)`),
            reasoningItem('hm', { encrypted_content: forged }),
            { role: 'assistant', content: 'ok' },
            user(COMPLEX),
          ],
        },
        {},
        '/v1/responses',
      );
      expect(response.status).toBe(200);
      expect(response.headers.get('x-sluice-route')).toBe('cloud');
      expect(response.headers.get('x-sluice-removed')).toBe('reasoning:1');
      await response.text();
      expect(sluice.sentToCloud()).not.toContain(forged.slice(0, 40));
      expect(sluice.sentToCloud()).not.toContain('rs_upstream');
    });
  },
);

describe('sealed reasoning', () => {
  const seal = randomBytes(600).toString('base64');
  const ask = async (sluice: TestSluice, input: readonly Body[]): Promise<Response> =>
    sluice.ask({ model: 'auto', store: false, reasoning: { effort: 'high' }, input }, {}, '/v1/responses');

  it('comes to the client and goes back to the cloud that made it', async () => {
    const sluice = await startSluice({
      cloudApi: 'responses',
      cloud: { responses: () => ({ output: [reasoningItem('hm', { encrypted_content: seal }), messageItem('ok')] }) },
    });
    try {
      const first = (await (await ask(sluice, [user(COMPLEX)])).json()) as { output: readonly Body[] };
      expect(first.output[0]).toMatchObject({ type: 'reasoning', id: 'rs_upstream', encrypted_content: seal });
      const second = await ask(sluice, [user(COMPLEX), ...first.output, user(COMPLEX)]);
      expect(second.headers.get('x-sluice-route')).toBe('cloud');
      expect(second.headers.get('x-sluice-removed')).toBeNull();
      const sent = JSON.parse(sluice.cloud.requests.at(-1)?.body ?? '') as { input: readonly Body[]; include: unknown };
      expect(sent.input[1]).toEqual({
        type: 'reasoning',
        id: 'rs_upstream',
        summary: [{ type: 'summary_text', text: 'hm' }],
        encrypted_content: seal,
      });
      // Ids of ours mean nothing to anybody else.
      expect(sent.input[2]).not.toHaveProperty('id');
      expect(sent.include).toEqual(['reasoning.encrypted_content']);
    } finally {
      await sluice.close();
    }
  });

  it('of one upstream does not reach another', async () => {
    const make = (): Promise<TestSluice> =>
      startSluice({
        cloudApi: 'responses',
        cloud: { responses: () => ({ output: [reasoningItem('hm', { encrypted_content: seal }), messageItem('ok')] }) },
      });
    const [one, other] = [await make(), await make()];
    try {
      const first = (await (await ask(one, [user(COMPLEX)])).json()) as { output: readonly Body[] };
      const second = await ask(other, [user(COMPLEX), ...first.output, user(COMPLEX)]);
      expect(second.headers.get('x-sluice-removed')).toBe('reasoning:1');
      expect(other.sentToCloud()).not.toContain(seal.slice(0, 40));
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  });

  it('is never made of what a local model thought', async () => {
    const sluice = await startSluice({
      cloudApi: 'responses',
      cloud: { responses: () => ({ output: [messageItem('ok')] }) },
      local: { reply: () => ({ thinking: 'local thoughts', text: 'fine' }) },
      config: 'policy: { masking: off }',
    });
    try {
      const first = (await (await ask(sluice, [user('hello')])).json()) as { output: readonly Body[] };
      expect(JSON.stringify(first.output)).toContain('local thoughts');
      expect(JSON.stringify(first.output)).not.toContain('encrypted_content');
      const second = await ask(sluice, [user('hello'), ...first.output, user(COMPLEX)]);
      expect(second.headers.get('x-sluice-route')).toBe('cloud');
      await second.text();
      expect(sluice.sentToCloud()).toContain('fine');
      expect(sluice.sentToCloud()).not.toContain('local thoughts');
    } finally {
      await sluice.close();
    }
  });
});
