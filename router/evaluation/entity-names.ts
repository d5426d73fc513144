/**
 * Span types of common data sets in our names. Each line: the name both sides are counted under, what data sets call it, and which of our entities
 * answer it. A type that is not listed stands for our entity of the same name; one that we do not look for at all is counted as missed.
 */

interface EntityGroup {
  readonly name: string;
  /** Upper case, as upperSnake makes them. */
  readonly types: readonly string[];
  readonly entities: readonly string[];
}

const GROUPS: readonly EntityGroup[] = [
  {
    name: 'PERSON',
    types: [
      'PERSON',
      'PER',
      'NAME',
      'FULL_NAME',
      'FIRST_NAME',
      'LAST_NAME',
      'GIVENNAME',
      'SURNAME',
      'FIRSTNAME',
      'LASTNAME',
      'MIDDLENAME',
      'PATIENT',
      'DOCTOR',
      'STAFF',
      'PRIVATE_PERSON',
    ],
    entities: ['PERSON', 'PRIVATE_PERSON'],
  },
  { name: 'EMAIL_ADDRESS', types: ['EMAIL_ADDRESS', 'EMAIL', 'PRIVATE_EMAIL'], entities: ['EMAIL_ADDRESS'] },
  {
    name: 'PHONE_NUMBER',
    types: ['PHONE_NUMBER', 'PHONE', 'PHONENUMBER', 'TELEPHONENUM', 'FAX_NUMBER', 'PRIVATE_PHONE'],
    entities: ['PHONE_NUMBER'],
  },
  {
    name: 'CREDIT_CARD',
    types: ['CREDIT_CARD', 'CREDITCARDNUMBER', 'CREDIT_CARD_NUMBER', 'CREDITDEBITCARD'],
    entities: ['CREDIT_CARD'],
  },
  { name: 'IBAN_CODE', types: ['IBAN_CODE', 'IBAN'], entities: ['IBAN_CODE'] },
  {
    name: 'US_SSN',
    types: ['US_SSN', 'SSN', 'SOCIAL_SECURITY_NUMBER', 'SOCIALNUM', 'SOCIALNUMBER'],
    entities: ['US_SSN', 'US_ITIN', 'NATIONAL_ID'],
  },
  {
    name: 'STREET_ADDRESS',
    types: ['STREET_ADDRESS', 'ADDRESS', 'STREET', 'BUILDINGNUM', 'SECONDARYADDRESS', 'PRIVATE_ADDRESS'],
    entities: ['STREET_ADDRESS', 'POSTAL_CODE', 'LOCATION'],
  },
  {
    name: 'LOCATION',
    types: ['LOCATION', 'LOC', 'GPE', 'CITY', 'STATE', 'COUNTY', 'COUNTRY', 'GEOGRAPHIC_LOCATION'],
    entities: ['LOCATION', 'STREET_ADDRESS', 'POSTAL_CODE'],
  },
  {
    name: 'POSTAL_CODE',
    types: ['POSTAL_CODE', 'ZIP_CODE', 'ZIPCODE', 'ZIP'],
    entities: ['POSTAL_CODE', 'STREET_ADDRESS'],
  },
  {
    name: 'ORGANIZATION',
    types: ['ORGANIZATION', 'ORG', 'CORPORATION', 'COMPANYNAME', 'HOSPITAL'],
    entities: ['ORGANIZATION'],
  },
  { name: 'DATE_TIME', types: ['DATE_TIME', 'DATE', 'TIME', 'PRIVATE_DATE'], entities: ['DATE_TIME', 'DATE_OF_BIRTH'] },
  { name: 'DATE_OF_BIRTH', types: ['DATE_OF_BIRTH', 'DOB', 'DATEOFBIRTH'], entities: ['DATE_OF_BIRTH'] },
  { name: 'AGE', types: ['AGE'], entities: ['AGE', 'DATE_OF_BIRTH'] },
  { name: 'IP_ADDRESS', types: ['IP_ADDRESS', 'IP', 'IPV4', 'IPV6'], entities: ['IP_ADDRESS'] },
  { name: 'MAC_ADDRESS', types: ['MAC_ADDRESS', 'MAC'], entities: ['MAC_ADDRESS'] },
  {
    name: 'URL',
    types: ['URL', 'DOMAIN_NAME', 'PRIVATE_URL'],
    entities: ['URL', 'URL_WITH_PERSONAL_DATA', 'CONNECTION_STRING'],
  },
  {
    name: 'MEDICAL_RECORD_NUMBER',
    types: ['MEDICAL_RECORD_NUMBER', 'MEDICAL_RECORD', 'MRN', 'MEDICALRECORD'],
    entities: ['MEDICAL_RECORD_NUMBER'],
  },
  {
    name: 'HEALTH_INSURANCE_ID',
    types: ['HEALTH_INSURANCE_ID', 'HEALTH_PLAN_BENEFICIARY_NUMBER', 'HEALTHPLAN'],
    entities: ['HEALTH_INSURANCE_ID', 'US_MBI', 'MEDICAL_RECORD_NUMBER', 'CUSTOMER_ID'],
  },
  {
    name: 'ACCOUNT_NUMBER',
    types: ['ACCOUNT_NUMBER', 'ACCOUNTNUM', 'BANK_ACCOUNT', 'US_BANK_NUMBER', 'UNIQUE_IDENTIFIER', 'ACCOUNT'],
    entities: [
      'US_BANK_NUMBER',
      'CUSTOMER_ID',
      'MEDICAL_RECORD_NUMBER',
      'HEALTH_INSURANCE_ID',
      'EMPLOYEE_ID',
      'NATIONAL_ID',
    ],
  },
  {
    name: 'US_DRIVER_LICENSE',
    types: ['US_DRIVER_LICENSE', 'DRIVERLICENSENUM', 'DRIVER_LICENSE'],
    entities: ['US_DRIVER_LICENSE', 'NATIONAL_ID'],
  },
  {
    name: 'SECRET',
    types: ['SECRET', 'API_KEY', 'PASSWORD', 'PRIVATE_KEY', 'TOKEN', 'CREDENTIAL', 'JWT', 'CONNECTION_STRING'],
    entities: ['API_KEY', 'PASSWORD', 'PRIVATE_KEY', 'JWT', 'CONNECTION_STRING'],
  },
  { name: 'USERNAME', types: ['USERNAME', 'USER_NAME'], entities: ['USERNAME'] },
];

const BY_TYPE = new Map(GROUPS.flatMap((group) => group.types.map((type) => [type, group] as const)));
/** The group a finding of ours is counted under: the first whose name it has, or that names it first. */
const BY_ENTITY = new Map<string, string>();
for (const { name, entities } of GROUPS) {
  if (entities.includes(name)) BY_ENTITY.set(name, name);
}
for (const { name, entities } of GROUPS)
  for (const entity of entities) if (!BY_ENTITY.has(entity)) BY_ENTITY.set(entity, name);

/** groupOf tells the name a data set's span type is counted under. */
export function groupOf(type: string): string {
  const upper = upperSnake(type);
  return BY_TYPE.get(upper)?.name ?? upper;
}

/** answers tells whether a finding of `entity` is an answer to a span of `type`. */
export function answers(entity: string, type: string): boolean {
  const upper = upperSnake(type);
  return BY_TYPE.get(upper)?.entities.includes(entity) ?? entity === upper;
}

/** groupOfEntity tells the name a finding of ours is counted under. */
export function groupOfEntity(entity: string): string {
  return BY_ENTITY.get(entity) ?? entity;
}

function upperSnake(type: string): string {
  return type.toUpperCase().replace(/[^A-Z0-9]{1,100}/g, '_');
}
