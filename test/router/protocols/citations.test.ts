/** What a text rests on, from every cloud wire to every client's: the same address, the same words under it, values put back. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { messageItem } from '../../helpers/responses-events.ts';
import { COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
type Json = Readonly<Record<string, unknown>>;
const MAIL = 'jane.roe@corp-mail.example';
const URL = 'https://pages.example/one';
const INDEX = randomBytes(48).toString('base64');
const tokenIn = (body: string): string => /\[\[EMAIL_ADDRESS_[a-z]+\]\]/.exec(body)?.[0] ?? 'nobody';
/** Words under the citation stand behind a masked value, so that positions move. */
const before = (token: string): string => `🌍 Write to ${token}: `;
const CITED = 'the page says so';
const points = (text: string): number => [...text].length;
const rangeOf = (token: string) => ({ start_index: points(before(token)), end_index: points(before(token) + CITED) });

const CLOUDS: Readonly<Record<string, TestSluiceOptions>> = {
  chat: {
    cloud: {
      reply: ({ body }) => {
        const token = tokenIn(body);
        const citation = { url: URL, title: `About ${token}`, ...rangeOf(token) };
        return { text: before(token) + CITED, annotations: [{ type: 'url_citation', url_citation: citation }] };
      },
    },
  },
  responses: {
    cloudApi: 'responses',
    cloud: {
      responses: ({ body }) => {
        const token = tokenIn(body);
        const annotations = [{ type: 'url_citation', url: URL, title: `About ${token}`, ...rangeOf(token) }];
        const content = [{ type: 'output_text', text: before(token) + CITED, annotations }];
        return { output: [{ ...messageItem(''), content }] };
      },
    },
  },
  messages: {
    claude: {
      reply: ({ body }) => {
        const token = tokenIn(body);
        return {
          blocks: [{ type: 'text', text: before(token) }],
          text: CITED,
          citations: [
            {
              type: 'web_search_result_location',
              url: URL,
              title: `About ${token}`,
              cited_text: 'x',
              encrypted_index: INDEX,
            },
          ],
        };
      },
    },
  },
};

interface Read {
  readonly text: string;
  readonly citations: readonly Json[];
}
interface Client {
  readonly path: string;
  readonly body: Json;
  readonly whole: (reply: Json) => Read;
  readonly streamed: (events: readonly Json[]) => Read;
}
const list = (value: unknown): readonly Json[] => (value ?? []) as readonly Json[];
const under = (text: string, citation: Json): Json => ({
  ...citation,
  words: [...text].slice(Number(citation['start_index']), Number(citation['end_index'])).join(''),
});
const CLIENTS: Readonly<Record<string, Client>> = {
  chat: {
    path: '/v1/chat/completions',
    body: { messages: [{ role: 'user', content: `${COMPLEX} to ${MAIL}` }] },
    whole: (reply) => {
      const message = list(reply['choices'])[0]?.['message'] as Json;
      const text = String(message['content']);
      return { text, citations: list(message['annotations']).map((each) => under(text, each['url_citation'] as Json)) };
    },
    streamed: (events) => {
      const deltas = events.flatMap((event) => list(event['choices']).map((choice) => choice['delta'] as Json));
      const text = deltas.map((delta) => delta['content'] ?? '').join('');
      const all = deltas.flatMap((delta) => list(delta['annotations']));
      return { text, citations: all.map((each) => under(text, each['url_citation'] as Json)) };
    },
  },
  responses: {
    path: '/v1/responses',
    body: { input: `${COMPLEX} to ${MAIL}` },
    whole: (reply) => {
      const part = list(list(reply['output']).find((item) => item['type'] === 'message')?.['content'])[0] as Json;
      const text = String(part['text']);
      return { text, citations: list(part['annotations']).map((each) => under(text, each)) };
    },
    streamed: (events) => {
      const text = events
        .map((event) => (event['type'] === 'response.output_text.delta' ? event['delta'] : ''))
        .join('');
      const added = events.filter((event) => event['type'] === 'response.output_text.annotation.added');
      return { text, citations: added.map((each) => under(text, each['annotation'] as Json)) };
    },
  },
  messages: {
    path: '/v1/messages',
    body: { max_tokens: 99, messages: [{ role: 'user', content: `${COMPLEX} to ${MAIL}` }] },
    whole: (reply) => {
      const blocks = list(reply['content']);
      const citations = blocks.flatMap((block) =>
        list(block['citations']).map((each): Json => ({ ...each, words: block['text'] })),
      );
      return { text: blocks.map((block) => block['text']).join(''), citations };
    },
    streamed: (events) => {
      const blocks = new Map<unknown, { text: string; readonly citations: Json[] }>();
      for (const event of events) {
        if (event['type'] === 'content_block_start') blocks.set(event['index'], { text: '', citations: [] });
        const block = blocks.get(event['index']);
        const delta = event['delta'] as Json | undefined;
        if (block === undefined || delta === undefined) continue;
        if (delta['type'] === 'text_delta') block.text += String(delta['text']);
        if (delta['type'] === 'citations_delta') block.citations.push(delta['citation'] as Json);
      }
      const all = [...blocks.values()];
      const citations = all.flatMap(({ text, citations: some }) =>
        some.map((each): Json => ({ ...each, words: text })),
      );
      return { text: all.map(({ text }) => text).join(''), citations };
    },
  },
};

const ROWS = Object.keys(CLOUDS).flatMap((cloud) =>
  Object.keys(CLIENTS).flatMap((client) => [true, false].map((stream) => ({ cloud, client, stream }))),
);

describe('citations', () => {
  it.each(ROWS)('from $cloud to $client, stream $stream', async ({ cloud, client, stream }) => {
    const running = await startSluice({
      ...CLOUDS[cloud],
      // Replies are read even where the client's wire is the upstream's.
      config: 'policy: { replyFindings: flag }',
    });
    sluice = running;
    const { path, body, whole, streamed } = CLIENTS[client] as Client;
    const reply = await running.ask({ model: 'auto', stream, ...body }, {}, path);
    expect(reply.headers.get('x-sluice-route')).toBe('cloud-masked');
    const raw = await reply.text();
    const events = raw
      .split('\n')
      .flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6)) as Json] : []));
    const { text, citations } = stream ? streamed(events) : whole(JSON.parse(raw) as Json);
    expect(text).toBe(before(MAIL) + CITED);
    expect(citations).toHaveLength(1);
    const [citation] = citations;
    expect(citation).toMatchObject({ url: URL, title: `About ${MAIL}` });
    // A block of Anthropic's is what its citations stand under; elsewhere positions say it.
    const isWholeText = client === 'messages';
    expect(citation?.['words']).toBe(isWholeText ? before(MAIL) + CITED : CITED);
    if (client === 'messages') expect(citation?.['encrypted_index']).toBe(cloud === 'messages' ? INDEX : '');
    expect(running.sentToCloud()).not.toContain(MAIL);
  });

  it('of passages stay on their own wire, and are no annotation elsewhere', async () => {
    const passage = {
      type: 'char_location',
      cited_text: 'x',
      document_index: 0,
      document_title: 't',
      start_char_index: 0,
      end_char_index: 1,
    };
    const running = await startSluice({
      claude: { replies: [{ text: CITED, citations: [passage] }] },
      config: 'policy: { replyFindings: flag }',
    });
    sluice = running;
    for (const [name, { path, body, whole }] of Object.entries(CLIENTS)) {
      const reply = await running.ask(
        { model: 'auto', ...body, ...(name === 'messages' ? { messages: [{ role: 'user', content: COMPLEX }] } : {}) },
        {},
        path,
      );
      const { text, citations } = whole((await reply.json()) as Json);
      expect([text, citations.length]).toEqual([CITED, name === 'messages' ? 1 : 0]);
    }
  });
});
