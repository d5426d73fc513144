/**
 * What each entity means in this one request: few of it, or a condition on who asks and over which route, may give it another label.
 * Fails closed: a verdict that is unknown stays unknown and is never lowered, a condition that cannot be evaluated only raises, and what was
 * lowered is counted, so that the door lets out no more of it than was counted here.
 */
import type { Classification } from '../../classifiers/classifier.ts';
import type { EntityType, Finding } from '../../classifiers/finding.ts';
import type { Segment } from '../../classifiers/segment.ts';
import { createLabelRules } from '../../classifiers/labels.ts';
import type { Label, Verdict } from '../../classifiers/verdict.ts';
import type { ClassifyConfig, EntityRule } from '../../config/schema.ts';
import { compileEntityCondition, type EntityCondition, type EntityConditionInput } from './conditions.ts';
import type { CompiledPolicy } from './decide.ts';
import { rankOf, ruleOf } from './rank.ts';

/** Entities whose rule says more than one label, with their conditions compiled. */
export interface EntityPolicy {
  readonly special: ReadonlyMap<EntityType, SpecialRule>;
  readonly combinations: ClassifyConfig['combinations'];
}
interface SpecialRule {
  readonly rule: EntityRule;
  readonly conditions: readonly (NonNullable<EntityRule['conditions']>[number] & { readonly test: EntityCondition })[];
}

/** compileEntityPolicy throws on a condition that provePolicy would have refused. */
export function compileEntityPolicy(classify: ClassifyConfig): EntityPolicy {
  const special = new Map<EntityType, SpecialRule>();
  for (const [entity, rule] of Object.entries(classify.entities)) {
    if (!isSpecial(rule)) continue;
    const conditions = (rule.conditions ?? []).map((condition) => {
      const compiled = compileEntityCondition(condition.when);
      if (compiled.kind === 'invalid') throw new Error(`condition "${condition.name}" of ${entity} does not compile`);
      return { ...condition, test: compiled.test };
    });
    special.set(entity, { rule, conditions });
  }
  return { special, combinations: classify.combinations };
}

const isSpecial = (rule: EntityRule): boolean =>
  (rule.minCount ?? 1) > 1 || (rule.conditions?.length ?? 0) > 0 || rule.action === 'refuse';

/** What conditions are asked about beside the entity itself. */
export interface EntityFacts extends Omit<EntityConditionInput, 'count' | 'score' | 'label' | 'entities' | 'signals'> {
  /** Texts by pointer, to tell one value said twice from two; asked for only when something has to be counted. */
  readonly textAt: (pointer: string) => string | undefined;
}

/** One entity that means something else here, and why. */
export interface Relabelled {
  readonly entity: EntityType;
  /** Name of the condition, or `fewer-than-N`. */
  readonly by: string;
  readonly from: Label;
  readonly to: Label;
}

export interface Weighed {
  /** As the classifier gave it. */
  readonly base: Classification;
  readonly classification: Classification;
  /** The policy with the entities of this request as they are to be taken. */
  readonly policy: CompiledPolicy;
  readonly relabelled: readonly Relabelled[];
  /** Findings of each lowered entity that were counted; the door lets out no more. */
  readonly relief: ReadonlyMap<EntityType, number>;
}

/** weighEntities gives the classification with the labels of this request. */
export function weighEntities(classification: Classification, facts: EntityFacts, policy: CompiledPolicy): Weighed {
  const { special } = policy.entityPolicy;
  const asItIs: Weighed = { base: classification, classification, policy, relabelled: [], relief: new Map() };
  const { verdict, signals } = classification;
  if (special.size === 0 || !verdict.findings.some(({ entity }) => special.has(entity))) return asItIs;
  const rank = (label: Label): number => rankOf(policy.ladder, label);
  const changed: Record<string, EntityRule> = {};
  const relabelled: Relabelled[] = [];
  const relief = new Map<EntityType, number>();
  const entities = [...new Set(verdict.findings.map(({ entity }) => entity))];
  const names = signals.map(({ kind, name }) => `${kind}:${name}`);
  for (const entity of entities) {
    const own = special.get(entity);
    if (own === undefined) continue;
    const found = verdict.findings.filter((finding) => finding.entity === entity);
    const { textAt, ...about } = facts;
    const count = countValues(found, textAt);
    const score = Math.max(...found.map((finding) => finding.score));
    const outcome = outcomeOf(
      own,
      { ...about, count, score, label: own.rule.label, entities, signals: names },
      rank,
      policy.ladder[0] ?? '',
    );
    if (outcome === undefined) continue;
    const lowers = rank(outcome.label) < rank(own.rule.label) || (outcome.maskable && !own.rule.maskable);
    // Of what could not be read to its end nobody knows how much there is.
    if (lowers && verdict.kind === 'unknown') continue;
    if (outcome.label === own.rule.label && outcome.maskable === own.rule.maskable) continue;
    changed[entity] = { ...own.rule, label: outcome.label, maskable: outcome.maskable };
    relabelled.push({ entity, by: outcome.by, from: own.rule.label, to: outcome.label });
    if (rank(outcome.label) < rank(own.rule.label)) relief.set(entity, found.length);
  }
  if (relabelled.length === 0) return asItIs;
  const effective: CompiledPolicy = { ...policy, entities: { ...policy.entities, ...changed } };
  return {
    base: classification,
    classification: { ...classification, verdict: relabel(verdict, effective) },
    policy: effective,
    relabelled,
    relief,
  };
}

/** refusedEntities are those found that the policy answers with an error. */
export function refusedEntities(findings: readonly Finding[], policy: CompiledPolicy): readonly EntityType[] {
  return [...new Set(findings.map(({ entity }) => entity))].filter(
    (entity) => ruleOf(policy, entity).action === 'refuse',
  );
}

interface EntityOutcome {
  readonly label: Label;
  readonly maskable: boolean;
  readonly by: string;
}

function outcomeOf(
  { rule, conditions }: SpecialRule,
  input: EntityConditionInput,
  rank: (label: Label) => number,
  lowest: Label,
): EntityOutcome | undefined {
  const least = rule.minCount ?? 1;
  const fewer: EntityOutcome | undefined =
    input.count < least
      ? { label: rule.fewerLabel ?? lowest, maskable: rule.maskable, by: `fewer-than-${least}` }
      : undefined;
  for (const condition of conditions) {
    const result = condition.test(input);
    if (result === 'no') continue;
    const outcome = { label: condition.label, maskable: condition.maskable ?? rule.maskable, by: condition.name };
    if (result === 'yes') return outcome;
    // It might have meant either: the higher of the two, and no relief by number.
    return rank(condition.label) > rank(rule.label)
      ? { ...outcome, maskable: rule.maskable && outcome.maskable }
      : undefined;
  }
  return fewer;
}

/** Pointer to text, built when the first value has to be told from another. */
export function textsOf(segments: () => readonly Segment[]): (pointer: string) => string | undefined {
  let texts: ReadonlyMap<string, string> | undefined;
  return (pointer) => (texts ??= new Map(segments().map((each) => [each.pointer, each.text]))).get(pointer);
}

/** Different values; a finding whose text cannot be had counts for itself. */
function countValues(findings: readonly Finding[], textAt: EntityFacts['textAt']): number {
  const seen = new Set<string>();
  let unseen = 0;
  for (const { span } of findings) {
    const text = textAt(span.segment)?.slice(span.start, span.end);
    if (text === undefined || text === '') unseen += 1;
    else seen.add(text.toLowerCase());
  }
  return seen.size + unseen;
}

function relabel(verdict: Verdict, policy: CompiledPolicy): Verdict {
  const rules = createLabelRules(
    { entities: policy.entities, otherEntities: policy.otherEntities, combinations: policy.entityPolicy.combinations },
    policy.ladder,
  );
  let highest = 0;
  for (const finding of verdict.findings) highest = Math.max(highest, rules.rank(rules.labelOf(finding)));
  const label = rules.labelAt(highest);
  if (verdict.kind === 'unknown') return { ...verdict, label };
  const [first, ...others] = verdict.findings;
  return first !== undefined && highest > 0
    ? { kind: 'sensitive', label, findings: [first, ...others] }
    : { kind: 'clean', label, findings: verdict.findings };
}
