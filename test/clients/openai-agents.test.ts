/** OpenAI's Agents SDK against a running Sluice, over both APIs: a run with a tool round, whole and streamed, on masked and local routes. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadOnDemand, WHY_SKIPPED } from '../helpers/on-demand.ts';
import { callItem, messageItem, reasoningItem } from '../helpers/responses-events.ts';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../helpers/sluice.ts';

interface Run {
  readonly finalOutput: unknown;
}
interface StreamedRun extends Run, AsyncIterable<unknown> {
  readonly completed: Promise<void>;
  toTextStream(): AsyncIterable<string>;
}
interface Agents {
  readonly Agent: new (options: object) => object;
  readonly OpenAIProvider: new (options: object) => object;
  readonly Runner: new (options: object) => Runner;
  tool(options: object): object;
}
interface Runner {
  run(agent: object, input: string, options?: { readonly stream?: false }): Promise<Run>;
  run(agent: object, input: string, options: { readonly stream: true }): Promise<StreamedRun>;
}

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
const MAIL = 'jane.roe@corp-mail.example';
const tokenIn = (body: string): string =>
  /\[\[[A-Z_a-z]+\]\](?![\s\S]*\[\[[A-Z_a-z]+\]\])/.exec(body)?.[0] ?? 'nothing';

describe.skipIf(WHY_SKIPPED !== '').each([
  ['responses', 'responses'],
  ['responses', 'chat'],
  ['chat_completions', 'chat'],
] as const)(`@openai/agents by %s, cloud by %s${WHY_SKIPPED === '' ? '' : ` (${WHY_SKIPPED})`}`, (api, cloudApi) => {
  async function connect(options: TestSluiceOptions): Promise<{ agents: Agents; runner: Runner; sluice: TestSluice }> {
    const running = await startSluice({ cloudApi, ...options });
    sluice = running;
    const agents = await loadOnDemand<Agents>('@openai/agents');
    // Not the SDK's default client: it is kept for the life of the process.
    const openAIClient = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const modelProvider = new agents.OpenAIProvider({ openAIClient, useResponses: api === 'responses' });
    const runner = new agents.Runner({ modelProvider, tracingDisabled: true });
    return { agents, runner, sluice: running };
  }

  it.each([false, true])('runs an agent with a tool to its end (streamed: %s)', async (stream) => {
    const {
      agents,
      runner,
      sluice: running,
    } = await connect({
      cloud: {
        replies: [
          { toolCalls: [{ name: 'weather', arguments: { city: 'Rome' }, id: 'call_1' }] },
          { text: 'sunny in Rome' },
        ],
        responses: [
          {
            output: [
              reasoningItem('hm', { encrypted_content: 'B'.repeat(80) }),
              callItem('weather', '{"city":"Rome"}'),
            ],
          },
          { output: [messageItem('sunny in Rome')] },
        ],
      },
    });
    const seen: string[] = [];
    const weather = agents.tool({
      name: 'weather',
      description: 'tells the weather',
      parameters: z.object({ city: z.string() }),
      execute: ({ city }: { city: string }) => {
        seen.push(city);
        return `sunny in ${city}`;
      },
    });
    const agent = new agents.Agent({ name: 'Guide', instructions: 'Be brief.', model: 'auto', tools: [weather] });
    if (stream) {
      const run = await runner.run(agent, COMPLEX, { stream: true });
      let text = '';
      for await (const piece of run.toTextStream()) text += piece;
      await run.completed;
      expect([text, run.finalOutput]).toEqual(['sunny in Rome', 'sunny in Rome']);
    } else expect((await runner.run(agent, COMPLEX)).finalOutput).toBe('sunny in Rome');
    expect(seen).toEqual(['Rome']);
    expect(running.cloud.requests.length).toBe(2);
  });

  it('has values put back, and keeps what is sensitive at home', async () => {
    const {
      agents,
      runner,
      sluice: running,
    } = await connect({
      cloud: {
        reply: ({ body }) => ({ text: `heard ${tokenIn(body)}` }),
        responses: ({ body }) => ({ output: [messageItem(`heard ${tokenIn(body)}`)] }),
      },
      local: { reply: () => ({ text: 'at home' }) },
    });
    const agent = new agents.Agent({ name: 'Guide', instructions: 'Be brief.', model: 'auto' });
    expect((await runner.run(agent, `${COMPLEX} for ${MAIL}`)).finalOutput).toBe(`heard ${MAIL}`);
    expect((await runner.run(agent, `my card is ${CARD}`)).finalOutput).toBe('at home');
    expect(running.sentToCloud()).not.toContain(MAIL);
    expect(running.sentToCloud()).not.toContain(CARD);
  });
});
