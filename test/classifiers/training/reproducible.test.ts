import { expect, test } from 'vitest';
import { COMPLEXITY_WEIGHTS } from '../../../classifiers/complexity/weights.ts';
import { TAGGER_WEIGHTS } from '../../../classifiers/tagger/weights.ts';
import { measureTagger } from '../../../classifiers/training/measure.ts';
import { COMPLEXITY_TRAINING, trainComplexity } from '../../../classifiers/training/train-complexity.ts';
import { TAGGER_TRAINING, trainTagger } from '../../../classifiers/training/train-tagger.ts';

// A failure here means that templates, lists or features changed and `node classifiers/training/write-weights.ts` was not run.
test('the committed weights of the tagger are what the script makes', () => {
  expect(trainTagger(TAGGER_TRAINING)).toEqual(TAGGER_WEIGHTS);
});
test('the committed weights of the complexity model are what the script makes', () => {
  expect(trainComplexity(...COMPLEXITY_TRAINING)).toEqual(COMPLEXITY_WEIGHTS);
});
test('the tagger finds most people of fresh texts from the same templates', () => {
  const person = measureTagger(TAGGER_WEIGHTS).find(({ tag }) => tag === 'PERSON');
  expect(person?.recall).toBeGreaterThan(0.86);
  expect(person?.precision).toBeGreaterThan(0.93);
});
