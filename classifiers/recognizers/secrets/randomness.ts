/**
 * How much a value looks drawn by a machine rather than written by a person. Shannon entropy alone calls every long
 * identifier random; the letter-pair model and the rhythm of digits and letters do not.
 */
import { pairSurprise } from './letter-pairs.ts';

/** Bits a uniformly random letter costs; the word model has to beat it. */
const RANDOM_LETTER_BITS = 4.7;

/** entropy is Shannon's, in bits per character of the value's own distribution. */
export function entropy(value: string): number {
  if (value === '') return 0;
  const counts = new Map<number, number>();
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  let bits = 0;
  for (const count of counts.values()) {
    const share = count / value.length;
    bits -= share * Math.log2(share);
  }
  return bits;
}

/**
 * randomness weighs "drawn at random" against "made of words, numbers and separators", in bits: above 6 a value is
 * hardly ever an identifier, below 0 it almost always is one.
 */
export function randomness(value: string): number {
  let bits = 0;
  for (let index = 1; index < value.length; index++) {
    bits += pairEvidence(value.charCodeAt(index - 1), value.charCodeAt(index));
  }
  return bits;
}

function pairEvidence(before: number, after: number): number {
  const first = letterOf(before);
  const second = letterOf(after);
  if (first >= 0 && second >= 0) {
    const same = pairSurprise(first, second) - RANDOM_LETTER_BITS;
    if (isUpper(before) === isUpper(after)) return same;
    // `Ab` begins a word, `aB` begins the next one: rare in words, every other pair in base64.
    return isUpper(before) ? same + 0.5 : 1.2;
  }
  const digitBefore = isDigit(before);
  const digitAfter = isDigit(after);
  if (digitBefore && digitAfter) return 0;
  if (digitBefore && second >= 0) return 1.8;
  if (first >= 0 && digitAfter) return 1;
  // Separators structure words, paths, dates and versions.
  return -0.6;
}

/**
 * isSequential tells `abcdefgh` and `12345678`: nearly all neighbours one apart. Sequences with breaks in them are
 * left alone, test accounts have such keys.
 */
export function isSequential(value: string): boolean {
  let steps = 0;
  let pairs = 0;
  for (let index = 1; index < value.length; index++) {
    const before = value.charCodeAt(index - 1);
    const after = value.charCodeAt(index);
    if (!isWordCode(before) || !isWordCode(after)) continue;
    pairs++;
    if (Math.abs(after - before) === 1) steps++;
  }
  return pairs >= 5 && steps / pairs > 0.85;
}

/** isRepetitive tells `xxxxxxxx`, `abababab` and `0000-0000`: hardly any different characters for the length. */
export function isRepetitive(value: string): boolean {
  const different = new Set(value).size;
  return (value.length >= 6 && different <= 2) || (value.length >= 16 && different <= 3);
}

function letterOf(code: number): number {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a ? lower - 0x61 : -1;
}
const isUpper = (code: number): boolean => code >= 0x41 && code <= 0x5a;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isWordCode = (code: number): boolean => isDigit(code) || letterOf(code) >= 0;
