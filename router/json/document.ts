/**
 * A request body after the strict parser: the exact source text, its value, and where every leaf stands in the source.
 * What was classified is what is sent: outgoing bodies are this very source with named ranges spliced.
 */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** Inherits nothing by any name: `__proto__` and `constructor` are keys like any other. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** An object or array of the body, linked to what holds it; leaves share it, so a pointer costs nothing until asked for. */
export interface Container {
  /** `null` for the root. */
  readonly parent: Container | null;
  /** Name or index in the parent; empty for the root. */
  readonly key: string | number;
  /** Where it opens in the source: no two containers of a document share it. */
  readonly ordinal: number;
  /** JSON Pointer; empty for the root. */
  readonly pointer: string;
}

/** One string value, object key or number of the body. `start`/`end` bound it in the source, quotes included. */
export interface Leaf {
  readonly kind: 'string' | 'key' | 'number';
  readonly container: Container;
  /** Name or index in the container; for a key leaf the name itself, so that it shares the pointer of its value. */
  readonly key: string | number;
  /** Decoded string, or the number's digits as sent. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface JsonDocument {
  readonly source: string;
  /** Parts that were known by their hash are parsed when they are first asked for here. */
  readonly root: JsonObject;
  /** In source order. Parses what was known by its hash. */
  readonly leaves: readonly Leaf[];
  /** Members of the root object: `keyStart` to `valueEnd` is the whole member without its comma. */
  readonly members: ReadonlyMap<string, Member>;
  /** Arrays that are members of the root, by name: what the tool loop grows. `close` is the index of the closing bracket. */
  readonly arrays: ReadonlyMap<string, { readonly close: number; readonly length: number }>;
  /** Items of one of those arrays; none where there is no such array. */
  itemsOf(name: string): readonly Item[];
  /** Leaves of one item, or of one member with its key; parsed now where the part was known by its hash. */
  leavesOf(part: Extent): readonly Leaf[];
  /** The value of an item; parsed now where it was known by its hash. */
  valueOf(item: Item): JsonValue;
}

/** Where a part of the body stands. */
export interface Extent {
  readonly start: number;
  readonly end: number;
  /** Among the leaves; undefined where the part, or something in it, was known by its hash and so not parsed. */
  readonly leaves: LeafRange | undefined;
  /** Keyed hash of the part's value, where the parser was asked to remember; undefined for small values and scalars. Equal digests mean equal sources. */
  readonly digest: string | undefined;
}

export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

export interface Item extends Extent {
  readonly array: string;
  readonly index: number;
  /** Undefined where the item was known by its hash. */
  readonly value: JsonValue | undefined;
}

export interface Member extends Extent {
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface JsonLimits {
  readonly maxDepth: number;
  /** Values and keys together, a cap on the work a body of tiny values can cause. */
  readonly maxLeaves: number;
}

/** Where and what, never the text. `pointer` is where the parser stood. */
export interface JsonProblem {
  readonly code:
    | 'invalid_json'
    | 'invalid_utf8'
    | 'duplicate_key'
    | 'too_deep'
    | 'too_many_values'
    | 'lone_surrogate'
    | 'not_an_object'
    | 'number_out_of_range';
  readonly pointer: string;
  readonly offset: number;
}

export type ParsedJson =
  | { readonly kind: 'document'; readonly document: JsonDocument }
  | { readonly kind: 'problem'; readonly problem: JsonProblem };

/** escapeToken makes one RFC 6901 token. */
export function escapeToken(token: string | number): string {
  if (typeof token === 'number') return String(token);
  return token.includes('~') || token.includes('/') ? token.replaceAll('~', '~0').replaceAll('/', '~1') : token;
}

/** pointerOf is the JSON Pointer of a leaf; a key has that of its value. */
export function pointerOf(leaf: Pick<Leaf, 'container' | 'key'>): string {
  return `${leaf.container.pointer}/${escapeToken(leaf.key)}`;
}
