/** What a cloud says that it was never told: counted and logged by entity, never by value, and only where the policy asks for it. */
import { afterEach, describe, expect, it } from 'vitest';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { callItem, messageItem } from '../../helpers/responses-events.ts';
import { CARD, COMPLEX, recordingExecutor, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
const MAIL = 'jane.roe@corp-mail.example';
const OTHER = 'someone.else@other-corp.example';

async function found(config: string, reply: string, prompt: string): Promise<{ metrics: string; logged: string }> {
  const running = await startSluice({
    config,
    cloud: { replies: [{ text: reply }] },
    local: { reply: () => ({ text: reply }) },
  });
  sluice = running;
  for (const stream of [false, true]) {
    const text = await (await running.ask(say(prompt, { stream }))).text();
    expect(text).toContain('answer');
  }
  // Looked at after the reply is out.
  await expect.poll(() => running.logged().split('"event":"request"').length).toBe(3);
  return { metrics: await (await fetch(`${running.url}/metrics`)).text(), logged: running.logged() };
}

describe('policy.replyFindings', () => {
  it('flag: a value nobody sent is counted and logged by its kind alone', async () => {
    const { metrics, logged } = await found('policy: { replyFindings: flag }', `answer: write to ${OTHER}`, COMPLEX);
    expect(metrics).toMatch(/sluice_reply_findings_total\{[^}]*entity="EMAIL_ADDRESS",action="flagged"[^}]*\} 2/);
    expect(logged).toContain('"event":"reply-finding"');
    expect(logged).not.toContain(OTHER);
  });

  it.each([
    [
      'a value of the request, masked and put back',
      'policy: { replyFindings: flag }',
      `answer: ${MAIL}`,
      `${COMPLEX} ${MAIL}`,
    ],
    ['what a local model says', 'policy: { replyFindings: flag }', `answer: ${OTHER}`, `my card ${CARD}`],
    ['anything, by default', '', `answer: ${OTHER}`, COMPLEX],
  ])('leaves alone %s', async (_, config, reply, prompt) => {
    const { metrics, logged } = await found(config, reply, prompt);
    expect(metrics).not.toMatch(/sluice_reply_findings_total\{/);
    expect(logged).not.toContain('reply-finding');
  });
});

describe('policy.replyFindings: remove', () => {
  const REMOVE = 'policy: { replyFindings: remove }';
  const SAID = `answer: write to ${OTHER} or call, then pay with ${CARD} and be done with it, as was said before.`;
  const tool = { name: 'send', arguments: { to: OTHER, card: 4539578763621486, note: `tell "them" of ${OTHER}` } };
  const schema = { type: 'object', properties: {} };
  /** What each wire asks, and that it may be answered with a tool call. */
  const WIRES = [
    {
      path: '/v1/chat/completions',
      body: {
        messages: [{ role: 'user', content: COMPLEX }],
        tools: [{ type: 'function', function: { name: 'send', parameters: schema } }],
      },
    },
    {
      path: '/v1/responses',
      body: { input: COMPLEX, tools: [{ type: 'function', name: 'send', parameters: schema }] },
    },
    {
      path: '/v1/messages',
      body: {
        max_tokens: 99,
        messages: [{ role: 'user', content: COMPLEX }],
        tools: [{ name: 'send', input_schema: schema }],
      },
    },
    {
      path: '/api/chat',
      body: {
        messages: [{ role: 'user', content: COMPLEX }],
        tools: [{ type: 'function', function: { name: 'send', parameters: schema } }],
      },
    },
    { path: '/v1/completions', body: { prompt: COMPLEX }, noTools: true },
    { path: '/api/generate', body: { prompt: COMPLEX }, noTools: true },
  ] as const;
  const CLOUDS = {
    chat: { cloud: { replies: [{ text: SAID, toolCalls: [tool] }] } },
    responses: {
      cloudApi: 'responses',
      cloud: {
        responses: [
          {
            output: [
              { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: `they use ${OTHER}` }] },
              messageItem(SAID),
              callItem('send', JSON.stringify(tool.arguments)),
            ],
          },
        ],
      },
    },
    messages: {
      claude: {
        replies: [
          {
            thinking: { text: `they use ${OTHER}`, signature: 'c2lnbmF0dXJlIG9mIHRoZSBmYWtlIHByb3ZpZGVyLg==' },
            text: SAID,
            toolCalls: [{ name: 'send', input: tool.arguments }],
          },
        ],
      },
    },
  } as const;

  it.each(
    Object.entries(CLOUDS).flatMap(([cloud, options]) =>
      WIRES.flatMap((wire) => [true, false].map((stream) => ({ cloud, options, ...wire, stream }))),
    ),
  )(
    '$path from $cloud, stream $stream: no value passes, all else does',
    async ({ options, path, body, stream, ...wire }) => {
      const isToolless = 'noTools' in wire;
      const running = await startSluice({ config: REMOVE, ...(options as object) });
      sluice = running;
      const reply = await running.ask({ model: 'auto', stream, ...body }, {}, path);
      const text = await reply.text();
      expect(reply.headers.get('x-sluice-route')).toBe('cloud');
      const canaries = [canaryOf(OTHER), canaryOf(CARD)];
      expect(canaries.flatMap((canary) => leaksIn(canary, text))).toEqual([]);
      // Pieces of a stream, put together.
      const joined = stream ? stitched(text) : text;
      expect(canaries.flatMap((canary) => leaksIn(canary, joined))).toEqual([]);
      expect(joined).toContain('[EMAIL_ADDRESS removed]');
      expect(joined).toContain('and be done with it, as was said before.');
      if (!isToolless) {
        expect(joined).toMatch(/card\\*"\s?:\s?0/);
        expect(joined).toContain('tell');
      }
    },
  );

  it.each([
    ['a value of the request, masked and put back', `${COMPLEX} ${MAIL}`, MAIL],
    ['one in other letters', `${COMPLEX} ${MAIL}`, MAIL.toUpperCase()],
    ['one in another grouping', `${COMPLEX} my card ${CARD}`, CARD.replaceAll(' ', '-')],
  ])('gives back %s', async (_, prompt, value) => {
    const running = await startSluice({
      config: REMOVE,
      cloud: { replies: [{ text: `answer: it is ${value}, I think` }] },
    });
    sluice = running;
    for (const stream of [true, false]) {
      const text = await (await running.ask(say(prompt, { stream }))).text();
      expect(stream ? stitched(text) : text).toContain(value);
    }
    expect(await (await fetch(`${running.url}/metrics`)).text()).not.toMatch(/sluice_reply_findings_total\{/);
  });

  it('gives back what a tool brought home in the same request', async () => {
    const executor = recordingExecutor(() => `the owner is ${OTHER}`);
    const running = await startSluice({
      config: `policy: { replyFindings: remove, maskedToolResults: mask }\ntools: { offer: [exec] }`,
      sandbox: executor,
      cloud: {
        reply: ({ body }) => {
          const token = /\[\[EMAIL_ADDRESS_[a-z]+\]\]/.exec(body)?.[0];
          return token === undefined
            ? { toolCalls: [{ name: 'exec', arguments: { command: 'whois' } }] }
            : { text: `answer: the owner is ${token}, as the tool says` };
        },
      },
    });
    sluice = running;
    const text = await (await running.ask(say(COMPLEX))).text();
    expect(executor.requests).toHaveLength(1);
    expect(text).toContain(OTHER);
  });

  it('counts and logs what it took out, by entity alone', async () => {
    const { metrics, logged } = await found(REMOVE, `answer: ${OTHER}`, COMPLEX);
    expect(metrics).toMatch(/sluice_reply_findings_total\{[^}]*entity="EMAIL_ADDRESS",action="removed"[^}]*\} 2/);
    expect(metrics).not.toContain('action="flagged"');
    expect(logged).toContain('"action":"removed"');
    expect(logged).not.toContain(OTHER);
  });

  it('leaves a local reply alone', async () => {
    const running = await startSluice({ config: REMOVE, local: { reply: () => ({ text: `answer: ${OTHER}` }) } });
    sluice = running;
    expect(await (await running.ask(say(`my card ${CARD}`))).text()).toContain(OTHER);
  });
});

/** The strings of a stream's events, put together by the member they stand in. */
function stitched(stream: string): string {
  const byPlace = new Map<string, string>();
  const walk = (value: unknown, place: string): void => {
    if (typeof value === 'string') byPlace.set(place, (byPlace.get(place) ?? '') + value);
    else if (Array.isArray(value)) value.forEach((each) => walk(each, place));
    else if (typeof value === 'object' && value !== null)
      for (const [key, each] of Object.entries(value)) walk(each, `${place}/${key}`);
  };
  for (const line of stream.split('\n')) {
    const json = line.startsWith('data: ') ? line.slice(6) : line;
    if (!json.startsWith('{')) continue;
    const event = JSON.parse(json) as { type?: string };
    walk(event, event.type ?? '');
    // Arguments of Ollama's calls are objects.
    byPlace.set('whole', `${byPlace.get('whole') ?? ''}${json}`);
  }
  return [...byPlace.values()].join('\n');
}
