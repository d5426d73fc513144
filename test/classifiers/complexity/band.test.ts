import { describe, expect, test } from 'vitest';
import { bandOf, isOpen, settleBand, zoneOf } from '../../../classifiers/complexity/band.ts';

const OPTIONS = { threshold: 0.5, hysteresis: 0.05 };

describe('three bands of a score', () => {
  test('uncertain is only near the threshold', () => {
    expect([0.4, 0.46, 0.54, 0.56].map((value) => zoneOf(value, OPTIONS))).toEqual([
      'simple',
      'uncertain',
      'uncertain',
      'complex',
    ]);
  });
  test('without hysteresis there is no uncertain one', () => {
    for (const value of [0, 0.49, 0.5, 1])
      expect(zoneOf(value, { threshold: 0.5, hysteresis: 0 })).not.toBe('uncertain');
  });
});

describe('what a request counts as', () => {
  test.each([
    [0.2, undefined, 'simple', 'score'],
    [0.52, undefined, 'complex', 'score'],
    [0.48, undefined, 'simple', 'score'],
    [0.48, 'complex', 'complex', 'conversation'],
    [0.52, 'simple', 'simple', 'conversation'],
    [0.56, 'simple', 'complex', 'score'],
    [0.44, 'complex', 'simple', 'score'],
  ] as const)('score %d after %s is %s by %s', (value, previous, band, by) => {
    expect(settleBand(value, OPTIONS, previous)).toMatchObject({ band, by });
    expect(bandOf(value, OPTIONS, previous)).toBe(band);
  });
  test.each(['simple', 'complex'] as const)('a %s conversation keeps its band inside a tool loop', (previous) => {
    for (const value of [0, 0.5, 1])
      expect(settleBand(value, OPTIONS, previous, true)).toMatchObject({ band: previous, by: 'tool-loop' });
  });
  test.each(['simple', 'complex'] as const)('new and uncertain is %s where the policy says so', (uncertain) => {
    const options = { ...OPTIONS, uncertain };
    expect(settleBand(0.48, options, undefined)).toEqual({ zone: 'uncertain', band: uncertain, by: 'default' });
    expect(settleBand(0.52, options, undefined)).toEqual({ zone: 'uncertain', band: uncertain, by: 'default' });
    expect(settleBand(0.2, options, undefined).band).toBe('simple');
    expect(settleBand(0.9, options, undefined).band).toBe('complex');
  });
  test('a judge may be asked only about what is new and uncertain', () => {
    expect(isOpen(settleBand(0.52, OPTIONS, undefined))).toBe(true);
    expect(isOpen(settleBand(0.52, { ...OPTIONS, uncertain: 'simple' }, undefined))).toBe(true);
    expect(isOpen(settleBand(0.52, OPTIONS, 'simple'))).toBe(false);
    expect(isOpen(settleBand(0.52, OPTIONS, 'simple', true))).toBe(false);
    expect(isOpen(settleBand(0.9, OPTIONS, undefined))).toBe(false);
  });
});
