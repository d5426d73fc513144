/**
 * The headers that may cross the router, both ways. Allow-lists: a header nobody thought of stays here. Nothing of the
 * client's request headers is ever looked at, so session ids, workspace paths and installation ids cannot leave.
 */
import type { Secret } from '../../config/secret.ts';

const USER_AGENT = 'sluice/0.1';

/** Upstream response headers a client may see. Lower case. */
const INWARD = new Set([
  'content-type',
  'x-request-id',
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'retry-after-ms',
]);
const INWARD_PREFIX = 'x-ratelimit-';

/** Past it the value is not one of the short ids, numbers and dates these headers are for. */
const LONGEST_VALUE = 256;

/** outwardHeaders is everything an upstream is told besides the body, as the flat list undici takes. */
export function outwardHeaders(accept: string, authorization: Secret | undefined): string[] {
  const list = [
    ['content-type', 'application/json'],
    ['accept', accept],
    // Identity, so that what comes back can be read, restored and passed on as it arrives.
    ['accept-encoding', 'identity'],
    ['user-agent', USER_AGENT],
  ];
  if (authorization !== undefined) list.push(['authorization', `Bearer ${authorization.reveal()}`]);
  return list.flat();
}

export type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** inwardHeaders keeps what the allow-list names; a repeated header counts as its first value. */
export function inwardHeaders(headers: IncomingHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    if (!INWARD.has(name) && !name.startsWith(INWARD_PREFIX)) continue;
    const value = headerValue(headers, name);
    if (value !== undefined && value.length <= LONGEST_VALUE) kept[name] = value;
  }
  return kept;
}

/** headerValue reads one header by its lower-case name. */
export function headerValue(headers: IncomingHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
