import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { area, options } from '../backends/fixture.ts';
import { strikeOnce } from './kill.ts';
import type { Fault } from './kill.ts';

let unusable = '';
beforeAll(async () => {
  if (process.getuid?.() !== 0) return void (unusable = 'processes are told apart by users that only root can be');
  const home = area();
  const backend = createBubblewrapBackend(options(join(home.path, 'state')));
  const available = await backend.available();
  if (!available.usable) unusable = available.reason;
  await backend.close();
  home.remove();
});
beforeEach((context) => {
  if (unusable !== '') context.skip(unusable);
});

/** A few steps of each row; `node test/sandbox/kills/run.ts` takes every step of every row. */
const ROWS: readonly (Omit<Fault, 'step'> & { readonly steps: readonly number[] })[] = [
  { scope: 'call', target: 'executor', how: 'killed', steps: [3, 81] },
  { scope: 'call', target: 'engine', how: 'killed', steps: [1] },
  { scope: 'pooled', target: 'executor', how: 'killed', steps: [10] },
  { scope: 'session', target: 'sandbox', how: 'killed', steps: [90] },
  { scope: 'agent', target: 'sandbox', how: 'hung', steps: [90] },
  { scope: 'cow', target: 'executor', how: 'killed', steps: [13, 130] },
  { scope: 'pty', target: 'executor', how: 'hung', steps: [120] },
];

describe('a fault at a step of a call leaves nothing behind and no call that says what was not so', () => {
  it.each(ROWS.flatMap(({ steps, ...row }) => steps.map((step) => ({ ...row, step }))))(
    '$scope: $target $how at step $step',
    { timeout: 120_000 },
    async (fault) => {
      const { struck, problems, outcome } = await strikeOnce(fault);
      expect(problems, outcome).toEqual([]);
      expect(struck).toBe(true);
    },
  );

  it(
    'and a step that never comes strikes nothing: the rows above are not about nothing',
    { timeout: 120_000 },
    async () => {
      expect(await strikeOnce({ scope: 'call', target: 'executor', how: 'killed', step: 100_000 })).toEqual({
        struck: false,
        outcome: 'exited 0',
        problems: [],
      });
    },
  );
});
