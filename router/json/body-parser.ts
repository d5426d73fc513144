/**
 * The strict parser of a whole request body: where the members of the root and the items of its arrays stand, and what it has read before passed over by its hash
 * (known-values.ts). Fails closed: what is not known, or would pass a limit, is parsed.
 */
import type { Item, JsonLimits, JsonValue, Leaf, LeafRange, Member } from './document.ts';
import type { KnownValues } from './known-values.ts';
import { ContainerNode, Fault } from './nodes.ts';
import { CLOSE_BRACKET, COMMA, OPEN_BRACE, OPEN_BRACKET, Parser, unitsOf } from './parser.ts';

/** Lets the parser pass over what it has read before. */
export interface Recall {
  readonly values: KnownValues;
  /** Whose body it is: what one has sent is not known of another. */
  readonly owner: string;
  /** Arrays of the root whose items are known one by one; any other member of the root is known whole. */
  readonly cut: ReadonlySet<string>;
}

export class BodyParser extends Parser {
  readonly members = new Map<string, Member>();
  readonly arrays = new Map<string, { close: number; length: number }>();
  readonly items = new Map<string, readonly Item[]>();
  readonly recall: Recall | undefined;

  constructor(source: string, units: Uint16Array, limits: JsonLimits, recall: Recall | undefined, base = 0) {
    super(source, units, limits, 'strict', base);
    this.recall = recall;
  }

  /** One member of the root: its value, or that it was known; where it stands, and where the items of an array do. */
  override rootMember(
    object: Record<string, JsonValue>,
    self: ContainerNode,
    key: string,
    unit: number,
    keyStart: number,
    firstLeaf: number,
  ): void {
    const valueStart = this.position;
    const isArray = unit === OPEN_BRACKET;
    const isCut = isArray && (this.recall === undefined || this.recall.cut.has(key));
    const part = isCut ? this.rootArray(self, key) : this.part(unit, self, key);
    const { value, digest } = part;
    const leaves = part.isWhole ? { from: firstLeaf, to: this.leaves.length } : undefined;
    const valueEnd = this.position;
    this.members.set(key, { keyStart, valueStart, valueEnd, start: keyStart, end: valueEnd, leaves, digest });
    if (isArray)
      this.arrays.set(key, { close: valueEnd - 1, length: part.length ?? (value as readonly JsonValue[]).length });
    if (value !== undefined) object[key] = value;
    else defineLater(object, key, () => this.later(valueStart, valueEnd, self, key));
  }

  /** An array of the root, item by item. */
  rootArray(parent: ContainerNode, key: string): Part {
    const self = new ContainerNode(parent, key, this.base + this.position);
    if (++this.values > this.limits.maxLeaves) this.fail('too_many_values', parent, key);
    this.descend(self);
    const array: JsonValue[] = [];
    const items: Item[] = [];
    let isWhole = true;
    this.position++;
    let unit = this.skipWhitespace();
    while (unit !== CLOSE_BRACKET) {
      const start = this.position;
      const from = this.leaves.length;
      const index = items.length;
      const part = this.part(unit, self, index);
      const leaves: LeafRange | undefined = part.isWhole ? { from, to: this.leaves.length } : undefined;
      items.push({
        array: key,
        index,
        start: this.base + start,
        end: this.base + this.position,
        leaves,
        digest: part.digest,
        value: part.value,
      });
      if (part.value === undefined) isWhole = false;
      else array.push(part.value);
      unit = this.skipWhitespace();
      if (unit === CLOSE_BRACKET) break;
      if (unit !== COMMA) this.fail('invalid_json', self, index);
      this.position++;
      unit = this.skipWhitespace();
      if (unit === CLOSE_BRACKET) this.fail('invalid_json', self, index + 1);
    }
    this.position++;
    this.depth--;
    if (items.length > 0) this.items.set(key, items);
    return { value: isWhole ? array : undefined, digest: undefined, isWhole, length: items.length };
  }

  /** A value that may be known. */
  part(unit: number, container: ContainerNode, key: string | number): Part {
    const { recall } = this;
    if (recall === undefined || (unit !== OPEN_BRACE && unit !== OPEN_BRACKET))
      return { value: this.value(unit, container, key), digest: undefined, isWhole: true };
    const start = this.position;
    const known = recall.values.find(this.source, start, recall.owner);
    if (
      known !== undefined &&
      this.values + known.values <= this.limits.maxLeaves &&
      this.depth + known.depth <= this.limits.maxDepth
    ) {
      this.values += known.values;
      this.position = known.end;
      return { value: undefined, digest: known.digest, isWhole: false, length: known.length };
    }
    const before = this.values;
    this.deepest = this.depth;
    const value = this.value(unit, container, key);
    const length = Array.isArray(value) ? value.length : 0;
    const digest = recall.values.remember(
      this.source,
      start,
      this.position,
      {
        values: this.values - before,
        depth: this.deepest - this.depth,
        length,
      },
      recall.owner,
    );
    return { value, digest, isWhole: true, length };
  }

  /** Reads again what was known by its hash. Throws when it is not what it was: then the memory of it was wrong, and nothing may be sent. */
  later(start: number, end: number, container: ContainerNode, key: string | number): JsonValue {
    return parsePart(this.source, start, end, this.limits, (parser) =>
      parser.value(parser.skipWhitespace(), container, key),
    ).value;
  }
}

/** `value` is undefined where the part was known; `isWhole` says that its leaves are among the parser's. */
interface Part {
  readonly value: JsonValue | undefined;
  readonly digest: string | undefined;
  readonly isWhole: boolean;
  readonly length?: number;
}

/** parsePart parses a part of a document that was read strictly before. */
export function parsePart<T>(
  source: string,
  start: number,
  end: number,
  limits: JsonLimits,
  read: (parser: Parser) => T,
): { readonly value: T; readonly leaves: readonly Leaf[] } {
  const text = source.slice(start, end);
  const parser = new Parser(text, unitsOf(text, undefined), limits, 'strict', start);
  try {
    const value = read(parser);
    if (parser.position !== text.length) throw new Error('a known part ends elsewhere');
    return { value, leaves: parser.leaves };
  } catch (fault) {
    // No text of the body may leave in what is thrown.
    throw fault instanceof Fault ? new Error('a known part is not strict JSON') : fault;
  }
}

/** itemsOfArray cuts an array of the root that was read strictly before. Its items have no range of leaves: they are parsed again when asked for. */
export function itemsOfArray(
  source: string,
  member: Member,
  limits: JsonLimits,
  root: ContainerNode,
  name: string,
): readonly Item[] {
  const text = source.slice(member.valueStart, member.valueEnd);
  const parser = new BodyParser(text, unitsOf(text, undefined), limits, undefined, member.valueStart);
  parser.rootArray(root, name);
  return (parser.items.get(name) ?? []).map((item) => ({ ...item, leaves: undefined }));
}

/** What is still to be parsed of a root, by member. */
const LATER: unique symbol = Symbol('later');
type Root = Record<string, JsonValue> & { [LATER]?: Map<string, () => JsonValue> };

/** One getter for each name, whatever the request: with a getter of its own every root would be a hidden class of its own (protocols/block-chat.ts). Names are the client's, so few are held. */
const getters = new Map<string, (this: Root) => JsonValue>();
const MOST_GETTERS = 256;

/** A member that is parsed when it is first read, and then is a member like any other. */
function defineLater(object: Root, key: string, parse: () => JsonValue): void {
  if (object[LATER] === undefined) Object.defineProperty(object, LATER, { value: new Map() });
  object[LATER]?.set(key, parse);
  Object.defineProperty(object, key, { configurable: true, enumerable: true, get: getterOf(key) });
}

function getterOf(key: string): (this: Root) => JsonValue {
  const known = getters.get(key);
  if (known !== undefined) return known;
  const getter = function readNow(this: Root): JsonValue {
    const parse = this[LATER]?.get(key);
    if (parse === undefined) throw new Error('a member is read from an object it does not belong to');
    const value = parse();
    Object.defineProperty(this, key, { configurable: true, enumerable: true, writable: true, value });
    return value;
  };
  if (getters.size < MOST_GETTERS) getters.set(key, getter);
  return getter;
}
