/**
 * A request body after the strict parser: the exact source text, its value, and where every leaf stands in the source.
 * What was classified is what is sent: outgoing bodies are this very source with named ranges spliced.
 */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** Null prototype: `__proto__` is a key like any other. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** One string value, object key or number of the body. `start`/`end` bound it in the source, quotes included. */
export interface Leaf {
  readonly kind: 'string' | 'key' | 'number';
  /** JSON Pointer tokens, unescaped, from the root; for a key those of its value. */
  readonly path: readonly string[];
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
  /** The named ranges of arrays that are grown by the tool loop: pointer to the index of the closing bracket. Holds every array of the root's own members. */
  readonly arrays: ReadonlyMap<string, { readonly close: number; readonly length: number }>;
}

export interface Member {
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface JsonLimits {
  readonly maxDepth: number;
  /** Leaves, a cap on the work a body of tiny values can cause. */
  readonly maxLeaves: number;
}

/** Where and what, never the text. `pointer` is where the parser stood. */
export interface JsonProblem {
  readonly code: 'invalid_json' | 'invalid_utf8' | 'duplicate_key' | 'too_deep' | 'too_many_values' | 'lone_surrogate' | 'not_an_object' | 'number_out_of_range';
  readonly pointer: string;
  readonly offset: number;
}

export type ParsedJson =
  | { readonly kind: 'document'; readonly document: JsonDocument }
  | { readonly kind: 'problem'; readonly problem: JsonProblem };
