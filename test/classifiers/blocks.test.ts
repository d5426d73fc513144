/** A remembered block must come to what reading it again would. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../router/json/parse.ts';
import { openaiChat } from '../../router/protocols/openai-chat.ts';
import type { Classifier } from '../../classifiers/classifier.ts';
import type { Finding } from '../../classifiers/finding.ts';
import { NEVER_ABORTED, classifierOf, shippedClassifier } from './engine-fixture.ts';

const how = { signal: NEVER_ABORTED, nearMisses: 'omit' } as const;

function blocksOf(body: object) {
  const parsed = parseJson(Buffer.from(JSON.stringify(body)), { maxDepth: 64, maxLeaves: 100_000 });
  if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
  const read = openaiChat.read(parsed.document);
  if (read.kind === 'problem' || read.blocks === undefined) throw new Error('no chat');
  return { ...read.blocks, segments: read.segments };
}
const classifyBody = async (classifier: Classifier, body: object) => {
  const { blocks, gaps } = blocksOf(body);
  return classifier.classifyBlocks(blocks, gaps, how);
};
const inOrder = (findings: readonly Finding[]): readonly string[] =>
  findings.map((finding) => JSON.stringify(finding)).toSorted();

const CARD = ['4539', '1488', '0343', '6467'];
const text = fc.oneof(
  fc.constantFrom(
    '',
    'Compare the two designs and say which one ends.',
    `card ${CARD.join(' ')}`,
    `my card is ${CARD.slice(0, 2).join('')}`,
    CARD.slice(2).join(''),
    `the rest: ${CARD.slice(2).join('')}`,
    'write to jane.roe',
    '@corp-mail.org and wait',
    'jane.roe@corp-mail.org',
    '{"to":"jane.roe@corp-mail.org","n":[1,2]}',
  ),
  fc.string({ unit: fc.constantFrom('4', '5', ' ', '-', '@', 'a', '.'), maxLength: 160 }),
);
const message = fc.oneof(
  fc.record({ role: fc.constantFrom('system', 'user', 'assistant'), content: text }),
  fc.record({
    role: fc.constant('user'),
    content: fc.array(fc.record({ type: fc.constant('text'), text }), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ role: fc.constant('tool'), tool_call_id: fc.constant('call_1'), content: text }),
);
const edit = fc.oneof(
  fc.record({ kind: fc.constant('append'), message, at: fc.constant(0) }),
  fc.record({ kind: fc.constantFrom('insert', 'replace', 'remove'), message, at: fc.nat(20) }),
);

describe('for any conversation that is edited turn by turn', () => {
  it('remembering changes nothing in any turn, for values split across known and new messages too', async () => {
    let joined = 0;
    const seen = { remembers: shippedClassifier(), forgets: shippedClassifier({ cacheEntries: 0 }) };
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        fc.array(edit, { minLength: 1, maxLength: 5 }),
        fc.array(text, { maxLength: 3 }),
        async (start, edits, stop) => {
          let messages: readonly object[] = start;
          for (const each of [undefined, ...edits]) {
            if (each !== undefined) {
              const at = each.kind === 'append' ? messages.length : each.at % messages.length;
              const taken = each.kind === 'replace' || (each.kind === 'remove' && messages.length > 1) ? 1 : 0;
              messages = messages.toSpliced(at, taken, ...(each.kind === 'remove' ? [] : [each.message]));
            }
            const body = { model: 'auto', stop, messages, tools: [{ type: 'function', function: { name: 'f' } }] };
            const known = await classifyBody(seen.remembers, body);
            const fresh = await classifyBody(seen.forgets, body);
            expect(inOrder(known.verdict.findings)).toEqual(inOrder(fresh.verdict.findings));
            expect(known.verdict.kind).toBe(fresh.verdict.kind);
            expect(known.verdict.label).toBe(fresh.verdict.label);
            expect(known.signals).toEqual(fresh.signals);
            if (fresh.verdict.findings.some((finding) => finding.explanation.views[0] === 'joined')) joined++;
            const outgoing = JSON.stringify(body);
            expect(inOrder(seen.remembers.rescan(outgoing, 'public'))).toEqual(
              inOrder(seen.forgets.rescan(outgoing, 'public')),
            );
          }
        },
      ),
      { numRuns: 60 },
    );
    // Without split values the property would say nothing about seams.
    expect(joined).toBeGreaterThan(5);
  });

  it('blocks hold what the whole request holds', async () => {
    const classifier = shippedClassifier({ cacheEntries: 0 });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 5 }), async (messages) => {
        const body = { messages, user: 'jane.roe@corp-mail.org' };
        const { blocks, gaps, segments } = blocksOf(body);
        const inBlocks = await classifier.classifyBlocks(blocks, gaps, how);
        const whole = await classifier.classify(segments, gaps, how);
        expect(inOrder(inBlocks.verdict.findings)).toEqual(inOrder(whole.verdict.findings));
      }),
      { numRuns: 60 },
    );
  });
});

it('a block whose reading failed is read again', async () => {
  let calls = 0;
  const classifier = classifierOf(
    {},
    {
      recognizers: [
        {
          name: 'moody',
          entities: ['X'],
          triggers: [{ kind: 'always', because: 'test' }],
          find() {
            calls++;
            throw new Error('no');
          },
        },
      ],
    },
  );
  const body = { messages: [{ role: 'user', content: 'long enough to be read at all' }] };
  expect((await classifyBody(classifier, body)).verdict.kind).toBe('unknown');
  const before = calls;
  expect((await classifyBody(classifier, body)).verdict.kind).toBe('unknown');
  expect(calls).toBeGreaterThan(before);
  for (const _ of [1, 2])
    expect(() => classifier.rescan(JSON.stringify(body), 'public')).toThrow('could not be read completely');
});

it('an item that was clean under its key is not taken for clean under another', () => {
  const classifier = shippedClassifier();
  const under = (key: string): string => JSON.stringify({ [key]: ['536221847'] });
  expect(classifier.rescan(under('count'), 'public')).toEqual([]);
  expect(classifier.rescan(under('ssn'), 'public').map((finding) => finding.entity)).toEqual(['US_SSN']);
  expect(classifier.rescan(under('jane.roe@corp-mail.org'), 'public').length).toBeGreaterThan(0);
  expect(classifier.rescan(under('jane.roe@corp-mail.org'), 'public').length).toBeGreaterThan(0);
});
