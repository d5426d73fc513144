/**
 * Shipped defaults that are data: which entity means what. Everything an operator may change under
 * `classify.entities` and `classify.combinations`.
 */
import type { EntityRule } from './schema.ts';

const rule = (label: string, threshold: number, maskable: EntityRule['maskable']): EntityRule => ({
  label,
  threshold,
  maskable,
});

/** Entities not named here take `classify.otherEntities` (confidential from 0.5, maskable). */
export const DEFAULT_ENTITIES: Readonly<Record<string, EntityRule>> = {
  // Secrets: a leaked key works for whoever reads it, and code around it breaks when it is masked.
  API_KEY: rule('restricted', 0.5, false),
  PRIVATE_KEY: rule('restricted', 0.3, false),
  JWT: rule('restricted', 0.5, false),
  PASSWORD: rule('restricted', 0.5, false),
  CONNECTION_STRING: rule('restricted', 0.5, false),
  // A name that identifies by itself: first and last name, titled surname, introduced or on record.
  PRIVATE_PERSON: rule('confidential', 0.5, true),
  // Quasi-identifiers: evidence for combinations, nothing on their own.
  PERSON: rule('public', 0.5, true),
  LOCATION: rule('public', 0.5, true),
  ORGANIZATION: rule('public', 0.5, true),
  DATE_TIME: rule('public', 0.5, true),
  AGE: rule('public', 0.5, true),
  URL: rule('public', 0.5, true),
  POSTAL_CODE: rule('public', 0.5, true),
  USERNAME: rule('public', 0.5, true),
};

export const DEFAULT_COMBINATIONS = [
  { name: 'person-health', all: ['PERSON', 'topic:health'], within: 'message', label: 'confidential' },
  { name: 'person-finance', all: ['PERSON', 'topic:finance'], within: 'message', label: 'confidential' },
  { name: 'person-hr', all: ['PERSON', 'topic:hr'], within: 'message', label: 'confidential' },
  { name: 'person-legal', all: ['PERSON', 'topic:legal'], within: 'message', label: 'confidential' },
] as const;
