/** What a refusal of the Messages API means. Its type is read, of its words only what tells a prompt that is too long, and both are dropped: they may quote the prompt. */
import { codeOfStatus, type FailureCode } from './failure.ts';
import { fieldsOf, textOf } from './json-fields.ts';

const BY_TYPE: Readonly<Record<string, FailureCode>> = {
  authentication_error: 'upstream_unauthorized',
  permission_error: 'upstream_unauthorized',
  billing_error: 'upstream_unauthorized',
  not_found_error: 'model_not_found',
  request_too_large: 'context_too_long',
  rate_limit_error: 'upstream_overloaded',
  overloaded_error: 'upstream_overloaded',
  timeout_error: 'upstream_timeout',
  api_error: 'upstream_failed',
};
const TOO_LONG = /^(?:prompt is too long|input length and `max_tokens` exceed context limit)/;

export function explainAnthropic(status: number, body: string): FailureCode {
  let error: Readonly<Record<string, unknown>>;
  try {
    error = fieldsOf(fieldsOf(JSON.parse(body))['error']);
  } catch {
    return codeOfStatus(status);
  }
  const type = textOf(error['type']);
  if (type === 'invalid_request_error' && TOO_LONG.test(textOf(error['message']))) return 'context_too_long';
  return Object.hasOwn(BY_TYPE, type) ? (BY_TYPE[type] ?? codeOfStatus(status)) : codeOfStatus(status);
}
