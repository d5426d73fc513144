/**
 * Runs a call on a private copy of a directory and puts what it changed in place when it has ended: for sandboxes elsewhere,
 * which cannot work in the directory itself. All or nothing: of a call that was killed or whose end is unknown nothing is
 * taken. Fails closed: what changed here meanwhile is never overwritten; the call's changes are kept for review then, and it
 * is told.
 */
import { hasEnded } from '../backend.ts';
import type { Outcome } from '../backend.ts';
import type { ChangeStore } from './change-store.ts';
import type { User } from './copy-tree.ts';
import { appendText } from './with-guard.ts';

const fail = (detail: string): Outcome => ({ kind: 'not-started', cause: 'plan-unsupported', detail });

export async function withAppliedCopy(
  directory: string,
  store: ChangeStore,
  as: User,
  run: (copy: string) => Promise<Outcome>,
): Promise<Outcome> {
  let copy: Awaited<ReturnType<ChangeStore['open']>>;
  try {
    copy = await store.open(directory);
  } catch (error) {
    return fail(`the directory cannot be copied (${(error as NodeJS.ErrnoException).code ?? 'fault'})`);
  }
  if ('kind' in copy) return fail('the directory is too large to be carried to another machine');
  const outcome = await run(copy.path);
  if (!hasEnded(outcome) || outcome.kind === 'killed' || outcome.attested.carriedBack === 'refused') {
    copy.discard();
    return outcome;
  }
  try {
    const set = await copy.finish();
    if (set.changes.length === 0) {
      store.discard(set.id);
      return outcome;
    }
    const applied = await store.apply(set.id, { despiteGuard: true, as });
    if (applied.kind === 'applied') return outcome;
    const why = applied.why === 'conflict' ? 'was changed here meanwhile' : 'may not be changed by the sandbox’s user';
    return {
      ...outcome,
      stderr: appendText(
        outcome.stderr,
        `\n[sluice] What this call changed is not in place, because some of it ${why}. It is kept for review as change set ${set.id}.\n`,
      ),
      attested: { ...outcome.attested, changeSet: set.id },
    };
  } catch {
    copy.discard();
    return {
      kind: 'unknown',
      detail: 'the command ran, and what it changed could not be put in place',
      attested: outcome.attested,
    };
  }
}
