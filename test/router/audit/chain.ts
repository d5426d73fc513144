/** A chain in memory or in a file for tests, and hands that tamper with it. */
import { deriveSigner, Verifier } from '../../../router/audit/signer.ts';
import { type AuditLog, type AuditLogOptions, createAuditLog } from '../../../router/audit/log.ts';
import type { AuditEvent } from '../../../router/audit/event.ts';
import { AUDIT_MIGRATIONS } from '../../../router/audit/table.ts';
import type { ChainReport, VerifyOptions } from '../../../router/audit/verify.ts';
import { verifyChain } from '../../../router/audit/verify.ts';
import type { Database } from '../../../router/store/database.ts';
import { migrate } from '../../../router/store/schema.ts';
import { openSqlite } from '../../../router/store/sqlite.ts';

export const SIGNER = deriveSigner(Buffer.alloc(32, 5));
export const VERIFIER = new Verifier([SIGNER.publicKey]);
export const LADDER = ['public', 'internal', 'confidential', 'restricted'];

export async function auditDatabase(path = ':memory:'): Promise<Database> {
  const database = openSqlite(path, { flush: 'off', busyMs: 50 });
  await migrate(database, AUDIT_MIGRATIONS, 'audit_version');
  return database;
}

export function logOn(database: Database, options: Partial<AuditLogOptions> = {}): AuditLog {
  return createAuditLog({ database, signer: SIGNER, required: false, flushMs: 60_000, ...options });
}

export const opening = (required = true): AuditEvent => ({
  kind: 'start',
  version: '0',
  policy: 'p'.repeat(12),
  ladder: LADDER,
  upstreams: [{ name: 'sky', kind: 'cloud', sees: 'public' }],
  required,
});
export const note = (target: string): AuditEvent => ({
  kind: 'admin',
  action: 'note',
  target,
  by: 'ops',
  outcome: 'ok',
});
export const sent = (label: string, masked = false, id = 'req_1'): AuditEvent => ({
  kind: 'send',
  id,
  principal: 'bot',
  upstream: 'sky',
  path: '/chat/completions',
  bytes: 10,
  digest: 'd',
  label,
  sent: masked ? 'public' : label,
  masked,
  policy: 'p',
});

/** `sizes` records in each segment. */
export async function write(
  log: AuditLog,
  sizes: readonly number[],
  of: (index: number) => AuditEvent = (i) => note(`t${i}`),
): Promise<void> {
  let index = 0;
  for (const size of sizes) {
    for (let count = 0; count < size; count += 1) log.append(of(index++));
    await log.flush();
  }
}

export function check(database: Database, options: Partial<VerifyOptions> = {}): Promise<ChainReport> {
  return verifyChain(database, { verifier: VERIFIER, heads: [], ...options });
}
