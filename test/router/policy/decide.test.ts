import { describe, expect, it, test } from 'vitest';
import fc from 'fast-check';
import type { Finding } from '../../../classifiers/finding.ts';
import { toScore } from '../../../classifiers/finding.ts';
import type { Signal, Verdict } from '../../../classifiers/verdict.ts';
import { parseConfig } from '../../../config/load.ts';
import { compilePolicy } from '../../../router/policy/compile.ts';
import { type CompiledPolicy, decide, type DecisionInput } from '../../../router/policy/decide.ts';

const UPSTREAMS = `
upstreams:
  - { kind: ollama, name: home, url: "http://127.0.0.1:11434", sees: restricted }
  - { kind: openai, name: sky, url: "https://sky.example/v1", model: big, models: [bigger], sees: public }
`;

function compiled(yaml = ''): CompiledPolicy {
  const loaded = parseConfig(`${UPSTREAMS}\n${yaml}`, 'test.yaml', {});
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  return compilePolicy(loaded.config, loaded.config.upstreams);
}

const finding = (entity: string, segment = '/messages/0/content'): Finding => ({
  entity,
  span: { segment, start: 0, end: 4 },
  score: toScore(0.9),
  recognizer: 'test',
  explanation: { pattern: 'test', views: [], steps: [] },
});
const CLEAN: Verdict = { kind: 'clean', label: 'public', findings: [] };
const MASKABLE: Verdict = { kind: 'sensitive', label: 'confidential', findings: [finding('CREDIT_CARD')] };
const UNMASKABLE: Verdict = { kind: 'sensitive', label: 'restricted', findings: [finding('API_KEY')] };
const UNKNOWN: Verdict = {
  kind: 'unknown',
  label: 'public',
  findings: [],
  gaps: [{ classifier: 'parser', cause: 'unsupported-content', pointer: '/messages/0/content/1' }],
};
const ATTACK: readonly Signal[] = [{ kind: 'control-text', name: 'routing', score: 1, pointer: '/messages/0/content' }];

function input(change: Partial<DecisionInput> = {}): DecisionInput {
  return {
    verdict: CLEAN,
    signals: [],
    session: { label: 'public', maskable: true },
    toolSawSensitive: false,
    complexity: 0.2,
    band: 'simple',
    model: 'auto',
    localModels: [],
    tools: [],
    principal: 'p',
    protocol: 'openai-chat',
    chars: 10,
    turns: 1,
    ...change,
  };
}
const COMPLEX = { complexity: 0.9, band: 'complex' } as const;

describe('decide() the table', () => {
  const cells: readonly [string, Partial<DecisionInput>, string, string][] = [
    ['clean, simple', {}, '', 'local'],
    ['clean, simple, by policy', {}, 'policy: { clean: { simple: cloud } }', 'cloud'],
    ['clean, complex', COMPLEX, '', 'cloud'],
    ['clean, complex, kept home by policy', COMPLEX, 'policy: { clean: { complex: local } }', 'local'],
    ['maskable, simple', { verdict: MASKABLE }, '', 'local'],
    ['maskable, complex', { verdict: MASKABLE, ...COMPLEX }, '', 'cloud-masked'],
    ['maskable, complex, masking off', { verdict: MASKABLE, ...COMPLEX }, 'policy: { masking: "off" }', 'local'],
    ['maskable, complex, above maskUpTo', { verdict: MASKABLE, ...COMPLEX }, 'policy: { maskUpTo: internal }', 'local'],
    ['not maskable, simple', { verdict: UNMASKABLE }, '', 'local'],
    ['not maskable, complex', { verdict: UNMASKABLE, ...COMPLEX }, '', 'local'],
    ['unknown, simple', { verdict: UNKNOWN }, '', 'local'],
    ['unknown, complex', { verdict: UNKNOWN, ...COMPLEX }, '', 'local'],
    ['unknown, refused by policy', { verdict: UNKNOWN, ...COMPLEX }, 'policy: { unknown: refuse }', 'refuse'],
    ['attack, simple', { signals: ATTACK }, '', 'local'],
    ['attack, complex', { signals: ATTACK, ...COMPLEX }, '', 'local'],
    ['attack, refused by policy', { signals: ATTACK }, 'policy: { attack: refuse }', 'refuse'],
    ['attack and clean by policy to cloud', { signals: ATTACK }, 'policy: { clean: { simple: cloud } }', 'local'],
    [
      'latched conversation, clean and complex now',
      { session: { label: 'confidential', maskable: true }, ...COMPLEX },
      '',
      'local',
    ],
    [
      'latched by what is still there and maskable',
      { verdict: MASKABLE, session: { label: 'confidential', maskable: true }, ...COMPLEX },
      '',
      'cloud-masked',
    ],
    [
      'latched by something unmaskable',
      { verdict: MASKABLE, session: { label: 'confidential', maskable: false }, ...COMPLEX },
      '',
      'local',
    ],
    [
      'latched higher than what is there',
      { verdict: MASKABLE, session: { label: 'restricted', maskable: true }, ...COMPLEX },
      '',
      'local',
    ],
    ['cloud model named, clean', { model: 'bigger' }, '', 'cloud'],
    ['cloud model named, sensitive', { model: 'bigger', verdict: MASKABLE }, '', 'local'],
    ['cloud model named, unknown', { model: 'bigger', verdict: UNKNOWN }, '', 'local'],
    ['cloud model named, names not honoured', { model: 'bigger' }, 'policy: { honourModels: false }', 'local'],
    [
      'local model named, complex',
      { model: 'qwen', localModels: [{ upstream: 'home', model: 'qwen' }], ...COMPLEX },
      '',
      'local',
    ],
    ['stranger named, complex', { model: 'gpt-9', ...COMPLEX }, '', 'cloud'],
    [
      'rule to cloud within labels',
      {},
      'policy: { rules: [{ name: r, when: "turns == 1", upToLabel: public, route: cloud }] }',
      'cloud',
    ],
    [
      'rule to cloud, sensitive',
      { verdict: MASKABLE },
      'policy: { rules: [{ name: r, when: "true", upToLabel: public, route: cloud }] }',
      'local',
    ],
    [
      'rule to cloud, unknown',
      { verdict: UNKNOWN },
      'policy: { rules: [{ name: r, when: "true", upToLabel: public, route: cloud }] }',
      'local',
    ],
    ['rule refuses', {}, 'policy: { rules: [{ name: r, when: "chars > 5", route: refuse }] }', 'refuse'],
    [
      'rule on entities',
      { verdict: MASKABLE, ...COMPLEX },
      'policy: { rules: [{ name: r, when: "\'CREDIT_CARD\' in entities", route: local }] }',
      'local',
    ],
    [
      'rule masks a simple one',
      { verdict: MASKABLE },
      'policy: { rules: [{ name: r, when: "true", upToLabel: confidential, route: cloud-masked }] }',
      'cloud-masked',
    ],
    [
      'rule whose condition fails',
      { tools: [], ...COMPLEX },
      'policy: { rules: [{ name: r, when: "tools[3] == \'x\'", upToLabel: public, route: cloud }] }',
      'local',
    ],
  ];
  it.each(cells)('%s', (_, change, yaml, route) => {
    expect(decide(input(change), compiled(yaml)).route.kind).toBe(route);
  });

  it('answers a clean request from the cloud when no local model is configured at all, and refuses a sensitive one', () => {
    const loaded = parseConfig(
      'upstreams: [{ kind: openai, name: sky, url: "https://sky.example/v1", model: big, sees: public }]',
      't',
      {},
    );
    if (loaded.kind === 'invalid') throw new Error('config');
    const policy = compilePolicy(loaded.config, loaded.config.upstreams);
    expect(decide(input(), policy).route).toEqual({ kind: 'cloud', upstream: 'sky', model: '' });
    expect(decide(input({ verdict: MASKABLE }), policy).route).toEqual({ kind: 'refuse', code: 'no_local_model' });
    expect(decide(input({ verdict: UNKNOWN }), policy).route).toEqual({ kind: 'refuse', code: 'no_local_model' });
  });

  it('names evidence first and says what would have opened the cloud', () => {
    const decision = decide(input({ verdict: UNMASKABLE, ...COMPLEX }), compiled());
    expect(decision.reasons[0]).toEqual({ code: 'sensitive-content', entities: ['API_KEY'] });
    expect(decision.counterfactual).toBe('would have been cloud but for API_KEY at /messages/0/content');
  });

  it('lets a combination of quasi-identifiers stand as evidence', () => {
    const verdict: Verdict = { kind: 'sensitive', label: 'confidential', findings: [finding('PERSON')] };
    expect(decide(input({ verdict }), compiled()).reasons[0]).toEqual({
      code: 'sensitive-content',
      entities: ['PERSON'],
    });
  });
});

const OPENNESS = { refuse: 0, local: 0, 'cloud-masked': 1, cloud: 2 } as const;
const label = fc.constantFrom('public', 'internal', 'confidential', 'restricted');
const entity = fc.constantFrom('CREDIT_CARD', 'API_KEY', 'EMAIL_ADDRESS', 'PERSON');
const base = fc.record({
  complexity: fc.double({ min: 0, max: 1, noNaN: true }),
  model: fc.constantFrom('auto', 'big', 'bigger', 'gpt-9'),
  turns: fc.nat(40),
  chars: fc.nat(100_000),
  session: fc.record({ label, maskable: fc.boolean() }),
  found: fc.array(fc.tuple(entity, label), { maxLength: 3 }),
  attack: fc.boolean(),
  gap: fc.boolean(),
});
const policies = [
  '',
  'policy: { clean: { simple: cloud } }',
  'policy: { rules: [{ name: a, when: "turns > 3", upToLabel: public, route: cloud }, { name: b, when: "complexity > 0.3", upToLabel: confidential, route: cloud-masked }] }',
  'policy: { masking: "off" }',
];

const LADDER = ['public', 'internal', 'confidential', 'restricted'];
function verdictOf(found: readonly (readonly [string, string])[], gap: boolean): Verdict {
  const top = LADDER[Math.max(0, ...found.map(([, each]) => LADDER.indexOf(each)))] ?? 'public';
  const [first, ...rest] = found.map(([each]) => finding(each));
  if (gap)
    return {
      kind: 'unknown',
      label: top,
      findings: found.map(([each]) => finding(each)),
      gaps: [{ classifier: 'x', cause: 'threw', pointer: '' }],
    };
  return first === undefined || top === 'public'
    ? { kind: 'clean', label: 'public', findings: [] }
    : { kind: 'sensitive', label: top, findings: [first, ...rest] };
}

describe('decide() properties', () => {
  test('more evidence never moves a request from local to cloud', () => {
    fc.assert(
      fc.property(base, entity, label, fc.constantFrom(...policies), (now, extraEntity, extraLabel, yaml) => {
        const policy = compiled(yaml);
        const at = (found: readonly (readonly [string, string])[], gap: boolean, attack: boolean): number =>
          OPENNESS[
            decide(
              input({
                ...now,
                band: now.complexity >= 0.5 ? 'complex' : 'simple',
                verdict: verdictOf(found, gap),
                signals: attack ? ATTACK : [],
              }),
              policy,
            ).route.kind
          ];
        const before = at(now.found, now.gap, now.attack);
        // A gap or an attack on top may only close.
        expect(at(now.found, true, now.attack)).toBeLessThanOrEqual(before);
        expect(at(now.found, now.gap, true)).toBeLessThanOrEqual(before);
        // From local, another finding may open masking at the very most, never the plain cloud.
        const after = at([...now.found, [extraEntity, extraLabel]], now.gap, now.attack);
        if (before === OPENNESS.local) expect(after).toBeLessThan(OPENNESS.cloud);
        else expect(after).toBeLessThanOrEqual(before);
      }),
      { numRuns: 300 },
    );
  });

  test('the plain cloud gets nothing above what it may see, nothing unknown, no attack', () => {
    fc.assert(
      fc.property(base, fc.constantFrom(...policies), (now, yaml) => {
        const decision = decide(
          input({
            ...now,
            band: now.complexity >= 0.5 ? 'complex' : 'simple',
            verdict: verdictOf(now.found, now.gap),
            signals: now.attack ? ATTACK : [],
          }),
          compiled(yaml),
        );
        if (decision.route.kind === 'cloud') {
          expect(decision.label).toBe('public');
          expect(now.gap || now.attack).toBe(false);
        }
        if (decision.route.kind === 'cloud-masked') expect(now.gap || now.attack).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
