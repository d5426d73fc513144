/**
 * What the audit learns of connections through the proxy. A host is named by the rule that allowed it; one that was
 * refused is not named at all, because the program inside chose the name and could write anything into it.
 */
import { z } from 'zod';

export const egressEvent = z.strictObject({
  scopeKey: z.string(),
  tool: z.string(),
  code: z.enum([
    'relayed',
    'bad-request',
    'host-not-allowed',
    'port-not-allowed',
    'method-not-allowed',
    'path-not-allowed',
    'name-not-found',
    'address-not-public',
    'not-reached',
    'not-tls-for-host',
    'over-limit',
    'honey-credential',
    'tls-required',
    'credential-unavailable',
    'credential-echoed',
  ]),
  /** Config key of the rule; empty when none allowed it. */
  rule: z.string(),
  /** Connections that ended so since the last report of this call. */
  connections: z.int().min(1),
  /** On how many of them a credential was added. */
  credentials: z.int().min(0),
  bytesOut: z.int().min(0),
  bytesIn: z.int().min(0),
});
export type EgressEvent = z.infer<typeof egressEvent>;
