/** tagWords reads a window left to right and gives each word a tag and a probability. Greedy: each decision feeds the next. */
import { decodeWeights } from '../linear/weights.ts';
import type { HashedWeights } from '../linear/weights.ts';
import { isCandidate, isSentenceStart } from './candidates.ts';
import { trustLists } from './trust.ts';
import { collectFeatures, MOST_FEATURES, TAGS } from './features.ts';
import type { Tokens } from './tokens.ts';

export class TagModel {
  readonly #weights: HashedWeights;
  readonly #table: Int8Array;
  readonly #buckets = new Int32Array(MOST_FEATURES);
  readonly #scores = new Float64Array(TAGS.length);

  constructor(weights: HashedWeights) {
    this.#weights = weights;
    this.#table = decodeWeights(weights);
  }

  /** Only words that may belong to a name are looked at; returns whether any has a tag. */
  tagWords(tokens: Tokens, hint: number, tags: Uint8Array, certainty: Float32Array): boolean {
    const { names, nameCount, count } = tokens.words;
    tags.fill(0, 0, count);
    if (nameCount === 0) return false;
    for (let index = 0; index < nameCount; index += 1) {
      const at = names[index] as number;
      const previousTag = at > 0 ? (tags[at - 1] as number) : 0;
      if (!isCandidate(tokens, at, previousTag) || (previousTag === 0 && isSentenceStart(tokens, at))) continue;
      const tag = this.#decide(tokens, at, previousTag, at > 1 ? (tags[at - 2] as number) : 0, hint);
      certainty[at] = this.#scores[tag] as number;
      tags[at] = tag;
    }
    trustLists(tokens, tags, certainty);
    for (let index = 0; index < nameCount; index += 1) if (tags[names[index] as number] !== 0) return true;
    return false;
  }

  #decide(tokens: Tokens, at: number, previousTag: number, beforeThat: number, hint: number): number {
    const { bits, scale, bias } = this.#weights;
    const count = collectFeatures(tokens, at, { bits, previousTag, beforeThat, hint, withWords: true }, this.#buckets);
    let best = 0;
    for (let tag = 0; tag < TAGS.length; tag += 1) {
      let sum = 0;
      // Tags of one bucket lie side by side: one line of cache per feature.
      for (let feature = 0; feature < count; feature += 1)
        sum += this.#table[(this.#buckets[feature] as number) * 4 + tag] as number;
      this.#scores[tag] = sum * scale + (bias[tag] as number);
      if ((this.#scores[tag] as number) > (this.#scores[best] as number)) best = tag;
    }
    const top = this.#scores[best] as number;
    let total = 0;
    for (let tag = 0; tag < TAGS.length; tag += 1) total += Math.exp((this.#scores[tag] as number) - top);
    this.#scores[best] = 1 / total;
    return best;
  }
}
