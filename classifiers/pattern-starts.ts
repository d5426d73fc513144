/** Patterns that are tried only where a word stands that begins their matches, instead of at every unit of a window. */
import type { Window } from './recognizer.ts';

/** By the first letter of a word (its place behind `a`): what begins with it, and the pattern to try there. */
export type Starts<Pattern> = readonly (readonly { readonly start: string; readonly pattern: Pattern }[] | undefined)[];

const FIRST_LETTER = 0x61;

/** startsOf takes the words of each pattern, lower case, beginning with a letter, in the order of the patterns. */
export function startsOf<Pattern>(
  words: readonly { readonly starts?: readonly string[] }[],
  patterns: readonly Pattern[],
): Starts<Pattern> {
  const starts: { readonly start: string; readonly pattern: Pattern }[][] = [];
  for (const [index, pattern] of patterns.entries())
    for (const start of words[index]?.starts ?? [])
      (starts[start.charCodeAt(0) - FIRST_LETTER] ??= []).push({ start, pattern });
  return starts;
}

/** eachStart calls `attempt` where a match may begin, in order of place; it returns where the match ended, or -1. Matches of one pattern do not overlap. */
export function eachStart<Pattern>(
  starts: Starts<Pattern>,
  text: string,
  window: Window,
  attempt: (pattern: Pattern, at: number) => number,
): void {
  /** Where a pattern may match again. */
  let from: Map<Pattern, number> | undefined;
  let wasWord = window.start > 0 && isWordUnit(text.charCodeAt(window.start - 1));
  for (let at = window.start; at < window.end; at++) {
    const unit = text.charCodeAt(at);
    const isWord = isWordUnit(unit);
    const isStart = isWord && !wasWord;
    wasWord = isWord;
    const candidates = isStart ? starts[(unit | 0x20) - FIRST_LETTER] : undefined;
    if (candidates === undefined) continue;
    for (const { start, pattern } of candidates) {
      if (!startsWith(text, at, start) || at < (from?.get(pattern) ?? 0)) continue;
      const end = attempt(pattern, at);
      if (end >= 0) (from ??= new Map()).set(pattern, end);
    }
  }
}

function startsWith(text: string, at: number, start: string): boolean {
  for (let index = 1; index < start.length; index++) {
    const wanted = start.charCodeAt(index);
    const unit = text.charCodeAt(at + index);
    if (unit !== wanted && (wanted < FIRST_LETTER || (unit | 0x20) !== wanted)) return false;
  }
  return true;
}

/** What `\b` takes for a word, a byte per ASCII unit. */
const WORD_UNITS = Uint8Array.from({ length: 0x80 }, (_, unit) => (/\w/.test(String.fromCharCode(unit)) ? 1 : 0));
const isWordUnit = (unit: number): boolean => unit < 0x80 && WORD_UNITS[unit] === 1;
