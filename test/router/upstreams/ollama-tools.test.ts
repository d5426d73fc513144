import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nativeTools } from '../../../router/upstreams/ollama-tools.ts';

const parametersOf = (parameters: unknown): unknown =>
  nativeTools([{ name: 'tool', description: '', parameters }])[0]?.function.parameters;
const propertyOf = (schema: unknown, more: object = {}): unknown =>
  (parametersOf({ type: 'object', properties: { p: schema }, ...more }) as { properties: { p: unknown } }).properties.p;

describe('what Ollama drops is kept in a form it does not drop', () => {
  it.each([
    [
      'a reference',
      { $ref: '#/$defs/point' },
      { $defs: { point: { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] } } },
      { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] },
    ],
    [
      'a reference of the old kind, described here',
      { $ref: '#/definitions/n', description: 'mine' },
      { definitions: { n: { type: 'number', description: 'theirs' } } },
      { type: 'number', description: 'mine' },
    ],
    ['oneOf', { oneOf: [{ type: 'string' }, { type: 'null' }] }, {}, { anyOf: [{ type: 'string' }, { type: 'null' }] }],
    ['const', { const: 'x' }, {}, { enum: ['x'] }],
    [
      'allOf',
      {
        allOf: [
          { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
          { properties: { b: { type: 'number' } } },
        ],
      },
      {},
      { type: 'object', properties: { a: { type: 'string' }, b: { type: 'number' } }, required: ['a'] },
    ],
    [
      'limits',
      { type: 'integer', minimum: 1, default: 3, description: 'How many.' },
      {},
      { type: 'integer', description: 'How many. (default: 3, minimum: 1)' },
    ],
    [
      'items',
      { type: 'array', items: { type: 'string', format: 'uri' } },
      {},
      { type: 'array', items: { type: 'string', description: '(format: "uri")' } },
    ],
    [
      'several types',
      { type: ['string', 'null'], additionalProperties: false, strict: true },
      {},
      { type: ['string', 'null'] },
    ],
    ['a reference to elsewhere', { $ref: 'https://example.com/schema.json', type: 'string' }, {}, { type: 'string' }],
    ['a schema that is true', true, {}, {}],
  ])('%s', (_name, schema, more, expected) => {
    expect(propertyOf(schema, more)).toEqual(expected);
  });

  it.each([null, undefined, 'x', [], {}, { properties: [] }, { type: 'string' }])(
    'parameters of %j are an object with properties',
    (parameters) => {
      expect(parametersOf(parameters)).toEqual({ type: 'object', properties: {}, required: [] });
    },
  );

  it('a schema that refers to itself ends', () => {
    const tree = { type: 'object', properties: { left: { $ref: '#/$defs/tree' }, right: { $ref: '#/$defs/tree' } } };
    const text = JSON.stringify(propertyOf({ $ref: '#/$defs/tree' }, { $defs: { tree } }));
    expect(text.length).toBeLessThan(400_000);
  });

  it('a reference in a circle ends', () => {
    expect(
      propertyOf({ $ref: '#/$defs/a' }, { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }),
    ).toEqual({});
  });

  it('no schema at all makes it throw, and properties are always an object', () => {
    fc.assert(
      fc.property(fc.anything(), (schema) => {
        const parameters = parametersOf(schema) as { properties: unknown };
        expect(
          typeof parameters.properties === 'object' &&
            parameters.properties !== null &&
            !Array.isArray(parameters.properties),
        ).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
