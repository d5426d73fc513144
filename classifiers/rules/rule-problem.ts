/** What loading a rule file gives: recognizers, or everything that stands in the way, by line. */
import type { Recognizer } from '../recognizer.ts';

export interface RuleProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

export type LoadedRules =
  | {
      readonly kind: 'loaded';
      readonly recognizers: readonly Recognizer[];
      /** What the file says that means nothing for prompts (paths, commits) or is built in already. */
      readonly notes: readonly RuleProblem[];
    }
  | { readonly kind: 'invalid'; readonly problems: readonly RuleProblem[] };
