/**
 * The contract between the router and everything that reads text. Fails towards `unknown`: a recognizer that
 * throws, is late or runs over its budget becomes a Gap, never silence.
 */
import type { Block } from './block.ts';
import type { Finding, NearMiss } from './finding.ts';
import type { Segment } from './segment.ts';
import type { Gap, Label, Signal, Verdict } from './verdict.ts';

export interface ClassifyOptions {
  readonly signal: AbortSignal;
  /** Collect near misses (explain, tune). Costs time; `omit` on the request path. */
  readonly nearMisses: 'collect' | 'omit';
}

export interface Classification {
  readonly verdict: Verdict;
  readonly signals: readonly Signal[];
  /** Empty when near misses were not asked for. */
  readonly nearMisses: readonly NearMiss[];
  /** UTF-16 code units that were really scanned (not answered from the cache). */
  readonly scannedChars: number;
}

export interface Classifier {
  /**
   * classify reads every segment, and every pair of neighbours of one flow. Runs synchronously in slices of a few milliseconds and
   * yields to the event loop between them, so a 1 MB prompt never blocks it for more than 10 ms. `gaps` are
   * what the parser already knows it could not read; they reach the verdict unchanged. Never rejects.
   */
  classify(segments: readonly Segment[], gaps: readonly Gap[], options: ClassifyOptions): Promise<Classification>;
  /** classifyBlocks is classify for a request in blocks: one that is remembered costs a look-up, and its segments are never made. */
  classifyBlocks(blocks: readonly Block[], gaps: readonly Gap[], options: ClassifyOptions): Promise<Classification>;
  /**
   * rescan is the door's second look at bytes about to leave: the exact outgoing text, read as one piece and with JSON
   * escapes undone, knowing nothing of segments and of what classify came to. Returns the findings whose label is above `upTo`, the highest label the
   * receiver may see. A throw means: do not send.
   */
  rescan(outgoing: string, upTo: Label): readonly Finding[];
  /** The same for one owner, who shares nothing that is remembered with another: how long an answer takes must not tell what somebody else has sent. Absent where nothing is remembered. */
  apart?(owner: string): Classifier;
  /** The same without the models of the deep tier, for text that cannot wait for them; absent where none is asked. */
  readonly withoutModels?: Classifier;
}
