/** What one decision adds to the metrics. */
import type { Context } from './context.ts';
import type { Turn } from './prepare.ts';

export function countTurn(turn: Turn, context: Context): void {
  const { decision, classification } = turn;
  context.metrics.decisions.inc({
    route: decision.route.kind,
    label: decision.label,
    reason: decision.reasons[0].code,
  });
  for (const finding of classification.verdict.findings) context.metrics.findings.inc({ entity: finding.entity });
  if (classification.verdict.kind === 'unknown')
    for (const gap of classification.verdict.gaps) context.metrics.gaps.inc({ cause: gap.cause });
}
