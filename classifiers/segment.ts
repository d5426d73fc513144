/** One readable leaf of a request, as classifiers see it. */
export interface Segment {
  /** JSON Pointer (RFC 6901) of the leaf in the request body. For a key, the pointer of its value. */
  readonly pointer: string;
  readonly role: 'system' | 'user' | 'assistant' | 'tool' | 'meta';
  /**
   * `text`: a string value. `key`: an object key. `number`: a number's own digits as sent. `arguments`: a leaf inside tool-call
   * arguments that were JSON in a string (pointer is the string's, then `#`, then the pointer inside).
   * `file`: text decoded from a data URL or inline file.
   */
  readonly form: 'text' | 'key' | 'number' | 'arguments' | 'file';
  readonly text: string;
  /**
   * Nearest JSON key or column header, when there is one: `"ssn": "…"` makes `ssn` context for its value.
   * Empty means none.
   */
  readonly hint: string;
  /**
   * Segments with equal `flow` are read on from one to the next (content parts, neighbouring messages), in
   * array order; a value split between two of them must be found. -1 means stands alone. Flow 0 is the conversation and
   * goes on from block to block; any other stays inside its block.
   */
  readonly flow: number;
}
