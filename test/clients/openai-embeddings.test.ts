/** The official openai client's embeddings against a running Sluice: both encodings, where they are made, what never leaves. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { CARD, startSluice, type TestSluice, type TestSluiceOptions } from '../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function connect(options: TestSluiceOptions): Promise<{ client: OpenAI; sluice: TestSluice }> {
  sluice = await startSluice({
    local: { models: [{ name: 'embedder:latest', capabilities: ['embedding'] }] },
    ...options,
  });
  return { client: new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: 'none', maxRetries: 0 }), sluice };
}
/** As the fake makes them. */
const vectorOf = (text: string): readonly number[] => [text.length, text.charCodeAt(0) / 7, -0.5];
const outside = (request: { readonly body: string }): string => {
  const { input } = JSON.parse(request.body) as { readonly input: string | readonly string[] };
  const texts = typeof input === 'string' ? [input] : input;
  return JSON.stringify({
    object: 'list',
    model: 'text-embedding-x',
    // Out of order, as the wire allows.
    data: texts.map((text, index) => ({ object: 'embedding', index, embedding: [0.5, text.length] })).toReversed(),
    usage: { prompt_tokens: 3, total_tokens: 3 },
  });
};
const CLOUD = 'surfaces: { embeddings: { cloudModels: [text-embedding-x] } }';

describe('openai embeddings', () => {
  it.each(['float', 'base64', undefined] as const)('come as %s, made by the local model', async (encoding) => {
    const { client, sluice: running } = await connect({});
    const { data, response } = await client.embeddings
      .create({
        model: 'text-embedding-3-small',
        input: ['ab', `my card is ${CARD}`],
        ...(encoding === undefined ? {} : { encoding_format: encoding }),
      })
      .withResponse();
    const [first, second] = data.data;
    const expected = [vectorOf('ab'), vectorOf(`my card is ${CARD}`)];
    if (encoding === 'base64') {
      const text = String(first?.embedding);
      expect([...new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer)]).toEqual(
        (expected[0] ?? []).map(Math.fround),
      );
    } else {
      // Asked for nothing, the client asks for base64 and decodes it itself.
      const given = encoding === undefined ? expected.map((vector) => vector.map(Math.fround)) : expected;
      expect([first?.embedding, second?.embedding]).toEqual(given);
    }
    expect(data.model).toBe('embedder:latest');
    expect(data.data.map(({ index }) => index)).toEqual([0, 1]);
    expect(response.headers.get('x-sluice-route')).toBe('local');
    expect(response.headers.get('x-sluice-reason')).toMatch(/^local-only,.*CREDIT_CARD/);
    expect(running.cloud.requests).toEqual([]);
  });

  it('of clean texts go to a cloud model the operator listed and the client named', async () => {
    const { client, sluice: running } = await connect({ config: CLOUD, cloud: { embed: outside } });
    const { data, response } = await client.embeddings
      .create({ model: 'text-embedding-x', input: ['ab', 'abcd'], user: 'jane', dimensions: 2 })
      .withResponse();
    expect(data.data.map(({ embedding }) => embedding)).toEqual([
      [0.5, 2],
      [0.5, 4],
    ]);
    expect(response.headers.get('x-sluice-route')).toBe('cloud');
    expect(JSON.parse(running.cloud.requests[0]?.body ?? '')).toEqual({
      model: 'text-embedding-x',
      input: ['ab', 'abcd'],
      dimensions: 2,
      encoding_format: 'float',
    });
  });

  it.each([
    ['a sensitive text', { model: 'text-embedding-x', input: ['clean', `my card is ${CARD}`] }],
    ['any other model', { model: 'text-embedding-y', input: 'clean' }],
    ['auto', { model: 'auto', input: 'clean' }],
  ])('of %s stay at home all the same', async (_, body) => {
    const { client, sluice: running } = await connect({ config: CLOUD, cloud: { embed: outside } });
    const data = await client.embeddings.create(body);
    expect(data.model).toBe('embedder:latest');
    expect(running.cloud.requests).toEqual([]);
  });

  it.each([
    ['fewer vectors than texts', JSON.stringify({ data: [{ index: 0, embedding: [1] }] })],
    [
      'no vectors',
      JSON.stringify({
        data: [
          { index: 0, embedding: 'x' },
          { index: 1, embedding: [] },
        ],
      }),
    ],
    ['no JSON', 'x'],
  ])('that come from the cloud as %s are an error', async (_, body) => {
    const { client } = await connect({ config: CLOUD, cloud: { embed: () => body } });
    await expect(client.embeddings.create({ model: 'text-embedding-x', input: ['a', 'b'] })).rejects.toMatchObject({
      status: 502,
    });
  });

  it.each([
    ['token numbers', { input: [1, 2, 3] }, 'tokens_unreadable', '/input/0'],
    ['lists of token numbers', { input: [[1, 2]] }, 'tokens_unreadable', '/input/0'],
    ['nothing', { input: [] }, 'out_of_range', '/input'],
    ['another encoding', { input: 'x', encoding_format: 'int8' }, 'unsupported_value', '/encoding_format'],
  ])('of %s are refused', async (_, body, code, param) => {
    const { client } = await connect({});
    await expect(client.embeddings.create({ model: 'auto', ...body } as never)).rejects.toMatchObject({
      status: 400,
      code,
      param,
    });
  });
});
