/** Metrics and traces of a whole Sluice: what is told, that nothing of a request is in it, and that nobody can make it grow. */
import { describe, expect, it } from 'vitest';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { startRudeServer, type RudeReply } from '../../helpers/rude-server.ts';
import { CARD, COMPLEX, recordingExecutor, say, startSluice } from '../../helpers/sluice.ts';

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
}

const MAIL = 'jane.roe@corp-mail.example';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;
const taken: RudeReply = { kind: 'answer', status: 200, body: '{}' };

const textOf = (span: Span | undefined, key: string): string | undefined =>
  span?.attributes.find((each) => each.key === key)?.value.stringValue;
const spansIn = (bodies: readonly { readonly body: string }[]): readonly Span[] =>
  bodies.flatMap(({ body }) => {
    const batch = JSON.parse(body) as {
      resourceSpans: readonly { scopeSpans: readonly { spans: readonly Span[] }[] }[];
    };
    return batch.resourceSpans.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans));
  });
const scrape = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text();

describe('traces', () => {
  it('tell one request in spans, continue the client’s trace, and hold nothing of it', async () => {
    const collector = await startRudeServer(() => taken);
    const sluice = await startSluice({
      config: `telemetry: { traces: { endpoint: "${collector.url}" } }\ntools: { offer: [exec] }\npolicy: { masking: off }`,
      sandbox: recordingExecutor(() => 'uid=0'),
      local: { replies: [{ toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] }, { text: 'done' }] },
    });
    try {
      await (await sluice.ask(say(`${MAIL} and ${CARD}`), { traceparent: TRACEPARENT })).text();
      await (await sluice.ask(say(COMPLEX), { traceparent: TRACEPARENT })).text();
    } finally {
      await sluice.close();
      await collector.close();
    }
    const spans = spansIn(collector.requests);
    expect(collector.requests.every((each) => each.path === '/v1/traces')).toBe(true);
    expect(spans.every((span) => span.traceId === TRACE)).toBe(true);
    const [first, second] = spans.filter((span) => span.kind === 2);
    expect(first).toMatchObject({ name: 'chat auto', parentSpanId: '00f067aa0ba902b7' });
    expect(textOf(first, 'gen_ai.provider.name')).toBe('ollama');
    expect(textOf(first, 'sluice.route')).toBe('local');
    expect(textOf(second, 'gen_ai.provider.name')).toBe('openai');
    const children = spans.filter((span) => span.parentSpanId === first?.spanId).map((span) => span.name);
    expect(children).toEqual(expect.arrayContaining(['sluice.decide', 'execute_tool exec']));
    expect(new Set(spans.map((span) => span.spanId)).size).toBe(spans.length);
    for (const span of spans)
      expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
    const sent = collector.wire().toString();
    expect([MAIL, CARD].flatMap((value) => leaksIn(canaryOf(value), sent))).toEqual([]);
    expect(sent).not.toContain('Prove step by step');
    // The cloud's operator has no business joining our traces.
    expect(sluice.sentToCloud()).toContain('Prove step by step');
    expect(sluice.sentToCloud()).not.toContain('traceparent');
    expect(sluice.sentToCloud()).not.toContain(TRACE);
  });

  it.each([
    ['refuses', { kind: 'answer', status: 503, body: 'no' }],
    ['resets', { kind: 'reset' }],
  ] as readonly (readonly [string, RudeReply])[])(
    'are counted and forgotten when the collector %s',
    async (_, reply) => {
      const collector = await startRudeServer(() => reply);
      const sluice = await startSluice({ config: `telemetry: { traces: { endpoint: "${collector.url}" } }` });
      expect((await sluice.ask(say('hello'))).status).toBe(200);
      const { metrics } = sluice.context;
      await sluice.close();
      await collector.close();
      expect(await metrics.registry.metrics()).toContain('sluice_trace_requests_total{outcome="failed"} 1');
    },
  );

  it('refuse an address that cannot be, before anything is served', async () => {
    await expect(
      startSluice({ config: 'telemetry: { traces: { endpoint: "http://user:word@collector.example" } }' }),
    ).rejects.toThrow(/telemetry.traces.endpoint/);
  });
});

describe('metrics', () => {
  it('follow the GenAI names, with models, tokens and cost', async () => {
    const sluice = await startSluice({
      config: 'telemetry: { prices: [{ model: "gpt-*", input: 100, output: 1000 }] }',
      cloud: { replies: [{ text: 'ok', usage: { prompt: 1000, completion: 100 } }] },
      local: { replies: [{ text: 'ok' }] },
    });
    try {
      await (await sluice.ask(say(COMPLEX))).text();
      await (await sluice.ask(say(COMPLEX, { stream: true }))).text();
      await (await sluice.ask(say('hello'))).text();
      const text = await scrape(sluice.url);
      expect(text).toContain(
        'gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="auto",gen_ai_response_model="gpt-fake",route="cloud"} 2',
      );
      expect(text).toContain(
        'gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="auto",gen_ai_response_model="gpt-fake",route="cloud",gen_ai_token_type="input"} 2000',
      );
      expect(text).toMatch(/^sluice_cost_total\{route="cloud",upstream="sky"\} 0\.4$/m);
      expect(text).toMatch(/^sluice_cost_avoided_total [0-9.e-]+$/m);
      expect(text).toMatch(
        /^gen_ai_client_operation_duration_seconds_count\{.*provider_name="ollama".*route="local"\} 1$/m,
      );
    } finally {
      await sluice.close();
    }
  });

  it('do not grow when clients and upstreams invent names', async () => {
    const sluice = await startSluice({ cloud: { reply: () => ({ text: 'ok' }) } });
    try {
      const ask = async (index: number): Promise<void> => {
        await (
          await sluice.ask(
            { model: `name-${index}`, messages: [{ role: 'user', name: `u${index}`, content: `hello ${index}` }] },
            { 'x-session-id': `s${index}`, 'user-agent': `agent-${index}` },
          )
        ).text();
        await fetch(`${sluice.url}/v1/nothing-${index}`);
      };
      await ask(0);
      const lines = (await scrape(sluice.url)).split('\n').length;
      for (let index = 1; index < 60; index += 1) await ask(index);
      const text = await scrape(sluice.url);
      expect(text.split('\n').length).toBe(lines);
      expect(text).toContain('gen_ai_request_model="other"');
      expect(text).not.toContain('name-');
    } finally {
      await sluice.close();
    }
  });

  it('and records hold nothing of a request', async () => {
    const sluice = await startSluice();
    try {
      await (await sluice.ask(say(`${MAIL} ${CARD}`, { metadata: { [MAIL]: CARD }, model: MAIL }))).text();
      const records = JSON.stringify(sluice.context.telemetry.decisions.newest({}, 10));
      expect(records).toContain('EMAIL_ADDRESS');
      for (const told of [records, await scrape(sluice.url), sluice.logged()])
        expect([MAIL, CARD].flatMap((value) => leaksIn(canaryOf(value), told))).toEqual([]);
    } finally {
      await sluice.close();
    }
  });

  it('that fail cost neither the reply nor the receipt', async () => {
    const sluice = await startSluice();
    try {
      Object.defineProperty(sluice.context.telemetry.silence, 'observe', {
        value: () => {
          throw new Error(`${CARD} in a message`);
        },
      });
      const response = await sluice.ask(say(`my card is ${CARD}`));
      expect(response.status).toBe(200);
      await response.text();
      const { hits } = await sluice.context.audit.search({ kind: 'request' });
      expect(hits).toHaveLength(1);
      await expect.poll(() => sluice.logged()).toContain('telemetry-fault');
      expect(leaksIn(canaryOf(CARD), sluice.logged())).toEqual([]);
    } finally {
      await sluice.close();
    }
  });
});
