import { createHash } from 'node:crypto';

/**
 * Secrets that providers print in their own documentation: published, worthless, and pasted into prompts every day.
 * Whole values only. Values that say EXAMPLE themselves need no entry.
 */
const DOCUMENTATION_VALUES: ReadonlySet<string> = new Set([
  // GitHub: OAuth and refresh token responses
  'gho_16C7e42F292c6912E7710c838347Ae178B4a',
  'ghu_16C7e42F292c6912E7710c838347Ae178B4a',
  'ghr_1B4a2e77838347a7E420ce178F2E7c6912E169246c34E1ccbF66C46812d16D5B1A9Dc86A1498',
  // Stripe: public test keys of the API reference
  'sk_test_4eC39HqLyjWDarjtT1zdp7dc',
  'sk_test_BQokikJOvBiI2HlWgH4olfQ2',
  'sk_test_26PHem9AhJZvU623DfE1x4sd',
  'pk_test_TYooMQauvdEDq54NiTphI7jx',
  // Google Maps samples
  'AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe',
  // Telegram Bot API
  '110201543:AAHdqTcvCH1vGWJxfSe1ofSAs0K5PALDsaw',
  '123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11',
  // The UUID of RFC examples and of every second manual
  '123e4567-e89b-12d3-a456-426614174000',
  '550e8400-e29b-41d4-a716-446655440000',
  // Azurite and the storage emulator: a fixed, published account key
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  // Azure Cosmos DB emulator
  'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==',
]);

/**
 * Keys of Google's public sample projects (firebase-android-sdk), as the allow list of gitleaks' `gcp-api-key` (MIT) has
 * them. Digests, because scanners of this repository would take the keys for leaked ones: first 16 digits of SHA-256.
 */
const SAMPLE_PROJECT_KEYS: ReadonlySet<string> = new Set(
  (
    '0b476bdf9acf2123 2037abcaffb2b777 27a9a42931dff7eb 37f8f09bdf12c2f2 3a8b61d0f636b007 ' +
    '3f370c9dd8225c63 49f777db995e8260 4c98242dcadc8b29 8731261cb72d8626 a19f89ab3555eac1 ' +
    'a6c814bc555ae62c dc0fcf046c61640c e4a5542bb7fd7b67 ea9bb1082cf95663 eb540d2b6ee2a0a4'
  ).split(' '),
);

/** AWS prints one secret key in all its documentation, and others vary its end. */
const DOCUMENTATION_START = /^wJalrXUtnFEMI\/?K7MDENG/;

/** isDocumentationValue tells a provider's published example from a secret. */
export function isDocumentationValue(value: string): boolean {
  if (DOCUMENTATION_VALUES.has(value) || DOCUMENTATION_START.test(value)) return true;
  return (
    value.startsWith('AIza') && SAMPLE_PROJECT_KEYS.has(createHash('sha256').update(value).digest('hex').slice(0, 16))
  );
}
