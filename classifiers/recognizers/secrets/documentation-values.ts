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
  // Azurite and the storage emulator: a fixed, published account key
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  // Azure Cosmos DB emulator
  'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==',
]);

/** isDocumentationValue tells a provider's published example from a secret. */
export function isDocumentationValue(value: string): boolean {
  return DOCUMENTATION_VALUES.has(value);
}
