import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeWeights } from '../../../classifiers/linear/weights.ts';
import * as tables from '../../../classifiers/tagger/gazetteer-data.ts';
import { TAGGER_WEIGHTS } from '../../../classifiers/tagger/weights.ts';
import { gazetteers } from '../../../classifiers/training/gazetteers.ts';
import { trainTagger } from '../../../classifiers/training/train-tagger.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('weights of the tagger', () => {
  test('the table is the one its digest names, and says something', () => {
    const table = decodeWeights(TAGGER_WEIGHTS);
    expect(sha256(new Uint8Array(table.buffer, table.byteOffset, table.length))).toBe(TAGGER_WEIGHTS.sha256);
    expect(table.filter((weight) => weight !== 0).length).toBeGreaterThan(10_000);
  });

  test('one seed, one result; another seed, another', () => {
    const tiny = { seed: 5, rounds: 1, epochs: 1, bits: 10 };
    const once = trainTagger(tiny);
    expect(trainTagger(tiny)).toEqual(once);
    expect(trainTagger({ ...tiny, seed: 6 }).sha256).not.toBe(once.sha256);
  });

  test('everything committed stays under a megabyte', () => {
    const lists = Object.values(tables).reduce((sum, { base64 }) => sum + base64.length, 0);
    expect(lists + TAGGER_WEIGHTS.base64.length).toBeLessThan(1_000_000);
  });
});

describe('name lists', () => {
  const made = gazetteers();
  test.each(Object.entries(tables))('%s is what the script makes, byte for byte', (name, table) => {
    expect(sha256(Buffer.from(table.base64, 'base64'))).toBe(table.sha256);
    expect(made[name]).toEqual(table);
  });
});
