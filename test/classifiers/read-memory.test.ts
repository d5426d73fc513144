/** What was read is known by every unit of it: the door skips a text because of this memory, so nothing else may ever be taken for it. */
import fc from 'fast-check';
import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ReadMemory } from '../../classifiers/read-memory.ts';
import { DIGEST_MODULE } from '../../classifiers/skim/digest-module.ts';
import { TextDigest } from '../../classifiers/skim/text-digest.ts';
import { compileSkim } from '../../classifiers/training/write-skim.ts';
import { classifierOf, literalRecognizer, NEVER_ABORTED, segmentOf } from './engine-fixture.ts';

const CHUNK = 8192;
const digests = [
  ['with the module', new TextDigest()],
  ['without', new TextDigest(false)],
] as const;
const of = (digest: TextDigest, text: string, hint = ''): string => {
  if (!digest.read(text, hint)) throw new Error('no digest');
  return digest.words.join(' ');
};

it('the module is what its source compiles to', async () => {
  expect(DIGEST_MODULE.sha256).toBe(hash('sha256', await compileSkim('digest')));
});

describe.each(digests)('TextDigest %s', (_name, digest) => {
  /** Lengths around the edges of blocks and chunks, in both widths. */
  const length = fc.oneof(
    fc.integer({ min: 0, max: 70 }),
    fc
      .constantFrom(CHUNK / 2, CHUNK, CHUNK * 2, CHUNK * 3)
      .chain((edge) => fc.integer({ min: edge - 40, max: edge + 40 })),
  );
  const text = fc
    .tuple(length, fc.constantFrom('a', '0', '\0', 'é', '\u0100', '\ud800', '的'))
    .map(([count, unit]) => unit.repeat(count));

  it('is equal for equal texts, and another for any unit that is changed, added or left out', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.constantFrom('', 'b', '\0', 'ā', '\ufffd', '\ud801'), (whole, place, unit) => {
        const at = whole.length === 0 ? 0 : place % whole.length;
        const known = of(digest, whole);
        expect(of(digest, `${whole.slice(0, at)}${whole.slice(at)}`)).toBe(known);
        const changed = whole.slice(0, at) + unit + whole.slice(at + 1);
        if (changed !== whole) expect(of(digest, changed)).not.toBe(known);
        if (unit !== '') expect(of(digest, whole.slice(0, at) + unit + whole.slice(at))).not.toBe(known);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['a unit of two bytes and its low byte', ['\u0161', ''], ['a', '']],
    ['a text and the bytes of another', ['ab', ''], ['\u6261', '']],
    ['the key and the text', ['bc', 'a'], ['c', 'ab']],
    ['no key and a blank one', ['x', ''], ['x', ' ']],
    ['lone surrogates', ['\ud800', ''], ['\ufffd', '']],
    ['zeros at the end', ['a', ''], ['a\0', '']],
    ['long texts that differ in the key', ['a'.repeat(20_000), 'k'], ['a'.repeat(20_000), 'l']],
    [
      'chunks in another order',
      [`${'a'.repeat(CHUNK)}${'b'.repeat(CHUNK)}`, ''],
      [`${'b'.repeat(CHUNK)}${'a'.repeat(CHUNK)}`, ''],
    ],
  ] as const)('tells apart %s', (_what, [text, hint], [other, otherHint]) => {
    expect(of(digest, text, hint)).not.toBe(of(digest, other, otherHint));
  });

  it('has none for what is too long, and says so', () => {
    expect(digest.read('a'.repeat(3_000_000), '')).toBe(false);
    expect(digest.read('a', 'k'.repeat(2000))).toBe(false);
  });
});

it('digests of two processes have nothing in common', () => {
  expect(of(new TextDigest(), 'the same text')).not.toBe(of(new TextDigest(), 'the same text'));
});

describe('ReadMemory', () => {
  it('returns what was set, for that text under that key only', () => {
    const memory = new ReadMemory(64);
    memory.set('the text', 'key', 0);
    memory.set('the other', 'key', 3);
    expect([memory.get('the text', 'key'), memory.get('the other', 'key')]).toEqual([0, 3]);
    expect([memory.get('the text', 'other'), memory.get('the text!', 'key'), memory.get('', '')]).toEqual([-1, -1, -1]);
    memory.set('the text', 'key', 2);
    expect(memory.get('the text', 'key')).toBe(2);
  });

  it('forgets, and never takes one for another, when there are more than it holds', () => {
    const memory = new ReadMemory(64);
    for (let each = 0; each < 5000; each++) memory.set(`text ${each}`, '', each % 200);
    let held = 0;
    for (let each = 0; each < 5000; each++) {
      const value = memory.get(`text ${each}`, '');
      if (value >= 0) held++;
      expect([-1, each % 200]).toContain(value);
    }
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(64);
  });

  it('gives nothing up while there is room where a text stands', () => {
    for (let round = 0; round < 50; round++) {
      const memory = new ReadMemory(4);
      for (const each of ['a', 'b', 'c', 'd']) memory.set(each, '', 1);
      expect(['a', 'b', 'c', 'd'].map((each) => memory.get(each, ''))).toEqual([1, 1, 1, 1]);
    }
  });

  it('holds nothing when it may hold nothing', () => {
    const memory = new ReadMemory(0);
    memory.set('a', '', 1);
    expect(memory.get('a', '')).toBe(-1);
  });
});

describe('a changed byte is always seen at the door', () => {
  it('whatever was classified before, and wherever the change is', async () => {
    // Every text with a `!` in it is sensitive; the classified body has none.
    const classifier = classifierOf({}, { recognizers: [literalRecognizer('bang', '!', 'BANG')] });
    const leaf = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '"', '\\', 'é', '的', '1'), maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ role: fc.constantFrom('user', 'tool'), content: leaf }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.nat(),
        async (messages, which, place) => {
          const bodyOf = (said: readonly object[]): string => JSON.stringify({ model: 'auto', messages: said });
          const { verdict } = await classifier.classify(
            messages.map(({ content }) => segmentOf(content, { hint: 'content' })),
            [],
            { signal: NEVER_ABORTED, nearMisses: 'omit' },
          );
          expect(verdict.kind).toBe('clean');
          expect(classifier.rescan(bodyOf(messages), 'public')).toEqual([]);
          const index = which % messages.length;
          const { role = 'user', content = '' } = messages[index] ?? {};
          const padded = content.length < 3 ? `${content}   ` : content;
          const at = place % padded.length;
          const changed = messages.with(index, { role, content: `${padded.slice(0, at)}!${padded.slice(at + 1)}` });
          expect(classifier.rescan(bodyOf(changed), 'public')).toHaveLength(1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['the same text under a key that names it', '{"messages":[{"ssn":"536221847 "}]}'],
    ['the text as a key', '{"messages":[{"secret !!":1}]}'],
    ['a number nobody classified', '{"messages":[{"content":"hello there"}],"n":7771}'],
  ])('%s', async (_name, outgoing) => {
    const classifier = classifierOf(
      {},
      {
        recognizers: [
          literalRecognizer('bang', '!!', 'BANG'),
          literalRecognizer('number', '7771', 'NUMBER'),
          {
            name: 'by-key',
            entities: ['SSN'],
            triggers: [{ kind: 'keyword', literals: ['ssn'] }],
            find: ({ text, hint }, window, report) => {
              if (hint === 'ssn' && window.start === 0)
                report({ entity: 'SSN', start: 0, end: text.length, score: 1, pattern: 'p', steps: [] });
            },
          },
        ],
      },
    );
    const clean = ['536221847 ', 'hello there', 'secret'].map((text) => segmentOf(text, { hint: 'content' }));
    const { verdict } = await classifier.classify(clean, [], { signal: NEVER_ABORTED, nearMisses: 'omit' });
    expect(verdict.kind).toBe('clean');
    expect(classifier.rescan(outgoing, 'public').length).toBeGreaterThan(0);
  });

  it('what an allowed value covers is read again without the tagger that saw it', async () => {
    const classifier = classifierOf(
      { allow: ['the whole bomb thing'] },
      {
        recognizers: [literalRecognizer('odd', 'bomb', 'BOMB')],
        taggers: [
          {
            name: 'sees-all',
            entities: ['PERSON'],
            tag: ({ text }, _window, sink) =>
              sink.candidate({ entity: 'PERSON', start: 0, end: text.length, score: 1, pattern: 'all', steps: [] }),
          },
        ],
      },
    );
    const { verdict } = await classifier.classify([segmentOf('the whole bomb thing', { hint: 'a' })], [], {
      signal: NEVER_ABORTED,
      nearMisses: 'omit',
    });
    expect(verdict.kind).toBe('clean');
    expect(classifier.rescan('{"a":"the whole bomb thing"}', 'public')).toHaveLength(1);
  });
});
