/** The key a client sent, for upstreams whose configuration forwards it in as many words. Everybody else never sees it. */
import type { IncomingHttpHeaders } from 'node:http';
import { Secret } from '../../config/secret.ts';
import { KEY_PREFIX } from '../principals/api-key.ts';

export interface ClientKey {
  readonly header: 'authorization' | 'x-api-key';
  /** The header's whole value. */
  readonly value: Secret;
}

const LONGEST = 4096;

/** readClientKey takes the first of the two headers that has one. A value that no header may hold is none, and neither is a key of ours. */
export function readClientKey(headers: IncomingHttpHeaders): ClientKey | undefined {
  for (const header of ['authorization', 'x-api-key'] as const) {
    const value = headers[header];
    if (typeof value !== 'string' || value.includes(KEY_PREFIX)) continue;
    if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && value.length <= LONGEST)
      return { header, value: new Secret(value) };
  }
  return undefined;
}
