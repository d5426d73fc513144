/** Replay says the same as deciding would have said, or that it cannot say: held against real receipts of a real Sluice. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../config/load.ts';
import type { RequestReceipt } from '../../../router/audit/event.ts';
import { replayCommand } from '../../../router/commands/replay.ts';
import { compilePolicy } from '../../../router/policy/compile.ts';
import { needsTexts, replayReceipt, type ReplayPolicy } from '../../../router/shadow/replay.ts';
import { runInProcess } from '../../helpers/command.ts';
import { CARD, COMPLEX, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const UPSTREAMS = `upstreams:
  - { kind: ollama, name: home, url: "http://127.0.0.1:9", sees: restricted }
  - { kind: openai, name: sky, url: "http://127.0.0.1:9/v1", model: gpt-fake, sees: public }`;
const policyOf = (more: string): ReplayPolicy => {
  const loaded = parseConfig(`${UPSTREAMS}\n${more}`, '/x.yaml', {});
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  return { config: loaded.config, policy: compilePolicy(loaded.config, loaded.config.upstreams) };
};
const TEXTS = [
  'hello there',
  `My card is ${CARD}`,
  COMPLEX,
  `Write to jane.roe@corp-mail.example. ${COMPLEX}`,
  'The patient John Marlow was diagnosed with type 2 diabetes',
  'export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI7K9MDENGbPxRfiCY2aQkEyZp4Lq',
];

let sluice: TestSluice;
let receipts: readonly RequestReceipt[] = [];
beforeAll(async () => {
  sluice = await startSluice({ cloud: { reply: () => ({ text: 'ok' }) } });
  for (const text of TEXTS) await (await sluice.ask(say(text))).text();
  const page = await sluice.context.audit.search({ kind: 'request' });
  receipts = page.hits.flatMap(({ record }) => (record.kind === 'request' ? [record] : [])).toReversed();
});
afterAll(() => sluice.close());
const replayAll = (more: string) => receipts.map((receipt) => replayReceipt(receipt, policyOf(''), policyOf(more)));

describe('replay', () => {
  it('of the same policy differs nowhere', () => {
    expect(receipts).toHaveLength(TEXTS.length);
    expect(replayAll('').map((each) => each.kind)).toEqual(TEXTS.map(() => 'same'));
  });

  it.each([
    'policy: { masking: "off" }',
    'policy: { clean: { simple: cloud } }',
    'policy: { clean: { complex: local } }',
    'complexity: { threshold: 1, hysteresis: 0 }',
    'classify: { entities: { EMAIL_ADDRESS: { label: restricted, maskable: false } } }',
    'classify: { entities: { CREDIT_CARD: { label: public } } }',
    `policy: { rules: [{ name: none, when: "label != 'public'", route: refuse }] }`,
  ])('of %s says what that policy then does, or that it cannot say', async (more) => {
    const said = replayAll(more);
    const other = await startSluice({ config: more, cloud: { reply: () => ({ text: 'ok' }) } });
    try {
      for (const [index, text] of TEXTS.entries()) {
        const response = await other.ask(say(text));
        await response.text();
        const really = `${response.headers.get('x-sluice-route')} ${response.headers.get('x-sluice-label')}`;
        const replayed = said[index];
        if (replayed?.kind === 'differs') expect(replayed.to, text).toBe(really);
        if (replayed?.kind === 'same') expect(`${receipts[index]?.route} ${receipts[index]?.label}`, text).toBe(really);
      }
      // It would be no use if it never knew.
      expect(said.filter((each) => each.kind === 'undecidable').length).toBeLessThan(TEXTS.length / 2);
      expect(said.some((each) => each.kind === 'differs')).toBe(true);
    } finally {
      await other.close();
    }
  });

  it('weighs a raised threshold against the scores that receipts keep', () => {
    const scores = receipts.flatMap(({ findings }) => findings.map((each) => each.score ?? -1));
    expect(scores.length).toBeGreaterThan(2);
    expect(
      scores.every((score) => score > 0 && score <= 1 && Math.abs(score * 1e4 - Math.round(score * 1e4)) < 1e-6),
    ).toBe(true);
    const mail = receipts.find(({ findings }) => findings.some(({ entity }) => entity === 'EMAIL_ADDRESS'));
    const score = mail?.findings.find(({ entity }) => entity === 'EMAIL_ADDRESS')?.score ?? 0;
    if (mail === undefined) throw new Error('no receipt with a mail address');
    const under = (threshold: number, more = ''): string => {
      const policy = policyOf(
        `classify: { entities: { EMAIL_ADDRESS: { label: confidential, threshold: ${threshold} } } }\n${more}`,
      );
      const said = replayReceipt(mail, policyOf(more), policy);
      return said.kind === 'undecidable' ? said.why : said.kind;
    };
    const reached = policyOf(`classify: { entities: { EMAIL_ADDRESS: { label: confidential, threshold: ${score} } } }`);
    expect(replayReceipt(mail, policyOf(''), reached).kind).toBe('same');
    // What may lie behind a finding that falls away is in no receipt.
    expect(under(1)).toMatch(score < 1 ? /falls away/ : /same/);
    const old = {
      ...mail,
      findings: mail.findings.map(({ entity, pointer, digest }) => ({ entity, pointer, digest })),
    };
    expect(replayReceipt(old, policyOf(''), policyOf('')).kind).toBe('same');
    expect(
      replayReceipt(
        old,
        policyOf(''),
        policyOf('classify: { entities: { EMAIL_ADDRESS: { label: confidential, threshold: 0.9 } } }'),
      ),
    ).toMatchObject({ kind: 'undecidable' });
  });

  it('of a raised threshold is what that policy does, where it can say', async () => {
    const more =
      'classify: { entities: { EMAIL_ADDRESS: { label: confidential, threshold: 1 }, CREDIT_CARD: { label: restricted, threshold: 0.6, maskable: false } } }';
    const said = replayAll(more);
    const other = await startSluice({ config: more, cloud: { reply: () => ({ text: 'ok' }) } });
    try {
      for (const [index, text] of TEXTS.entries()) {
        const response = await other.ask(say(text));
        await response.text();
        const really = `${response.headers.get('x-sluice-route')} ${response.headers.get('x-sluice-label')}`;
        const replayed = said[index];
        if (replayed?.kind === 'differs') expect(replayed.to, text).toBe(really);
        if (replayed?.kind === 'same') expect(`${receipts[index]?.route} ${receipts[index]?.label}`, text).toBe(really);
      }
      expect(said.filter((each) => each.kind === 'undecidable').length).toBeLessThan(TEXTS.length / 2);
    } finally {
      await other.close();
    }
  });

  it.each([
    ['a rule that asks for tools', 'policy: { rules: [{ name: t, when: "size(tools) > 0", route: local }] }'],
    ['a rule that asks for turns', 'policy: { rules: [{ name: t, when: "turns > 3", route: local }] }'],
  ])('does not guess under %s', (_, more) => {
    expect(replayAll(more).every((each) => each.kind === 'undecidable')).toBe(true);
  });

  it('does not guess about what was decided on the way out, or was cut', () => {
    const [first] = receipts;
    if (first === undefined) throw new Error('no receipt');
    const kinds = [
      { ...first, reasons: ['cloud-failed', ...first.reasons] },
      { ...first, findingCount: 99 },
      { ...first, route: 'none' },
      { ...first, route: 'cloud-masked' },
    ].map((receipt) => replayReceipt(receipt, policyOf(''), policyOf('')).kind);
    expect(kinds).toEqual(['undecidable', 'undecidable', 'undecidable', 'undecidable']);
  });

  it('knows which keys no receipt can tell of', () => {
    const change = (key: string, from = '0.5', to = '0.6') => ({ key, from, to });
    expect(needsTexts(change('classify.entities.X.threshold', '0.5', '0.4'))).toBe(true);
    expect(needsTexts(change('classify.entities.X.threshold', '—', '0.4'))).toBe(true);
    expect(needsTexts(change('classify.entities.X.threshold'))).toBe(false);
    expect(needsTexts(change('classify.allow[0]'))).toBe(true);
    expect(needsTexts(change('classify.entities.X.label'))).toBe(false);
    expect(needsTexts(change('policy.masking'))).toBe(false);
  });
});

describe('the command', () => {
  it('counts, lists differences and names what it cannot say', async () => {
    const directory = sluice.context.stateDir;
    const write = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const now = write('now.yaml', UPSTREAMS);
    const then = write('then.yaml', `${UPSTREAMS}\npolicy: { masking: "off" }\nclassify: { allow: [x@y.example] }\n`);
    const file = write(
      'receipts.jsonl',
      receipts.map((receipt) => JSON.stringify({ i: 1, at: 1, ...receipt })).join('\n'),
    );
    const run = await runInProcess(replayCommand(), [file, '--config', now, '--policy', then, '--json']);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      requests: 6,
      differing: 1,
      moves: { 'cloud-masked confidential -> local confidential': 1 },
    });
    expect(run.stderr).toContain('classify.allow');
    const bad = await runInProcess(replayCommand(), [
      write('bad.jsonl', 'nonsense'),
      '--config',
      now,
      '--policy',
      then,
    ]);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('bad.jsonl:1');
  });
});
