/** A list of words as a recognizer: one literal per entry in the one pass, one look-up per place, whatever the list's length. */
import { toScore } from '../finding.ts';
import type { EntityType } from '../finding.ts';
import { keywords } from '../recognizer.ts';
import type { Recognizer } from '../recognizer.ts';

export interface DenyList {
  readonly name: string;
  readonly entity: EntityType;
  readonly words: readonly string[];
  readonly score: number;
  readonly ignoreCase: boolean;
}

const WORD_CHARACTER = /[\p{L}\p{N}_]/u;

/** denyListRecognizer finds the words where they stand as words (Presidio: not between word characters). */
export function denyListRecognizer({ name, entity, words, score, ignoreCase }: DenyList): Recognizer {
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  const entries = new Set(words.map(fold));
  // Longest first, as the alternation in Presidio's own regex would not be, but as a reader expects.
  const lengths = [...new Set(words.map((word) => word.length))].toSorted((left, right) => right - left);
  return {
    name,
    entities: [entity],
    triggers: [keywords(...words)],
    reach: { before: 0, after: 0 },
    cost: lengths.length,
    find({ text }, window, report) {
      for (let start = window.start; start < window.end; start++) {
        if (start > 0 && WORD_CHARACTER.test(text[start - 1] ?? '')) continue;
        const length = lengths.find((candidate) => {
          const end = start + candidate;
          return (
            end <= text.length && !WORD_CHARACTER.test(text[end] ?? '') && entries.has(fold(text.slice(start, end)))
          );
        });
        if (length === undefined) continue;
        report({
          entity,
          start,
          end: start + length,
          score,
          pattern: 'deny_list',
          steps: [{ kind: 'pattern', score: toScore(score) }],
        });
        start += length - 1;
      }
    },
  };
}
