import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BloomList } from '../../../classifiers/linear/bloom.ts';
import { CueTable } from '../../../classifiers/linear/cues.ts';
import { bucketOf, combine, hashWord, SHAPE, Words } from '../../../classifiers/linear/words.ts';

function read(text: string, capacity = 64): readonly string[] {
  const words = new Words(capacity);
  words.scan(text);
  return Array.from({ length: words.count }, (_, at) => text.slice(words.start[at], words.end[at]));
}

describe('Words', () => {
  test.each([
    ['spaces and punctuation', 'Hello, world! 42', ['Hello', 'world', '42']],
    ['apostrophes join', "O'Brien don't l’eau", ["O'Brien", "don't", 'l’eau']],
    ['a possessive s stands alone', "Anna's dog", ['Anna', 's', 'dog']],
    ['hyphens part', 'Anne-Marie', ['Anne', 'Marie']],
    ['underscores join', 'user_name _x', ['user_name', 'x']],
    ['ideographs stand alone', '分析 x', ['分', '析', 'x']],
    ['combining marks belong to the word', 'Zoe\u0308 b', ['Zoe\u0308', 'b']],
    ['nothing', ' \n.,;', []],
  ])('%s', (_, text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test.each([
    ['case', 'MÜLLER', 'müller'],
    ['accents', 'Éva', 'eva'],
    ['composed and decomposed', 'Zoë', 'Zoe\u0308'],
    ['letters NFD leaves whole', 'Łukasz', 'lukasz'],
    ['apostrophes', "O'Brien", 'obrien'],
  ])('hashes are equal over %s', (_, one, other) => {
    expect(hashWord(one)).toBe(hashWord(other));
  });

  test('hashWord() agrees with scan()', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-ZäöüéñŁø]{1,12}$/), (word) => {
        const words = new Words(4);
        words.scan(word);
        expect(words.hash[0]).toBe(hashWord(word));
      }),
    );
  });

  test('shapes', () => {
    const words = new Words(8);
    words.scan('Anna NASA fooBar x2 17 snake_case');
    const has = (at: number, bit: number): boolean => ((words.shape[at] as number) & bit) !== 0;
    expect([
      has(0, SHAPE.initialUpper),
      has(0, SHAPE.allUpper),
      has(1, SHAPE.allUpper),
      has(2, SHAPE.innerUpper),
    ]).toEqual([true, false, true, true]);
    expect([has(3, SHAPE.hasDigit), has(3, SHAPE.allDigit), has(4, SHAPE.allDigit), has(5, SHAPE.underscore)]).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  test('a full buffer stops the reading and says where', () => {
    const words = new Words(2);
    words.scan('one two three');
    expect([words.count, words.truncatedAt]).toEqual([2, 7]);
  });
});

describe('CueTable', () => {
  test('knows words and phrases, whole words only, by group', () => {
    const cues = new CueTable(['public,open source', 'secret']);
    expect([cues.single(hashWord('Public')), cues.single(hashWord('secret')), cues.single(hashWord('lic'))]).toEqual([
      0, 1, -1,
    ]);
    expect([cues.pair(hashWord('open'), hashWord('source')), cues.pair(hashWord('source'), hashWord('open'))]).toEqual([
      0, -1,
    ]);
  });
  test.each([
    ['three words', ['a b c'], 'must be one or two words'],
    ['an empty entry', ['a,,b'], 'must be one or two words'],
    ['an entry in two groups', ['a,b', 'b'], 'stands in two groups'],
  ])('refuses %s', (_, groups, message) => {
    expect(() => new CueTable(groups)).toThrow(message);
  });
});

describe('BloomList', () => {
  test('never misses a member', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 200 }), (members) => {
        const list = new BloomList(12, new Uint8Array(512));
        for (const member of members) list.add(member);
        expect(members.every((member) => list.has(member))).toBe(true);
      }),
    );
  });
  test('takes few strangers for members', () => {
    const list = new BloomList(14, new Uint8Array(2048));
    for (let at = 0; at < 1000; at += 1)
      list.add(
        hashWord(
          `name${'abcdefghij'[at % 10]}${'klmnopqrst'[Math.floor(at / 10) % 10]}${'uvwxyzabcd'[Math.floor(at / 100)]}`,
        ),
      );
    let taken = 0;
    for (let at = 0; at < 10_000; at += 1) if (list.has(combine(at, 77))) taken += 1;
    expect(taken).toBeLessThan(200);
  });
  test('refuses a table of another size', () => {
    expect(() => new BloomList(12, new Uint8Array(8))).toThrow('wrong size');
  });
});

test('bucketOf() stays inside its table and spreads', () => {
  const seen = new Set<number>();
  for (let at = 0; at < 4096; at += 1) seen.add(bucketOf(at, 8));
  expect([...seen].every((bucket) => bucket >= 0 && bucket < 256)).toBe(true);
  expect(seen.size).toBe(256);
});
