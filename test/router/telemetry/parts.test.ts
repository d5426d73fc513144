import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UpstreamConfig } from '../../../config/schema.ts';
import { DecisionRing } from '../../../router/telemetry/decision-ring.ts';
import { ModelNames } from '../../../router/telemetry/model-names.ts';
import { PriceTable } from '../../../router/telemetry/prices.ts';
import { providerOf } from '../../../router/telemetry/provider.ts';
import { SilenceWatch } from '../../../router/telemetry/silence.ts';
import { startTrace } from '../../../router/telemetry/trace-context.ts';
import { UsageTail } from '../../../router/telemetry/usage-tail.ts';
import { requestRecord } from '../../helpers/request-record.ts';

const timeouts = { connectTimeoutMs: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1 };
const cloud = (url: string): UpstreamConfig => ({
  kind: 'openai',
  name: 'sky',
  sees: 'public',
  url,
  model: 'gpt-5',
  models: ['gpt-5-mini'],
  api: 'chat',
  forwardClientKey: false,
  maxConcurrent: 0,
  breaker: { failures: 5, openMs: 10_000 },
  ...timeouts,
});

describe('model names', () => {
  const names = (): ModelNames => new ModelNames([cloud('https://api.openai.com/v1')]);

  it.each([
    ['gpt-5', 'gpt-5'],
    ['auto', 'auto'],
    ['', 'auto'],
    ['my card is 4539 5787 6362 1486', 'other'],
    ['gpt-5-2025-08-07', 'other'],
  ])('asked for %j: %s', (name, label) => expect(names().asked(name)).toBe(label));

  it.each([
    ['gpt-5-2025-08-07', 'cloud', 'gpt-5-2025-08-07'],
    ['gpt-5-mini-2025', 'cloud', 'gpt-5-mini-2025'],
    ['gpt-5-jane.roe@corp.example', 'cloud', 'other'],
    ['gpt-5-4539578763621486-0000000', 'cloud', 'other'],
    ['qwen3:8b', 'cloud', 'other'],
    ['qwen3:8b', 'local', 'qwen3:8b'],
    ['a name with spaces', 'local', 'other'],
    ['', 'local', ''],
  ] as const)('%j answered by a %s upstream: %s', (name, from, label) =>
    expect(names().answered(name, from)).toBe(label),
  );

  it('learns no more than a few dozen, whatever a server answers with', () => {
    const learning = names();
    const labels = new Set(Array.from({ length: 5_000 }, (_, index) => learning.answered(`model-${index}`, 'local')));
    expect(labels.size).toBeLessThan(40);
    expect(labels).toContain('other');
  });

  it('learns nothing from clients', () => {
    const learning = names();
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(['other', 'auto', 'gpt-5', 'gpt-5-mini', 'sluice', 'sluice/auto']).toContain(learning.asked(name));
      }),
    );
  });
});

it.each([
  ['https://api.openai.com/v1', 'openai'],
  ['https://mine.openai.azure.com/v1', 'azure.ai.openai'],
  ['https://openai.azure.com.evil.example/v1', 'openai'],
  ['https://api.groq.com/openai/v1', 'groq'],
  ['http://127.0.0.1:9/v1', 'openai'],
])('provider of %s is %s', (url, provider) => expect(providerOf(cloud(url))).toBe(provider));

describe('prices', () => {
  const table = new PriceTable({
    currency: 'USD',
    prices: [
      { model: 'gpt-5*', input: 1, output: 10, cachedInput: 0.1 },
      { model: 'gpt-5-mini', input: 0.2, output: 2 },
    ],
  });
  it.each([
    ['gpt-5', 1_000_000, 0, 0, 1],
    ['gpt-5', 1_000_000, 1_000_000, 0, 0.1],
    ['gpt-5', 1_000_000, 250_000, 100_000, 0.75 + 0.025 + 1],
    ['gpt-5-mini', 1_000_000, 1_000_000, 1_000_000, 0.2 + 2],
    // More cached than sent is an upstream's slip, not a refund.
    ['gpt-5', 10, 1_000_000, 0, 0.000001],
  ])('%s: %d in, %d of it cached, %d out cost %d', (model, inputTokens, cachedInputTokens, outputTokens, cost) => {
    expect(table.costOf(model, { inputTokens, cachedInputTokens, outputTokens })).toBeCloseTo(cost, 9);
  });
  it('has no price for what nobody priced', () => {
    expect(table.costOf('other', { inputTokens: 1, outputTokens: 1, cachedInputTokens: 0 })).toBeUndefined();
  });
});

describe('trace context', () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  it('continues a client’s trace', () => {
    const trace = startTrace(`00-${id}-00f067aa0ba902b7-01`, 1);
    expect(trace).toMatchObject({ traceId: id, parentId: '00f067aa0ba902b7' });
    expect(trace?.spanId).toMatch(/^[0-9a-f]{16}$/);
  });
  it.each([
    undefined,
    '',
    'nonsense',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${id}-${'0'.repeat(16)}-01`,
    `ff-${id}-00f067aa0ba902b7-01`,
    `00-${id.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${id}-00f067aa0ba902b7-01-more`,
    `00-${id}-00f067aa0ba902b7-01${'x'.repeat(10_000)}`,
  ])('starts its own for %j', (header) => {
    const trace = startTrace(header, 1);
    expect(trace?.parentId).toBe('');
    expect(trace?.traceId).not.toBe(id);
  });
  it('takes the share by trace id, so that everybody keeps the same ones', () => {
    const kept = Array.from({ length: 2_000 }, () => startTrace(undefined, 0.25)).filter(Boolean).length;
    expect(kept).toBeGreaterThan(350);
    expect(kept).toBeLessThan(650);
    expect(startTrace(`00-${'f'.repeat(32)}-00f067aa0ba902b7-01`, 0.99)).toBeUndefined();
    expect(startTrace(`00-${'f'.repeat(16)}${'0'.repeat(15)}1-00f067aa0ba902b7-01`, 0.01)).toBeDefined();
    expect(startTrace(undefined, 0)).toBeUndefined();
  });
});

describe('usage of a whole reply that passes unread', () => {
  const usage = '"usage":{"prompt_tokens":11,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":3}}';
  it.each([
    ['in one piece', [`{"choices":[],${usage}}`]],
    ['at every cut', [...`{"choices":[],${usage}}`]],
    ['behind a long answer', [`{"choices":"${'x'.repeat(20_000)}",${usage}}`]],
    ['with spaces', ['{"usage": {"prompt_tokens" : 11 ,"completion_tokens": 5,"cached_tokens": 3 }}']],
    [
      'under text that plays a field',
      [`{${usage},"content":"\\"prompt_tokens\\":999,\\"completion_tokens\\":999,\\"cached_tokens\\":7 "}`],
    ],
  ])('%s', (_, chunks) => {
    const tail = new UsageTail();
    for (const chunk of chunks) tail.see(Buffer.from(chunk));
    expect(tail.usage()).toMatchObject({ inputTokens: 11, outputTokens: 5, cachedInputTokens: 3 });
  });
  it.each([
    '',
    '{"usage":null}',
    '{"usage":{"prompt_tokens":11}}',
    '{"usage":{"prompt_tokens":-1,"completion_tokens":1}}',
  ])('is unknown in %j', (body) => {
    const tail = new UsageTail();
    tail.see(Buffer.from(body));
    expect(tail.usage()).toBeUndefined();
  });
});

describe('the silence watch', () => {
  const run = (watch: SilenceWatch, conversations: number, every: number, name = 's'): void => {
    for (let index = 0; index < conversations; index += 1)
      watch.observe(`${name}${index}`, every > 0 && index % every === 0 ? ['email'] : []);
  };
  const silent = (watch: SilenceWatch): boolean => watch.rates().some((rate) => rate.silent);

  it('says nothing while a recognizer fires as it did', () => {
    const watch = new SilenceWatch();
    run(watch, 1_000, 10);
    expect(watch.rates()).toMatchObject([{ recognizer: 'email', fired: 100, silent: false }]);
  });
  it('says so when it stopped for longer than its rate explains, and stops saying so when it is back', () => {
    const watch = new SilenceWatch();
    run(watch, 1_000, 10);
    run(watch, 100, 0, 'quiet');
    expect(silent(watch)).toBe(false);
    run(watch, 50, 0, 'quieter');
    expect(silent(watch)).toBe(true);
    watch.observe('back', ['email']);
    expect(silent(watch)).toBe(false);
  });
  it('knows no rate from a few firings', () => {
    const watch = new SilenceWatch();
    run(watch, 19, 1);
    run(watch, 10_000, 0, 'quiet');
    expect(watch.rates()).toEqual([]);
  });
  it('counts a finding that every turn repeats once', () => {
    const watch = new SilenceWatch();
    for (let turn = 0; turn < 500; turn += 1) watch.observe('one', ['email']);
    expect(watch.rates()).toEqual([]);
  });
  it('holds a bounded number of conversations', () => {
    const watch = new SilenceWatch();
    run(watch, 20_000, 1);
    expect(watch.rates()[0]?.fired).toBe(20_000);
  });
});

describe('the ring of decisions', () => {
  it('keeps the newest, in order, at every fill', () => {
    for (let added = 0; added < 12; added += 1) {
      const ring = new DecisionRing(5);
      for (let index = 0; index < added; index += 1) ring.add(requestRecord({ id: `r${index}` }));
      const expected = Array.from({ length: Math.min(5, added) }, (_, back) => `r${added - 1 - back}`);
      expect(ring.newest({}, 100).map((record) => record.id)).toEqual(expected);
      expect(ring.newest({}, 2).map((record) => record.id)).toEqual(expected.slice(0, 2));
    }
  });
  it('filters', () => {
    const ring = new DecisionRing(10);
    ring.add(requestRecord({ id: 'a', route: 'cloud' }));
    ring.add(
      requestRecord({
        id: 'b',
        verdict: 'sensitive',
        findings: [{ entity: 'EMAIL_ADDRESS', pointer: '', start: 0, end: 1, score: 1, recognizer: 'email' }],
      }),
    );
    expect(ring.newest({ route: 'cloud' }, 9).map((each) => each.id)).toEqual(['a']);
    expect(ring.newest({ entity: 'EMAIL_ADDRESS' }, 9).map((each) => each.id)).toEqual(['b']);
    expect(ring.newest({ held: true }, 9).map((each) => each.id)).toEqual(['b']);
    expect(ring.newest({ session: '' }, 9)).toEqual([]);
  });
  it('drops a listener that throws, and the request does not notice', () => {
    const ring = new DecisionRing(0);
    let calls = 0;
    ring.listen(() => {
      calls += 1;
      throw new Error('a viewer fell over');
    });
    ring.add(requestRecord({}));
    ring.add(requestRecord({}));
    expect(calls).toBe(1);
    expect(ring.size).toBe(0);
  });
});
