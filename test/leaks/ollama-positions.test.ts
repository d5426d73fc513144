/** A value planted in every position of a request in Ollama's own API: in no cloud byte, log, metric, header or error. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryOf, leaksIn } from '../helpers/canary.ts';
import { type Body, expectKeptHome } from '../helpers/kept-home.ts';
import { CARD, COMPLEX, startSluice, type TestSluice } from '../helpers/sluice.ts';

const canary = canaryOf(CARD);
const DIGITS = CARD.replaceAll(' ', '');
const NUMBER = Number(DIGITS);
const IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAE=';

const user = (content: string, more: Body = {}): Body => ({ role: 'user', content, ...more });
const tool = (change: Body): Body => ({
  type: 'function',
  function: {
    name: 'lookup',
    description: 'looks up',
    parameters: { type: 'object', properties: { id: { type: 'string' } } },
    ...change,
  },
});
const call = (given: unknown, more: Body = {}): Body => ({
  role: 'assistant',
  content: '',
  tool_calls: [{ function: { name: 'lookup', arguments: given }, ...more }],
});
const result = (content: string, more: Body = {}): Body => ({ role: 'tool', content, ...more });

/** Where a value can stand whatever the path. */
const anywhere = (base: (change: Body) => Body): Readonly<Record<string, Body>> => ({
  'tool description': base({ tools: [tool({ description: `charges ${CARD}` })] }),
  'tool parameter default': base({
    tools: [tool({ parameters: { type: 'object', properties: { card: { type: 'string', default: CARD } } } })],
  }),
  'tool parameter key': base({
    tools: [tool({ parameters: { type: 'object', properties: { [CARD]: { type: 'string' } } } })],
  }),
  'tool enum': base({ tools: [tool({ parameters: { type: 'object', properties: { card: { enum: [CARD] } } } })] }),
  'format schema': base({ format: { type: 'object', properties: { card: { const: CARD } } } }),
  'format schema key': base({ format: { type: 'object', properties: { [CARD]: { type: 'string' } } } }),
  'an unknown format': base({ format: CARD }),
  stop: base({ options: { stop: [CARD] } }),
  seed: base({ options: { seed: NUMBER } }),
  'an unknown option': base({ options: { something: CARD } }),
  'an option that is a number': base({ options: { top_k: NUMBER } }),
  'an option key': base({ options: { [CARD]: 1 } }),
  keep_alive: base({ keep_alive: CARD }),
  'keep_alive as a number': base({ keep_alive: NUMBER }),
  think: base({ think: CARD }),
  tool_choice: base({ tool_choice: { type: 'function', function: { name: CARD } } }),
  'the model name': base({ model: CARD }),
  'an unknown field': base({ something_new: { deep: [[{ er: CARD }]] } }),
  'an unknown number': base({ something_new: NUMBER }),
  'an unknown key': base({ [CARD]: 1 }),
});

const chats = (opening: string): Readonly<Record<string, Body>> => {
  const base = (change: Body): Body => ({ model: 'auto', messages: [user(opening)], ...change });
  const talk = (...messages: readonly Body[]): Body => base({ messages });
  return {
    ...anywhere(base),
    'user text': talk(user(`${opening} ${CARD}`)),
    'first of many turns': talk(user(CARD), { role: 'assistant', content: 'ok' }, user(opening)),
    'system text': talk({ role: 'system', content: `Customer card ${CARD}` }, user(opening)),
    'system text, in capitals': talk({ role: 'SYSTEM', content: `Customer card ${CARD}` }, user(opening)),
    'assistant text': talk(user('x'), { role: 'assistant', content: `the card ${CARD}` }, user(opening)),
    'assistant thinking': talk(user('x'), { role: 'assistant', content: 'y', thinking: CARD }, user(opening)),
    'split over messages': talk(user(`${opening} card 4539 5787`), user('6362 1486 please')),
    'tool-call arguments': talk(user(opening), call({ card: CARD }), result('ok')),
    'tool-call arguments, deep': talk(user(opening), call({ a: [{ b: { c: [CARD] } }] }), result('ok')),
    'tool-call arguments, a key': talk(user(opening), call({ [CARD]: true }), result('ok')),
    'tool-call arguments, a number': talk(user(opening), call({ card: NUMBER }), result('ok')),
    'tool-call arguments in a string': talk(user(opening), call(JSON.stringify({ card: CARD })), result('ok')),
    'JSON inside an argument': talk(user(opening), call({ body: JSON.stringify({ card: CARD }) }), result('ok')),
    'tool-call id': talk(user(opening), call({}, { id: CARD }), result('ok', { tool_call_id: CARD })),
    'tool-call name': talk(
      user(opening),
      { role: 'assistant', content: '', tool_calls: [{ function: { name: DIGITS, arguments: {} } }] },
      result('ok'),
    ),
    'tool result': talk(user(opening), call({}), result(CARD)),
    'tool result as JSON': talk(user(opening), call({}), result(JSON.stringify({ rows: [{ card: CARD }] }))),
    'name of a tool result': talk(user(opening), call({}), result('ok', { tool_name: CARD })),
    'an unknown field of a message': talk(user(opening, { note: CARD })),
    'an image': talk(user(opening, { images: [Buffer.from(`card ${CARD}`).toString('base64')] })),
    'an image that is plain text': talk(user(opening, { images: [CARD] })),
    'an image as a data URL': talk(
      user(opening, { images: [`data:text/plain;base64,${Buffer.from(CARD).toString('base64')}`] }),
    ),
    'text beside an image': talk(user(`${opening} ${CARD}`, { images: [IMAGE] })),
    'images of a tool result': talk(user(opening), call({}), result('ok', { images: [CARD] })),
    'base64 in text': talk(user(`${opening} ${Buffer.from(`card ${CARD} of the customer`).toString('base64')}`)),
    'full-width digits': talk(
      user(`${opening} ${CARD.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))}`),
    ),
    'a role': talk(user(opening), { role: CARD, content: 'x' }),
    'a list where a string belongs': talk({ role: 'user', content: [{ type: 'text', text: CARD }] }),
  };
};

const prompts = (opening: string): Readonly<Record<string, Body>> => {
  const base = (change: Body): Body => ({ model: 'auto', prompt: opening, ...change });
  return {
    ...anywhere(base),
    prompt: base({ prompt: `${opening} ${CARD}` }),
    'JSON in the prompt': base({ prompt: JSON.stringify({ task: opening, card: CARD }) }),
    system: base({ system: `Customer card ${CARD}` }),
    'split over system and prompt': base({ system: 'card 4539 5787', prompt: `6362 1486 ${opening}` }),
    suffix: base({ suffix: CARD }),
    template: base({ template: CARD }),
    raw: base({ raw: true, prompt: `${opening} ${CARD}` }),
    context: base({ context: [NUMBER] }),
    'an image': base({ images: [Buffer.from(`card ${CARD}`).toString('base64')] }),
    'an image that is plain text': base({ images: [CARD] }),
    'messages beside the prompt': base({ messages: [user(CARD)] }),
    'thinking of a message beside the prompt': base({
      messages: [{ role: 'assistant', content: 'x', thinking: CARD }, user('go on')],
    }),
  };
};

const embeds = (opening: string): Readonly<Record<string, Body>> => {
  const base = (change: Body): Body => ({ model: 'vectors', input: opening, ...change });
  return {
    'one text': base({ input: `${opening} ${CARD}` }),
    'one of many': base({ input: [opening, CARD] }),
    'split over two': base({ input: ['card 4539 5787', '6362 1486'] }),
    'the model name': base({ model: CARD }),
    'an option': base({ options: { x: CARD } }),
    'a text of the wrong type': base({ input: [{ card: CARD }] }),
    'an unknown key': base({ [CARD]: 1 }),
  };
};

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startSluice({
    cloud: { reply: () => ({ text: 'ok' }) },
    local: {
      models: [
        { name: 'small:latest', capabilities: ['completion', 'tools', 'vision'] },
        { name: 'vectors:latest', capabilities: ['embedding'] },
      ],
      reply: () => ({ text: 'ok' }),
    },
  });
});
afterAll(() => sluice.close());

describe('a card number planted in', () => {
  it('the search itself works: what stays inside is found where it is', async () => {
    const body = JSON.stringify({ model: 'auto', messages: [user(`hello ${CARD}`)], stream: false });
    expect((await fetch(`${sluice.url}/api/chat`, { method: 'POST', body })).status).toBe(200);
    expect(leaksIn(canary, JSON.stringify(sluice.local.chats()))).not.toEqual([]);
  });

  // Every row has its own opening: a conversation remembered from another row would stay home whatever is planted.
  it.each(Object.keys(chats('')))('/api/chat: %s', async (name) => {
    expect.hasAssertions();
    const opening = `${COMPLEX} (chat, ${name})`;
    await expectKeptHome(sluice, canary, {
      path: '/api/chat',
      control: { model: 'auto', messages: [user(opening)] },
      planted: chats(opening)[name] ?? {},
    });
  });

  it.each(Object.keys(prompts('')))('/api/generate: %s', async (name) => {
    expect.hasAssertions();
    const opening = `${COMPLEX} (generate, ${name})`;
    await expectKeptHome(sluice, canary, {
      path: '/api/generate',
      control: { model: 'auto', prompt: opening },
      planted: prompts(opening)[name] ?? {},
    });
  });

  it.each(Object.keys(embeds('')))('/api/embed: %s', async (name) => {
    expect.hasAssertions();
    const opening = `${COMPLEX} (embed, ${name})`;
    await expectKeptHome(sluice, canary, {
      path: '/api/embed',
      control: { model: 'vectors', input: opening },
      controlRoute: 'local',
      planted: embeds(opening)[name] ?? {},
    });
  });

  it.each(['/api/show', '/api/pull', '/api/embeddings'])('the name or text sent to %s', async (path) => {
    const body = JSON.stringify({ model: CARD, name: CARD, prompt: CARD });
    const response = await fetch(sluice.url + path, { method: 'POST', body });
    expect(response.status).toBe(404);
    expect(leaksIn(canary, await response.text()), 'error').toEqual([]);
    expect(leaksIn(canary, sluice.logged()), 'log').toEqual([]);
    expect(leaksIn(canary, sluice.sentToCloud()), 'cloud').toEqual([]);
  });
});
