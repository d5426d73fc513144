/** The official ollama client against a running Sluice: embeddings, the catalogue, and what is refused. */
import { Ollama } from 'ollama';
import { afterEach, describe, expect, it } from 'vitest';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(async () => {
  await sluice?.close();
  sluice = undefined;
});
async function connect(options: TestSluiceOptions): Promise<{ client: Ollama; sluice: TestSluice }> {
  sluice = await startSluice(options);
  return { client: new Ollama({ host: sluice.url }), sluice };
}

describe('embeddings', () => {
  const home = { models: [{ name: 'small:latest' }, { name: 'vectors:latest', capabilities: ['embedding'] }] };

  it.each([
    ['a clean text', COMPLEX],
    ['a sensitive one', `card ${CARD}`],
  ])('%s is embedded at home', async (_, text) => {
    const { client, sluice: running } = await connect({ local: home });
    for (const model of ['auto', 'vectors', 'vectors:latest']) {
      const reply = await client.embed({ model, input: [text, 'b'] });
      expect(reply.embeddings).toEqual([
        [text.length, text.charCodeAt(0) / 7, -0.5],
        [1, 14, -0.5],
      ]);
      expect(reply).toMatchObject({ model: 'vectors:latest', load_duration: 0 });
      expect(reply.prompt_eval_count).toBeGreaterThan(0);
    }
    expect((await client.embed({ model: 'vectors', input: text })).embeddings).toHaveLength(1);
    expect(await client.embeddings({ model: 'vectors', prompt: 'b' })).toEqual({ embedding: [1, 14, -0.5] });
    expect(running.cloud.requests).toEqual([]);
    expect(running.logged()).not.toContain(CARD);
  });

  it.each([
    ['a cloud name', 'big:cloud', 400, /somebody else's machine/],
    ['a stub that forwards', 'stub', 400, /somebody else's machine/],
    ['a name nobody has', 'none', 404, /does not have this model/],
    ['a model of the cloud upstream', 'gpt-fake', 404, /does not have this model/],
    ['a model that only talks', 'small', 400, /cannot do what was asked/],
  ])('%s gets no text', async (_, model, status, message) => {
    const { client, sluice: running } = await connect({
      local: {
        models: [
          { name: 'small:latest', capabilities: ['completion'] },
          { name: 'stub:latest', capabilities: ['embedding'], remoteHost: 'https://ollama.com:443' },
        ],
      },
    });
    await expect(client.embed({ model, input: `card ${CARD}` })).rejects.toMatchObject({
      status_code: status,
      error: expect.stringMatching(message) as string,
    });
    expect(running.local.forwarded).toEqual([]);
    expect(running.cloud.requests).toEqual([]);
  });

  it.each([
    ['from another host', { model: 'x', embeddings: [[1]], remote_host: 'https://ollama.com' }, 400],
    ['with a vector missing', { model: 'x', embeddings: [] }, 502],
    ['with words for numbers', { model: 'x', embeddings: [['a']] }, 502],
    ['without vectors', {}, 502],
  ])('an answer %s is none', async (_, answer, status) => {
    const { client } = await connect({ local: { ...home, embed: () => answer } });
    await expect(client.embed({ model: 'vectors', input: 'a' })).rejects.toMatchObject({ status_code: status });
  });

  it('is refused where no local model may see the text', async () => {
    const { client, sluice: running } = await connect({ local: home, homeSees: 'public' });
    expect((await client.embed({ model: 'vectors', input: 'a' })).embeddings).toHaveLength(1);
    await expect(client.embed({ model: 'vectors', input: `card ${CARD}` })).rejects.toMatchObject({
      status_code: 400,
      error: expect.stringMatching(/^Refused by policy/) as string,
    });
    expect(running.local.requests.filter((request) => request.path === '/api/embed')).toHaveLength(1);
  });
});

describe('catalogue', () => {
  it('lists what can be asked for', async () => {
    const { client, sluice: running } = await connect({ local: { models: [{ name: 'ns/small:latest' }] } });
    const { models } = await client.list();
    expect(models.map((model) => model.name)).toEqual(['auto', 'ns/small:latest', 'gpt-fake', 'gpt-other']);
    expect(models.every((model) => /^[0-9a-f]{64}$/.test(model.digest))).toBe(true);
    expect(models[1]).toMatchObject({ size: 4_000_000_000, details: { parameter_size: '8B' } });
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await (await fetch(running.url)).text()).toBe('Ollama is running');
    for (const path of ['/', '/api/tags', '/api/version'])
      expect((await fetch(running.url + path, { method: 'HEAD' })).status, path).toBe(200);
  });

  it('shows local models as their server does, and others as what they are here', async () => {
    const { client } = await connect({
      local: { models: [{ name: 'small:latest' }, { name: 'stub:latest', remoteHost: 'https://ollama.com:443' }] },
    });
    expect(await client.show({ model: 'small' })).toMatchObject({
      capabilities: ['completion', 'tools'],
      model_info: { 'fake.context_length': 131_072 },
    });
    for (const model of ['auto', 'auto:latest'])
      expect(await client.show({ model })).toMatchObject({
        capabilities: ['completion', 'tools'],
        model_info: { 'sluice.context_length': 8_192 },
      });
    expect(await client.show({ model: 'gpt-fake' })).toMatchObject({ details: { family: 'sky' } });
    await expect(client.show({ model: 'none' })).rejects.toMatchObject({ status_code: 404 });
    for (const model of ['stub', 'x:cloud'])
      await expect(client.show({ model })).rejects.toMatchObject({ status_code: 400 });
  });

  it('tells what is loaded', async () => {
    const { client } = await connect({});
    expect((await client.ps()).models).toEqual([]);
    await client.chat({ model: 'small', messages: [{ role: 'user', content: 'hi' }] });
    expect((await client.ps()).models).toMatchObject([{ name: 'small:latest', context_length: 8_192 }]);
  });
});

describe('what is not served', () => {
  it('models are not changed from here', async () => {
    const { client, sluice: running } = await connect({});
    const refused = { status_code: 404, error: expect.stringMatching(/does not serve this path/) as string };
    await expect(client.pull({ model: 'small' })).rejects.toMatchObject(refused);
    await expect(client.push({ model: 'small' })).rejects.toMatchObject(refused);
    await expect(client.delete({ model: 'small' })).rejects.toMatchObject(refused);
    await expect(client.copy({ source: 'small', destination: 'b' })).rejects.toMatchObject(refused);
    await expect(client.create({ model: 'b', from: 'small' })).rejects.toMatchObject(refused);
    expect(running.local.requests).toEqual([]);
  });

  it('neither are other paths and methods, in words', async () => {
    const { sluice: running } = await connect({});
    for (const [method, path, status] of [
      ['POST', '/api/blobs/sha256:00', 404],
      ['POST', '/api/web_search', 404],
      ['POST', '/api/chat/', 404],
      ['GET', '/api/chat', 405],
      ['GET', '/api/embed', 405],
      ['DELETE', '/api/tags', 405],
      ['GET', '/api/show', 405],
    ] as const) {
      const body = method === 'POST' ? { body: '{}' } : {};
      const response = await fetch(running.url + path, { method, ...body });
      expect(response.status, `${method} ${path}`).toBe(status);
      expect(await response.json()).toEqual({ error: expect.any(String) as string });
    }
    expect([...running.local.requests, ...running.cloud.requests]).toEqual([]);
  });
});
