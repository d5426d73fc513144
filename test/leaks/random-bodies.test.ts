/**
 * Random request bodies with a value planted at a random leaf or key, written with random JSON escapes: it reaches no cloud byte and no log. A failure prints its seed and
 * shrinks to the smallest body that leaks. `SLUICE_LEAK_RUNS` sets how many; the default fits a test run.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryOf, leaksIn } from '../helpers/canary.ts';
import { COMPLEX, startSluice, type TestSluice } from '../helpers/sluice.ts';

const RUNS = Number(process.env['SLUICE_LEAK_RUNS'] ?? 200);
/** One of each kind: a number with a check digit, one without, a secret, and one with letters around. */
const VALUES = [
  '4539 5787 6362 1486',
  'DE89 3704 0044 0532 0130 00',
  `ghp_${'wJ7kQ2mZx9LpR4tVb8Nc3Hd6Fg1Ys5Ae0UoT'}`,
  'jane.roe@corp-mail.example',
];

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
const word = fc.constantFrom(
  'alpha',
  'beta',
  'note',
  'total',
  'value',
  'row',
  'x',
  'list',
  'Über',
  '日本',
  'a/b',
  '~',
  '__proto__',
  'constructor',
);
const text = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '));
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(word, tie('tree'), { maxKeys: 3 }),
  ),
}));

/** Every place of a body where text may stand, as functions that put a planted text there. */
const positions: readonly ((planted: string, filler: Json) => Readonly<Record<string, Json>>)[] = [
  (planted) => ({ messages: [{ role: 'user', content: `${COMPLEX} ${planted}` }] }),
  (planted) => ({
    messages: [
      { role: 'user', content: planted },
      { role: 'assistant', content: 'ok' },
      { role: 'user', content: COMPLEX },
    ],
  }),
  (planted) => ({
    messages: [
      { role: 'system', content: planted },
      { role: 'user', content: COMPLEX },
    ],
  }),
  (planted) => ({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: COMPLEX },
          { type: 'text', text: planted },
        ],
      },
    ],
  }),
  (planted) => ({
    messages: [
      { role: 'user', content: COMPLEX },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: 'c1',
            type: 'function',
            function: { name: 'f', arguments: JSON.stringify({ deep: [{ here: planted }] }) },
          },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'ok' },
    ],
  }),
  (planted) => ({
    messages: [
      { role: 'user', content: COMPLEX },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: planted },
    ],
  }),
  (planted, filler) => ({ metadata: { a: filler, b: planted } }),
  (planted, filler) => ({ something: [filler, { deep: { er: [planted, filler] } }] }),
  (planted, filler) => ({ something: { [planted]: filler } }),
  (planted) => ({
    tools: [
      {
        type: 'function',
        function: { name: 'f', description: planted, parameters: { type: 'object', properties: {} } },
      },
    ],
  }),
  (planted) => ({
    tools: [
      {
        type: 'function',
        function: { name: 'f', parameters: { type: 'object', properties: { p: { type: 'string', enum: [planted] } } } },
      },
    ],
  }),
  (planted) => ({ stop: planted }),
];

/** Some characters written as \u escapes: what a parser undoes, a scanner of raw bytes must undo too. */
function escaped(json: string, planted: string, which: number): string {
  const plain = JSON.stringify(planted).slice(1, -1);
  const at = which % plain.length;
  if (plain[at] === '\\' || plain[at - 1] === '\\') return json;
  return json.replaceAll(
    plain,
    `${plain.slice(0, at)}\\u${plain.charCodeAt(at).toString(16).padStart(4, '0')}${plain.slice(at + 1)}`,
  );
}

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startSluice({ cloud: { reply: () => ({ text: 'ok' }) }, local: { reply: () => ({ text: 'ok' }) } });
});
afterAll(() => sluice.close());

describe('random bodies', () => {
  it('never carry a planted value out', async () => {
    let run = 0;
    const routes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...VALUES),
        fc.constantFrom(...positions),
        tree,
        text,
        text,
        fc.nat(),
        fc.boolean(),
        async (value, position, filler, before, after, which, stream) => {
          run += 1;
          const planted = `${before} ${value} ${after}`;
          // Its own opening, so that no other run's latch keeps it home.
          const base = { model: 'auto', stream, messages: [{ role: 'user', content: `${COMPLEX} (${run})` }] };
          const body = escaped(JSON.stringify({ ...base, ...position(planted, filler) }), planted, which);
          const response = await sluice.ask(body);
          await response.text();
          const route = response.headers.get('x-sluice-route') ?? '';
          routes.set(route, (routes.get(route) ?? 0) + 1);
          expect(route).not.toBe('cloud');
          const canary = canaryOf(value);
          const last = sluice.cloud.requests.at(-1)?.raw.toString('utf8') ?? '';
          expect(leaksIn(canary, last)).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
    expect(routes.get('local') ?? 0).toBeGreaterThan(RUNS / 10);
    for (const value of VALUES) expect(leaksIn(canaryOf(value), sluice.logged())).toEqual([]);
    // The control: the same machinery with nothing planted does go out.
    const control = await sluice.ask({
      model: 'auto',
      messages: [{ role: 'user', content: `${COMPLEX} (control)` }],
      metadata: { a: 'note' },
    });
    await control.text();
    expect(control.headers.get('x-sluice-route')).toBe('cloud');
  }, 240_000);
});
