/** A classifier of everything that ships, shared by the tests of one file, and the words to ask it. */
import { createClassifier } from '../../classifiers/classify.ts';
import type { ClassifierParts } from '../../classifiers/classify.ts';
import type { Classification, Classifier } from '../../classifiers/classifier.ts';
import { builtInRecognizers } from '../../classifiers/registry.ts';
import type { Recognizer, Tagger } from '../../classifiers/recognizer.ts';
import type { Segment } from '../../classifiers/segment.ts';
import { Classify } from '../../config/schema.ts';
import type { ClassifyConfig } from '../../config/schema.ts';

export const LABELS = ['public', 'internal', 'confidential', 'restricted'] as const;
export const NEVER_ABORTED = new AbortController().signal;

export const configOf = (input: Readonly<Record<string, unknown>> = {}): ClassifyConfig => Classify.parse(input);

export const classifierOf = (
  input: Readonly<Record<string, unknown>>,
  parts: Partial<ClassifierParts> = {},
): Classifier =>
  createClassifier(configOf(input), LABELS, { recognizers: parts.recognizers ?? [], taggers: parts.taggers ?? [] });

export const shippedClassifier = (
  input: Readonly<Record<string, unknown>> = {},
  taggers: readonly Tagger[] = [],
): Classifier => createClassifier(configOf(input), LABELS, { recognizers: builtInRecognizers(), taggers });

export const segmentOf = (text: string, over: Partial<Segment> = {}): Segment => ({
  pointer: '/messages/0/content',
  role: 'user',
  form: 'text',
  text,
  hint: '',
  flow: -1,
  ...over,
});

export const classifyText = (
  classifier: Classifier,
  text: string,
  over: Partial<Segment> = {},
): Promise<Classification> =>
  classifier.classify([segmentOf(text, over)], [], { signal: NEVER_ABORTED, nearMisses: 'omit' });

/** A recognizer that reports every occurrence of a literal. */
export function literalRecognizer(name: string, literal: string, entity: string, score = 1): Recognizer {
  return {
    name,
    entities: [entity],
    triggers: [{ kind: 'keyword', literals: [literal] }],
    find({ text }, window, report) {
      for (
        let at = text.indexOf(literal, window.start);
        at >= 0 && at < window.end;
        at = text.indexOf(literal, at + 1)
      ) {
        report({ entity, start: at, end: at + literal.length, score, pattern: 'literal', steps: [] });
      }
    },
  };
}
