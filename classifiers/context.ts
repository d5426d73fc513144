/**
 * Whole-word context on both sides of a value and in its hint. Words of identifiers count: `cardNumber`, `card_number`
 * and `CARD-NUMBER` all read as `card number`. Whole words only, because substring context makes `public` a
 * driver's `lic` (Presidio #1063).
 */
import type { Reach } from './recognizer.ts';

/** Phrases by their first word; the words of scripts written without spaces are looked for as substrings. */
export interface ContextMatcher {
  readonly byFirstWord: ReadonlyMap<string, readonly Phrase[]>;
  readonly unspaced: readonly string[];
}

interface Phrase {
  readonly words: readonly string[];
  readonly phrase: string;
}

/** Scripts that put no spaces between words: a whole-word test would never match there. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Hangul}]/u;
/** One word: a capitalised or lower-case run, or a run of capitals up to where the next word starts. */
const WORD = /\p{Lu}{2,40}s?(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lo}\p{M}]{1,40}|\p{Lu}/gu;
const ASCII_WORD = /[A-Z]{2,40}s?(?![a-z])|[A-Z]?[a-z]{1,40}|[A-Z]/g;
const NON_ASCII = /[^ -~\s]/;

/** contextMatcher prepares words and phrases; they must be lower-case. */
export function contextMatcher(phrases: readonly string[]): ContextMatcher {
  const byFirstWord = new Map<string, Phrase[]>();
  const unspaced: string[] = [];
  const add = (phrase: string, words: readonly string[]): void => {
    const [first] = words;
    if (first === undefined) return;
    byFirstWord.set(first, [...(byFirstWord.get(first) ?? []), { words, phrase }]);
  };
  for (const phrase of phrases) {
    if (UNSPACED.test(phrase)) {
      unspaced.push(phrase.toLowerCase());
      continue;
    }
    const words = wordsOf(phrase.toLowerCase());
    add(phrase, words);
    // `creditcard` and `dateofbirth` are as common in keys as their spaced forms.
    if (words.length > 1) add(phrase, [words.join('')]);
  }
  return { byFirstWord, unspaced };
}

interface Place {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly hint: string;
}

/** findContextWord returns the phrase found nearest by search order (hint, before, after), or undefined. */
export function findContextWord(matcher: ContextMatcher, place: Place, reach: Reach): string | undefined {
  return (
    (place.hint === '' ? undefined : search(matcher, place.hint)) ??
    search(matcher, wholeWords(place.text, place.start - reach.before, place.start)) ??
    search(matcher, wholeWords(place.text, place.end, place.end + reach.after))
  );
}

/** The slice, without the words its ends would cut. */
function wholeWords(text: string, from: number, to: number): string {
  let start = Math.max(0, from);
  let end = Math.min(text.length, to);
  if (start > 0)
    while (start < end && isAsciiLetter(text.charCodeAt(start - 1)) && isAsciiLetter(text.charCodeAt(start))) start++;
  if (end < text.length)
    while (end > start && isAsciiLetter(text.charCodeAt(end)) && isAsciiLetter(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function search(matcher: ContextMatcher, text: string): string | undefined {
  if (text === '') return undefined;
  const words = wordsOf(text);
  for (let index = 0; index < words.length; index++) {
    const phrases = matcher.byFirstWord.get(words[index] ?? '');
    const found = phrases?.find(({ words: phrase }) => phrase.every((word, offset) => words[index + offset] === word));
    if (found) return found.phrase;
  }
  if (matcher.unspaced.length === 0) return undefined;
  const lower = text.toLowerCase();
  return matcher.unspaced.find((word) => lower.includes(word));
}

/** wordsOf splits text and identifiers into lower-case words, plurals in -s as singulars. */
export function wordsOf(text: string): string[] {
  const words = text.match(NON_ASCII.test(text) ? WORD : ASCII_WORD) ?? [];
  return words.map((word) => singular(word.toLowerCase()));
}

function singular(word: string): string {
  return word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
}

function isAsciiLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}
