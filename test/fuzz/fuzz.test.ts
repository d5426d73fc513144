/** A short run of every target with a seed of the day's own; `npm run fuzz` runs one for as long as asked. A failure prints the seed and the shrunk input. */
import { describe, expect, it } from 'vitest';
import { fuzz, type FuzzTarget } from './fuzzer.ts';
import { TARGETS } from './targets.ts';

const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? Math.floor(Date.now() / 86_400_000));
/** Inputs per target; those that cost milliseconds each get fewer. */
const RUNS: Readonly<Record<string, number>> = { classify: 64, gitleaks: 128, presidio: 128, config: 192 };

describe(`fuzz (seed ${SEED})`, () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))(
    '%s',
    async (name, target) => {
      const result = await fuzz(target, { seed: SEED, runs: RUNS[name] ?? 448 });
      expect(
        result.failure === undefined
          ? ''
          : `${String(result.failure.error)} on ${JSON.stringify(result.failure.input)}`,
      ).toBe('');
      expect(result.runs).toBeGreaterThanOrEqual(64);
      expect(result.blocks).toBeGreaterThan(5);
    },
    120_000,
  );

  it('finds a planted fault behind two bytes it has to learn, and shrinks it', async () => {
    const planted: FuzzTarget = {
      name: 'planted',
      seeds: ['data: x\n\n'],
      tokens: ['F', 'Z'],
      check: (input) => {
        const at = input.indexOf('F');
        if (at !== -1 && input[at + 1] === 'Z') throw new Error('planted');
      },
    };
    const result = await fuzz(planted, { seed: 7, runs: 20_000 });
    expect(result.failure?.input).toBe('FZ');
  });
});
