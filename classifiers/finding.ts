/**
 * What a recognizer reports: where, what, how sure and why. Evidence, never content: no type here
 * has room for the matched text.
 */

/** Upper-snake entity name, Presidio's where Presidio has one: `EMAIL_ADDRESS`, `CREDIT_CARD`. */
export type EntityType = string;

declare const scoreBrand: unique symbol;
/** Confidence in [0, 1]. Made only by toScore. */
export type Score = number & { readonly [scoreBrand]: true };

/** toScore clamps into [0, 1]; NaN becomes 1, because an unknown confidence must not clear anything. */
export function toScore(value: number): Score {
  return (Number.isNaN(value) ? 1 : Math.min(1, Math.max(0, value))) as Score;
}

/** Half-open UTF-16 range in the text of one segment. `segment` is a JSON Pointer such as `/messages/2/content`. */
export interface Span {
  readonly segment: string;
  readonly start: number;
  readonly end: number;
}

/**
 * How the text was read when the finding was made: as it stands, or through a view (base64 decoded,
 * joined with its neighbour, …). Outer first.
 */
export type View =
  | 'plain'
  | 'normalized'
  | 'base64'
  | 'hex'
  | 'percent'
  | 'html-entity'
  | 'unicode-escape'
  | 'rewritten'
  | 'spaced'
  | 'reversed'
  | 'rot13'
  | 'joined'
  | 'json';

export interface Finding {
  readonly entity: EntityType;
  readonly span: Span;
  readonly score: Score;
  readonly recognizer: string;
  readonly explanation: Explanation;
}

/** The steps of a score, in order; the last is the finding's score. Words are the recognizer's own vocabulary, never the prompt's other text. */
export interface Explanation {
  /** Name of the pattern inside the recognizer. */
  readonly pattern: string;
  /** Empty means the text was read as it stands. */
  readonly views: readonly View[];
  readonly steps: readonly ScoreStep[];
}
export type ScoreStep =
  | { readonly kind: 'pattern'; readonly score: Score }
  | { readonly kind: 'validated'; readonly by: string; readonly score: Score }
  | { readonly kind: 'context'; readonly word: string; readonly score: Score }
  | { readonly kind: 'damped'; readonly by: string; readonly score: Score }
  /** The finding takes part in the policy's combination of this name, and has at least its label. */
  | { readonly kind: 'combined'; readonly by: string; readonly score: Score }
  | { readonly kind: 'model'; readonly model: string; readonly score: Score };

/** A candidate that was seen and not reported. Collected only when explain asks. */
export interface NearMiss {
  readonly entity: EntityType;
  readonly span: Span;
  readonly recognizer: string;
  readonly score: Score;
  /** `checksum`: a check digit failed. `below-threshold`: short by `threshold - score`. `invalidated`: a rule said it is not one. `allow-listed`, `overlapped` as named. */
  readonly cause: 'checksum' | 'below-threshold' | 'invalidated' | 'allow-listed' | 'overlapped';
  readonly threshold: number;
}
