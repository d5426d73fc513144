/** What a refusal of OpenAI's API means. Its codes are read and its words dropped: they may quote the prompt. */
import { codeOfStatus, type FailureCode } from './failure.ts';

const BY_ERROR_CODE: Readonly<Record<string, FailureCode>> = {
  context_length_exceeded: 'context_too_long',
  string_above_max_length: 'context_too_long',
  model_not_found: 'model_not_found',
  invalid_api_key: 'upstream_unauthorized',
  insufficient_quota: 'upstream_overloaded',
  rate_limit_exceeded: 'upstream_overloaded',
  unsupported_parameter: 'unsupported_by_model',
  unsupported_value: 'unsupported_by_model',
};

/** explainOpenAI reads `error.code` out of a refusal, then its `type`, and falls back on the status. */
export function explainOpenAI(status: number, body: string): FailureCode {
  for (const word of errorWords(body)) {
    if (Object.hasOwn(BY_ERROR_CODE, word)) return BY_ERROR_CODE[word] ?? codeOfStatus(status);
  }
  return codeOfStatus(status);
}

function errorWords(body: string): readonly string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return [];
  }
  if (typeof parsed !== 'object' || parsed === null || !('error' in parsed)) return [];
  const { error } = parsed;
  if (typeof error !== 'object' || error === null) return [];
  const words: string[] = [];
  if ('code' in error && typeof error.code === 'string') words.push(error.code);
  if ('type' in error && typeof error.type === 'string') words.push(error.type);
  return words;
}
