/**
 * Every fault at every step: `node test/sandbox/kills/run.ts [scope] [target] [how] [stride]`. Needs root and bubblewrap.
 * Prints a line per row; exit 1 when something stayed, or a call said what was not so. Hours without a choice.
 */
import { MANNERS, SCOPES, strikeOnce, TARGETS } from './kill.ts';

const [scope, target, how, stride] = process.argv.slice(2);
const chosen = <T extends string>(all: readonly T[], one: string | undefined): readonly T[] =>
  one === undefined || one === 'all' ? all : all.filter((each) => each === one);

let failed = false;
for (const eachScope of chosen(SCOPES, scope))
  for (const eachTarget of chosen(TARGETS, target))
    for (const eachHow of chosen(MANNERS, how)) {
      const outcomes = new Map<string, number>();
      let step = 1;
      for (; ; step += Number(stride ?? 1)) {
        const verdict = await strikeOnce({ scope: eachScope, target: eachTarget, how: eachHow, step });
        outcomes.set(verdict.outcome, (outcomes.get(verdict.outcome) ?? 0) + 1);
        for (const problem of verdict.problems) {
          failed = true;
          process.stdout.write(
            `FAILED ${eachScope} ${eachTarget} ${eachHow} at ${step}: ${problem} (${verdict.outcome})\n`,
          );
        }
        if (!verdict.struck) break;
      }
      const counts = Array.from(outcomes, ([outcome, count]) => `${count} ${outcome.slice(0, 60)}`).join('; ');
      process.stdout.write(`${eachScope} ${eachTarget} ${eachHow}: ${step} steps: ${counts}\n`);
    }
process.exit(failed ? 1 : 0);
