/** Questions about one word that a bit per unit cannot answer. */
import type { Window } from '../recognizer.ts';
import { DIGIT, DIGIT_LOOK_ALIKE, HEX, UNIT_KINDS, UPPER } from './unit-kinds.ts';

/** Digits and letters that look like digits, both present; up to two capitals may lead (an IBAN's country). */
export function isLookAlikeNumber(text: string, start: number, end: number): boolean {
  const isCapital = (at: number): boolean => ((UNIT_KINDS[text.charCodeAt(at)] ?? 0) & UPPER) !== 0;
  const from = end - start >= 12 && isCapital(start) && isCapital(start + 1) ? start + 2 : start;
  let lookAlikes = 0;
  for (let at = from; at < end; at++) {
    const kind = UNIT_KINDS[text.charCodeAt(at)] ?? 0;
    if ((kind & DIGIT_LOOK_ALIKE) !== 0) lookAlikes++;
    else if ((kind & DIGIT) === 0) return false;
  }
  return lookAlikes > 0 && lookAlikes < end - from;
}

const isLower = (unit: number): boolean => unit >= 0x61 && unit <= 0x7a;
const isUpper = (unit: number): boolean => unit >= 0x41 && unit <= 0x5a;

/** A word by itself, or one of several grown together in camel case; a plural s may follow. */
export function isWhole(text: string, start: number, end: number): boolean {
  const before = text.charCodeAt(start - 1);
  if (isLower(before) && !isUpper(text.charCodeAt(start))) return false;
  if (isUpper(before) && (isUpper(text.charCodeAt(start)) || isUpper(text.charCodeAt(start + 1)))) return false;
  const behind = text.charCodeAt(end) === 0x73 ? end + 1 : end;
  const after = text.charCodeAt(behind);
  if (isLower(after)) return false;
  // Capitals go on, unless the next is the first of a word: `MRNNumber`.
  return !(isUpper(after) && isUpper(text.charCodeAt(end - 1))) || isLower(text.charCodeAt(behind + 1));
}

/** A hex digit or the same mark on both sides; skim.as asks the same of literals of one unit. */
export function isBesideHex(text: string, start: number, end: number): boolean {
  const before = text.charCodeAt(start - 1);
  const after = text.charCodeAt(end);
  return (
    (before === text.charCodeAt(start) || ((UNIT_KINDS[before] ?? 0) & HEX) !== 0) &&
    (after === text.charCodeAt(end - 1) || ((UNIT_KINDS[after] ?? 0) & HEX) !== 0)
  );
}

/** Runs of hex digits inside a word, at least so long. */
export function hexRuns(text: string, start: number, end: number, atLeast: number): readonly Window[] {
  const found: Window[] = [];
  let from = start;
  for (let at = start; at <= end; at++) {
    if (at < end && ((UNIT_KINDS[text.charCodeAt(at)] as number) & HEX) !== 0) continue;
    if (at - from >= atLeast) found.push({ start: from, end: at });
    from = at + 1;
  }
  return found;
}
