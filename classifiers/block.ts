/**
 * What clients send again as it is: one message, one member of the body. An agent resends tens of kilobytes of them every turn,
 * so the classifier remembers what a whole block came to.
 */
import type { Segment } from './segment.ts';
import type { Gap } from './verdict.ts';

export interface Block {
  /**
   * A keyed hash of the block's exact source and of how it is read: equal keys mean equal segments, the start of their pointers
   * apart. Empty: nothing is remembered about it.
   */
  readonly key: string;
  /** What the pointers of all its segments begin with. */
  readonly pointer: string;
  /** Called only for what is not remembered, or when a new neighbour's seam needs the text. */
  read(): BlockContent;
}

export interface BlockContent {
  readonly segments: readonly Segment[];
  /** What in it could not be opened; nothing is remembered about a block with any. */
  readonly gaps: readonly Gap[];
}

/** wholeBlock holds segments that come without a source. */
export function wholeBlock(segments: readonly Segment[]): Block {
  return { key: '', pointer: '', read: () => ({ segments, gaps: [] }) };
}
