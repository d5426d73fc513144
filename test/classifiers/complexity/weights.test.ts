import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { COMPLEXITY_WEIGHTS } from '../../../classifiers/complexity/weights.ts';
import { decodeWeights } from '../../../classifiers/linear/weights.ts';
import { trainComplexity } from '../../../classifiers/training/train-complexity.ts';

test('the table is the one its digest names, and says something', () => {
  const table = decodeWeights(COMPLEXITY_WEIGHTS);
  expect(createHash('sha256').update(table).digest('hex')).toBe(COMPLEXITY_WEIGHTS.sha256);
  expect(table.filter((weight) => weight !== 0).length).toBeGreaterThan(1000);
});

test('training twice from one seed gives the same bytes, another seed gives others', () => {
  const once = trainComplexity(7, 1, 10);
  expect(trainComplexity(7, 1, 10)).toEqual(once);
  expect(trainComplexity(8, 1, 10).sha256).not.toBe(once.sha256);
});

test('a table of the wrong size is refused', () => {
  expect(() => decodeWeights({ ...COMPLEXITY_WEIGHTS, bits: 3 })).toThrow('wrong size');
});
