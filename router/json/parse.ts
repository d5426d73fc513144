/** Ways into the parser: a request body, text of our own, JSON found inside a string. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { JsonDocument, JsonLimits, JsonProblem, Leaf, ParsedJson } from './document.ts';
import { ContainerNode, Fault, OPEN_BRACE, OPEN_BRACKET, Parser, unitsOf } from './parser.ts';

/** parseJson reads one request body. Every refusal is a value with a code and a pointer; nothing in it is text of the body. */
export function parseJson(bytes: Uint8Array, limits: JsonLimits): ParsedJson {
  const problem = (code: JsonProblem['code'], offset: number, pointer = ''): ParsedJson => ({
    kind: 'problem',
    problem: { code, pointer, offset },
  });
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ascii = isAscii(view);
  if (!ascii && !isUtf8(view)) return problem('invalid_utf8', 0);
  const source = view.toString(ascii ? 'latin1' : 'utf8');
  const parser = new Parser(source, unitsOf(source, ascii ? view : undefined), limits, 'strict');
  try {
    const unit = parser.skipWhitespace();
    if (unit !== OPEN_BRACE) {
      // A body that is JSON but no object is told apart from one that is no JSON at all.
      const code = isJson(source) ? 'not_an_object' : 'invalid_json';
      return problem(code, parser.position);
    }
    const root = parser.object(new ContainerNode(null, '', 0));
    parser.skipWhitespace();
    if (parser.position < source.length) parser.fail('invalid_json', null);
    const document: JsonDocument = {
      source,
      root,
      leaves: parser.leaves,
      members: parser.members,
      arrays: parser.arrays,
      items: parser.items,
    };
    return { kind: 'document', document };
  } catch (fault) {
    if (fault instanceof Fault) return problem(fault.code, fault.offset, fault.pointer);
    throw fault;
  }
}

/** parseJsonText is parseJson over text the process made itself (a spliced source). */
export function parseJsonText(text: string, limits: JsonLimits): ParsedJson {
  return parseJson(Buffer.from(text), limits);
}

function isJson(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

export interface InnerJson {
  readonly leaves: readonly Leaf[];
  /** Values and keys read: what it took of the budget. */
  readonly values: number;
}

/**
 * readInnerJson finds the leaves of JSON held in a string (tool-call arguments). `null` when the text is not a JSON object or
 * array; `over-budget` when it is too deep or has more values than allowed, which is not the same as having nothing in it.
 */
export function readInnerJson(text: string, limits: JsonLimits): InnerJson | 'over-budget' | null {
  const parser = new Parser(text, unitsOf(text, undefined), limits, 'scan');
  try {
    const unit = parser.skipWhitespace();
    const self = new ContainerNode(null, '', 0);
    if (unit === OPEN_BRACE) parser.object(self);
    else if (unit === OPEN_BRACKET) parser.array(self);
    else return null;
    parser.skipWhitespace();
    if (parser.position < text.length) return null;
    return { leaves: parser.leaves, values: parser.values };
  } catch (fault) {
    if (fault instanceof Fault)
      return fault.code === 'too_deep' || fault.code === 'too_many_values' ? 'over-budget' : null;
    throw fault;
  }
}
