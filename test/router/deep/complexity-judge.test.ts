/** The judge of the uncertain band over the wire. Every score is uncertain here, so what decides is who is asked and what they say. */
import { afterEach, describe, expect, it } from 'vitest';
import { say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const ASK = 'Compare two ways to plan a team outing.';
const SECRET = 'The wiki password is Sunfl0wer!9, plan the outing there.';
const EVERYTHING = 'threshold: 0.5, hysteresis: 0.5';
const isQuestion = (body: string): boolean => body.includes('<<<TEXT');

let sluice: TestSluice | undefined;
afterEach(async () => {
  await sluice?.close();
  sluice = undefined;
});

async function start(said: string, complexity: string): Promise<TestSluice> {
  sluice = await startSluice({
    config: `complexity: { ${EVERYTHING}, ${complexity} }`,
    local: {
      reply: (request) =>
        !isQuestion(request.body) ? { text: 'local heard' } : said === 'hangs' ? 'hang-before-headers' : { text: said },
    },
  });
  return sluice;
}
const route = (answer: Response): string | null => answer.headers.get('x-sluice-route');
const questions = (): number =>
  sluice?.local.chats().filter((chat) => JSON.stringify(chat).includes('<<<TEXT')).length ?? 0;

describe('the uncertain band', () => {
  it.each([
    ['{"effort":"complex"}', 'cloud'],
    ['{"effort":"simple"}', 'local'],
  ])('goes where the judge says: %s', async (said, where) => {
    const started = await start(said, 'judge: {}');
    expect(route(await started.ask(say(ASK)))).toBe(where);
    expect(questions()).toBe(1);
    expect(started.local.chats()[0]).toMatchObject({ format: { required: ['effort'] } });
  });

  it.each([
    ['no JSON', 'complex'],
    ['another word', '{"effort":"hard"}'],
    ['one field more', '{"effort":"complex","route":"cloud"}'],
    ['nothing', ''],
    ['too late', 'hangs'],
  ])('counts as the policy says where the judge gives no answer: %s', async (_, said) => {
    for (const [uncertain, where] of [
      ['simple', 'local'],
      ['complex', 'cloud'],
    ] as const) {
      const started = await start(said, `uncertain: ${uncertain}, judge: { timeoutMs: 200 }`);
      expect(route(await started.ask(say(ASK)))).toBe(where);
      await started.close();
    }
  });

  it('is asked about once in a conversation: after that it stays where it was', async () => {
    const started = await start('{"effort":"complex"}', 'uncertain: simple, judge: {}');
    const messages = [{ role: 'user', content: ASK }];
    const first = await started.ask({ model: 'auto', messages });
    const reply = ((await first.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message;
    const next = await started.ask({
      model: 'auto',
      messages: [...messages, reply, { role: 'user', content: 'And the second one?' }],
    });
    expect([route(first), route(next)]).toEqual(['cloud', 'cloud']);
    expect(questions()).toBe(1);
  });

  it('is not asked about where the route is the same either way, and no answer sends what is sensitive', async () => {
    const started = await start('{"effort":"complex"}', 'judge: {}');
    expect(route(await started.ask(say(SECRET)))).toBe('local');
    expect(questions()).toBe(0);
    expect(started.sentToCloud()).not.toContain('Sunfl0wer');
  });

  it('is not asked about scores that are certain', async () => {
    sluice = await startSluice({
      config: 'complexity: { threshold: 1, hysteresis: 0, judge: {} }',
      local: { reply: () => ({ text: '{"effort":"complex"}' }) },
    });
    expect(route(await sluice.ask(say(ASK)))).toBe('local');
    expect(questions()).toBe(0);
  });

  it('a judge that nobody configured is a problem at start', async () => {
    await expect(startSluice({ config: 'complexity: { judge: { upstream: nobody } }' })).rejects.toThrow(
      'no local upstream is named',
    );
  });
});
