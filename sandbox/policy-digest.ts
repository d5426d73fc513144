/** Digest of a sandbox policy: plans, receipts and the executor name the policy they were decided under by it. */
import { createHash } from 'node:crypto';
import type { SandboxConfig } from '../config/sandbox-schema.ts';
import { canonicalJson } from './canonical-json.ts';

export function policyDigest(sandbox: SandboxConfig, labels: readonly string[]): string {
  return createHash('sha256').update(canonicalJson({ sandbox, labels })).digest('hex');
}
