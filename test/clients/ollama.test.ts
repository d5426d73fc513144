/** The official ollama client against a running Sluice: whole, streamed, tools, catalogue, errors. */
import { Ollama } from 'ollama';
import { afterEach, describe, expect, it } from 'vitest';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function connect(options: TestSluiceOptions): Promise<{ client: Ollama; sluice: TestSluice }> {
  sluice = await startSluice(options);
  return { client: new Ollama({ host: sluice.url }), sluice };
}
const MAIL = 'jane.roe@corp-mail.example';
const echo = {
  reply: (request: { readonly body: string }) => ({
    text: `heard ${/\[\[[A-Za-z0-9_]+\]\]/.exec((JSON.parse(request.body) as { messages: { content: string }[] }).messages.at(-1)?.content ?? '')?.[0] ?? 'nothing masked'}`,
  }),
};
const routeOf = (running: TestSluice): string =>
  /"route":"([a-z-]+)"/.exec(running.logged().trim().split('\n').at(-1) ?? '')?.[1] ?? '';

describe('chat', () => {
  it.each([
    ['cloud', COMPLEX, 'heard nothing masked'],
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, `heard ${MAIL}`],
    ['local', `My card is ${CARD}`, 'local heard'],
  ])('%s: whole and streamed agree', async (route, content, expected) => {
    const { client, sluice: running } = await connect({
      cloud: echo,
      local: { reply: () => ({ text: 'local heard' }) },
    });
    const messages = [{ role: 'user', content }];
    const whole = await client.chat({ model: 'auto', messages });
    await expect.poll(() => routeOf(running)).toBe(route);
    expect(whole).toMatchObject({
      message: { role: 'assistant', content: expected },
      done: true,
      done_reason: 'stop',
    });
    expect(whole.prompt_eval_count).toBeGreaterThan(0);
    expect(whole.eval_count).toBeGreaterThan(0);
    expect(whole.total_duration).toBeGreaterThan(0);

    let streamed = '';
    let last: { done: boolean; done_reason?: string; eval_count?: number } | undefined;
    for await (const part of await client.chat({ model: 'auto', messages, stream: true })) {
      streamed += part.message.content;
      last = part;
    }
    expect(streamed).toBe(expected);
    expect(last).toMatchObject({ done: true, done_reason: 'stop' });
    expect(last?.eval_count).toBeGreaterThan(0);
  });

  it.each([
    ['cloud', COMPLEX, 'heard nothing masked'],
    ['cloud-masked', `${COMPLEX} to ${MAIL}`, `heard ${MAIL}`],
    ['local', `My card is ${CARD}`, 'local heard'],
  ])('generate %s: whole and streamed agree', async (route, prompt, expected) => {
    const { client, sluice: running } = await connect({
      cloud: echo,
      local: { reply: () => ({ text: 'local heard' }) },
    });
    const whole = await client.generate({ model: 'auto', prompt, system: 'Be short.' });
    await expect.poll(() => routeOf(running)).toBe(route);
    expect(whole).toMatchObject({ response: expected, done: true, done_reason: 'stop' });
    let streamed = '';
    for await (const part of await client.generate({ model: 'auto', prompt, stream: true })) streamed += part.response;
    expect(streamed).toBe(expected);
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
});
