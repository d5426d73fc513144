/**
 * The strict JSON parser every request body goes through before anything else reads it: RFC 8259 and no more. Fails
 * closed: whatever two parsers could read in two ways (duplicate keys, bad UTF-8, lone surrogates, a byte order mark,
 * numbers past a double) is refused, so what is classified here is what any upstream will read.
 *
 * One pass over the code units with slices of the source where a string has no escape; 60 KB agent bodies come with every
 * request, and test/bench/json.ts holds this to a small multiple of JSON.parse.
 */
import { escapeToken } from './document.ts';
import type { Container, JsonLimits, JsonObject, JsonProblem, JsonValue } from './document.ts';
import { Bag, ContainerNode, Fault, LeafNode } from './nodes.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
const COLON = 0x3a;
export const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
const MINUS = 0x2d;

/** Key texts repeat hundreds of times in tool schemas; a hit saves a slice and V8's internalizing. Bounded, and keyed by text alone. */
const KEY_CACHE_SIZE = 1024;
const KEY_CACHE_MAX_LENGTH = 32;

/** `strict`: a request body. `scan`: JSON found inside a string, read only to be classified, where every duplicate counts. */
type Mode = 'strict' | 'scan';

export class Parser {
  readonly source: string;
  readonly units: Uint16Array;
  readonly limits: JsonLimits;
  readonly mode: Mode;
  position = 0;
  values = 0;
  depth = 0;
  /** Deepest since it was last set back. */
  deepest = 0;
  readonly leaves: LeafNode[] = [];
  readonly keys: (string | undefined)[] = keyCache;
  /** Where `source` begins in the document, when it is a part of one. */
  readonly base: number;

  constructor(source: string, units: Uint16Array, limits: JsonLimits, mode: Mode, base = 0) {
    this.source = source;
    this.units = units;
    this.limits = limits;
    this.mode = mode;
    this.base = base;
  }

  fail(code: JsonProblem['code'], container: Container | null, key?: string | number): never {
    const base = container === null ? '' : container.pointer;
    throw new Fault(code, this.position, key === undefined ? base : `${base}/${escapeToken(key)}`);
  }

  skipWhitespace(): number {
    const units = this.units;
    let position = this.position;
    let unit = units[position]!;
    while (unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09) unit = units[++position]!;
    this.position = position;
    return unit;
  }

  /** Reads the string whose opening quote is at `position`; leaves `position` after the closing one. */
  string(container: Container | null, key: string | number | undefined): string {
    const units = this.units;
    const start = this.position;
    let position = start + 1;
    let unit = units[position]!;
    // Ends past the end of the source too: `undefined` compares false.
    while (unit >= 0x20 && unit !== QUOTE && unit !== BACKSLASH) unit = units[++position]!;
    if (unit === QUOTE) {
      this.position = position + 1;
      return this.source.slice(start + 1, position);
    }
    this.position = position;
    if (unit !== BACKSLASH) this.fail('invalid_json', container, key);
    // With an escape in it JSON.parse checks and decodes the whole; only the end has to be found.
    position = this.closingQuote(position);
    if (position === -1) this.fail('invalid_json', container, key);
    this.position = position + 1;
    let text: string;
    try {
      text = JSON.parse(this.source.slice(start, position + 1)) as string;
    } catch {
      this.position = start;
      return this.fail('invalid_json', container, key);
    }
    if (this.mode === 'strict' && !text.isWellFormed()) {
      this.position = start;
      this.fail('lone_surrogate', container, key);
    }
    return text;
  }

  /** The first quote from `from` on that no backslash escapes; -1 when there is none. */
  closingQuote(from: number): number {
    const units = this.units;
    for (let at = this.source.indexOf('"', from); at !== -1; at = this.source.indexOf('"', at + 1)) {
      let before = at - 1;
      while (units[before] === BACKSLASH) before--;
      if ((at - before) % 2 === 1) return at;
    }
    return -1;
  }

  /** As string(), but short names without escapes come from the cache. */
  name(container: Container): string {
    const units = this.units;
    const start = this.position + 1;
    let position = start;
    let hash = 0;
    for (;;) {
      const unit = units[position]!;
      if (unit === QUOTE) break;
      if (unit === BACKSLASH || !(unit >= 0x20) || position - start > KEY_CACHE_MAX_LENGTH)
        return this.string(container, undefined);
      hash = (Math.imul(hash, 31) + unit) | 0;
      position++;
    }
    this.position = position + 1;
    const slot = (hash ^ (hash >>> 15)) & (KEY_CACHE_SIZE - 1);
    const cached = this.keys[slot];
    const length = position - start;
    if (cached !== undefined && cached.length === length && this.source.startsWith(cached, start)) return cached;
    const text = this.source.slice(start, position);
    this.keys[slot] = text;
    return text;
  }

  number(container: ContainerNode, key: string | number): number {
    const units = this.units;
    const start = this.position;
    let position = start;
    let unit = units[position]!;
    if (unit === MINUS) unit = units[++position]!;
    if (unit === 0x30) unit = units[++position]!;
    else if (unit >= 0x31 && unit <= 0x39) {
      do unit = units[++position]!;
      while (unit >= 0x30 && unit <= 0x39);
    } else this.fail('invalid_json', container, key);
    if (unit === 0x2e) {
      unit = units[++position]!;
      if (!(unit >= 0x30 && unit <= 0x39)) this.fail('invalid_json', container, key);
      do unit = units[++position]!;
      while (unit >= 0x30 && unit <= 0x39);
    }
    if (unit === 0x65 || unit === 0x45) {
      unit = units[++position]!;
      if (unit === 0x2b || unit === MINUS) unit = units[++position]!;
      if (!(unit >= 0x30 && unit <= 0x39)) this.fail('invalid_json', container, key);
      do unit = units[++position]!;
      while (unit >= 0x30 && unit <= 0x39);
    }
    this.position = position;
    const text = this.source.slice(start, position);
    const value = Number(text);
    if (!Number.isFinite(value)) {
      this.position = start;
      this.fail('number_out_of_range', container, key);
    }
    this.leaves.push(new LeafNode('number', container, key, text, this.base + start, this.base + position));
    return value;
  }

  literal(word: string, container: ContainerNode, key: string | number): void {
    if (!this.source.startsWith(word, this.position)) this.fail('invalid_json', container, key);
    this.position += word.length;
  }

  value(unit: number, container: ContainerNode, key: string | number): JsonValue {
    if (++this.values > this.limits.maxLeaves) this.fail('too_many_values', container, key);
    switch (unit) {
      case QUOTE: {
        const start = this.position;
        const text = this.string(container, key);
        this.leaves.push(new LeafNode('string', container, key, text, this.base + start, this.base + this.position));
        return text;
      }
      case OPEN_BRACE:
        return this.object(new ContainerNode(container, key, this.base + this.position));
      case OPEN_BRACKET:
        return this.array(new ContainerNode(container, key, this.base + this.position));
      case 0x74:
        this.literal('true', container, key);
        return true;
      case 0x66:
        this.literal('false', container, key);
        return false;
      case 0x6e:
        this.literal('null', container, key);
        return null;
      default:
        return this.number(container, key);
    }
  }

  object(self: ContainerNode): JsonObject {
    this.descend(self);
    const isRoot = self.parent === null && this.mode === 'strict';
    const object = new Bag();
    this.position++;
    let unit = this.skipWhitespace();
    if (unit === CLOSE_BRACE) {
      this.position++;
      this.depth--;
      return object;
    }
    for (;;) {
      if (unit !== QUOTE) this.fail('invalid_json', self);
      if (++this.values > this.limits.maxLeaves) this.fail('too_many_values', self);
      const keyStart = this.position;
      const firstLeaf = this.leaves.length;
      const key = this.name(self);
      if (object[key] !== undefined && this.mode === 'strict') {
        this.position = keyStart;
        this.fail('duplicate_key', self, key);
      }
      this.leaves.push(new LeafNode('key', self, key, key, this.base + keyStart, this.base + this.position));
      if (this.skipWhitespace() !== COLON) this.fail('invalid_json', self, key);
      this.position++;
      unit = this.skipWhitespace();
      if (isRoot) this.rootMember(object, self, key, unit, keyStart, firstLeaf);
      else object[key] = this.value(unit, self, key);
      unit = this.skipWhitespace();
      if (unit === CLOSE_BRACE) break;
      if (unit !== COMMA) this.fail('invalid_json', self, key);
      this.position++;
      unit = this.skipWhitespace();
    }
    this.position++;
    this.depth--;
    return object;
  }

  array(self: ContainerNode): readonly JsonValue[] {
    this.descend(self);
    const array: JsonValue[] = [];
    this.position++;
    let unit = this.skipWhitespace();
    if (unit === CLOSE_BRACKET) {
      this.position++;
      this.depth--;
      return array;
    }
    for (;;) {
      array.push(this.value(unit, self, array.length));
      unit = this.skipWhitespace();
      if (unit === CLOSE_BRACKET) break;
      if (unit !== COMMA) this.fail('invalid_json', self, array.length - 1);
      this.position++;
      unit = this.skipWhitespace();
    }
    this.position++;
    this.depth--;
    return array;
  }

  /** A member of the root with its key, read again for its leaves. */
  member(root: ContainerNode): JsonValue {
    const start = this.position;
    const key = this.name(root);
    this.leaves.push(new LeafNode('key', root, key, key, this.base + start, this.base + this.position));
    if (this.skipWhitespace() !== COLON) this.fail('invalid_json', root, key);
    this.position++;
    return this.value(this.skipWhitespace(), root, key);
  }

  descend(self: Container): void {
    if (++this.depth > this.limits.maxDepth) this.fail('too_deep', self);
    if (this.depth > this.deepest) this.deepest = this.depth;
  }

  /** One member of the root; a request body's parser says more of it. */
  rootMember(
    object: Record<string, JsonValue>,
    self: ContainerNode,
    key: string,
    unit: number,
    _keyStart: number,
    _firstLeaf: number,
  ): void {
    object[key] = this.value(unit, self, key);
  }
}

const keyCache: (string | undefined)[] = Array.from({ length: KEY_CACHE_SIZE });

export function unitsOf(source: string, ascii: Uint8Array | undefined): Uint16Array {
  // From the bytes where they are the code units, else from the string: both are one native copy.
  if (ascii !== undefined) return new Uint16Array(ascii);
  const copy = Buffer.from(source, 'utf16le');
  // Small buffers come from a shared pool, where an odd offset would be refused.
  if (copy.byteOffset % 2 === 0) return new Uint16Array(copy.buffer, copy.byteOffset, source.length);
  return new Uint16Array(copy.buffer.slice(copy.byteOffset, copy.byteOffset + copy.byteLength));
}
