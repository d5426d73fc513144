import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_ARGUMENT_BYTES, MAX_ARGUMENT_DEPTH, parseArguments } from '../../sandbox/arguments.ts';

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('parseArguments() refuses', () => {
  const table: readonly (readonly [name: string, text: string, problem: string])[] = [
    ['text that is not JSON', 'command=ls', 'not-json'],
    ['a trailing comma', '{"a":1,}', 'not-json'],
    ['single quotes', "{'a':1}", 'not-json'],
    ['a comment', '{"a":1/**/}', 'not-json'],
    ['an open string', '{"a":"b', 'not-json'],
    ['an open object', '{"a":1', 'not-json'],
    ['a closing bracket too many', '{"a":1}}', 'not-json'],
    ['two objects', '{"a":1}{"a":1}', 'not-json'],
    ['a byte-order mark', '\uFEFF{"a":1}', 'not-json'],
    ['NaN', '{"a":NaN}', 'not-json'],
    ['a raw control character', '{"a":"\u0001"}', 'not-json'],
    ['an array', '[]', 'schema-mismatch'],
    ['a string', '"{}"', 'schema-mismatch'],
    ['null', 'null', 'schema-mismatch'],
    ['a number', '1', 'schema-mismatch'],
    ['a name used twice', '{"path":"a","path":"/etc/shadow"}', 'not-json'],
    ['a name used twice, once escaped', '{"path":"a","p\\u0061th":"/etc/shadow"}', 'not-json'],
    ['a name used twice further down', '{"a":[{"b":1,"c":{},"b":2}]}', 'not-json'],
    ['__proto__', '{"__proto__":{"mode":"host"}}', 'not-json'],
    ['__proto__, escaped', '{"__pr\\u006fto__":{"mode":"host"}}', 'not-json'],
    ['__proto__ further down', '{"a":{"__proto__":1}}', 'not-json'],
    ['a lone surrogate in a value', '{"a":"\\ud800"}', 'not-json'],
    ['a lone surrogate in a name', '{"\\udc00":1}', 'not-json'],
    ['one level too deep', nested(MAX_ARGUMENT_DEPTH + 1), 'not-json'],
    ['a million levels', '['.repeat(1_000_000), 'not-json'],
    ['one byte too many', `{"a":"${'x'.repeat(MAX_ARGUMENT_BYTES - 7)}"}`, 'too-large'],
    ['few characters of many bytes', `{"a":"${'€'.repeat(MAX_ARGUMENT_BYTES / 2)}"}`, 'too-large'],
  ];
  test.each(table)('%s', (_, text, problem) => {
    expect(parseArguments(text)).toMatchObject({ kind: 'malformed', problem });
  });
});

describe('parseArguments() reads', () => {
  const table: readonly (readonly [name: string, text: string, value: unknown])[] = [
    ['nothing as no arguments', '', {}],
    ['white space as no arguments', ' \n', {}],
    ['an object', '{"a":[1,{"b":null}],"c":"}{\\"["}', { a: [1, { b: null }], c: '}{"[' }],
    ['one name in two objects', '{"a":{"x":1},"b":{"x":2}}', { a: { x: 1 }, b: { x: 2 } }],
    ['a value equal to a name', '{"a":"a","b":"a"}', { a: 'a', b: 'a' }],
    ['strings in arrays that repeat', '{"a":["x","x"]}', { a: ['x', 'x'] }],
    ['the deepest allowed', nested(MAX_ARGUMENT_DEPTH), JSON.parse(nested(MAX_ARGUMENT_DEPTH))],
  ];
  test.each(table)('%s', (_, text, value) => {
    expect(parseArguments(text)).toEqual({ kind: 'arguments', value });
  });

  test('what JSON.parse reads, or nothing: never another value', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const parsed = parseArguments(text);
        expect(parsed.kind === 'arguments' ? parsed.value : JSON.parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('no text makes it throw', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '1', 'a', '\ud800', '__proto__', ' ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        expect(['arguments', 'malformed']).toContain(parseArguments(pieces.join('')).kind);
      }),
    );
  });
});
