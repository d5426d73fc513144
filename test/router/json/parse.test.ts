import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonDocument, JsonProblem } from '../../../router/json/document.ts';
import { pointerOf } from '../../../router/json/document.ts';
import { parseJson, readInnerJson } from '../../../router/json/parse.ts';

const LIMITS = { maxDepth: 64, maxLeaves: 100_000 };
const parse = (text: string | Uint8Array, limits = LIMITS) =>
  parseJson(typeof text === 'string' ? Buffer.from(text) : text, limits);

function document(text: string): JsonDocument {
  const parsed = parse(text);
  if (parsed.kind !== 'document') throw new Error(`refused: ${parsed.problem.code} at ${parsed.problem.pointer}`);
  return parsed.document;
}

function problem(text: string | Uint8Array, limits = LIMITS): JsonProblem {
  const parsed = parse(text, limits);
  if (parsed.kind !== 'problem') throw new Error('accepted');
  return parsed.problem;
}

describe('parseJson() refuses', () => {
  it.each<[string, string | Uint8Array, JsonProblem['code'], string]>([
    ['a duplicate key', '{"a":1,"a":2}', 'duplicate_key', '/a'],
    ['a duplicate key spelled with an escape', '{"model":"x","mod\\u0065l":"y"}', 'duplicate_key', '/model'],
    ['a duplicate of a key that holds null', '{"a":null,"a":1}', 'duplicate_key', '/a'],
    ['a duplicate deep down', '{"messages":[{"content":"a","content":"b"}]}', 'duplicate_key', '/messages/0/content'],
    ['a duplicate __proto__', '{"__proto__":1,"__proto__":2}', 'duplicate_key', '/__proto__'],
    ['a pointer needing escapes', '{"a/b~":{"c":1,"c":2}}', 'duplicate_key', '/a~1b~0/c'],
    ['a lone high surrogate', '{"a":["x","\\ud800"]}', 'lone_surrogate', '/a/1'],
    ['a lone low surrogate', '{"a":"\\udc00x"}', 'lone_surrogate', '/a'],
    ['surrogates in the wrong order', '{"a":"\\udc00\\ud800"}', 'lone_surrogate', '/a'],
    ['a lone surrogate in a key', '{"\\ud800":1}', 'lone_surrogate', ''],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_utf8', ''],
    ['overlong UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_utf8', ''],
    ['surrogates as UTF-8', Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_utf8', ''],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), 'invalid_json', ''],
    ['a byte order mark', '\ufeff{"a":1}', 'invalid_json', ''],
    ['an array root', '[1]', 'not_an_object', ''],
    ['a string root', ' "x"', 'not_an_object', ''],
    ['nothing', '', 'invalid_json', ''],
    ['only whitespace', '  \n', 'invalid_json', ''],
    ['two roots', '{"a":1}{"a":1}', 'invalid_json', ''],
    ['a trailing comma', '{"a":1,}', 'invalid_json', ''],
    ['a trailing comma in an array', '{"a":[1,]}', 'invalid_json', '/a/1'],
    ['a leading comma', '{,"a":1}', 'invalid_json', ''],
    ['a missing colon', '{"a" 1}', 'invalid_json', '/a'],
    ['a missing value', '{"a":}', 'invalid_json', '/a'],
    ['a bare key', '{a:1}', 'invalid_json', ''],
    ['single quotes', "{'a':1}", 'invalid_json', ''],
    ['a comment', '{"a":1/*x*/}', 'invalid_json', '/a'],
    ['NaN', '{"a":NaN}', 'invalid_json', '/a'],
    ['Infinity', '{"a":-Infinity}', 'invalid_json', '/a'],
    ['hex', '{"a":0x1}', 'invalid_json', '/a'],
    ['a leading zero', '{"a":01}', 'invalid_json', '/a'],
    ['a leading plus', '{"a":+1}', 'invalid_json', '/a'],
    ['a bare dot', '{"a":.1}', 'invalid_json', '/a'],
    ['a trailing dot', '{"a":1.}', 'invalid_json', '/a'],
    ['an empty exponent', '{"a":1e}', 'invalid_json', '/a'],
    ['a lone minus', '{"a":-}', 'invalid_json', '/a'],
    ['a number past a double', '{"a":[1e999]}', 'number_out_of_range', '/a/0'],
    ['a negative one', '{"a":-1e999}', 'number_out_of_range', '/a'],
    ['a raw newline in a string', '{"a":"x\ny"}', 'invalid_json', '/a'],
    ['a raw NUL in a string', '{"a":"x\u0000y"}', 'invalid_json', '/a'],
    ['a raw tab behind an escape', '{"a":"\\n\ty"}', 'invalid_json', '/a'],
    ['an unknown escape', '{"a":"\\x41"}', 'invalid_json', '/a'],
    ['a short unicode escape', '{"a":"\\u12"}', 'invalid_json', '/a'],
    ['an unterminated string', '{"a":"x', 'invalid_json', '/a'],
    ['a string ending in a backslash', '{"a":"x\\', 'invalid_json', '/a'],
    ['a string ending in an escaped quote', '{"a":"x\\"', 'invalid_json', '/a'],
    ['an unterminated key', '{"abc', 'invalid_json', ''],
    ['an unterminated object', '{"a":1', 'invalid_json', '/a'],
    ['an unterminated array', '{"a":[1', 'invalid_json', '/a/0'],
    ['a wrong literal', '{"a":tru}', 'invalid_json', '/a'],
    ['a literal run on', '{"a":nullx}', 'invalid_json', '/a'],
    ['no-break space between tokens', '{\u00a0"a":1}', 'invalid_json', ''],
    ['a form feed between tokens', '{\f"a":1}', 'invalid_json', ''],
  ])('%s', (_name, text, code, pointer) => {
    expect(problem(text)).toMatchObject({ code, pointer });
  });

  it('nesting past the limit, and takes nesting at it', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(parse(nested(64)).kind).toBe('document');
    expect(problem(nested(65)).code).toBe('too_deep');
    expect(problem(`{"a":${'['.repeat(1_000_000)}`).code).toBe('too_deep');
    expect(problem('{"a":'.repeat(100_000)).code).toBe('too_deep');
  });

  it('more values than the limit, of whatever kind', () => {
    for (const item of ['1', '""', 'null', '[]', '{}', 'true']) {
      const body = `{"a":[${Array.from({ length: 50 }, () => item).join(',')}]}`;
      expect(problem(body, { maxDepth: 9, maxLeaves: 51 }).code).toBe('too_many_values');
      expect(parse(body, { maxDepth: 9, maxLeaves: 52 }).kind).toBe('document');
    }
  });

  it('without a word of the body in the refusal', () => {
    expect(JSON.stringify(problem('{"a":"SECRET\\x"}'))).not.toContain('SECRET');
  });
});

describe('parseJson() accepts', () => {
  it.each<[string, string]>([
    ['an empty object', '{}'],
    ['whitespace of all four kinds', ' \t\r\n{ \t\r\n"a" : [ 1 , 2 ] , "b" : { } }\n'],
    ['every escape', '{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC"}'],
    ['an escaped pair', '{"a":"\\ud83d\\ude00"}'],
    ['characters outside Latin-1', '{"a":"—😀","ключ":"значение"}'],
    ['characters inside Latin-1', '{"é":"ü"}'],
    ['DEL and line separators', '{"a":"\u007f\u2028\u2029"}'],
    ['an escaped NUL', '{"a":"\\u0000"}'],
    ['negative zero', '{"a":-0,"b":-0.0,"c":0e1}'],
    ['numbers of every form', '{"a":[0,-1,1.5,1e5,1E+5,1e-5,-1.25e-7,12345678901234567890,1e-999]}'],
    ['an empty key', '{"":{"":1}}'],
    ['prototype names as keys', '{"__proto__":{"x":1},"constructor":2,"toString":3}'],
    ['integer keys', '{"2":1,"1":2,"a":3}'],
    ['a long key', `{"${'k'.repeat(500)}":1}`],
  ])('%s', (_name, text) => {
    const { root } = document(text);
    expect(JSON.stringify(root)).toBe(JSON.stringify(JSON.parse(text)));
  });

  it('and its objects inherit nothing', () => {
    const { root } = document('{"a":{}}');
    expect(root['constructor']).toBeUndefined();
    expect((root['a'] as Record<string, unknown>)['__proto__']).toBeUndefined();
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('leaves', () => {
  it('stand in source order with pointers, digits as sent, and their range', () => {
    const text = '{"m":[{"c":"x\\u0041","n":1.50}],"a/b":"é—"}';
    const { leaves, source } = document(text);
    expect(leaves.map((leaf) => [leaf.kind, pointerOf(leaf), leaf.text, source.slice(leaf.start, leaf.end)])).toEqual([
      ['key', '/m', 'm', '"m"'],
      ['key', '/m/0/c', 'c', '"c"'],
      ['string', '/m/0/c', 'xA', '"x\\u0041"'],
      ['key', '/m/0/n', 'n', '"n"'],
      ['number', '/m/0/n', '1.50', '1.50'],
      ['key', '/a~1b', 'a/b', '"a/b"'],
      ['string', '/a~1b', 'é—', '"é—"'],
    ]);
  });

  it('of JSON in a string keep duplicates and tell a full budget from no JSON', () => {
    const texts = (text: string, limits = LIMITS) => {
      const inner = readInnerJson(text, limits);
      return inner === null || inner === 'over-budget' ? inner : inner.leaves.map((leaf) => leaf.text);
    };
    expect(texts('{"a":"1","a":"2"}')).toEqual(['a', '1', 'a', '2']);
    expect(texts(' ["x", 3] ')).toEqual(['x', '3']);
    expect(texts('"x"')).toBeNull();
    expect(texts('{"a":1')).toBeNull();
    expect(texts('{"a":1} tail')).toBeNull();
    expect(texts('[[[1]]]', { maxDepth: 2, maxLeaves: 9 })).toBe('over-budget');
  });
});

/** Deep equality that takes our objects for plain ones. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function nativeParse(text: string): { readonly value: unknown } | 'refused' {
  try {
    return { value: plain(JSON.parse(text)) };
  } catch {
    return 'refused';
  }
}

describe('against JSON.parse', () => {
  it('gives the same value for every object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 5 })),
        fc.constantFrom(0, 1, '\t'),
        (value, indent) => {
          const text = JSON.stringify(value, null, indent);
          expect(plain(document(text).root)).toEqual(plain(JSON.parse(text)));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('accepts no mutation that JSON.parse refuses, and reads the rest alike', () => {
    const seeds = [
      '{"a":[1,-2.5e3,"x\\n\\u00e9",true,null,{"b":{}}],"c":""}',
      '{"k":"\\ud83d\\ude00—","n":0,"z":[[],[{}]]}',
    ];
    const atoms = [
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '-',
      '.',
      'e',
      'u',
      ' ',
      '\n',
      'é',
      '—',
      '\u0000',
      'null',
      '\\u',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(80), fc.nat(3), fc.constantFrom('', ...atoms)), { minLength: 1, maxLength: 3 }),
        (seed, changes) => {
          let text = seed;
          for (const [at, cut, put] of changes) text = text.slice(0, at) + put + text.slice(at + cut);
          text = text.toWellFormed();
          const parsed = parse(text);
          // What is refused beyond JSON's grammar (duplicates, lone surrogates, ranges) has no say here.
          fc.pre(parsed.kind === 'document' || parsed.problem.code === 'invalid_json');
          const ours = parsed.kind === 'document' ? { value: plain(parsed.document.root) } : 'refused';
          expect(ours).toEqual(nativeParse(text));
        },
      ),
      { numRuns: 3000 },
    );
  });
});
