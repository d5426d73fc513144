/**
 * The error envelope of the Messages API: `{"type": "error", "error": {type, message}, "request_id"}`. A refusal by policy is 403 `permission_error`:
 * Claude Code repeats a 400 six times, dropping one feature after another, and a 403 not once (measured).
 */
import { describeError, type ErrorCode, ERRORS, type PublicError } from '../errors.ts';
import type { ErrorReply } from './protocol.ts';

const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'refused_by_rule',
  'refused_unknown_content',
  'refused_policy_attack',
  'no_local_model',
  'local_model_unavailable',
  'model_not_local',
  'clearance_failed',
  'store_unavailable',
  'provider_tool_refused',
]);

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
};

export function anthropicErrorReply(error: PublicError, requestId: string): ErrorReply {
  const status = REFUSALS.has(error.code) ? 403 : ERRORS[error.code].status;
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  // Agents compact their history when they read these words, and at no other.
  const words = error.code === 'context_too_long' ? 'prompt is too long: ' : '';
  const message = `${words}${describeError(error, requestId)}`;
  const details = { code: error.code, ...(error.pointer === '' ? {} : { param: error.pointer }) };
  return {
    status,
    contentType: 'application/json',
    body: JSON.stringify({ type: 'error', error: { type, message, ...details }, request_id: requestId }),
  };
}
