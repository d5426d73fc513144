/** trainComplexity fits the hashed-word part of the complexity score on prompts of this folder only. */
import type { HashedWeights } from '../linear/weights.ts';
import { Words } from '../linear/words.ts';
import { wordBuckets } from '../complexity/features.ts';
import { complexityCorpus } from './complexity-corpus.ts';
import type { Example } from './logistic.ts';
import { quantise, trainLogistic } from './logistic.ts';

/** What the committed weights were made with: seed, fillings of every template, bits of the table. */
export const COMPLEXITY_TRAINING = [20_261_123, 24, 14] as const;

export function trainComplexity(seed: number, rounds: number, bits: number): HashedWeights {
  const words = new Words(2048);
  const examples = complexityCorpus(seed, rounds).map((prompt): Example => {
    const buckets: number[] = [];
    words.scan(prompt.text);
    wordBuckets(words, bits, (bucket) => buckets.push(bucket));
    return { buckets: Int32Array.from(buckets), norm: Math.sqrt(words.count + 4), target: prompt.hard };
  });
  const { weights, bias } = trainLogistic(examples, { bits, epochs: 6, rate: 0.5, decay: 6e-3, seed });
  return quantise([weights], bits, [bias]);
}
