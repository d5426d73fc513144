/** A value planted in every position of an embeddings and of a completions request: in no cloud byte, log, metric, header or error. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryOf } from '../helpers/canary.ts';
import { type Body, expectKeptHome } from '../helpers/kept-home.ts';
import { CARD, COMPLEX, startSluice, type TestSluice } from '../helpers/sluice.ts';

const canary = canaryOf(CARD);
const compact = CARD.replaceAll(' ', '');
/** Of each kind, from a clean text of its own. */
const embeddings = (clean: string): Readonly<Record<string, Body>> => {
  const base = (change: Body): Body => ({ model: 'text-embedding-x', input: clean, ...change });
  return {
    'a text': base({ input: `${clean} ${CARD}` }),
    'one of several texts': base({ input: [clean, CARD, clean] }),
    'two texts together': base({ input: [`${clean} 4539 5787`, '6362 1486 please'] }),
    'base64 in a text': base({ input: Buffer.from(`card ${CARD} of the customer`).toString('base64') }),
    user: base({ user: CARD }),
    'the model': base({ model: CARD }),
    'an unknown field': base({ something: { deep: [CARD] } }),
    'an unknown number': base({ something: Number(compact) }),
    'an unknown key': base({ [CARD]: 1 }),
    'token numbers': base({ input: [Number(compact)] }),
  };
};
const completions = (clean: string): Readonly<Record<string, Body>> => {
  const base = (change: Body): Body => ({ model: 'auto', prompt: clean, ...change });
  return {
    'the prompt': base({ prompt: `${clean} ${CARD}` }),
    'a prompt in a list': base({ prompt: [`${clean} ${CARD}`] }),
    'an echoed prompt': base({ prompt: `${clean} ${CARD}`, echo: true }),
    'the suffix': base({ suffix: CARD }),
    stop: base({ stop: [CARD] }),
    user: base({ user: CARD }),
    'logit bias': base({ logit_bias: { [compact]: 1 } }),
    'an unknown field': base({ something: { deep: [CARD] } }),
    'an unknown number': base({ something: Number(compact) }),
    'an unknown key': base({ [CARD]: 1 }),
    'full-width digits': base({
      prompt: `${clean} ${CARD.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))}`,
    }),
  };
};

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startSluice({
    config: 'surfaces: { embeddings: { cloudModels: [text-embedding-x] } }',
    cloud: {
      reply: () => ({ text: 'ok' }),
      embed: ({ body }) => {
        const { input } = JSON.parse(body) as { readonly input: string | readonly string[] };
        const count = typeof input === 'string' ? 1 : input.length;
        return JSON.stringify({ data: Array.from({ length: count }, (_, index) => ({ index, embedding: [1] })) });
      },
    },
    local: {
      models: [
        { name: 'small:latest', capabilities: ['completion'] },
        { name: 'embedder:latest', capabilities: ['embedding'] },
      ],
      reply: () => ({ text: 'ok' }),
    },
  });
});
afterAll(() => sluice.close());

describe('a card number planted in an embeddings request, in', () => {
  it.each(Object.keys(embeddings('')))('%s', async (name) => {
    expect.hasAssertions();
    await expectKeptHome(sluice, canary, {
      path: '/v1/embeddings',
      control: { model: 'text-embedding-x', input: `how rivers meander (${name})` },
      planted: embeddings(`how rivers meander (${name})`)[name] ?? {},
    });
  });
});

describe('a card number planted in a completions request, in', () => {
  it.each(Object.keys(completions('')))('%s', async (name) => {
    expect.hasAssertions();
    const opening = `${COMPLEX} (case ${name})`;
    await expectKeptHome(sluice, canary, {
      path: '/v1/completions',
      control: { model: 'auto', prompt: opening },
      planted: completions(opening)[name] ?? {},
    });
  });
});
