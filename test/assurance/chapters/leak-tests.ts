/** The tests that look for a planted value, named once. */
export const POSITIONS = [
  'test/leaks/positions.test.ts › a card number planted in',
  'test/leaks/responses-positions.test.ts',
  'test/leaks/anthropic-positions.test.ts › a card number planted in',
  'test/leaks/ollama-positions.test.ts › a card number planted in',
  'test/leaks/openai-other-positions.test.ts',
];
export const HUNT = 'test/leaks/hunt/hunt.test.ts › finds nothing that left';
