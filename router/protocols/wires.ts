/** The wires that have a request body, by the names the API and the audit use. Names alone, so that the console can import them. */
export const WIRES = [
  'openai-chat',
  'openai-responses',
  'anthropic-messages',
  'openai-completions',
  'openai-embeddings',
  'ollama-chat',
  'ollama-generate',
  'ollama-embed',
  'ollama-embeddings',
] as const;
export type Wire = (typeof WIRES)[number];
