/**
 * Pruning behind a signed anchor: the anchor names the last segment that went, so what is left still verifies, and the pruning is itself a record. Only whole segments from the front go. Fails
 * closed: anchor and deletion are one transaction; where it fails, everything is still there.
 */
import type { AuditLog } from './log.ts';
import type { AnchorHeader } from './table.ts';
import { readAnchor } from './table.ts';

/** pruneAudit drops segments all of whose records are older than `before` (epoch milliseconds), up to the first that is not. Answers how many records went. */
export async function pruneAudit(log: AuditLog, before: number, now = Date.now()): Promise<number> {
  const { database, signer } = log;
  // The first that stays; never the newest, so that the head stays in the chain.
  const [stay] = await database.all(
    'SELECT coalesce(min(n), 0) AS n FROM audit_segment WHERE to_at >= $1 OR n = (SELECT max(n) FROM audit_segment)',
    [before],
  );
  const first = Number(stay?.['n'] ?? 0);
  const [last] = await database.all('SELECT n, hash FROM audit_segment WHERE n < $1 ORDER BY n DESC LIMIT 1', [first]);
  if (last === undefined) return 0;
  const upTo = Number(last['n']);
  const [sum] = await database.all('SELECT sum(records) AS records FROM audit_segment WHERE n <= $1', [upTo]);
  const gone = Number(sum?.['records'] ?? 0);
  const anchor = await readAnchor(database);
  const sofar = anchor === undefined ? 0 : (JSON.parse(anchor.headerText) as AnchorHeader).records;
  const header: AnchorHeader = {
    v: 1,
    upTo,
    hash: String(last['hash']),
    records: sofar + gone,
    at: now,
    key: signer.fingerprint,
  };
  const headerText = JSON.stringify(header);
  await database.batch([
    {
      sql: `INSERT INTO audit_anchor (one, header, signature) VALUES (1, $1, $2)
            ON CONFLICT (one) DO UPDATE SET header = excluded.header, signature = excluded.signature`,
      params: [headerText, signer.sign(headerText)],
    },
    { sql: 'DELETE FROM audit_segment WHERE n <= $1', params: [upTo] },
  ]);
  log.append({ kind: 'pruned', upTo, records: gone });
  return gone;
}
