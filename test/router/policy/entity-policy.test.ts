import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Classification } from '../../../classifiers/classifier.ts';
import { type Finding, toScore } from '../../../classifiers/finding.ts';
import type { Verdict } from '../../../classifiers/verdict.ts';
import { parseConfig } from '../../../config/load.ts';
import { clear } from '../../../router/clearance.ts';
import { compilePolicy } from '../../../router/policy/compile.ts';
import type { CompiledPolicy } from '../../../router/policy/decide.ts';
import { type EntityFacts, weighEntities } from '../../../router/policy/entity-policy.ts';
import { provePolicy } from '../../../router/policy/prove.ts';
import { rankOf } from '../../../router/policy/rank.ts';
import { CARD, COMPLEX, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const UPSTREAMS = `
upstreams:
  - { kind: ollama, name: home, url: "http://127.0.0.1:11434", sees: restricted }
  - { kind: openai, name: sky, url: "https://sky.example/v1", model: big, sees: public }
`;
function load(entities: string) {
  const loaded = parseConfig(`${UPSTREAMS}\nclassify:\n  entities:\n${entities}`, 'test.yaml', {});
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}
const policyOf = (entities: string): CompiledPolicy => {
  const config = load(entities);
  return compilePolicy(config, config.upstreams);
};

const TEXT = 'ann@a.io bob@b.io ann@a.io';
const mail = (start: number): Finding => ({
  entity: 'EMAIL_ADDRESS',
  span: { segment: '/m', start, end: start + 8 },
  score: toScore(0.9),
  recognizer: 'test',
  explanation: { pattern: 'test', views: [], steps: [] },
});
const MAILS: Verdict = { kind: 'sensitive', label: 'confidential', findings: [mail(0), mail(9), mail(18)] };
const classified = (verdict: Verdict): Classification => ({ verdict, signals: [], nearMisses: [], scannedChars: 0 });
const facts = (change: Partial<EntityFacts> = {}): EntityFacts => ({
  model: 'auto',
  tools: [],
  principal: 'ann',
  protocol: 'openai-chat',
  chars: 40,
  turns: 1,
  textAt: () => TEXT,
  ...change,
});
const FEWER = '    EMAIL_ADDRESS: { label: confidential, minCount: 3 }';
const when = (source: string, label = 'public'): string =>
  `    EMAIL_ADDRESS: { label: confidential, conditions: [{ name: known, when: '${source}', label: ${label} }] }`;

describe('what an entity means in one request', () => {
  it('fewer values than minCount have the lower label, and one said twice is one', () => {
    const weighed = weighEntities(classified(MAILS), facts(), policyOf(FEWER));
    expect(weighed.classification.verdict).toMatchObject({ kind: 'clean', label: 'public' });
    expect(weighed.relabelled).toEqual([
      { entity: 'EMAIL_ADDRESS', by: 'fewer-than-3', from: 'confidential', to: 'public' },
    ]);
    expect([...weighed.relief]).toEqual([['EMAIL_ADDRESS', 3]]);
    const third = 'ann@a.io bob@b.io cat@c.io';
    const more = weighEntities(classified(MAILS), facts({ textAt: () => third }), policyOf(FEWER));
    expect(more.classification.verdict.label).toBe('confidential');
    expect(more.relief.size).toBe(0);
  });

  it('a value whose text cannot be had counts for itself', () => {
    const weighed = weighEntities(classified(MAILS), facts({ textAt: () => undefined }), policyOf(FEWER));
    expect(weighed.classification.verdict.label).toBe('confidential');
  });

  it.each([
    ['a principal', 'principal == "ann"', 'public'],
    ['another principal', 'principal == "eve"', 'confidential'],
    ['a route', 'protocol == "openai-chat"', 'public'],
    ['another route', 'protocol == "anthropic-messages"', 'confidential'],
    ['a threshold of its own', 'score < 0.95', 'public'],
    ['a number', 'count > 2', 'confidential'],
    ['raising', 'count >= 2', 'restricted'],
  ])('condition on %s', (_, source, label) => {
    const raised = label === 'restricted' ? 'restricted' : 'public';
    const weighed = weighEntities(classified(MAILS), facts(), policyOf(when(source, raised)));
    expect(weighed.classification.verdict.label).toBe(label);
  });

  it('a condition that fails lowers nothing, and raises', () => {
    const fails = 'tools[5] == "x"';
    expect(weighEntities(classified(MAILS), facts(), policyOf(when(fails))).classification.verdict.label).toBe(
      'confidential',
    );
    expect(
      weighEntities(classified(MAILS), facts(), policyOf(when(fails, 'restricted'))).classification.verdict.label,
    ).toBe('restricted');
  });

  it('a combination keeps its label', () => {
    const finding = mail(0);
    const combined: Finding = {
      ...finding,
      explanation: {
        ...finding.explanation,
        steps: [{ kind: 'combined', by: 'person-health', score: toScore(0.9) }],
      },
    };
    const verdict: Verdict = { kind: 'sensitive', label: 'confidential', findings: [combined] };
    const weighed = weighEntities(classified(verdict), facts(), policyOf(when('true')));
    expect(weighed.classification.verdict.label).toBe('confidential');
  });

  it('property: unknown stays unknown and is never lowered, whatever the conditions say', () => {
    const sources = ['true', 'false', 'count < 5', 'tools[9] == "x"', 'principal == "ann"'];
    fc.assert(
      fc.property(
        fc.constantFrom(...sources),
        fc.constantFrom('public', 'internal', 'confidential', 'restricted'),
        fc.integer({ min: 1, max: 5 }),
        (source, label, least) => {
          const policy = policyOf(
            `    EMAIL_ADDRESS: { label: confidential, minCount: ${least}, conditions: [{ name: c, when: '${source}', label: ${label} }] }`,
          );
          const gap = { classifier: 'engine', cause: 'timeout', pointer: '' } as const;
          const unknown: Verdict = { kind: 'unknown', label: 'confidential', findings: MAILS.findings, gaps: [gap] };
          const { classification, relief } = weighEntities(classified(unknown), facts(), policy);
          expect(classification.verdict.kind).toBe('unknown');
          expect(rankOf(policy.ladder, classification.verdict.label)).toBeGreaterThanOrEqual(2);
          expect(relief.size).toBe(0);
        },
      ),
    );
  });

  it.each([
    ['a condition that is no CEL', when('count >'), 'conditions[0].when'],
    ['a name that does not exist', when('who == "x"'), 'conditions[0].when'],
    ['a condition that is no truth value', when('count'), 'conditions[0].when'],
    ['a label that is not on the ladder', when('true', 'secret'), 'conditions[0].label'],
    ['fewerLabel without a number', '    EMAIL_ADDRESS: { label: confidential, fewerLabel: public }', 'fewerLabel'],
  ])('%s is refused at load', (_, entities, path) => {
    const config = load(entities);
    expect(provePolicy(config, config.upstreams).map((problem) => problem.path)).toContainEqual(
      expect.stringContaining(path),
    );
  });
});

describe('the door', () => {
  const outgoing = { upstream: 'sky', path: '/chat/completions', body: '{}', stream: false } as const;
  const ladder = ['public', 'internal', 'confidential', 'restricted'];
  const through = (found: readonly Finding[], relief: ReadonlyMap<string, number>): string =>
    clear(
      classified({ kind: 'clean', label: 'public', findings: [] }),
      'public',
      outgoing,
      { sees: 'public', ladder, relief },
      { rescan: () => found },
    ).kind;

  it('lets out as much as was counted and no more, and nothing else', () => {
    const two = new Map([['EMAIL_ADDRESS', 2]]);
    expect(through([mail(0), mail(9)], two)).toBe('cleared');
    expect(through([mail(0), mail(9), mail(18)], two)).toBe('refused');
    expect(through([mail(0), { ...mail(9), entity: 'CREDIT_CARD' }], two)).toBe('refused');
    expect(through([mail(0)], new Map())).toBe('refused');
  });
});

describe('over the wire', () => {
  let sluice: TestSluice;
  beforeAll(async () => {
    sluice = await startSluice({
      config: `
policy: { masking: off }
classify:
  entities:
    EMAIL_ADDRESS: { label: confidential, minCount: 3 }
    CREDIT_CARD: { label: restricted, action: refuse }
`,
    });
  });
  afterAll(() => sluice.close());

  it('two addresses go to the cloud, three stay, and the reason says why', async () => {
    const two = await sluice.ask(say(`${COMPLEX} Write to ann.roe@corp-mail.io and bob.roe@corp-mail.io.`));
    expect(two.headers.get('x-sluice-route')).toBe('cloud');
    expect(two.headers.get('x-sluice-reason')).toContain('entity-condition:EMAIL_ADDRESS+fewer-than-3');
    expect(sluice.sentToCloud()).toContain('ann.roe@corp-mail.io');
    const three = await sluice.ask(
      say(`${COMPLEX} Write to ann.poe@corp-mail.io, bob.poe@corp-mail.io and cat.poe@corp-mail.io.`),
    );
    expect(three.headers.get('x-sluice-route')).toBe('local');
    expect(sluice.sentToCloud()).not.toContain('cat.poe');
  });

  it('an image beside two addresses keeps all of it inside', async () => {
    const parts = [
      { type: 'text', text: `${COMPLEX} Write to dan.roe@corp-mail.io.` },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
    ];
    const answer = await sluice.ask(say(parts));
    expect(answer.headers.get('x-sluice-route')).toBe('local');
    expect(sluice.sentToCloud()).not.toContain('dan.roe');
  });

  it('an entity with the action refuse is answered with an error', async () => {
    const answer = await sluice.ask(say(`My card is ${CARD}`));
    expect(answer.status).toBe(400);
    expect(answer.headers.get('x-sluice-reason')).toContain('rule:classify.entities.CREDIT_CARD');
  });
});
