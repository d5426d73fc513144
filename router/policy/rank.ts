/** The order of labels and the rule of an entity, asked for by everything that weighs a label. Fails closed: what is not on the ladder ranks above all of it. */
import type { Label } from '../../classifiers/verdict.ts';
import type { EntityRule } from '../../config/schema.ts';

export function rankOf(ladder: readonly Label[], label: Label): number {
  const index = ladder.indexOf(label);
  return index === -1 ? ladder.length : index;
}

interface EntityRules {
  readonly entities: Readonly<Record<string, EntityRule>>;
  readonly otherEntities: EntityRule;
}

export function ruleOf(rules: EntityRules, entity: string): EntityRule {
  return rules.entities[entity] ?? rules.otherEntities;
}
