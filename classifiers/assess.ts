/**
 * Puts the verdict together: findings of all segments, combinations, gaps. More evidence never lowers it: the label is
 * the highest of all, and any gap makes it unknown.
 */
import { toScore } from './finding.ts';
import type { Finding } from './finding.ts';
import { COMBINATION } from './labels.ts';
import type { Combination, LabelRules } from './labels.ts';
import type { Gap, Signal, Verdict } from './verdict.ts';

/** A signal weaker than this takes no part in a combination. */
const SIGNAL_FLOOR = 0.5;

/** assess builds the verdict; findings that take part in a combination say so in their steps. */
export function assess(
  found: readonly Finding[],
  signals: readonly Signal[],
  gaps: readonly Gap[],
  rules: LabelRules,
): Verdict {
  const findings = [...found];
  for (const combination of rules.combinations) combine(combination, findings, signals, rules);
  let highest = 0;
  for (const finding of findings) highest = Math.max(highest, rules.rank(rules.labelOf(finding)));
  const label = rules.labelAt(highest);
  const [firstGap, ...otherGaps] = gaps;
  if (firstGap) return { kind: 'unknown', label, findings, gaps: [firstGap, ...otherGaps] };
  const [first, ...others] = findings;
  return first && highest > 0
    ? { kind: 'sensitive', label, findings: [first, ...others] }
    : { kind: 'clean', label, findings };
}

interface Member {
  /** Index in the findings; -1 for a signal. */
  readonly finding: number;
  readonly what: string;
  readonly pointer: string;
}

function combine(combination: Combination, findings: Finding[], signals: readonly Signal[], rules: LabelRules): void {
  const wanted = new Set(combination.all);
  const members = new Map<string, Member[]>();
  const add = (member: Member): void => {
    if (!wanted.has(member.what)) return;
    const scope = scopeOf(member.pointer, combination.within);
    const others = members.get(scope);
    if (others) others.push(member);
    else members.set(scope, [member]);
  };
  for (const [index, { entity, span }] of findings.entries())
    add({ finding: index, what: entity, pointer: span.segment });
  for (const { kind, name, score, pointer } of signals) {
    if (score < SIGNAL_FLOOR) continue;
    add({ finding: -1, what: name, pointer });
    if (!name.startsWith(`${kind}:`)) add({ finding: -1, what: `${kind}:${name}`, pointer });
  }
  for (const group of members.values()) {
    if (new Set(group.map((member) => member.what)).size < wanted.size) continue;
    const taking = group.filter((member) => member.finding >= 0);
    for (const { finding: index } of taking) {
      const finding = findings[index];
      if (finding) findings[index] = combined(finding, combination.name);
    }
    // Signals alone have no span; the whole segment stands for them.
    const pointer = group[0]?.pointer ?? '';
    if (taking.length === 0 && rules.rank(combination.label) > 0)
      findings.push(combinationFinding(combination.name, pointer));
  }
}

function combined(finding: Finding, by: string): Finding {
  const { explanation, score } = finding;
  return {
    ...finding,
    explanation: { ...explanation, steps: [...explanation.steps, { kind: 'combined', by, score }] },
  };
}

function combinationFinding(name: string, segment: string): Finding {
  const score = toScore(1);
  return {
    entity: COMBINATION,
    span: { segment, start: 0, end: 0 },
    score,
    recognizer: 'combinations',
    explanation: { pattern: name, views: [], steps: [{ kind: 'combined', by: name, score }] },
  };
}

/** One message, input item or content of any protocol; everything else of a body is one scope per top-level member. */
const MESSAGE = /^\/(?:messages|input|contents|items)\/\d+/;

function scopeOf(pointer: string, within: Combination['within']): string {
  if (within === 'request') return '';
  if (within === 'segment') return pointer;
  return MESSAGE.exec(pointer)?.[0] ?? /^\/[^/]*/.exec(pointer)?.[0] ?? '';
}
