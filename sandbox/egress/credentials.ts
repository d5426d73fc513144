/**
 * Credentials of egress rules, read by the executor for each call, so that a rotated file holds from the next call on. Fails
 * closed: a rule whose secret cannot be read, could be read inside a sandbox, or is no header's value has no credential,
 * and what it would have allowed is refused.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { sep } from 'node:path';
import type { EgressRules } from './rules.ts';

export interface EgressCredential {
  readonly header: string;
  readonly value: string;
  /** What must not come back: the secret, and its value as it goes out. */
  readonly hidden: readonly string[];
}

/** Shorter ones stand in replies by chance, and longer ones are no header. */
const SHORTEST = 8;
const LONGEST = 8_192;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** By key of the rule. `visible` are trees that some sandbox mounts. */
export function readCredentials(rules: EgressRules, visible: readonly string[]): ReadonlyMap<string, EgressCredential> {
  const credentials = new Map<string, EgressCredential>();
  for (const [index, { credential }] of rules.entries()) {
    if (credential === undefined) continue;
    const secret = readSecret(credential.secret, visible);
    if (secret === undefined) continue;
    const value = {
      bearer: `Bearer ${secret}`,
      basic: `Basic ${Buffer.from(secret).toString('base64')}`,
      none: secret,
    }[credential.scheme];
    const { header } = credential;
    credentials.set(`sandbox.egress.allow.${index}`, {
      header,
      value,
      hidden: [secret, ...secret.split(':').slice(1)],
    });
  }
  return credentials;
}

function readSecret(reference: string, visible: readonly string[]): string | undefined {
  if (!reference.startsWith('file:/')) return undefined;
  try {
    const path = realpathSync(reference.slice('file:'.length));
    if (visible.some((tree) => path === tree || path.startsWith(tree + sep)) || !statSync(path).isFile())
      return undefined;
    const text = readFileSync(path, 'latin1').replace(/\r?\n$/, '');
    return text.length >= SHORTEST && text.length <= LONGEST && PRINTABLE.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
