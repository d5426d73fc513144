/** collectFeatures lists the buckets that speak about one word; the same code feeds training and tagging. */
import { FOLD_OF } from '../linear/fold.ts';
import { bucketOf, combine, hashWord, SHAPE } from '../linear/words.ts';
import { cueBefore } from './candidates.ts';
import { SUFFIXES } from './cues.ts';
import { KNOWN } from './gazetteer.ts';
import type { Tokens } from './tokens.ts';

export const TAGS = ['O', 'PERSON', 'LOCATION', 'ORGANIZATION'] as const;
export const MOST_FEATURES = 40;
const NAMEY = KNOWN.first | KNOWN.last;

export interface FeatureContext {
  readonly bits: number;
  readonly previousTag: number;
  readonly beforeThat: number;
  /** Hash of the JSON key or header above the text; 0 means none. */
  readonly hint: number;
  /** False leaves out the neighbours' words; training does so now and then, or the few templates would be learnt by heart. */
  readonly withWords: boolean;
}

/** A word's own shape in six classes. */
function shapeClass(shape: number, length: number): number {
  if ((shape & SHAPE.hasDigit) !== 0) return 5;
  if ((shape & SHAPE.initialUpper) === 0) return length === 0 ? 0 : 1;
  if (length === 1) return 2;
  return (shape & SHAPE.allUpper) !== 0 ? 3 : 4;
}

export function collectFeatures(tokens: Tokens, at: number, context: FeatureContext, out: Int32Array): number {
  const { bits, previousTag, beforeThat } = context;
  let count = 0;
  const add = (kind: number, value: number): void => {
    out[count] = bucketOf(combine(Math.imul(kind + 1, 0x9e3779b1), value), bits);
    count += 1;
  };
  const known = tokens.knownAt(at);
  const knownBefore = tokens.knownAt(at - 1);
  const knownAfter = tokens.knownAt(at + 1);
  const hash = tokens.hashAt(at);
  const before = at === 0 && context.hint !== 0 ? context.hint : tokens.hashAt(at - 1);
  const after = tokens.hashAt(at + 1);
  const gapBefore = tokens.gapAt(at);
  const gapAfter = tokens.gapAt(at + 1);
  const shape = shapeClass(tokens.shapeAt(at), tokens.lengthAt(at));
  const shapeBefore = shapeClass(tokens.shapeAt(at - 1), tokens.lengthAt(at - 1));
  const shapeAfter = shapeClass(tokens.shapeAt(at + 1), tokens.lengthAt(at + 1));
  // A name of the lists must not be learnt by heart: what is learnt is what lists and surroundings say.
  const spelled = (known & NAMEY) === 0 || (known & KNOWN.dictionary) !== 0;
  const nameless = (other: number): boolean => (other & NAMEY) === 0 || (other & KNOWN.dictionary) !== 0;
  const beforeWord = nameless(knownBefore) ? before : knownBefore;
  const afterWord = nameless(knownAfter) ? after : knownAfter;

  add(0, 0);
  if (spelled) add(1, hash);
  add(4, known);
  add(5, known * 16 + knownBefore);
  add(6, known * 16 + knownAfter);
  add(7, known * 8 + shape);
  add(8, (known * 16 + gapBefore) * 16 + gapAfter);
  add(9, previousTag * 4 + beforeThat);
  add(10, (previousTag * 16 + known) * 16 + gapBefore);
  add(13, (shapeBefore * 8 + shape) * 8 + shapeAfter);
  add(14, (shapeAfter * 16 + knownAfter) * 16 + known);
  add(19, combine(ending(tokens, at, 3), shape));
  add(20, ending(tokens, at, 2));
  add(21, combine(beginning(tokens, at), shape));
  add(22, ((gapBefore * 16 + gapAfter) * 8 + shapeBefore) * 8 + shapeAfter);
  add(23, (cueBefore(tokens, at) + 1) * 16 + known);
  add(24, (cueBefore(tokens, at - 1) + 1) * 64 + previousTag * 16 + known);
  add(25, (previousTag * 8 + shape) * 16 + gapBefore);
  if (SUFFIXES.has(after)) add(28, known);
  if (context.hint !== 0) add(29, combine(context.hint, at));
  add(32, (tokens.knownAt(at + 2) * 16 + knownAfter) * 16 + known);
  add(33, Math.min(tokens.count, 6) * 16 + known);
  add(34, Math.min(tokens.lengthAt(at), 12) * 16 + known);
  if (!context.withWords) return count;
  add(2, beforeWord);
  add(3, afterWord);
  add(11, combine(beforeWord, known * 16 + gapBefore));
  add(12, combine(afterWord, known * 16 + gapAfter));
  add(15, combine(beforeWord, tokens.hashAt(at - 2)));
  add(16, combine(afterWord, tokens.hashAt(at + 2)));
  add(17, tokens.hashAt(at - 2));
  add(18, tokens.hashAt(at + 2));
  add(26, combine(beforeWord, previousTag));
  if (spelled) add(27, combine(hash, previousTag * 16 + gapAfter));
  add(30, combine(beforeWord, afterWord));
  if (spelled) add(31, combine(hash, afterWord));
  return count;
}

function ending(tokens: Tokens, at: number, size: number): number {
  const end = tokens.words.end[at] as number;
  let hash = size;
  for (let offset = Math.max(tokens.words.start[at] as number, end - size); offset < end; offset += 1) {
    hash = Math.imul(hash ^ (FOLD_OF[tokens.text.charCodeAt(offset)] as number), 0x01000193);
  }
  return hash;
}
function beginning(tokens: Tokens, at: number): number {
  const start = tokens.words.start[at] as number;
  let hash = 7;
  for (let offset = start; offset < Math.min(start + 3, tokens.words.end[at] as number); offset += 1) {
    hash = Math.imul(hash ^ (FOLD_OF[tokens.text.charCodeAt(offset)] as number), 0x01000193);
  }
  return hash;
}

/** hintHash reads the last word of a JSON key or column header (`customer_name`, `fullName`). */
export function hintHash(hint: string): number {
  const word = /([A-Za-zÀ-ÿ][a-zà-ÿ]{0,30})[^A-Za-zÀ-ÿ]{0,8}$/.exec(hint.slice(-48))?.[1];
  return word === undefined ? 0 : hashWord(word);
}
