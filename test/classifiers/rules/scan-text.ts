/** Runs recognizers as the engine would with every window open: the whole text. */
import type { Candidate, Recognizer } from '../../../classifiers/recognizer.ts';

export interface Found {
  readonly entity: string;
  readonly value: string;
  readonly score: number;
  readonly recognizer: string;
}

/** Candidates that were not rejected, by place. */
export function scanText(recognizers: readonly Recognizer[], text: string, hint = ''): readonly Found[] {
  const found: (Found & { readonly start: number })[] = [];
  for (const recognizer of recognizers) {
    recognizer.find({ text, hint }, { start: 0, end: text.length }, (candidate: Candidate) => {
      if (candidate.rejected !== undefined) return;
      const { entity, score, start, end } = candidate;
      found.push({ entity, score, value: text.slice(start, end), recognizer: recognizer.name, start });
    });
  }
  found.sort((left, right) => left.start - right.start);
  return found.map(({ entity, value, score, recognizer }) => ({ entity, value, score, recognizer }));
}
