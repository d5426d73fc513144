/** Where two policies part over one row: verdict, label, route, and entities only one of them finds. Nothing of the text. */
import type { Label, Verdict } from '../../classifiers/verdict.ts';
import type { RouteKind } from '../decision.ts';
import type { Judgement } from './judge.ts';
import type { EvaluationRow, RowLabel } from './row.ts';

export interface Side {
  readonly verdict: Verdict['kind'];
  readonly label: Label;
  readonly route: RouteKind;
  readonly held: boolean;
  /** Found by this side only. */
  readonly entities: readonly string[];
}
export interface Difference {
  readonly line: number;
  readonly id: string;
  readonly source: string;
  readonly label: RowLabel | undefined;
  /** The policy of --config, then the one of --against. */
  readonly policy: Side;
  readonly against: Side;
}

/** differenceOf is undefined where both judge alike. */
export function differenceOf(row: EvaluationRow, policy: Judgement, against: Judgement): Difference | undefined {
  const left = sideOf(policy, against);
  const right = sideOf(against, policy);
  const alike =
    left.verdict === right.verdict &&
    left.label === right.label &&
    left.route === right.route &&
    left.held === right.held &&
    left.entities.length + right.entities.length === 0;
  return alike
    ? undefined
    : { line: row.line, id: row.id, source: row.source, label: row.label, policy: left, against: right };
}

function sideOf(own: Judgement, other: Judgement): Side {
  const others = new Map<string, number>();
  for (const { entity } of other.findings) others.set(entity, (others.get(entity) ?? 0) + 1);
  const entities: string[] = [];
  for (const { entity } of own.findings) {
    const left = others.get(entity) ?? 0;
    if (left > 0) others.set(entity, left - 1);
    else entities.push(entity);
  }
  return { verdict: own.verdict, label: own.label, route: own.route, held: own.held, entities };
}
