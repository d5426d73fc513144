import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonDocument } from '../../../router/json/document.ts';
import { parseJson } from '../../../router/json/parse.ts';
import { editRoot, spliceText, toJsonText } from '../../../router/json/splice.ts';

function document(text: string): JsonDocument {
  const parsed = parseJson(Buffer.from(text), { maxDepth: 64, maxLeaves: 100_000 });
  if (parsed.kind !== 'document') throw new Error(`refused: ${parsed.problem.code}`);
  return parsed.document;
}

describe('editRoot()', () => {
  it.each<[string, string, Parameters<typeof editRoot>[1], string]>([
    ['sets in place', '{"a":1,"b":2}', { set: { a: '9' } }, '{"a":9,"b":2}'],
    ['sets what is missing', '{"a":1}', { set: { b: '2' } }, '{"b":2,"a":1}'],
    ['sets in an empty object', ' { } ', { set: { b: '2' } }, ' {"b":2 } '],
    ['drops the first', '{"a":1, "b":2}', { drop: ['a'] }, '{"b":2}'],
    ['drops the last', '{"a":1 , "b":2 }', { drop: ['b'] }, '{"a":1 }'],
    ['drops the only one', '{ "a":1 }', { drop: ['a'] }, '{  }'],
    ['drops a run at the end', '{"a":1,"b":2,"c":3}', { drop: ['b', 'c'] }, '{"a":1}'],
    ['drops all', '{"a":1,"b":2}', { drop: ['a', 'b'] }, '{}'],
    ['drops all and sets', '{"a":1,"b":2}', { drop: ['a', 'b'], set: { c: '3' } }, '{"c":3}'],
    ['sets what is also dropped', '{"a":1}', { drop: ['a'], set: { a: '3' } }, '{"a":3}'],
    ['ignores what is not there', '{"a":1}', { drop: ['x'] }, '{"a":1}'],
    ['appends', '{"m":[1 ]}', { append: { m: ['2', '3'] } }, '{"m":[1 ,2,3]}'],
    ['appends to an empty array', '{"m":[ ]}', { append: { m: ['2'] } }, '{"m":[ 2]}'],
  ])('%s', (_name, text, change, expected) => {
    expect(editRoot(document(text), change)).toBe(expected);
  });

  it('gives what the same change gives on the value, for any object', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', '__proto__', 'x"y');
    fc.assert(
      fc.property(
        fc.dictionary(name, fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: false }),
        fc.dictionary(name, fc.jsonValue({ maxDepth: 2 })),
        fc.array(name),
        fc.constantFrom(0, 1),
        (value, set, drop, indent) => {
          const body = document(JSON.stringify(value, null, indent));
          const texts = Object.fromEntries(Object.entries(set).map(([key, each]) => [key, JSON.stringify(each)]));
          const edited = document(editRoot(body, { set: texts, drop })).root;
          const expected = new Map(Object.entries(JSON.parse(JSON.stringify(value)) as object));
          for (const key of drop) expected.delete(key);
          for (const [key, text] of Object.entries(texts)) expected.set(key, JSON.parse(text));
          expect(new Map(Object.entries(JSON.parse(JSON.stringify(edited)) as object))).toEqual(expected);
        },
      ),
    );
  });

  it('refuses to append to what is no array', () => {
    expect(() => editRoot(document('{"m":{}}'), { append: { m: ['1'] } })).toThrow(RangeError);
  });
});

describe('spliceText()', () => {
  it('applies edits in any order', () => {
    expect(
      spliceText('abcdef', [
        { start: 4, end: 5, text: 'X' },
        { start: 0, end: 2, text: '' },
        { start: 2, end: 2, text: '-' },
      ]),
    ).toBe('-cdXf');
  });
  it('refuses edits that overlap', () => {
    expect(() =>
      spliceText('abcdef', [
        { start: 0, end: 3, text: '' },
        { start: 2, end: 4, text: '' },
      ]),
    ).toThrow(RangeError);
  });
});

it('toJsonText() mends cut surrogate pairs, in nested values too', () => {
  expect(toJsonText({ a: ['x\ud83d'] })).toBe('{"a":["x\ufffd"]}');
});
