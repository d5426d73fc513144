/**
 * Figures for the one who trains, on texts of another seed. They come from the same templates, so they say that training
 * worked and nothing about the world; that is what `sluice evaluate` on labelled rows is for.
 */
import { wordBuckets } from '../complexity/features.ts';
import { decodeWeights } from '../linear/weights.ts';
import type { HashedWeights } from '../linear/weights.ts';
import { Words } from '../linear/words.ts';
import { TAGS } from '../tagger/features.ts';
import { TagModel } from '../tagger/model.ts';
import { Tokens } from '../tagger/tokens.ts';
import { complexityCorpus } from './complexity-corpus.ts';
import { taggerCorpus } from './tagger-corpus.ts';
import { goldTags } from './train-tagger.ts';

const OTHER_SEED = 77;

export interface TagFigures {
  readonly tag: string;
  readonly precision: number;
  readonly recall: number;
}

/** Per tag, over words. */
export function measureTagger(weights: HashedWeights): readonly TagFigures[] {
  const model = new TagModel(weights);
  const tokens = new Tokens(4096);
  const tags = new Uint8Array(4096);
  const certainty = new Float32Array(4096);
  const counts = TAGS.map(() => ({ right: 0, given: 0, gold: 0 }));
  for (const labelled of taggerCorpus(OTHER_SEED, 2)) {
    tokens.read(labelled.text);
    model.tagWords(tokens, 0, tags, certainty);
    for (const [at, gold] of goldTags(labelled, tokens).entries()) {
      const given = tags[at] as number;
      for (const [tag, count] of counts.entries()) {
        if (given === tag) count.given += 1;
        if (gold === tag) count.gold += 1;
        if (given === tag && gold === tag) count.right += 1;
      }
    }
  }
  const share = (part: number, whole: number): number => Number((part / Math.max(1, whole)).toFixed(3));
  return counts.map(({ right, given, gold }, tag) => ({
    tag: TAGS[tag] as string,
    precision: share(right, given),
    recall: share(right, gold),
  }));
}

/** Share of hard and easy prompts that the words alone put on their side. */
export function measureComplexity(weights: HashedWeights): { readonly hard: number; readonly easy: number } {
  const table = decodeWeights(weights);
  const words = new Words(2048);
  const right = [0, 0];
  const all = [0, 0];
  for (const { text, hard } of complexityCorpus(OTHER_SEED, 2)) {
    let sum = 0;
    words.scan(text);
    wordBuckets(words, weights.bits, (bucket) => {
      sum += table[bucket] as number;
    });
    const logit = (sum * weights.scale) / Math.sqrt(words.count + 4) + (weights.bias[0] as number);
    all[hard] = (all[hard] as number) + 1;
    if (logit > 0 === (hard === 1)) right[hard] = (right[hard] as number) + 1;
  }
  return { hard: (right[1] as number) / (all[1] as number), easy: (right[0] as number) / (all[0] as number) };
}
