/**
 * Every error a client can see, in one table: code → status, wire type, words. Messages are written for agents: what happened, that it is policy
 * where it is, and the next step. They never hold text of a request or of an upstream. docs/errors.md lists the same codes; a test ties
 * the two. Refusals by policy are 400: agents retry 429 and 5xx up to 30 times (measured with real clients).
 */

import { publicPointer } from './json/public-pointer.ts';

export interface ErrorKind {
  readonly status: number;
  readonly type: 'invalid_request_error' | 'authentication_error' | 'not_found_error' | 'api_error';
  readonly message: string;
}

export const ERRORS = {
  invalid_json: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The request body is not valid JSON (RFC 8259).',
  },
  invalid_utf8: { status: 400, type: 'invalid_request_error', message: 'The request body is not valid UTF-8.' },
  duplicate_key: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'An object in the request body has the same key twice. Parsers disagree on which one counts, so Sluice refuses it.',
  },
  too_deep: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The request body is nested deeper than listen.maxDepth allows.',
  },
  too_many_values: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The request body has more values than Sluice reads.',
  },
  lone_surrogate: {
    status: 400,
    type: 'invalid_request_error',
    message: 'A string in the request body holds half of a UTF-16 surrogate pair.',
  },
  not_an_object: { status: 400, type: 'invalid_request_error', message: 'The request body must be a JSON object.' },
  number_out_of_range: {
    status: 400,
    type: 'invalid_request_error',
    message: 'A number in the request body is outside the range of a double.',
  },
  missing_field: { status: 400, type: 'invalid_request_error', message: 'A required field is missing.' },
  wrong_type: { status: 400, type: 'invalid_request_error', message: 'A field has the wrong type.' },
  unknown_role: { status: 400, type: 'invalid_request_error', message: 'A message has a role Sluice does not know.' },
  out_of_range: { status: 400, type: 'invalid_request_error', message: 'A field is outside its allowed range.' },
  unsupported_value: {
    status: 400,
    type: 'invalid_request_error',
    message: 'A field has a value Sluice does not support.',
  },
  tokens_unreadable: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Token numbers instead of text: they are of one model’s alphabet, and nobody here can read them. Not knowing is not clean; send text.',
  },
  unsupported_encoding: {
    status: 415,
    type: 'invalid_request_error',
    message: 'The content-encoding is not one of identity, gzip, deflate, br, zstd, or does not decode.',
  },
  body_too_large: {
    status: 413,
    type: 'invalid_request_error',
    message: 'The request body is larger than listen.maxBodyBytes.',
  },
  body_incomplete: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The request ended before its body was complete.',
  },
  not_found: {
    status: 404,
    type: 'not_found_error',
    message:
      'Sluice does not serve this path, and passes nothing on that it does not serve. docs/surfaces.md lists what it serves.',
  },
  method_not_allowed: { status: 405, type: 'invalid_request_error', message: 'This path does not take this method.' },
  host_not_allowed: {
    status: 403,
    type: 'invalid_request_error',
    message: 'The Host header does not name this server. (DNS rebinding guard; set listen.host to serve other names.)',
  },
  origin_not_allowed: {
    status: 403,
    type: 'invalid_request_error',
    message: 'The Origin header names another site: its pages may not send requests here.',
  },
  wrong_content_type: {
    status: 415,
    type: 'invalid_request_error',
    message: 'The content-type must be application/json.',
  },
  model_not_found: {
    status: 404,
    type: 'not_found_error',
    message: 'The local server does not have this model. Pull it, or ask for "auto".',
  },
  refused_by_rule: {
    status: 400,
    type: 'invalid_request_error',
    message: 'Refused by policy: a rule refuses this request. The x-sluice-reason header names it.',
  },
  refused_unknown_content: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Refused by policy: parts of the request could not be read, and policy.unknown is "refuse". Send text instead.',
  },
  refused_policy_attack: {
    status: 400,
    type: 'invalid_request_error',
    message: 'Refused by policy: the request holds text that tries to steer routing or to hide what it carries.',
  },
  no_local_model: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Refused by policy: this request must stay on a local model, and none is configured that may see it. Start Ollama and name it under upstreams, or remove the sensitive content.',
  },
  local_model_unavailable: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Refused by policy: this request must stay on a local model, and the local server cannot be reached. Start Ollama (`ollama serve`, `ollama pull MODEL`) or set OLLAMA_HOST; nothing was sent elsewhere.',
  },
  local_upstream_failed: {
    status: 502,
    type: 'api_error',
    message: 'The local model server failed or could not be reached. Check that Ollama runs and has a model.',
  },
  cloud_upstream_failed: {
    status: 502,
    type: 'api_error',
    message: 'The cloud upstream failed or could not be reached.',
  },
  upstream_timeout: { status: 504, type: 'api_error', message: 'The upstream did not answer in time.' },
  upstream_rejected: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'The upstream rejected the request. Its status is in x-sluice-upstream-status; its words are withheld because they may quote the prompt.',
  },
  too_many_bytes_open: {
    status: 503,
    type: 'api_error',
    message: 'Sluice holds as many request bytes as listen.maxOpenBytes allows. Nothing was sent; try again shortly.',
  },
  upstream_overloaded: {
    status: 429,
    type: 'api_error',
    message: 'The upstream is overloaded or its rate limit is reached.',
  },
  upstream_unauthorized: {
    status: 502,
    type: 'api_error',
    message: "The cloud upstream refused Sluice's API key. The operator must set it.",
  },
  upstream_truncated: {
    status: 502,
    type: 'api_error',
    message: 'The upstream ended its answer before it was complete.',
  },
  model_not_local: {
    status: 400,
    type: 'invalid_request_error',
    message:
      "Refused by policy: this model name runs on somebody else's machine through the local server. Ask for a model that is really local.",
  },
  context_too_long: {
    status: 400,
    type: 'invalid_request_error',
    message:
      "The conversation is longer than the local model's window (contextTokens). Nothing was cut silently; shorten it or let the operator raise the window.",
  },
  unsupported_by_model: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The model cannot do what was asked (tools, images, thinking or embeddings).',
  },
  previous_response_not_found: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'The previous response is not kept here: it was never stored, has expired, or was deleted. Send the conversation in full.',
  },
  response_not_found: {
    status: 404,
    type: 'not_found_error',
    message: 'There is no response of this id here: it was never stored, has expired, or was deleted.',
  },
  item_not_found: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The item is not kept here: it was never stored, has expired, or was deleted. Send the item itself.',
  },
  tool_call_not_found: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The result answers a tool call that is nowhere in the conversation. Send the call before its result.',
  },
  conversation_unsupported: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Sluice keeps no conversation objects and lets no provider keep them. Use previous_response_id, or send the conversation in full.',
  },
  background_unsupported: {
    status: 400,
    type: 'invalid_request_error',
    message: 'Sluice makes no responses in the background. Send the request without background, streamed or not.',
  },
  not_cancellable: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Only a response that is made in the background can be cancelled, and Sluice makes none. Close the stream.',
  },
  provider_tool_refused: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Refused by policy: the request offers tools a provider would run by itself, and surfaces.providerTools is "refuse". Offer functions instead.',
  },
  clearance_failed: {
    status: 400,
    type: 'invalid_request_error',
    message: 'Refused by policy: the last scan before the cloud found something, and no local model may answer.',
  },
  store_unavailable: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Refused: the session store cannot be written, so this sensitive conversation could not be remembered. The operator must free or repair the state directory.',
  },
  audit_unavailable: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Refused by policy: the audit cannot be written, and nothing may happen unrecorded (audit.required). The operator must free or repair its store.',
  },
  api_key_missing: {
    status: 401,
    type: 'authentication_error',
    message:
      'This needs an API key of this Sluice, as authorization: Bearer, x-api-key or api-key. The operator makes one with `sluice keys create`.',
  },
  api_key_invalid: {
    status: 401,
    type: 'authentication_error',
    message:
      'This API key is unknown, expired or revoked, or two different ones were sent. Ask the operator for a new one.',
  },
  role_not_allowed: {
    status: 403,
    type: 'invalid_request_error',
    message: 'This API key is of the other role: agent keys open no admin path, and admin keys no path of agents.',
  },
  rate_limited: {
    status: 429,
    type: 'api_error',
    message: 'This API key sends more requests than its rate allows. Wait as long as retry-after says.',
  },
  budget_exhausted: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'The budget of this API key is used up for the day or the month (UTC). Trying again does not help; the operator can raise it.',
  },
  keys_unavailable: {
    status: 503,
    type: 'api_error',
    message:
      'API keys and budgets cannot be checked now, because the store does not answer. Nothing was read of the request.',
  },
  admin_unauthorized: {
    status: 401,
    type: 'authentication_error',
    message:
      'The admin side needs an admin key. Open the link that `sluice serve` printed at its start, or make a key with `sluice keys create NAME --role admin`.',
  },
  admin_forbidden: {
    status: 403,
    type: 'invalid_request_error',
    message:
      'The admin side takes no requests of other pages, and none that change something without the token of its own page.',
  },
  admin_rate_limited: {
    status: 429,
    type: 'api_error',
    message: 'Too many attempts at the admin side. Wait a minute.',
  },
  admin_unusable: {
    status: 400,
    type: 'invalid_request_error',
    message: 'What was sent cannot be used; the problems name the line or the key.',
  },
  admin_unavailable: {
    status: 409,
    type: 'invalid_request_error',
    message:
      'This is not possible now: no configuration file, nothing to compare with, or not switched on by the policy.',
  },
  decision_not_found: {
    status: 404,
    type: 'not_found_error',
    message: 'No decision with this id is held; only the last telemetry.decisions are.',
  },
  internal: {
    status: 500,
    type: 'api_error',
    message: 'Sluice failed on this request. The request id finds the log line.',
  },
} as const satisfies Readonly<Record<string, ErrorKind>>;

export type ErrorCode = keyof typeof ERRORS;

/** What a client is told. `pointer` is a JSON Pointer into its own request; empty for none. */
export interface PublicError {
  readonly code: ErrorCode;
  readonly pointer: string;
}

export function publicError(code: ErrorCode, pointer = ''): PublicError {
  return { code, pointer: publicPointer(pointer) };
}

/** describeError is the one text of an error; every protocol puts it into its own envelope. `none` is no request's id, and is not told. */
export function describeError(error: PublicError, requestId: string): string {
  return `${ERRORS[error.code].message}${error.pointer === '' ? '' : ` At ${error.pointer}.`}${requestId === 'none' ? '' : ` [${requestId}]`}`;
}
