/** What the Open Responses specification asks of a server over HTTP: its request forms, each whole and streamed, over every route, with every member a reply must have. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { callItem, messageItem } from '../helpers/responses-events.ts';
import { COMPLEX, startSluice, type TestSluice } from '../helpers/sluice.ts';

const nullable = <T extends z.ZodType>(type: T) => type.nullable();
const Text = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()),
  logprobs: z.array(z.unknown()),
});
const Status = z.enum(['in_progress', 'completed', 'incomplete']);
const Item = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    id: z.string(),
    status: Status,
    role: z.literal('assistant'),
    content: z.array(Text),
  }),
  z.object({
    type: z.literal('function_call'),
    id: z.string(),
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
    status: Status,
  }),
  z.object({ type: z.literal('reasoning'), id: z.string(), summary: z.array(z.unknown()) }),
]);
/** Present and of its type, null where the specification allows it: absence is a fault. */
const Response = z.object({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int(),
  completed_at: nullable(z.int()),
  status: z.string(),
  incomplete_details: nullable(z.object({ reason: z.string() })),
  model: z.string(),
  previous_response_id: nullable(z.string()),
  instructions: nullable(z.string()),
  output: z.array(Item),
  error: nullable(z.object({ code: z.string(), message: z.string() })),
  tools: z.array(
    z.object({
      type: z.literal('function'),
      name: z.string(),
      description: nullable(z.string()),
      parameters: nullable(z.record(z.string(), z.unknown())),
      strict: nullable(z.boolean()),
    }),
  ),
  tool_choice: z.union([z.string(), z.object({ type: z.string() })]),
  truncation: z.enum(['auto', 'disabled']),
  parallel_tool_calls: z.boolean(),
  text: z.object({ format: z.object({ type: z.string() }) }),
  top_p: z.number(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  top_logprobs: z.int(),
  temperature: z.number(),
  reasoning: nullable(z.object({ effort: nullable(z.string()), summary: nullable(z.string()) })),
  usage: nullable(
    z.object({
      input_tokens: z.int(),
      output_tokens: z.int(),
      total_tokens: z.int(),
      input_tokens_details: z.object({ cached_tokens: z.int() }),
      output_tokens_details: z.object({ reasoning_tokens: z.int() }),
    }),
  ),
  max_output_tokens: nullable(z.int()),
  max_tool_calls: nullable(z.int()),
  store: z.boolean(),
  background: z.boolean(),
  service_tier: z.string(),
  metadata: z.unknown(),
  safety_identifier: nullable(z.string()),
  prompt_cache_key: nullable(z.string()),
});

const message = (role: string, content: unknown): object => ({ type: 'message', role, content });
const WEATHER = {
  type: 'function',
  name: 'get_weather',
  description: 'Gets the weather of a place',
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
};
const FORMS: readonly (readonly [string, (hard: string) => object, string])[] = [
  ['a user message', (hard) => ({ input: [message('user', `Say hello. ${hard}`)] }), 'message'],
  ['a string', (hard) => ({ input: `Count to five. ${hard}` }), 'message'],
  [
    'a system message',
    (hard) => ({ input: [message('system', 'Talk like a pirate.'), message('user', `Say hello. ${hard}`)] }),
    'message',
  ],
  [
    'a history',
    (hard) => ({
      input: [
        message('user', 'I like tea.'),
        message('assistant', 'So do I.'),
        message('user', `What do I like? ${hard}`),
      ],
    }),
    'message',
  ],
  [
    'an image',
    (hard) => ({
      input: [
        message('user', [
          { type: 'input_text', text: `What is this? ${hard}` },
          { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' },
        ]),
      ],
    }),
    'message',
  ],
  [
    'a function',
    (hard) => ({ input: [message('user', `How is the weather in Rome? ${hard}`)], tools: [WEATHER] }),
    'function_call',
  ],
];

describe.each([
  ['a local model', 'chat', ''],
  ['a cloud asked by chat', 'chat', COMPLEX],
  ['a cloud asked by responses', 'responses', COMPLEX],
] as const)('Open Responses over %s', (_, cloudApi, hard) => {
  let sluice: TestSluice;
  beforeAll(async () => {
    const arguments_ = { location: 'Rome' };
    const calls = { toolCalls: [{ name: 'get_weather', arguments: arguments_, id: 'call_1' }] };
    const offered = ({ body }: { readonly body: string }): boolean => body.includes('get_weather');
    sluice = await startSluice({
      cloudApi,
      cloud: {
        reply: (request) => (offered(request) ? calls : { text: 'Hello to you.' }),
        responses: (request) => ({
          output: [
            offered(request) ? callItem('get_weather', JSON.stringify(arguments_)) : messageItem('Hello to you.'),
          ],
        }),
      },
      local: {
        models: [{ name: 'all:latest', capabilities: ['completion', 'tools', 'vision'] }],
        reply: (request) => (offered(request) ? calls : { text: 'Hello to you.' }),
      },
    });
  });
  afterAll(() => sluice.close());

  it.each(FORMS)('answers %s', async (_name, form, type) => {
    const body = { model: 'auto', ...form(hard) };
    const whole = await sluice.ask(body, {}, '/v1/responses');
    const response = Response.parse(await whole.json());
    expect(response.status).toBe('completed');
    expect(response.output.map((item) => item.type)).toContain(type);

    const streamed = await (await sluice.ask({ ...body, stream: true }, {}, '/v1/responses')).text();
    const events = streamed
      .split('\n')
      .filter((line) => line.startsWith('data: '))
      .map((line) => JSON.parse(line.slice(6)) as Readonly<Record<string, unknown>> & { readonly type: string });
    const types = events.map((event) => event.type);
    for (const each of events) if ('response' in each) Response.parse(each['response']);
    expect(types.at(-1)).toBe('response.completed');
    const expected =
      type === 'message'
        ? [
            'output_item.added',
            'content_part.added',
            'output_text.delta',
            'output_text.done',
            'content_part.done',
            'output_item.done',
          ]
        : ['output_item.added', 'function_call_arguments.delta', 'function_call_arguments.done', 'output_item.done'];
    // In this very order.
    let at = 0;
    for (const name of expected) {
      const found = types.indexOf(`response.${name}`, at);
      expect(found, name).toBeGreaterThanOrEqual(at);
      at = found;
    }
  });
});
