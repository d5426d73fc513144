import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClassifier } from '../../../classifiers/classify.ts';
import { builtInRecognizers, builtInTaggers } from '../../../classifiers/registry.ts';
import { Classify } from '../../../config/schema.ts';
import type { JsonDocument, JsonValue } from '../../../router/json/document.ts';
import { parseJsonText } from '../../../router/json/parse.ts';
import { explainPlaceholders } from '../../../router/masking/explain.ts';
import { createMasker } from '../../../router/masking/mask.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { createMaskStore } from '../../../router/masking/store.ts';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';

const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const classifier = createClassifier(Classify.parse({}), LABELS, {
  recognizers: builtInRecognizers(),
  taggers: builtInTaggers(),
});
const signal = new AbortController().signal;

function document(source: string): JsonDocument {
  const parsed = parseJsonText(source, { maxDepth: 64, maxLeaves: 100_000 });
  if (parsed.kind !== 'document') throw new Error(`refused: ${parsed.problem.code}`);
  return parsed.document;
}

async function classify(body: JsonDocument) {
  const read = openaiChat.read(body);
  if (read.kind === 'problem') throw new Error(read.problem.code);
  return classifier.classify(read.segments, read.gaps, { signal, nearMisses: 'omit' });
}

/** Every string and number of a value, strings that are JSON opened as well. */
function* texts(value: JsonValue): Iterable<string> {
  if (typeof value === 'number') yield String(value);
  else if (typeof value === 'string') {
    yield value;
    if (/^\s*[[{]/.test(value)) {
      try {
        yield* texts(JSON.parse(value) as JsonValue);
      } catch {
        // No JSON after all.
      }
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      yield key;
      yield* texts(each as JsonValue);
    }
  }
}

const VALUES = [
  'ann.lee@example-corp.com',
  '4111 1111 1111 1111',
  'DE89 3704 0044 0532 0130 00',
  '+44 20 7183 8750',
  'bob_smith77@mail.example.org',
  '5500005555555559',
];
const value = fc.constantFrom(...VALUES);
const prose = fc.constantFrom(
  'Please write to ',

  'transfer from ',
  'call ',
  'As said: ',
  'Quote "it" — ',
  '{"not json": ',
);
const sentence = fc.tuple(prose, value, fc.constantFrom('.', ' now', '\nthanks', '')).map((parts) => parts.join(''));

/** A message that holds values in one of the places where agents carry text. */
const message: fc.Arbitrary<object> = fc.oneof(
  sentence.map((content) => ({ role: 'user', content })),
  fc
    .array(sentence, { minLength: 1, maxLength: 3 })
    .map((all) => ({ role: 'user', content: all.map((text) => ({ type: 'text', text: `${text}\n\n` })) })),
  fc.tuple(value, sentence).map(([to, text]) => ({
    role: 'assistant',
    content: null,
    tool_calls: [
      {
        id: 'c1',
        type: 'function',
        function: { name: 'send', arguments: JSON.stringify({ to, nested: JSON.stringify({ text }) }) },
      },
    ],
  })),
  fc.array(value, { minLength: 1, maxLength: 3 }).map((all) => ({
    role: 'tool',
    tool_call_id: 'c1',
    content: JSON.stringify(all.map((owner) => ({ owner, ok: true }))),
  })),
  sentence.map((content) => ({ role: 'system', content })),
);

describe('masking with the shipped recognizers', () => {
  it('lets nothing planted leave, classifies clean, passes the last scan, and comes back whole', async () => {
    let masked = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        fc.option(sentence),
        async (messages, description) => {
          const body = document(
            JSON.stringify({
              model: 'auto',
              messages,
              ...(description === null
                ? {}
                : { tools: [{ type: 'function', function: { name: 'send', description, parameters: {} } }] }),
            }),
          );
          const map = createMaskStore(Buffer.alloc(32, 1)).open('p', 'c');
          const { verdict } = await classify(body);
          const result = createMasker(map).mask(body, verdict.findings, {
            mayStay: (finding) => finding.explanation.views.includes('joined'),
          });
          expect(result.kind).toBe('masked');
          if (result.kind !== 'masked') return;
          masked += result.count;
          const ready = document(explainPlaceholders(document(result.source), result.count));
          const again = await classify(ready);
          expect([again.verdict.kind, again.verdict.label]).toEqual(['clean', 'public']);
          const outgoing = openaiChat.forUpstream(ready, { model: 'm', stream: true, includeUsage: true });
          expect(classifier.rescan(outgoing, 'public')).toEqual([]);
          const seen = [...texts(JSON.parse(outgoing) as JsonValue)].join('\u0000');
          expect(VALUES.filter((planted) => seen.includes(planted))).toEqual([]);
          // Each message restored is what the client sent.
          const back = (JSON.parse(result.source) as { messages: { content: unknown }[] }).messages.map((each) => {
            const restorer = createRestorer(map);
            return restorer.push('s', JSON.stringify(each), 'json') + restorer.flush('s');
          });
          expect(back.map((each) => JSON.parse(each) as unknown)).toEqual(messages);
        },
      ),
      { numRuns: 60 },
    );
    expect(masked).toBeGreaterThan(60);
  });
});
