/** The audit: what is kept as proof of where requests went. */
import { z } from 'zod';
import { secretReference } from './schema-terms.ts';

export const Audit = z.strictObject({
  required: z
    .boolean()
    .default(false)
    .describe(
      'Whether nothing may happen unrecorded: the intent of each request, cloud send and tool call is on disk before it happens, and what cannot be recorded is refused.',
    ),
  flushMs: z
    .int()
    .min(5)
    .max(10_000)
    .default(200)
    .describe(
      'Longest time a receipt waits for others to be sealed with; a kill loses that much where `required` is off.',
    ),
  retentionDays: z
    .number()
    .min(0)
    .default(0)
    .describe('Days after which receipts are pruned behind a signed anchor; 0 keeps all.'),
  key: secretReference
    .optional()
    .describe('Ed25519 private key (PEM) that signs; without one it is made from the installation key.'),
});
export type AuditConfig = z.infer<typeof Audit>;
