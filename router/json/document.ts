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
  /** Counts the containers of a document from 0, the root, in source order. */
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
  readonly root: JsonObject;
  /** In source order. */
  readonly leaves: readonly Leaf[];
  /** Members of the root object: `keyStart` to `valueEnd` is the whole member without its comma. */
  readonly members: ReadonlyMap<string, Member>;
  /** Arrays that are members of the root, by name: what the tool loop grows. `close` is the index of the closing bracket. */
  readonly arrays: ReadonlyMap<string, { readonly close: number; readonly length: number }>;
  /** Items of those arrays, by name; an empty array may have no entry. */
  readonly items: ReadonlyMap<string, readonly Extent[]>;
}

/** Where a part of the body stands: in the source, and among the leaves. */
export interface Extent {
  readonly start: number;
  readonly end: number;
  readonly firstLeaf: number;
  readonly endLeaf: number;
}

export interface Member {
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly firstLeaf: number;
  readonly endLeaf: number;
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
