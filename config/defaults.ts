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
  // What names or reaches one person, pays for one, or is one's number with a state or a clinic: confidential, and fit for
  // masking, because a placeholder keeps the sense of a text. Numbers of any country that are not listed are the same by `otherEntities`.
  EMAIL_ADDRESS: rule('confidential', 0.5, true),
  PHONE_NUMBER: rule('confidential', 0.5, true),
  CREDIT_CARD: rule('confidential', 0.5, true),
  IBAN_CODE: rule('confidential', 0.5, true),
  US_BANK_NUMBER: rule('confidential', 0.5, true),
  CRYPTO: rule('confidential', 0.5, true),
  US_SSN: rule('confidential', 0.5, true),
  PASSPORT_NUMBER: rule('confidential', 0.5, true),
  NATIONAL_ID: rule('confidential', 0.5, true),
  MEDICAL_RECORD_NUMBER: rule('confidential', 0.5, true),
  HEALTH_INSURANCE_ID: rule('confidential', 0.5, true),
  STREET_ADDRESS: rule('confidential', 0.5, true),
  DATE_OF_BIRTH: rule('confidential', 0.5, true),
  GEO_POSITION: rule('confidential', 0.5, true),
  IP_ADDRESS: rule('confidential', 0.5, true),
  MAC_ADDRESS: rule('confidential', 0.5, true),
  // What a model of the deep tier calls sensitive as a whole: there is no value to mask.
  JUDGED_SENSITIVE: rule('confidential', 0.5, false),
  // Known inside one organisation, or printed in a company register: they lead to a person or firm only with other records.
  CUSTOMER_ID: rule('internal', 0.5, true),
  EMPLOYEE_ID: rule('internal', 0.5, true),
  URL_WITH_PERSONAL_DATA: rule('internal', 0.5, true),
  VAT_ID: rule('internal', 0.5, true),
  US_EIN: rule('internal', 0.5, true),
  ABA_ROUTING_NUMBER: rule('internal', 0.5, true),
  UK_SORT_CODE: rule('internal', 0.5, true),
  CN_SOCIAL_CREDIT_CODE: rule('internal', 0.5, true),
  AU_ABN: rule('internal', 0.5, true),
  AU_ACN: rule('internal', 0.5, true),
  KR_BRN: rule('internal', 0.5, true),
  SG_UEN: rule('internal', 0.5, true),
  BR_CNPJ: rule('internal', 0.5, true),
  IN_GSTIN: rule('internal', 0.5, true),
  // Names and addresses their owners published under their own work. Internal where the repositories are.
  AUTHORSHIP: rule('public', 0.5, true),
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
  // The writer asks for it to stay inside and the subject says why; either alone decides nothing.
  { name: 'kept-health', all: ['locality', 'topic:health'], within: 'message', label: 'confidential' },
  { name: 'kept-finance', all: ['locality', 'topic:finance'], within: 'message', label: 'confidential' },
  { name: 'kept-hr', all: ['locality', 'topic:hr'], within: 'message', label: 'confidential' },
  { name: 'kept-legal', all: ['locality', 'topic:legal'], within: 'message', label: 'confidential' },
  { name: 'kept-strategy', all: ['locality', 'topic:strategy'], within: 'message', label: 'confidential' },
  { name: 'kept-code', all: ['locality', 'topic:internal-code'], within: 'message', label: 'confidential' },
  { name: 'kept-records', all: ['locality', 'topic:personal-data'], within: 'message', label: 'confidential' },
] as const;
