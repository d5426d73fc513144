/** trainTagger fits the tagger: averaged stochastic gradient on a four-way softmax, gold tags as history with some noise. */
import { createHash } from 'node:crypto';
import type { HashedWeights } from '../linear/weights.ts';
import { SHAPE } from '../linear/words.ts';
import { isCandidate } from '../tagger/candidates.ts';
import { collectFeatures, MOST_FEATURES, TAGS } from '../tagger/features.ts';
import { KNOWN } from '../tagger/gazetteer.ts';
import { Tokens } from '../tagger/tokens.ts';
import { Random } from './random.ts';
import type { LabelledText } from './tagger-corpus.ts';
import { taggerCorpus } from './tagger-corpus.ts';

export interface TaggerTraining {
  readonly seed: number;
  readonly rounds: number;
  readonly epochs: number;
  readonly bits: number;
}

/** What the committed weights were made with. */
export const TAGGER_TRAINING: TaggerTraining = { seed: 20_261_123, rounds: 40, epochs: 3, bits: 16 };

/** Names the lists do not know must be found by shape and company: this share of list bits is forgotten in training. */
const FORGOTTEN = 0.22;

/** Share of rows trained without their neighbours' words: a few hundred templates would otherwise be learnt by heart. */
const WORDLESS = 0.5;
const RATE = 0.06;
/** Added to PERSON: a name that is missed costs more than a word that is weighed and dropped by the step after. */
const PERSON_BIAS = 0.7;

interface Row {
  readonly buckets: Int32Array;
  readonly tag: number;
}

export function trainTagger({ seed, rounds, epochs, bits }: TaggerTraining): HashedWeights {
  const random = new Random(seed);
  const rows: Row[] = [];
  const tokens = new Tokens(4096);
  for (const labelled of taggerCorpus(seed, rounds)) addRows(rows, labelled, tokens, bits, random);
  const classes = TAGS.length;
  const weights = new Float64Array(classes << bits);
  const sums = new Float64Array(classes << bits);
  const order = rows.map((_, at) => at);
  const scores = new Float64Array(classes);
  let step = 0;
  const steps = rows.length * epochs;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    for (const at of random.shuffle(order)) {
      const { buckets, tag } = rows[at] as Row;
      softmax(weights, buckets, scores);
      const rate = RATE * (1 - (0.9 * step) / steps);
      // Averaging without a second pass: a change made at this step counts for the steps that are left.
      const left = (steps - step) / steps;
      for (let other = 0; other < classes; other += 1) {
        const change = rate * ((other === tag ? 1 : 0) - (scores[other] as number));
        if (Math.abs(change) < 1e-4) continue;
        for (const bucket of buckets) {
          const index = bucket * classes + other;
          weights[index] = (weights[index] as number) + change;
          sums[index] = (sums[index] as number) + change * left;
        }
      }
      step += 1;
    }
  }
  return pack(sums, bits);
}

function softmax(weights: Float64Array, buckets: Int32Array, scores: Float64Array): void {
  const classes = TAGS.length;
  scores.fill(0);
  for (const bucket of buckets)
    for (let tag = 0; tag < classes; tag += 1)
      scores[tag] = (scores[tag] as number) + (weights[bucket * classes + tag] as number);
  let top = -Infinity;
  for (const score of scores) top = Math.max(top, score);
  let total = 0;
  for (let tag = 0; tag < classes; tag += 1) total += scores[tag] = Math.exp((scores[tag] as number) - top);
  for (let tag = 0; tag < classes; tag += 1) scores[tag] = (scores[tag] as number) / total;
}

function addRows(rows: Row[], labelled: LabelledText, tokens: Tokens, bits: number, random: Random): void {
  tokens.read(labelled.text);
  const gold = goldTags(labelled, tokens);
  for (let at = 0; at < tokens.count; at += 1) {
    if (gold[at] === 1 && random.chance(FORGOTTEN)) tokens.forget(at, KNOWN.first | KNOWN.last | KNOWN.place);
    if ((gold[at] === 2 || gold[at] === 3) && random.chance(FORGOTTEN * 1.5))
      tokens.forget(at, KNOWN.first | KNOWN.last | KNOWN.place);
  }
  const out = new Int32Array(MOST_FEATURES);
  let previousTag = 0;
  let beforeThat = 0;
  for (let at = 0; at < tokens.count; at += 1) {
    const tag = gold[at] as number;
    if (isCandidate(tokens, at, previousTag)) {
      const count = collectFeatures(
        tokens,
        at,
        { bits, previousTag, beforeThat, hint: 0, withWords: !random.chance(WORDLESS) },
        out,
      );
      rows.push({ buckets: out.slice(0, count), tag });
    }
    beforeThat = previousTag;
    // A wrong tag now and then, so that one mistake does not carry through the sentence.
    previousTag = random.chance(0.04) ? random.below(2) : (tokens.shapeAt(at) & SHAPE.hasDigit) === 0 ? tag : 0;
  }
}

export function goldTags({ spans }: LabelledText, tokens: Tokens): Uint8Array {
  const gold = new Uint8Array(tokens.count);
  for (let at = 0; at < tokens.count; at += 1) {
    const [start, end] = [tokens.words.start[at] as number, tokens.words.end[at] as number];
    gold[at] = spans.find((span) => span.start < end && start < span.end)?.tag ?? 0;
  }
  return gold;
}

function pack(weights: Float64Array, bits: number): HashedWeights {
  let total = 0;
  let used = 0;
  for (const weight of weights) {
    if (weight !== 0) {
      total += weight * weight;
      used += 1;
    }
  }
  // Six standard deviations keep nearly all weights unclipped and the common ones finely cut.
  const largest = 6 * Math.sqrt(total / Math.max(1, used));
  const bytes = Int8Array.from(weights, (weight) =>
    Math.max(-127, Math.min(127, Math.round((weight / largest) * 127))),
  );
  const buffer = Buffer.from(bytes.buffer);
  return {
    bits,
    outputs: TAGS.length,
    scale: largest / 127,
    bias: TAGS.map((tag) => (tag === 'PERSON' ? PERSON_BIAS : 0)),
    sha256: createHash('sha256').update(buffer).digest('hex'),
    base64: buffer.toString('base64'),
  };
}
