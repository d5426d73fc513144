/** The wires a pasted request may be of, as people call them. */
import type { Explanation } from '../router/admin/api.ts';
import { h } from './dom.ts';

const WIRES: readonly (readonly [Explanation['protocol'], string])[] = [
  ['openai-chat', 'OpenAI chat completions'],
  ['openai-responses', 'OpenAI Responses'],
  ['anthropic-messages', 'Anthropic Messages'],
  ['openai-completions', 'OpenAI completions'],
  ['openai-embeddings', 'OpenAI embeddings'],
  ['ollama-chat', 'Ollama chat'],
  ['ollama-generate', 'Ollama generate'],
  ['ollama-embed', 'Ollama embed'],
  ['ollama-embeddings', 'Ollama embeddings (old)'],
];

/** wireSelect is empty where the router is to recognise the wire by the body's shape. */
export function wireSelect(): HTMLSelectElement {
  return h(
    'select',
    {},
    h('option', { value: '' }, 'recognised by its shape'),
    WIRES.map(([value, text]) => h('option', { value }, text)),
  );
}
