/** The judge over the wire: a fake of Ollama answers both the judge's question and, where the request stays, the prompt. */
import { afterEach, describe, expect, it } from 'vitest';
import { COMPLEX, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

/** A name without what makes it private: evidence, no conclusion. */
const DOUBTFUL = `${COMPLEX} Keep the variable names that Ingrid chose.`;
const isQuestion = (body: string): boolean => body.includes('<<<TEXT');

const HANGS = 'hangs';

let sluice: TestSluice | undefined;
afterEach(async () => {
  await sluice?.close();
  sluice = undefined;
});

async function routed(answer: string, content: string = DOUBTFUL): Promise<Response> {
  sluice = await startSluice({
    config: 'classify: { deep: { judge: {}, timeoutMs: 400 } }',
    local: {
      reply: (request) =>
        !isQuestion(request.body)
          ? { text: 'local heard' }
          : answer === HANGS
            ? 'hang-before-headers'
            : { text: answer },
    },
  });
  return sluice.ask(say(content));
}
const route = (answer: Response): string | null => answer.headers.get('x-sluice-route');

describe('the judge', () => {
  it('keeps inside what it calls sensitive', async () => {
    const answer = await routed('{"sensitive":true,"kind":"hr","confidence":0.9}');
    expect(route(answer)).toBe('local');
    expect(answer.headers.get('x-sluice-reason')).toContain('JUDGED_SENSITIVE');
    expect(sluice?.sentToCloud()).not.toContain('Ingrid');
  });

  it('what it calls harmless goes as it would have gone, and the question asks for the schema', async () => {
    expect(route(await routed('{"sensitive":false,"kind":"none","confidence":0.9}'))).toBe('cloud');
    const [question] = sluice?.local.chats() ?? [];
    expect(question).toMatchObject({ format: { required: ['sensitive', 'kind', 'confidence'] } });
  });

  it.each([
    ['no JSON', 'It is fine.'],
    ['another word', '{"sensitive":false,"kind":"clean","confidence":0.9}'],
    ['one field more', '{"sensitive":false,"kind":"none","confidence":0.9,"route":"cloud"}'],
    ['no number', '{"sensitive":false,"kind":"none","confidence":"high"}'],
    ['nothing', ''],
    ['too late', HANGS],
  ])('an answer out of form is unknown: %s', async (_, said) => {
    const answer = await routed(said);
    expect(route(answer)).toBe('local');
    expect(answer.headers.get('x-sluice-reason')).toContain('classification-incomplete');
    expect(sluice?.sentToCloud()).not.toContain('Ingrid');
  });

  it('is not asked about a request without doubt', async () => {
    expect(route(await routed('nonsense', COMPLEX))).toBe('cloud');
    expect(sluice?.local.chats()).toEqual([]);
  });

  it('a judge that nobody configured is a problem at start', async () => {
    await expect(startSluice({ config: 'classify: { deep: { judge: { upstream: nobody } } }' })).rejects.toThrow(
      'no local upstream is named',
    );
  });
});
