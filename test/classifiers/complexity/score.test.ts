import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calibrate } from '../../../classifiers/complexity/calibrate.ts';
import type { ComplexityInput } from '../../../classifiers/complexity/score.ts';
import { scoreComplexity } from '../../../classifiers/complexity/score.ts';

/** Any UTF-16, lone surrogates included. */
const anyUnits = fc.uint16Array({ maxLength: 80 }).map((units) => String.fromCharCode(...units));

type Role = ComplexityInput['segments'][number]['role'];

const talk = (...segments: readonly (readonly [Role, string])[]): ComplexityInput => ({
  segments: segments.map(([role, text]) => ({ role, text })),
  toolCount: 0,
  totalChars: segments.reduce((sum, [, text]) => sum + text.length, 0),
  localWindowTokens: 8192,
  structuredOutput: false,
  reasoningEffort: 'unset',
});
const score = (text: string): number => scoreComplexity(talk(['user', text])).score;

const HARD = {
  'code with an error':
    'My Rust server panics with "already borrowed" under load. Find the race condition and fix it:\n```rust\nlet s = cell.borrow_mut();\n```',
  'a proof':
    'Prove that every bounded monotone sequence of real numbers converges, and derive the rate for x_{n+1} = x_n / 2.',
  'a system design':
    'Design a multi-region ledger with strong consistency. Compare Raft and two-phase commit on latency and failure modes.',
  'short and technical': 'implement a lock-free ring buffer in C',
  'analysis with constraints':
    'Analyze three pricing models for our SaaS product. Each must keep churn below 3%, must not raise support cost, and should work without annual contracts. Quantify the trade-offs step by step.',
  German: 'Analysiere, warum der Durchsatz der Datenbank einbricht, und entwirf eine Architektur ohne diesen Engpass.',
  French: 'Démontrez que la série converge puis implémentez le calcul en Python.',
  Spanish: 'Implementa un algoritmo de rutas mínimas y analiza su complejidad.',
  Chinese: '请分析分布式数据库在网络分区时的一致性问题，并设计一个优化方案，证明其正确性',
};
const EASY = {
  greeting: 'hello there',
  thanks: 'thanks, great!',
  translation: 'Translate to French: the train leaves at noon',
  rewrite: 'Rewrite this sentence in a friendlier tone: You are late again.',
  recipe: 'Give me a recipe for tomato soup',
  trivia: 'What is the capital of Norway?',
  'a short poem': 'Write a short poem about autumn leaves for my aunt',
  German: 'Schreibe eine Geburtstagskarte für meinen Onkel, danke',
  French: 'Bonjour, donne-moi une recette de soupe',
  Chinese: '你好，请翻译这句话',
};

describe('scoreComplexity()', () => {
  test.each(Object.entries(HARD))('%s is complex at the default threshold', (_, text) => {
    expect(score(text)).toBeGreaterThanOrEqual(0.5);
  });
  test.each(Object.entries(EASY))('%s is simple at the default threshold', (_, text) => {
    expect(score(text)).toBeLessThan(0.5);
  });

  test('every hard row scores above every easy row', () => {
    expect(Math.min(...Object.values(HARD).map(score))).toBeGreaterThan(Math.max(...Object.values(EASY).map(score)));
  });

  test('is within [0, 1], finite, and the same twice', () => {
    fc.assert(
      fc.property(anyUnits, fc.nat(200), fc.nat(1_000_000), (text, tools, chars) => {
        const input = { ...talk(['user', text]), toolCount: tools, totalChars: chars };
        const first = scoreComplexity(input);
        expect(first.score).toBeGreaterThanOrEqual(0);
        expect(first.score).toBeLessThanOrEqual(1);
        expect(scoreComplexity(input)).toEqual(first);
      }),
    );
  });

  test('a request without any ask is scored from its circumstances alone', () => {
    expect(scoreComplexity(talk()).reasons).toEqual([]);
    expect(scoreComplexity({ ...talk(), toolCount: 4 }).reasons.map(({ code }) => code)).toEqual(['tools']);
  });

  const CONSTRAINTS = [
    ' It must not use recursion.',
    ' It should handle empty input.',
    ' Ensure that memory stays below 10 MB.',
    ' It must run in at most 50 ms.',
    ' Do not change the public interface.',
    ' It requires at least three test cases.',
  ];
  test.each(['Sort the list of names.', 'Write a parser for dates in Go.', 'Plan the launch of the shop.'])(
    'more constraints never lower: %s',
    (ask) => {
      let text = ask;
      let before = score(text);
      for (const constraint of CONSTRAINTS) {
        text += constraint;
        const after = score(text);
        expect(after).toBeGreaterThanOrEqual(before - 0.005);
        before = after;
      }
    },
  );

  test.each([
    ['tools', { toolCount: 12 }],
    ['context-length', { totalChars: 60_000 }],
    ['structured-output', { structuredOutput: true }],
    ['reasoning-effort', { reasoningEffort: 'high' as const }],
  ] as const)('%s raises and is named', (code, change) => {
    const plain = talk(['user', 'Sort the list of names.']);
    const changed = scoreComplexity({ ...plain, ...change });
    expect(changed.score).toBeGreaterThan(scoreComplexity(plain).score);
    expect(changed.reasons.find((reason) => reason.code === code)?.weight).toBeGreaterThan(0);
  });

  test('reasons are codes and numbers, strongest first, and never the text', () => {
    const { reasons } = scoreComplexity(talk(['user', 'Debug this Zyxwvut python error: IndexError in foo_bar()']));
    const sizes = reasons.map(({ weight }) => Math.abs(weight));
    expect(sizes).toEqual(sizes.toSorted((one, other) => other - one));
    expect(reasons.length).toBeGreaterThan(2);
    expect(JSON.stringify(reasons).toLowerCase()).not.toMatch(/zyxwvut|foo_bar|indexerror/);
  });
});

describe('conversations', () => {
  const hard = HARD['a system design'];

  test('an easy answer to a hard ask stays complex', () => {
    const input = talk(['user', hard], ['assistant', 'Shall I start with the ledger?'], ['user', 'ok, do it']);
    expect(scoreComplexity(input).score).toBeGreaterThan(0.5);
    expect(score('ok, do it')).toBeLessThan(0.5);
  });

  test('the first ask still counts after many short ones, fading', () => {
    const chat = (count: number): number =>
      scoreComplexity(talk(['user', hard], ...Array.from({ length: count }, () => ['user', 'go on'] as const))).score;
    expect(chat(2)).toBeGreaterThan(chat(6));
    expect(chat(6)).toBeGreaterThan(score('go on'));
  });

  test('what tools and assistants say does not move the score inside a tool loop', () => {
    const base = talk(['user', 'Rename the file notes.txt'], ['assistant', 'Calling a tool.']);
    const code = 'Traceback: prove the theorem, implement the algorithm, analyze the architecture. '.repeat(20);
    const looped = { ...base, segments: [...base.segments, { role: 'tool' as const, text: code }] };
    expect(scoreComplexity(looped).score).toBe(scoreComplexity(base).score);
  });

  const REMINDER = `<system-reminder>\n${'Analyze the architecture, implement the algorithm and prove each theorem. '.repeat(150)}</system-reminder>`;
  test.each([
    ['a reminder before the ask', `${REMINDER}\nthanks`],
    ['a reminder after the ask', `thanks\n${REMINDER}`],
    [
      'an environment block',
      `<environment_context>\n<cwd>/repo</cwd><shell>bash</shell>\n</environment_context>\nthanks`,
    ],
    [
      'internal context',
      `thanks\n<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nanalyze the python algorithm\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>`,
    ],
    ['internal context without its end', `thanks\n<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nanalyze the python algorithm`],
  ])('harness text counts for nothing: %s', (_, text) => {
    expect(score(text)).toBeCloseTo(score('thanks'), 2);
  });

  test('a trailing harness message does not hide the ask before it', () => {
    const trailing = '<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nruntime notes\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>';
    expect(scoreComplexity(talk(['user', hard], ['user', trailing])).score).toBeCloseTo(score(hard), 1);
  });

  test("a short system prompt may be the task, an agent's long one is not", () => {
    const task =
      'Analyze the given distributed architecture, derive its failure modes and implement a simulation in Python.';
    const short = scoreComplexity(talk(['system', task], ['user', 'replicas: 3'])).score;
    const long = scoreComplexity(talk(['system', task.repeat(200)], ['user', 'replicas: 3']));
    expect(short).toBeGreaterThan(0.5);
    expect(long.reasons.map(({ code }) => code)).not.toContain('analysis');
  });

  test('reading stops at a bound: a megabyte of unclosed blocks costs what its sample costs', () => {
    const input = talk(['user', `${'<system-reminder>'.repeat(60_000)} sort the list`]);
    const begun = performance.now();
    for (let round = 0; round < 3; round += 1) scoreComplexity(input);
    // 3 rounds take about 10 ms; quadratic search would take minutes.
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('calibrate()', () => {
  test('never sends more than the share, and as near to it as ties allow', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (scores, share) => {
          const threshold = calibrate(scores, share);
          const sent = scores.filter((value) => value >= threshold).length;
          expect(sent / scores.length).toBeLessThanOrEqual(share + 1e-9);
        },
      ),
    );
  });
  test.each([
    ['a third of distinct scores', [0.1, 0.2, 0.3, 0.6, 0.8, 0.9], 1 / 3, 2],
    ['everything', [0.1, 0.2], 1, 2],
    ['nothing', [0.1, 0.2], 0, 0],
    ['ties stay together on the local side', [0.5, 0.5, 0.5, 0.9], 0.5, 1],
  ])('%s', (_, scores, share, sent) => {
    const threshold = calibrate(scores, share);
    expect(scores.filter((value) => value >= threshold)).toHaveLength(sent);
  });
  test('no scores means nothing goes', () => {
    expect(calibrate([], 0.5)).toBe(1);
  });
});
