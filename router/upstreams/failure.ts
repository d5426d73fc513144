/**
 * What can go wrong with an upstream, as values. Codes and numbers only: an upstream's own words are read to be
 * classified and then dropped, because error texts quote prompts.
 */
import type { UpstreamFailure } from '../chat.ts';

export type FailureCode = UpstreamFailure['code'];

/** failure makes one; what is not given is the harmless zero. `sent` has no default: saying it wrong hides a leak. */
export function failure(
  upstream: string,
  code: FailureCode,
  sent: boolean,
  more: { readonly status?: number; readonly retryAfterSeconds?: number } = {},
): UpstreamFailure {
  return { code, upstream, sent, status: more.status ?? 0, retryAfterSeconds: more.retryAfterSeconds ?? 0 };
}

/** Carries a failure through a stream, where only an Error can travel. Its message is the code. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly failure: UpstreamFailure;

  constructor(cause: UpstreamFailure) {
    super(cause.code);
    this.failure = cause;
  }
}

/** failureOf reads the failure out of whatever a body stream threw; anything that is not ours is a reset. */
export function failureOf(error: unknown, upstream: string): UpstreamFailure {
  return error instanceof UpstreamError ? error.failure : failure(upstream, 'upstream_reset', true);
}

/** A fault of the program, not of the upstream: something asked the door for what the door never does. */
export class DoorFault extends Error {
  override readonly name = 'DoorFault';
  readonly code: 'not_cleared' | 'wrong_upstream' | 'path_not_allowed' | 'invalid_url' | 'not_local';

  constructor(code: DoorFault['code']) {
    super(code);
    this.code = code;
  }
}

/** What an answer other than 200 means when its body says nothing better. */
export function codeOfStatus(status: number): FailureCode {
  if (status === 401 || status === 403) return 'upstream_unauthorized';
  if (status === 404) return 'model_not_found';
  if (status === 408 || status === 504 || status === 524) return 'upstream_timeout';
  if (status === 429 || status === 503 || status === 529) return 'upstream_overloaded';
  // Success of another kind than asked for (201, 204, 206) has no answer in it.
  if (status >= 200 && status < 300) return 'upstream_malformed';
  // 3xx too: a redirect would carry the prompt to somewhere nobody named.
  return status >= 500 ? 'upstream_failed' : 'upstream_rejected';
}

const LONGEST_RETRY_SECONDS = 86_400;

/** retryAfter reads Retry-After in both of its forms (RFC 9110 10.2.3); 0 for absent, unreadable or already past. */
export function retryAfter(header: string | undefined, nowMs: number): number {
  if (header === undefined || header.length > 64) return 0;
  const seconds = /^\d{1,9}(?:\.\d{1,6})?$/.test(header) ? Number(header) : (Date.parse(header) - nowMs) / 1000;
  return seconds > 0 ? Math.min(Math.ceil(seconds), LONGEST_RETRY_SECONDS) : 0;
}
