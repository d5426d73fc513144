/**
 * readFeatures turns one message of the person's into numbers: cue groups, shape of the text, and the hashed-word
 * model's opinion. Pure and linear: one pass over the words, one over the characters, at most SAMPLE of each.
 */
import { decodeWeights } from '../linear/weights.ts';
import { bucketOf, combine, SHAPE, Words } from '../linear/words.ts';
import { isBytes } from '../skim/skim.ts';
import { wordSkim } from '../skim/word-skim.ts';
import { COMPLEXITY_CUES, CUE_GROUPS } from './cues.ts';
import { COMPLEXITY_WEIGHTS } from './weights.ts';

export const FEATURES = [
  ...CUE_GROUPS,
  'code-block',
  'code-symbols',
  'formula',
  'technical-words',
  'list-items',
  'questions',
  'numbers',
  'length',
  'short',
  'model',
] as const;
export type Feature = (typeof FEATURES)[number];
const INDEX = Object.fromEntries(FEATURES.map((feature, at) => [feature, at])) as Readonly<Record<Feature, number>>;

/** Characters read of one message: its head and its tail. */
export const SAMPLE = 6 * 1024;
const MOST_WORDS = 2048;
const own = new Words(MOST_WORDS);
type ReadWords = Pick<Words, 'count' | 'hash' | 'shape' | 'start' | 'end'>;
const table = decodeWeights(COMPLEXITY_WEIGHTS);

/** sampleOf keeps head and tail of a long message: the ask stands first or last, pasted matter between. */
export function sampleOf(text: string): string {
  return text.length <= SAMPLE ? text : `${text.slice(0, SAMPLE / 2)}\n${text.slice(-SAMPLE / 2)}`;
}

/** Fractions, so that a copy is an array of doubles from the start. Not a Float64Array: one is kept per message, and above 64 bytes each has memory of its own outside the heap. */
const BLANK: readonly number[] = FEATURES.map(() => 0.5);

export function readFeatures(text: string): readonly number[] {
  const features = BLANK.slice().fill(0);
  const sample = sampleOf(text);
  const words = readWords(sample);
  countCues(words, features);
  readCharacters(sample, features);
  // Signs of an easy ask count by their density: a long hard prompt names an e-mail or a title in passing.
  const density = Math.min(1, 40 / Math.max(1, words.count));
  for (const easy of [INDEX.simple, INDEX.lookup]) features[easy] = (features[easy] as number) * density;
  for (let group = 0; group < CUE_GROUPS.length; group += 1) features[group] = Math.log1p(features[group] as number);
  features[INDEX.length] = Math.min(6, Math.log2(1 + text.length / 64));
  features[INDEX.short] = text.length < 48 ? 1 - text.length / 48 : 0;
  features[INDEX.model] = wordModel(words);
  return features;
}

/** The same words, from the module where it can read them. */
function readWords(sample: string): ReadWords {
  const skim = isBytes(sample) ? wordSkim() : undefined;
  if (skim === undefined) {
    own.scan(sample);
    return own;
  }
  skim.scan(sample, 0, sample.length, skim.fresh(), true);
  const { hash, shape, start, end } = skim;
  return { count: Math.min(MOST_WORDS, skim.count), hash, shape, start, end };
}

function countCues(words: ReadWords, features: number[]): void {
  let technical = 0;
  let numbers = 0;
  for (let at = 0; at < words.count; at += 1) {
    const hash = words.hash[at] as number;
    const shape = words.shape[at] as number;
    const single = COMPLEXITY_CUES.single(hash);
    if (single >= 0) features[single] = (features[single] as number) + 1;
    if (at + 1 < words.count) {
      const pair = COMPLEXITY_CUES.pair(hash, words.hash[at + 1] as number);
      if (pair >= 0) features[pair] = (features[pair] as number) + 1;
    }
    if ((shape & SHAPE.allDigit) !== 0) numbers += 1;
    else if ((shape & (SHAPE.underscore | SHAPE.hasDigit)) !== 0) technical += 1;
    else if ((shape & SHAPE.innerUpper) !== 0 && (words.end[at] as number) - (words.start[at] as number) > 1)
      technical += 1;
  }
  features[INDEX['technical-words']] = Math.min(3, Math.log1p(technical));
  features[INDEX.numbers] = Math.min(3, Math.log1p(numbers));
}

function readCharacters(text: string, features: number[]): void {
  let symbols = 0;
  let formula = 0;
  let questions = 0;
  let items = 0;
  let lineStart = true;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x61 && unit <= 0x7a) lineStart = false;
    else if (unit === 0x20 || unit === 0x09) continue;
    else if (unit === 0x0a) lineStart = true;
    else if (unit === 0x3f || unit === 0xff1f) questions += 1;
    else if (lineStart && (unit === 0x2d || unit === 0x2a || unit === 0x2022 || isNumbering(text, at))) {
      items += 1;
      lineStart = false;
    } else {
      lineStart = false;
      // { } ; = ( ) < > [ ] _ / : code; \ ^ $ and the operators block: formulae.
      if (unit === 0x5c || unit === 0x5e || unit === 0x24 || (unit >= 0x2200 && unit < 0x2300)) formula += 1;
      else if (
        unit === 0x7b ||
        unit === 0x7d ||
        unit === 0x3b ||
        unit === 0x3d ||
        unit === 0x28 ||
        unit === 0x5b ||
        unit === 0x3c ||
        unit === 0x60
      )
        symbols += 1;
    }
  }
  features[INDEX['code-block']] = text.includes('```') ? 1 : 0;
  features[INDEX['code-symbols']] = Math.min(4, Math.log1p(symbols));
  features[INDEX.formula] = Math.min(4, Math.log1p(formula));
  features[INDEX.questions] = Math.min(2, Math.log1p(questions));
  features[INDEX['list-items']] = Math.min(3, Math.log1p(items));
}

function isNumbering(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit < 0x30 || unit > 0x39) return false;
  const next = text.charCodeAt(at + 1);
  return next === 0x2e || next === 0x29 || (next >= 0x30 && next <= 0x39 && text.charCodeAt(at + 2) === 0x2e);
}

/** wordBuckets visits the buckets of the last scan: every word, and every pair of neighbours. */
export function wordBuckets(
  from: Pick<Words, 'count' | 'hash' | 'shape'>,
  bits: number,
  visit: (bucket: number) => void,
): void {
  for (let at = 0; at < from.count; at += 1) {
    const hash = from.hash[at] as number;
    if (((from.shape[at] as number) & SHAPE.allDigit) !== 0) continue;
    visit(bucketOf(hash, bits));
    if (at + 1 < from.count) visit(bucketOf(combine(hash, from.hash[at + 1] as number), bits));
  }
}

function wordModel(words: ReadWords): number {
  let sum = 0;
  const bits = COMPLEXITY_WEIGHTS.bits;
  wordBuckets(words, bits, (bucket) => {
    sum += table[bucket] as number;
  });
  // Square root, not mean: a long technical text says more than one technical word, though not in proportion.
  const logit = (sum * COMPLEXITY_WEIGHTS.scale) / Math.sqrt(words.count + 4) + (COMPLEXITY_WEIGHTS.bias[0] as number);
  return Math.max(-4, Math.min(4, logit));
}
