/** LangChain's OpenAI client against a running Sluice, over both APIs: invoke, stream, a tool round, structured output, embeddings. */
import { afterEach, describe, expect, it } from 'vitest';
import { loadOnDemand, WHY_SKIPPED } from '../helpers/on-demand.ts';
import { callItem, messageItem } from '../helpers/responses-events.ts';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../helpers/sluice.ts';

interface Message {
  readonly text: string;
  readonly tool_calls?: readonly { readonly name: string; readonly args: unknown; readonly id?: string }[];
}
interface Chat {
  invoke(input: unknown): Promise<Message>;
  stream(input: unknown): Promise<AsyncIterable<Message>>;
  bindTools(tools: readonly object[]): Chat;
  withStructuredOutput(schema: object, options: object): { invoke(input: unknown): Promise<unknown> };
}
interface LangChain {
  readonly ChatOpenAI: new (options: object) => Chat;
  readonly OpenAIEmbeddings: new (options: object) => {
    embedDocuments(texts: readonly string[]): Promise<readonly (readonly number[])[]>;
  };
}

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
const MAIL = 'jane.roe@corp-mail.example';
const tokenIn = (body: string): string =>
  /\[\[[A-Z_a-z]+\]\](?![\s\S]*\[\[[A-Z_a-z]+\]\])/.exec(body)?.[0] ?? 'nothing';
const TOOL = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'tells the weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

describe.skipIf(WHY_SKIPPED !== '').each([
  ['chat completions', false, 'chat'],
  ['responses', true, 'responses'],
  ['responses over a chat cloud', true, 'chat'],
] as const)(
  `@langchain/openai by %s${WHY_SKIPPED === '' ? '' : ` (${WHY_SKIPPED})`}`,
  (_, useResponsesApi, cloudApi) => {
    async function connect(
      options: TestSluiceOptions,
    ): Promise<{ chat: Chat; langchain: LangChain; sluice: TestSluice }> {
      const running = await startSluice({ cloudApi, ...options });
      sluice = running;
      const langchain = await loadOnDemand<LangChain>('@langchain/openai');
      const chat = new langchain.ChatOpenAI({
        model: 'auto',
        apiKey: 'none',
        maxRetries: 0,
        useResponsesApi,
        configuration: { baseURL: `${running.url}/v1` },
      });
      return { chat, langchain, sluice: running };
    }

    it('asks every route, whole and streamed', async () => {
      const { chat } = await connect({
        cloud: {
          reply: ({ body }) => ({ text: `heard ${tokenIn(body)}` }),
          responses: ({ body }) => ({ output: [messageItem(`heard ${tokenIn(body)}`)] }),
        },
        local: { reply: () => ({ text: 'at home' }) },
      });
      for (const [prompt, expected] of [
        [COMPLEX, 'heard nothing'],
        [`${COMPLEX} for ${MAIL}`, `heard ${MAIL}`],
        [`my card is ${CARD}`, 'at home'],
      ] as const) {
        expect((await chat.invoke(prompt)).text).toBe(expected);
        let text = '';
        for await (const piece of await chat.stream(prompt)) text += piece.text;
        expect(text).toBe(expected);
      }
    });

    it('goes through a tool round', async () => {
      const { chat } = await connect({
        cloud: {
          replies: [
            { toolCalls: [{ name: 'weather', arguments: { city: 'Rome' }, id: 'call_1' }] },
            { text: 'sunny in Rome' },
          ],
          responses: [{ output: [callItem('weather', '{"city":"Rome"}')] }, { output: [messageItem('sunny in Rome')] }],
        },
      });
      const { HumanMessage, ToolMessage } =
        await loadOnDemand<Readonly<Record<'HumanMessage' | 'ToolMessage', new (fields: object) => object>>>(
          '@langchain/core/messages',
        );
      const withTools = chat.bindTools([TOOL]);
      const asked = new HumanMessage({ content: COMPLEX });
      const first = await withTools.invoke([asked]);
      expect(first.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Rome' }, id: 'call_1' }]);
      const result = new ToolMessage({ content: 'sunny', tool_call_id: 'call_1', name: 'weather' });
      let text = '';
      for await (const piece of await withTools.stream([asked, first, result])) text += piece.text;
      expect(text).toBe('sunny in Rome');
    });

    it('reads structured output whose values were masked outside', async () => {
      const { chat } = await connect({
        cloud: {
          reply: ({ body }) => ({ text: JSON.stringify({ mail: tokenIn(body) }) }),
          responses: ({ body }) => ({ output: [messageItem(JSON.stringify({ mail: tokenIn(body) }))] }),
        },
      });
      const schema = {
        title: 'out',
        type: 'object',
        properties: { mail: { type: 'string' } },
        required: ['mail'],
        additionalProperties: false,
      };
      expect(
        await chat.withStructuredOutput(schema, { method: 'jsonSchema' }).invoke(`${COMPLEX} for ${MAIL}`),
      ).toEqual({ mail: MAIL });
    });

    it('embeds at home', async () => {
      const { langchain, sluice: running } = await connect({
        local: { models: [{ name: 'embedder:latest', capabilities: ['embedding'] }] },
      });
      const embeddings = new langchain.OpenAIEmbeddings({
        model: 'auto',
        apiKey: 'none',
        maxRetries: 0,
        configuration: { baseURL: `${running.url}/v1` },
      });
      expect((await embeddings.embedDocuments(['a', 'bc'])).map((vector) => vector[0])).toEqual([1, 2]);
      expect(running.cloud.requests).toEqual([]);
    });
  },
);
