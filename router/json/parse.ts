/** Ways into the parser: a request body, text of our own, JSON found inside a string. */
import { isAscii, isUtf8 } from 'node:buffer';
import type {
  Extent,
  Item,
  JsonDocument,
  JsonLimits,
  JsonObject,
  JsonProblem,
  JsonValue,
  Leaf,
  ParsedJson,
} from './document.ts';
import { BodyParser, itemsOfArray, parsePart, type Recall } from './body-parser.ts';
import { ContainerNode, Fault } from './nodes.ts';
import { OPEN_BRACE, OPEN_BRACKET, Parser, unitsOf } from './parser.ts';

/**
 * parseJson reads one request body. Every refusal is a value with a code and a pointer; nothing in it is text of the body. With `recall` it passes over values it has
 * read strictly before; what the document says is the same.
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits, recall?: Recall): ParsedJson {
  const problem = (code: JsonProblem['code'], offset: number, pointer = ''): ParsedJson => ({
    kind: 'problem',
    problem: { code, pointer, offset },
  });
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ascii = isAscii(view);
  if (!ascii && !isUtf8(view)) return problem('invalid_utf8', 0);
  const source = view.toString(ascii ? 'latin1' : 'utf8');
  const parser = new BodyParser(source, unitsOf(source, ascii ? view : undefined), limits, recall);
  try {
    const unit = parser.skipWhitespace();
    if (unit !== OPEN_BRACE) {
      // A body that is JSON but no object is told apart from one that is no JSON at all.
      const code = isJson(source) ? 'not_an_object' : 'invalid_json';
      return problem(code, parser.position);
    }
    const top = new ContainerNode(null, '', parser.position);
    const root = parser.object(top);
    parser.skipWhitespace();
    if (parser.position < source.length) parser.fail('invalid_json', null);
    return { kind: 'document', document: new ParsedDocument(parser, root, top) };
  } catch (fault) {
    if (fault instanceof Fault) return problem(fault.code, fault.offset, fault.pointer);
    throw fault;
  }
}

class ParsedDocument implements JsonDocument {
  readonly source: string;
  readonly root: JsonObject;
  readonly members: JsonDocument['members'];
  readonly arrays: JsonDocument['arrays'];
  readonly #items: Map<string, readonly Item[]>;
  readonly #parsed: readonly Leaf[];
  readonly #limits: JsonLimits;
  readonly #top: ContainerNode;
  #leaves: readonly Leaf[] | undefined;

  constructor(parser: BodyParser, root: JsonObject, top: ContainerNode) {
    this.source = parser.source;
    this.root = root;
    this.members = parser.members;
    this.arrays = parser.arrays;
    this.#items = parser.items;
    this.#parsed = parser.leaves;
    this.#limits = parser.limits;
    this.#top = top;
  }

  get leaves(): readonly Leaf[] {
    this.#leaves ??= [...this.members.values()].every((member) => member.leaves !== undefined)
      ? this.#parsed
      : [...this.members.values()].flatMap((member) => this.leavesOf(member));
    return this.#leaves;
  }

  itemsOf(name: string): readonly Item[] {
    const array = this.arrays.get(name);
    const member = this.members.get(name);
    if (array === undefined || member === undefined || array.length === 0) return [];
    let items = this.#items.get(name);
    if (items === undefined) {
      // It was known whole, or is not cut while the body is read.
      items = itemsOfArray(this.source, member, this.#limits, this.#top, name);
      this.#items.set(name, items);
    }
    return items;
  }

  leavesOf(part: Extent): readonly Leaf[] {
    if (part.leaves !== undefined) return this.#parsed.slice(part.leaves.from, part.leaves.to);
    return parsePart(this.source, part.start, part.end, this.#limits, (parser) => {
      if (isItem(part)) return parser.value(parser.skipWhitespace(), this.#arrayOf(part), part.index);
      return parser.member(this.#top);
    }).leaves;
  }

  valueOf(item: Item): JsonValue {
    if (item.value !== undefined) return item.value;
    return parsePart(this.source, item.start, item.end, this.#limits, (parser) =>
      parser.value(parser.skipWhitespace(), this.#arrayOf(item), item.index),
    ).value;
  }

  /** Placements and pointers go by the names on the way from the root, and what is worked out per container by where it opens. */
  #arrayOf(item: Item): ContainerNode {
    return new ContainerNode(this.#top, item.array, this.members.get(item.array)?.valueStart ?? 0);
  }
}

function isItem(part: Extent): part is Item {
  return 'array' in part;
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
    const self = new ContainerNode(null, '', parser.position);
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
