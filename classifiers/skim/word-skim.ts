/** wordSkim is a module that only reads words, for whoever has no plan; undefined where none can run. */
import { skimPlan } from '../scan/skim-plan.ts';
import { createSkim } from './skim.ts';
import type { Skim } from './skim.ts';

let made: Skim | false | undefined;

export function wordSkim(): Skim | undefined {
  if (made === undefined) {
    const runs = { alphanumeric: [], lettered: [], hex: [], token: [] };
    const plan = skimPlan({ capitalized: [], runs, singles: [] }, [], () => []);
    made = (plan && createSkim(plan)) ?? false;
  }
  return made === false ? undefined : made;
}
