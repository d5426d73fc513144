/** Names of models: patterns, aliases, and that a masked request goes where its client asked. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../config/load.ts';
import { compilePolicy } from '../../../router/policy/compile.ts';
import { decide, type DecisionInput } from '../../../router/policy/decide.ts';
import { isPattern, offers } from '../../../router/policy/offers.ts';

const YAML = `
upstreams:
  - { kind: ollama, name: home, url: "http://127.0.0.1:11434", sees: restricted }
  - { kind: openai, name: sky, url: "https://sky.example/v1", model: big, sees: public }
  - { kind: anthropic, name: star, model: claude-mid, models: ["claude-*"], sees: public }
aliases: { best: { upstream: star, model: claude-top }, near: { upstream: home, model: small } }`;
const loaded = parseConfig(YAML, 'test.yaml', {});
if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
const compiled = compilePolicy(loaded.config, loaded.config.upstreams);

const CLEAN: DecisionInput['verdict'] = { kind: 'clean', label: 'public', findings: [] };
const input = (model: string, more: Partial<DecisionInput> = {}): DecisionInput => ({
  verdict: CLEAN,
  signals: [],
  session: { label: 'public', maskable: true },
  toolSawSensitive: false,
  complexity: 0.9,
  band: 'complex',
  model,
  localModels: [],
  tools: [],
  principal: 'p',
  protocol: 'anthropic-messages',
  chars: 1,
  turns: 1,
  ...more,
});
const MASKABLE: DecisionInput['verdict'] = {
  kind: 'sensitive',
  label: 'confidential',
  findings: [
    {
      entity: 'EMAIL_ADDRESS',
      span: { segment: '/messages/0/content', start: 0, end: 3 },
      score: 0.9,
      explanation: { recognizer: 'email', views: [], steps: [] },
    } as unknown as (DecisionInput['verdict'] & { kind: 'sensitive' })['findings'][0],
  ],
};

describe('offers()', () => {
  it.each([
    [['a', 'claude-*'], 'a', true],
    [['claude-*'], 'claude-opus-5', true],
    [['claude-*'], 'claude-', true],
    [['claude-*'], 'gpt-5', false],
    [['claude-*'], 'claude-*', false],
    [['claude-*'], 'claude-4539 5787', false],
    [['claude-*'], 'claude-\u0000', false],
    [['*'], 'x'.repeat(129), false],
  ])('%j, %s: %s', (models, name, expected) => {
    expect(offers(models, name)).toBe(expected);
  });

  it('knows a pattern', () => {
    expect(['a', 'a*'].map(isPattern)).toEqual([false, true]);
  });
});

describe('a model that is asked for', () => {
  it.each([
    ['claude-opus-5', { kind: 'cloud', upstream: 'star', model: 'claude-opus-5' }],
    ['big', { kind: 'cloud', upstream: 'sky', model: 'big' }],
    ['best', { kind: 'cloud', upstream: 'star', model: 'claude-top' }],
    ['near', { kind: 'local', upstream: 'home', model: 'small' }],
    ['stranger', { kind: 'cloud', upstream: 'sky', model: '' }],
    ['auto', { kind: 'cloud', upstream: 'sky', model: '' }],
  ])('clean: %s', (model, route) => {
    expect(decide(input(model), compiled).route).toEqual(route);
  });

  it.each([
    ['claude-opus-5', { kind: 'cloud-masked', upstream: 'star', model: 'claude-opus-5' }, 'model-honoured'],
    ['best', { kind: 'cloud-masked', upstream: 'star', model: 'claude-top' }, 'model-honoured'],
    ['stranger', { kind: 'cloud-masked', upstream: 'sky', model: '' }, 'model-overridden'],
    ['auto', { kind: 'cloud-masked', upstream: 'sky', model: '' }, undefined],
  ] as const)('masked: %s', (model, route, reason) => {
    const decision = decide(input(model, { verdict: MASKABLE }), compiled);
    expect(decision.route).toEqual(route);
    if (reason !== undefined) expect(decision.reasons.map(({ code }) => code)).toContain(reason);
  });

  it.each(['claude-opus-5', 'best', 'big'])('never takes a request out that may not go: %s', (model) => {
    const shut = { ...MASKABLE, label: 'restricted' } as DecisionInput['verdict'];
    expect(decide(input(model, { verdict: shut }), compiled).route.kind).toBe('local');
    expect(decide(input(model, { verdict: MASKABLE, band: 'simple' }), compiled).route.kind).toBe('local');
  });
});
