/**
 * What an entity means under the policy: threshold, label, maskable. Defaults, the operator's entries over them, and one
 * rule for entities nobody named. A label that is not on the ladder counts as the highest.
 */
import { DEFAULT_COMBINATIONS, DEFAULT_ENTITIES } from '../config/defaults.ts';
import type { ClassifyConfig, EntityRule } from '../config/schema.ts';
import type { EntityType, Finding } from './finding.ts';
import type { Label } from './verdict.ts';

/** Entity of the finding that stands for a combination of signals alone. */
export const COMBINATION = 'COMBINATION';

export interface Combination {
  readonly name: string;
  readonly all: readonly string[];
  readonly within: 'segment' | 'message' | 'request';
  readonly label: Label;
}

export interface LabelRules {
  ruleFor(entity: EntityType): EntityRule;
  /** Place on the ladder, 0 lowest. */
  rank(label: Label): number;
  labelAt(rank: number): Label;
  /** Rank of the highest label a receiver may see; a label that is not on the ladder lets it see the lowest only. */
  ceiling(label: Label): number;
  /** Label of one finding: its entity's, or that of a combination it takes part in when that is higher. */
  labelOf(finding: Finding): Label;
  readonly combinations: readonly Combination[];
}

export function createLabelRules(
  config: Pick<ClassifyConfig, 'entities' | 'otherEntities' | 'combinations'>,
  labels: readonly Label[],
): LabelRules {
  const rules = new Map<string, EntityRule>([...Object.entries(DEFAULT_ENTITIES), ...Object.entries(config.entities)]);
  const combinations: readonly Combination[] =
    config.combinations.length > 0 ? config.combinations : DEFAULT_COMBINATIONS;
  const combinationLabels = new Map(combinations.map((combination) => [combination.name, combination.label]));
  const rank = (label: Label): number => {
    const index = labels.indexOf(label);
    return index < 0 ? labels.length - 1 : index;
  };
  const ruleFor = (entity: EntityType): EntityRule => rules.get(entity) ?? config.otherEntities;
  const labelAt = (index: number): Label => labels[index] ?? labels.at(-1) ?? 'restricted';
  return {
    ruleFor,
    rank,
    labelAt,
    ceiling: (label) => Math.max(0, labels.indexOf(label)),
    combinations,
    labelOf(finding) {
      let highest = finding.entity === COMBINATION ? 0 : rank(ruleFor(finding.entity).label);
      for (const step of finding.explanation.steps) {
        if (step.kind === 'combined') highest = Math.max(highest, rank(combinationLabels.get(step.by) ?? ''));
      }
      return labelAt(highest);
    },
  };
}
