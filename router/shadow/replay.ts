/**
 * What another policy would have made of requests in the audit. A receipt holds entities, scores, labels, reasons and codes, no text; what it leaves
 * open is tried in every way it could have been, and only where all of them end alike there is an answer. Fails by saying so: never a guess.
 */
import { bandOf } from '../../classifiers/complexity/band.ts';
import { type Finding, toScore } from '../../classifiers/finding.ts';
import type { Gap, Signal, Verdict } from '../../classifiers/verdict.ts';
import type { RequestReceipt } from '../audit/event.ts';
import { type CompiledPolicy, decide } from '../policy/decide.ts';
import { rankOf, ruleOf } from '../policy/rank.ts';
import type { KeyChange } from './config-change.ts';
import type { Config } from '../../config/schema.ts';

export interface ReplayPolicy {
  readonly config: Config;
  readonly policy: CompiledPolicy;
}

export type Replayed =
  | { readonly kind: 'same' }
  | { readonly kind: 'differs'; readonly from: string; readonly to: string }
  /** `why`: what the receipt does not say. */
  | { readonly kind: 'undecidable'; readonly why: string };

/** Reasons given after the decision, by what happened on the way out. */
const LATER = /^(?:door-refused|mask-failed|cloud-failed|local-only)(?::|$)/;
/** Facts of a request that conditions may ask for and receipts do not hold. */
const NOT_KEPT = /\b(?:tools|turns|signals|model)\b/;

export function replayReceipt(receipt: RequestReceipt, before: ReplayPolicy, after: ReplayPolicy): Replayed {
  if (receipt.route === 'none') return { kind: 'undecidable', why: 'no decision was made' };
  if (receipt.reasons.some((reason) => LATER.test(reason)))
    return { kind: 'undecidable', why: 'decided on the way out' };
  if (receipt.findingCount > receipt.findings.length) return { kind: 'undecidable', why: 'not every finding is kept' };
  for (const { config } of [before, after])
    if (config.policy.rules.some((rule) => NOT_KEPT.test(rule.when)))
      return { kind: 'undecidable', why: 'a rule asks for what receipts do not hold' };
  const floor = floorOf(receipt, before.policy);
  const was = possible(receipt, before, floor);
  const recorded = `${receipt.route} ${receipt.label}`;
  // A receipt of another policy, or one whose request had something that is not kept.
  const ways = [...was].filter(([, outcome]) => outcome === recorded).map(([way]) => way);
  if (ways.length === 0) return { kind: 'undecidable', why: 'not reproduced by the policy it is compared with' };
  const falling = fallen(receipt, before, after);
  if (falling === 'unknown')
    return { kind: 'undecidable', why: 'a threshold was raised, and the receipt keeps no scores' };
  const outcomes = new Set(ways.map((way) => possible(receipt, after, floor).get(way)));
  if (falling.size > 0) {
    // Where a finding falls away another may have stood behind it, of at most its label: between nothing there and what was there.
    const without = { ...receipt, findings: receipt.findings.filter((_, index) => !falling.has(index)) };
    for (const lower of new Set([floor, after.policy.ladder[0] ?? '']))
      for (const way of ways) outcomes.add(possible(without, after, lower).get(way));
    if (outcomes.size > 1)
      return { kind: 'undecidable', why: 'a finding falls away, and what else lies there is in no receipt' };
  }
  const [to] = outcomes;
  if (outcomes.size !== 1 || to === undefined)
    return { kind: 'undecidable', why: 'depends on what receipts do not hold' };
  return to === recorded ? { kind: 'same' } : { kind: 'differs', from: recorded, to };
}

/** Every way the request can have been, and what comes of it. */
function possible(
  receipt: RequestReceipt,
  { config, policy }: ReplayPolicy,
  floor: string,
): ReadonlyMap<string, string> {
  const bottom = policy.ladder[0] ?? '';
  const score = scoreOf(receipt.reasons);
  const session = detailOf(receipt.reasons, 'session-label') ?? bottom;
  const outcomes = new Map<string, string>();
  for (const complexity of score === undefined ? [0, 1] : [score])
    for (const maskable of session === bottom ? [true] : [true, false])
      for (const toolSawSensitive of [false, true]) {
        const decision = decide(
          {
            verdict: verdictOf(receipt, policy, floor),
            signals: signalsOf(receipt.reasons),
            session: { label: session, maskable },
            toolSawSensitive,
            complexity,
            band: bandOf(complexity, config.complexity, undefined),
            model: 'auto',
            localModels: [],
            tools: [],
            principal: receipt.principal,
            protocol: receipt.protocol,
            chars: receipt.chars,
            turns: 1,
          },
          policy,
        );
        outcomes.set(`${complexity} ${maskable} ${toolSawSensitive}`, `${decision.route.kind} ${decision.label}`);
      }
  return outcomes;
}

/** Findings that reach the threshold no longer, by index; `unknown` where a receipt of an older version keeps no score. */
function fallen(receipt: RequestReceipt, before: ReplayPolicy, after: ReplayPolicy): ReadonlySet<number> | 'unknown' {
  const indices = new Set<number>();
  for (const [index, { entity, score }] of receipt.findings.entries()) {
    const threshold = thresholdOf(after, entity);
    if (threshold <= thresholdOf(before, entity)) continue;
    if (score === undefined) return 'unknown';
    if (score < threshold) indices.add(index);
  }
  return indices;
}

function thresholdOf({ config: { classify } }: ReplayPolicy, entity: string): number {
  const rule = Object.hasOwn(classify.entities, entity) ? classify.entities[entity] : undefined;
  return (rule ?? classify.otherEntities).threshold;
}

/** What no single entity explains came of a combination, and of that the receipt keeps the label alone; a session's label has a reason of its own. */
function floorOf(receipt: RequestReceipt, policy: CompiledPolicy): string {
  const { ladder } = policy;
  const bottom = ladder[0] ?? '';
  if (receipt.verdict !== 'sensitive' || detailOf(receipt.reasons, 'session-label') !== undefined) return bottom;
  const explained = receipt.findings.map(({ entity }) => rankOf(ladder, ruleOf(policy, entity).label));
  return rankOf(ladder, receipt.label) > Math.max(0, ...explained) ? receipt.label : bottom;
}

function verdictOf(receipt: RequestReceipt, policy: CompiledPolicy, floor: string): Verdict {
  const { ladder } = policy;
  const findings = receipt.findings.map(({ entity, pointer }): Finding => ({
    entity,
    span: { segment: pointer, start: 0, end: 0 },
    score: toScore(1),
    recognizer: '',
    explanation: { pattern: '', views: [], steps: [] },
  }));
  let rank = rankOf(ladder, floor);
  for (const { entity } of findings) rank = Math.max(rank, rankOf(ladder, ruleOf(policy, entity).label));
  const label = ladder[rank] ?? '';
  if (receipt.verdict === 'unknown') {
    const [first = 'unsupported-content', ...rest] = receipt.gaps;
    const gap = (cause: string): Gap => ({ classifier: '', cause: cause as Gap['cause'], pointer: '' });
    return { kind: 'unknown', label, findings, gaps: [gap(first), ...rest.map(gap)] };
  }
  const [first, ...rest] = findings;
  return rank > 0 && first !== undefined
    ? { kind: 'sensitive', label, findings: [first, ...rest] }
    : { kind: 'clean', label, findings };
}

function scoreOf(reasons: readonly string[]): number | undefined {
  const text = detailOf(reasons, 'complex-reasoning') ?? detailOf(reasons, 'simple');
  const score = Number(text ?? Number.NaN);
  return Number.isFinite(score) ? score : undefined;
}

function signalsOf(reasons: readonly string[]): readonly Signal[] {
  return (detailOf(reasons, 'policy-attack')?.split('+') ?? []).flatMap((each): Signal[] => {
    const [kind = '', name = ''] = each.split(':');
    return kind === 'control-text' || kind === 'evasion' ? [{ kind, name, score: 1, pointer: '' }] : [];
  });
}

function detailOf(reasons: readonly string[], code: string): string | undefined {
  return reasons.find((reason) => reason.startsWith(`${code}:`))?.slice(code.length + 1);
}

/** Changes that show in texts alone: what they would find or no longer find is in no receipt. A threshold that was raised is weighed against the scores that receipts keep. */
export function needsTexts({ key, from, to }: KeyChange): boolean {
  if (key.endsWith('.threshold')) return !(Number(to) > Number(from));
  return key.startsWith('classify.') && !/\.(?:label|maskable)$/.test(key);
}
