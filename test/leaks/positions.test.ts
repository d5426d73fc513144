/** A value planted in every position of a chat request: in no cloud byte, log, metric, header or error. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryOf, leaksIn } from '../helpers/canary.ts';
import { type Body, expectKeptHome } from '../helpers/kept-home.ts';
import { CARD, COMPLEX, startSluice, type TestSluice } from '../helpers/sluice.ts';

const canary = canaryOf(CARD);

const user = (content: unknown): Body => ({ role: 'user', content });
const tool = (change: Body): Body => ({
  type: 'function',
  function: {
    name: 'lookup',
    description: 'looks up',
    parameters: { type: 'object', properties: { id: { type: 'string' } } },
    ...change,
  },
});
const call = (argumentText: string): Body => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'lookup', arguments: argumentText } }],
});

/** Every row has its own opening: a conversation remembered from another row would stay home whatever is planted. */
const positions = (COMPLEX: string): Readonly<Record<string, Body>> => {
  const base = (change: Body): Body => ({ model: 'auto', messages: [user(COMPLEX)], ...change });
  return {
    'user text': base({ messages: [user(`${COMPLEX} ${CARD}`)] }),
    'first of many turns': base({
      messages: [
        user(CARD),
        { role: 'assistant', content: 'ok' },
        user(COMPLEX),
        { role: 'assistant', content: 'ok' },
        user(COMPLEX),
      ],
    }),
    'system text': base({ messages: [{ role: 'system', content: `Customer card ${CARD}` }, user(COMPLEX)] }),
    'developer text': base({ messages: [{ role: 'developer', content: CARD }, user(COMPLEX)] }),
    'assistant text': base({
      messages: [user('x'), { role: 'assistant', content: `the card ${CARD}` }, user(COMPLEX)],
    }),
    'assistant reasoning': base({
      messages: [user('x'), { role: 'assistant', content: 'y', reasoning_content: CARD }, user(COMPLEX)],
    }),
    'assistant refusal': base({
      messages: [user('x'), { role: 'assistant', content: [{ type: 'refusal', refusal: CARD }] }, user(COMPLEX)],
    }),
    'a content part': base({
      messages: [
        user([
          { type: 'text', text: COMPLEX },
          { type: 'text', text: CARD },
        ]),
      ],
    }),
    'split over content parts': base({
      messages: [
        user([
          { type: 'text', text: `${COMPLEX} card 4539 5787` },
          { type: 'text', text: ' 6362 1486 please' },
        ]),
      ],
    }),
    'split over messages': base({ messages: [user(`${COMPLEX} card 4539 5787`), user('6362 1486 please')] }),
    'a participant name': base({ messages: [{ ...user(COMPLEX), name: CARD.replaceAll(' ', '-') }] }),
    'tool result': base({
      messages: [user(COMPLEX), call('{}'), { role: 'tool', tool_call_id: 'call_1', content: CARD }],
    }),
    'tool result parts': base({
      messages: [
        user(COMPLEX),
        call('{}'),
        { role: 'tool', tool_call_id: 'call_1', content: [{ type: 'text', text: CARD }] },
      ],
    }),
    'tool result as JSON': base({
      messages: [
        user(COMPLEX),
        call('{}'),
        { role: 'tool', tool_call_id: 'call_1', content: JSON.stringify({ rows: [{ card: CARD }] }) },
      ],
    }),
    'tool-call arguments': base({
      messages: [
        user(COMPLEX),
        call(JSON.stringify({ card: CARD })),
        { role: 'tool', tool_call_id: 'call_1', content: 'ok' },
      ],
    }),
    'tool-call arguments, escaped': base({
      messages: [
        user(COMPLEX),
        call('{"card":"\\u0034539 5787 6362 1486"}'),
        { role: 'tool', tool_call_id: 'call_1', content: 'ok' },
      ],
    }),
    'tool-call arguments, a number': base({
      messages: [
        user(COMPLEX),
        call('{"card":4539578763621486}'),
        { role: 'tool', tool_call_id: 'call_1', content: 'ok' },
      ],
    }),
    'tool-call id': base({
      messages: [
        user(COMPLEX),
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: CARD, type: 'function', function: { name: 'lookup', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: CARD, content: 'ok' },
      ],
    }),
    'legacy function call': base({
      messages: [
        user(COMPLEX),
        {
          role: 'assistant',
          content: null,
          function_call: { name: 'lookup', arguments: JSON.stringify({ card: CARD }) },
        },
        { role: 'function', name: 'lookup', content: 'ok' },
      ],
    }),
    'tool description': base({ tools: [tool({ description: `charges ${CARD}` })] }),
    'tool parameter default': base({
      tools: [tool({ parameters: { type: 'object', properties: { card: { type: 'string', default: CARD } } } })],
    }),
    'tool parameter key': base({
      tools: [tool({ parameters: { type: 'object', properties: { [CARD]: { type: 'string' } } } })],
    }),
    'tool enum': base({ tools: [tool({ parameters: { type: 'object', properties: { card: { enum: [CARD] } } } })] }),
    metadata: base({ metadata: { note: CARD } }),
    'metadata key': base({ metadata: { [CARD]: 'note' } }),
    user: base({ user: CARD }),
    'response schema': base({
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'x', schema: { type: 'object', properties: { card: { const: CARD } } } },
      },
    }),
    stop: base({ stop: [CARD] }),
    'logit bias': base({ logit_bias: { '4539578763621486': 1 } }),
    prediction: base({ prediction: { type: 'content', content: CARD } }),
    'an unknown field': base({ something_new: { deep: [[{ er: CARD }]] } }),
    'an unknown number': base({ something_new: 4539578763621486 }),
    'an unknown key': base({ [CARD]: 1 }),
    'the model name': base({ model: CARD }),
    'web search location': base({ web_search_options: { user_location: { approximate: { city: CARD } } } }),
    'a text file part': base({
      messages: [
        user([
          { type: 'text', text: COMPLEX },
          {
            type: 'file',
            file: {
              filename: 'a.csv',
              file_data: `data:text/csv;base64,${Buffer.from(`name,card\nx,${CARD}`).toString('base64')}`,
            },
          },
        ]),
      ],
    }),
    'a file name': base({
      messages: [
        user([
          { type: 'text', text: COMPLEX },
          { type: 'file', file: { filename: `${CARD}.csv`, file_data: 'data:text/csv;base64,YQ==' } },
        ]),
      ],
    }),
    'an image URL': base({
      messages: [
        user([
          { type: 'text', text: COMPLEX },
          { type: 'image_url', image_url: { url: `https://img.example/${CARD.replaceAll(' ', '')}.png` } },
        ]),
      ],
    }),
    'base64 in text': base({
      messages: [user(`${COMPLEX} ${Buffer.from(`card ${CARD} of the customer`).toString('base64')}`)],
    }),
    'percent-encoded': base({ messages: [user(`${COMPLEX} https://pay.example/?c=${encodeURIComponent(CARD)}`)] }),
    'full-width digits': base({
      messages: [
        user(`${COMPLEX} ${CARD.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))}`),
      ],
    }),
    'zero-width spaces between': base({ messages: [user(`${COMPLEX} ${[...CARD].join('\u200b')}`)] }),
  };
};

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startSluice({
    cloud: { reply: () => ({ text: 'ok' }) },
    local: {
      models: [{ name: 'small:latest', capabilities: ['completion', 'tools', 'vision'] }],
      reply: () => ({ text: 'ok' }),
    },
  });
});
afterAll(() => sluice.close());

describe('a card number planted in', () => {
  it('the search itself works: what stays inside is found where it is', async () => {
    await (await sluice.ask({ model: 'auto', messages: [user(`hello ${CARD}`)] })).text();
    expect(leaksIn(canary, JSON.stringify(sluice.local.chats()))).not.toEqual([]);
  });

  it.each(Object.keys(positions('')))('%s', async (name) => {
    expect.hasAssertions();
    const opening = `${COMPLEX} (case ${name})`;
    await expectKeptHome(sluice, canary, {
      path: '/v1/chat/completions',
      control: { model: 'auto', messages: [user(opening)] },
      planted: positions(opening)[name] ?? {},
    });
  });
});
