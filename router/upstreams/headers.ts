/**
 * The headers that may cross the router, both ways. Allow-lists: a header nobody thought of stays here. Nothing of the
 * client's request headers is ever looked at, so session ids, workspace paths and installation ids cannot leave.
 */
import type { Secret } from '../../config/secret.ts';
import type { ClientKey } from './client-key.ts';

const USER_AGENT = 'sluice/0.1';

/** Upstream response headers a client may see. Lower case. */
const INWARD = new Set([
  'content-type',
  'x-request-id',
  'request-id',
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'retry-after-ms',
]);
const INWARD_PREFIXES = ['x-ratelimit-', 'anthropic-ratelimit-'];

/** Past it the value is not one of the short ids, numbers and dates these headers are for. */
const LONGEST_VALUE = 256;

/** How a key is sent: `authorization: Bearer …`, `x-api-key: …`. */
export interface KeyHeader {
  readonly header: string;
  /** Word before the key; empty for none. */
  readonly scheme: string;
  readonly key: Secret;
}

/** outwardHeaders is everything an upstream is told besides the body, as the flat list undici takes. `fixed` come from the configuration. */
export function outwardHeaders(
  accept: string,
  key: KeyHeader | undefined,
  fixed: Readonly<Record<string, string>> = {},
): string[] {
  const list = [
    ['content-type', 'application/json'],
    ['accept', accept],
    // Identity, so that what comes back can be read, restored and passed on as it arrives.
    ['accept-encoding', 'identity'],
    ['user-agent', USER_AGENT],
  ];
  for (const [name, value] of Object.entries(fixed)) list.push([name.toLowerCase(), value]);
  if (key !== undefined) list.push([key.header, `${key.scheme === '' ? '' : `${key.scheme} `}${key.key.reveal()}`]);
  return list.flat();
}

/** withClientKey puts the client's own key where ours stood. */
export function withClientKey(headers: readonly string[], own: KeyHeader | undefined, client: ClientKey): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2)
    if (headers[index] !== own?.header && headers[index] !== client.header)
      kept.push(headers[index] ?? '', headers[index + 1] ?? '');
  return [...kept, client.header, client.value.reveal()];
}

export type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** inwardHeaders keeps what the allow-list names; a repeated header counts as its first value. */
export function inwardHeaders(headers: IncomingHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    if (!INWARD.has(name) && !INWARD_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
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
