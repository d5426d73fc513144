/**
 * Runs a call that may write a workspace between the guard's two looks at it, and tells agent and receipt what was taken
 * back. Fails closed: a workspace that cannot be looked at is not handed to a call.
 */
import { hasEnded } from '../backend.ts';
import type { Outcome } from '../backend.ts';
import type { BoundedOutput } from '../executor.ts';
import { guardWorkspace } from './guard.ts';
import type { GuardedWorkspace, GuardFinding, GuardOptions } from './guard.ts';

const SHOWN = 10;

const WORDS: Readonly<Record<GuardFinding['action'], string>> = {
  reverted: 'was taken back',
  reported: 'was reported to the operator',
  failed: 'could not be taken back and was reported to the operator',
};

/** For the agent, at the end of its standard error: what happened to its work, why, and that repeating it is no use. */
function note(findings: readonly GuardFinding[]): string {
  const lines = findings
    .slice(0, SHOWN)
    .map(({ rule, path, change, action }) => `  ${path} (${rule}): ${change}, ${WORDS[action]}`);
  const more = findings.length > SHOWN ? [`  and ${findings.length - SHOWN} more`] : [];
  return [
    '',
    '[sluice] Files that tools outside the sandbox would run or obey may not be changed here (policy):',
    ...lines,
    ...more,
    '',
  ].join('\n');
}

export function appendText(output: BoundedOutput, text: string): BoundedOutput {
  return output.omittedBytes === 0 && output.tail === ''
    ? { ...output, head: output.head + text }
    : { ...output, tail: output.tail + text };
}

export async function withGuard(
  workspace: string,
  options: GuardOptions,
  run: () => Promise<Outcome>,
): Promise<Outcome> {
  let guarded: GuardedWorkspace;
  try {
    guarded = await guardWorkspace(workspace, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      kind: 'not-started',
      cause: 'plan-unsupported',
      detail: `the workspace cannot be looked at (${code ?? 'fault'})`,
    };
  }
  const outcome = await run();
  const findings = await guarded
    .finish()
    .catch((): readonly GuardFinding[] => [{ rule: 'not-inspected', path: '', change: 'modified', action: 'failed' }]);
  if (!hasEnded(outcome) || findings.length === 0) return outcome;
  return {
    ...outcome,
    stderr: appendText(outcome.stderr, note(findings)),
    attested: {
      ...outcome.attested,
      guardFindings: findings.length,
      guardReverted: findings.filter(({ action }) => action === 'reverted').length,
      guardRules: [...new Set(findings.map(({ rule }) => rule))].toSorted().join(','),
    },
  };
}
