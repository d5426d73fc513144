/** readMentions joins tagged words into mentions and says what each is made of. */
import { combine, SHAPE } from '../linear/words.ts';
import { PARTICLES, SUFFIXES } from './cues.ts';
import { KNOWN } from './gazetteer.ts';
import type { Tokens } from './tokens.ts';
import { GAP } from './tokens.ts';

export interface Mention {
  /** Index of TAGS. */
  readonly tag: number;
  /** Word indices, half-open. */
  readonly from: number;
  readonly to: number;
  /** Geometric mean of the words' probabilities. */
  readonly certainty: number;
  /** Words of a name: neither initials nor particles nor suffixes. */
  readonly names: number;
  readonly initials: number;
  /** Words the lists know as names; half a point for one that is an ordinary word too. */
  readonly listed: number;
  /** Hash of the whole name, as the public list has it. */
  readonly hash: number;
}

export function readMentions(tokens: Tokens, tags: Uint8Array, certainty: Float32Array): readonly Mention[] {
  const mentions: Mention[] = [];
  let at = 0;
  while (at < tokens.count) {
    const tag = tags[at] as number;
    if (tag === 0) {
      at += 1;
      continue;
    }
    const from = at;
    at += 1;
    while (at < tokens.count && tags[at] === tag && joins(tokens.gapAt(at))) at += 1;
    mentions.push(measure(tokens, certainty, tag, from, at));
  }
  return mentions;
}

function joins(gap: number): boolean {
  return gap === GAP.space || gap === GAP.hyphen || gap === GAP.initial;
}

function measure(tokens: Tokens, certainty: Float32Array, tag: number, from: number, to: number): Mention {
  let logs = 0;
  let names = 0;
  let initials = 0;
  let listed = 0;
  let hash = tokens.hashAt(from);
  for (let at = from; at < to; at += 1) {
    logs += Math.log(Math.max(1e-4, certainty[at] as number));
    if (at > from) hash = combine(hash, tokens.hashAt(at));
    if (tokens.lengthAt(at) === 1 && (tokens.shapeAt(at) & SHAPE.ideograph) === 0) initials += 1;
    else if (at > from && (SUFFIXES.has(tokens.hashAt(at)) || (at + 1 < to && PARTICLES.has(tokens.hashAt(at)))))
      continue;
    else {
      // `Smith-Jones` is one name.
      if (at === from || tokens.gapAt(at) !== GAP.hyphen) names += 1;
      const known = tokens.knownAt(at);
      // `Frost`, `Mark`: a name of the lists and a word of the dictionary is half a name.
      if ((known & (KNOWN.first | KNOWN.last)) !== 0) listed += (known & KNOWN.dictionary) === 0 ? 1 : 0.5;
    }
  }
  return { tag, from, to, certainty: Math.exp(logs / (to - from)), names, initials, listed, hash };
}
