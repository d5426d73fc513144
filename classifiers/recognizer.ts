/**
 * The contract between the engine and everything that knows one kind of value. The engine reads the text once and
 * calls a recognizer only around the places its triggers name, so a thousand recognizers that are not triggered cost
 * nothing. Fails towards `unknown`: a recognizer that throws becomes a Gap of its name.
 *
 * What recognizers may rely on: `text` is the detection copy (digits of every script are 0-9, look-alikes folded,
 * zero-width characters gone, dashes and spaces ASCII) or a decoded view of it; spans are mapped back by the engine.
 */
import type { EntityType, ScoreStep } from './finding.ts';
import type { Segment } from './segment.ts';
import type { WordList } from './skim/word-list.ts';
import type { Signal } from './verdict.ts';

/**
 * What the one pass must see for a recognizer to run.
 * `keyword`: any of the literals, ASCII letters in any case, anywhere (also inside words); one character is enough (`@`).
 * `digits`: a group of at least that many digits, with up to three characters of ` .-/_(),` or one line break between them.
 * `run`: an unbroken run of a character class. alphanumeric [A-Za-z0-9], with a digit in it or 25 long; lettered is the same
 * without runs of nothing but digits; hex [0-9a-f]; token [A-Za-z0-9+/=_.-].
 * `keyword` with `whole`: only where no ASCII letter stands right before or after, or the case says a word ends there (`userNIN`).
 * `keyword` with `beside`: only where a hex digit, or the same mark again, stands on both sides (the colon of an address).
 * `capitalized`: a capital letter followed by a small one, or any letter of a script without case.
 * `always`: every text; say why, because it costs every request.
 */
export type Trigger =
  | { readonly kind: 'keyword'; readonly literals: readonly string[]; readonly whole?: true; readonly beside?: 'hex' }
  | {
      readonly kind: 'digits';
      readonly atLeast: number;
      /** One of these pairs of neighbouring runs must be in the group (scan/digit-grams.ts says how they are written). */
      readonly grams?: readonly string[];
    }
  | {
      readonly kind: 'run';
      readonly of: RunClass;
      readonly atLeast: number;
      /** Absent: any length. Longer runs hold no value that stands free of its neighbours. */
      readonly atMost?: number;
    }
  | { readonly kind: 'capitalized' }
  | { readonly kind: 'always'; readonly because: string };
export type RunClass = 'alphanumeric' | 'lettered' | 'hex' | 'token';

export const keywords = (...literals: readonly string[]): Trigger => ({ kind: 'keyword', literals });
/** Words, not parts of words: `tin` must not fire in `getting`. */
export const words = (...literals: readonly string[]): Trigger => ({ kind: 'keyword', literals, whole: true });
/** Marks between hex digits; in running text nearly none are. */
export const marksBesideHex = (...literals: readonly string[]): Trigger => ({
  kind: 'keyword',
  literals,
  beside: 'hex',
});
export const digits = (atLeast: number, ...grams: readonly string[]): Trigger =>
  grams.length > 0 ? { kind: 'digits', atLeast, grams } : { kind: 'digits', atLeast };
export const run = (of: RunClass, atLeast: number, atMost?: number): Trigger =>
  atMost === undefined ? { kind: 'run', of, atLeast } : { kind: 'run', of, atLeast, atMost };

/** How far a window reaches around the trigger that opened it, in UTF-16 units. */
export interface Reach {
  readonly before: number;
  readonly after: number;
}

export interface Window {
  readonly start: number;
  readonly end: number;
}

export interface RecognizerInput {
  readonly text: string;
  /** JSON key or column header above the text; empty means none. */
  readonly hint: string;
}

/** A place that may be what the recognizer looks for. Offsets are in `RecognizerInput.text`. */
export interface Candidate {
  readonly entity: EntityType;
  readonly start: number;
  readonly end: number;
  /** In [0, 1], after validation and context. The engine holds it against the entity's threshold. */
  readonly score: number;
  /** Name of the pattern inside the recognizer. */
  readonly pattern: string;
  readonly steps: readonly ScoreStep[];
  /** Present on a near miss: the candidate was dropped, and why. */
  readonly rejected?: 'checksum' | 'invalidated';
}

/** So many digits, in any number of groups, no further than `within` units behind the window. */
export interface DigitNeed {
  readonly digits: number;
  readonly within: number;
}

export interface Recognizer {
  /** Unique, kebab-case; what `classify.disable` names. */
  readonly name: string;
  readonly entities: readonly EntityType[];
  readonly triggers: readonly Trigger[];
  /** Default 64 on both sides. */
  readonly reach?: Reach;
  /**
   * Windows without a digit group of at least that many digits are not opened: a word such as `number` alone then
   * costs nothing. For recognizers whose every value holds them.
   */
  readonly requires?: { readonly digits: number };
  /** What every value holds; definePattern reads it off its patterns. Windows without it are not looked at. */
  readonly needs?: () => DigitNeed;
  /** Looks at what a keyword, run or group matched before a window is opened. Cheap, bounded, without side effects; absent means always. */
  readonly guard?: (text: string, start: number, end: number) => boolean;
  /**
   * The same, of keywords in a text only: a hint that is the keyword opens its window whatever this says. For words that are common in
   * prose and tell by what stands beside them whether a value can be there.
   */
  readonly inText?: (text: string, start: number, end: number) => boolean;
  /** No candidate ever scores higher. Where every threshold is above it the recognizer runs for explanations only. */
  readonly highestScore?: number;
  /** Relative cost per unit of window, counted against the work budget; default 1. definePattern gives its number of patterns. */
  readonly cost?: number;
  /**
   * find reports every candidate that starts in `[window.start, window.end)`. It may look at the text around the
   * window, a bounded distance, and must be linear in the window. The hint matches triggers too: then the window is the text.
   */
  find(input: RecognizerInput, window: Window, report: (candidate: Candidate) => void): void;
}

/**
 * A tier that needs running text instead of windows around triggers: names, topics. Called with consecutive
 * windows that cover the text (at most TAGGER_WINDOW long, cut between words where there are any).
 */
export interface Tagger {
  readonly name: string;
  readonly entities: readonly EntityType[];
  tag(input: TaggerInput, window: Window, sink: TaggerSink): void;
}
export interface TaggerInput extends RecognizerInput {
  readonly role: Segment['role'];
  readonly form: Segment['form'];
  /** The words of the window where the engine has read them already; good during the call. */
  readonly words?: WordList;
}
export interface TaggerSink {
  candidate(candidate: Candidate): void;
  /** The pointer is the engine's to fill in. */
  signal(signal: Omit<Signal, 'pointer'>): void;
}
/** UTF-16 units; keeps one call well under the 4 ms slice at 250 ns per unit. */
export const TAGGER_WINDOW = 8192;
