/**
 * The words of one window as the taggers read them. Either the module's own memory (good until its next scan) or buffers of
 * linear/words.ts; whoever reads them cannot tell which.
 */
export interface WordList {
  readonly count: number;
  readonly hash: Int32Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly shape: Uint8Array;
  /** WORD bits of each. */
  readonly flags: Int32Array;
  /** Words with an initial capital. */
  readonly capitals: number;
  /** Indices of the words that stand in a table of cues. */
  readonly cues: Uint16Array;
  readonly cueCount: number;
  /** Indices of the words that may belong to a name: with a capital, in no dictionary, or a particle. Never one with a digit or underscore. */
  readonly names: Uint16Array;
  readonly nameCount: number;
}
