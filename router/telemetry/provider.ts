/** gen_ai.provider.name of an upstream: who runs the model, by the kind of wire and the host where that tells more. Closed: a list and names of the configuration. */
import type { UpstreamConfig } from '../../config/schema.ts';

/** Well-known values of the GenAI conventions. */
const HOSTS: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)openai\.azure\.com$/, 'azure.ai.openai'],
  [/(^|\.)anthropic\.com$/, 'anthropic'],
  [/(^|\.)groq\.com$/, 'groq'],
  [/(^|\.)deepseek\.com$/, 'deepseek'],
  [/(^|\.)mistral\.ai$/, 'mistral_ai'],
  [/(^|\.)x\.ai$/, 'x_ai'],
  [/(^|\.)perplexity\.ai$/, 'perplexity'],
  [/(^|\.)cohere\.(ai|com)$/, 'cohere'],
];

export function providerOf(upstream: UpstreamConfig): string {
  if (upstream.kind === 'azure') return 'azure.ai.openai';
  if (upstream.kind === 'provider') return upstream.provider;
  if (upstream.kind !== 'openai') return upstream.kind;
  const host = URL.parse(upstream.url)?.hostname ?? '';
  return HOSTS.find(([pattern]) => pattern.test(host))?.[1] ?? 'openai';
}
