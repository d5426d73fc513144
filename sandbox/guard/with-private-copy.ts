/**
 * Runs a call on a private copy of its workspace and keeps what it changed for review. Fails closed: without a copy nothing
 * runs, and the workspace itself is never mounted.
 */
import { hasEnded } from '../backend.ts';
import type { Outcome } from '../backend.ts';
import type { ExecutionPlan } from '../plan.ts';
import type { ChangeSet, ChangeStore } from './change-store.ts';

const count = (set: ChangeSet, change: ChangeSet['changes'][number]['change']): number =>
  set.changes.filter((one) => one.change === change).length;

export async function withPrivateCopy(
  plan: ExecutionPlan,
  store: ChangeStore,
  run: (plan: ExecutionPlan) => Promise<Outcome>,
): Promise<Outcome> {
  if (plan.workspace.access !== 'cow') return run(plan);
  const fail = (detail: string): Outcome => ({ kind: 'not-started', cause: 'plan-unsupported', detail });
  let copy: Awaited<ReturnType<ChangeStore['open']>>;
  try {
    copy = await store.open(plan.workspace.source);
  } catch (error) {
    return fail(`the workspace cannot be copied (${(error as NodeJS.ErrnoException).code ?? 'fault'})`);
  }
  if ('kind' in copy) return fail('the workspace is too large to copy for a copy-on-write call; use ro or rw');
  const outcome = await run({ ...plan, workspace: { access: 'rw', source: copy.path } });
  // What was not brought back is no change set.
  if (!hasEnded(outcome) || outcome.attested.carriedBack === 'refused') {
    copy.discard();
    return outcome;
  }
  try {
    const set = await copy.finish();
    return {
      ...outcome,
      attested: {
        ...outcome.attested,
        changeSet: set.changes.length + set.findings.length === 0 ? 'none' : set.id,
        filesAdded: count(set, 'added'),
        filesModified: count(set, 'modified'),
        filesDeleted: count(set, 'deleted'),
        guardFindings: set.findings.length,
        guardRules: [...new Set(set.findings.map(({ rule }) => rule))].toSorted().join(','),
      },
    };
  } catch {
    // What it changed cannot be told, so it is gone; the workspace itself was never touched.
    copy.discard();
    return { ...outcome, attested: { ...outcome.attested, changeSet: 'lost' } };
  }
}
