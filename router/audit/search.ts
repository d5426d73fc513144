/** Records by what they hold, newest first. Reads the chain backwards and parses only what can match; the event loop is free between pages. */
import type { Database } from '../store/database.ts';
import type { AuditRecord } from './event.ts';
import { parseRecord, unpack } from './segment.ts';
import { readSegmentsBackwards } from './table.ts';

export interface AuditQuery {
  readonly id?: string;
  readonly kind?: AuditRecord['kind'];
  readonly principal?: string;
  readonly route?: string;
  readonly label?: string;
  readonly upstream?: string;
  readonly entity?: string;
  readonly outcome?: string;
  /** Epoch milliseconds, both included. */
  readonly since?: number;
  readonly until?: number;
  /** Most records answered; 100 when absent. */
  readonly limit?: number;
  /** `next` of an earlier answer. */
  readonly cursor?: string;
}

export interface AuditHit {
  readonly record: AuditRecord;
  /** Where it stands: segment and instance. */
  readonly n: number;
  readonly instance: string;
}

export interface AuditPage {
  readonly hits: readonly AuditHit[];
  /** Cursor of the next page; empty at the end. */
  readonly next: string;
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
/** Clocks of instances differ, so a segment's end says only about when to stop. */
const CLOCK_SLACK_MS = 60_000;

export async function searchAudit(database: Database, query: AuditQuery): Promise<AuditPage> {
  const limit = Math.min(query.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
  const [beforeText = '', skipText = '0'] = (query.cursor ?? '').split('.');
  const before = beforeText === '' ? Number.MAX_SAFE_INTEGER : Number(beforeText);
  let skip = Number(skipText);
  const hits: AuditHit[] = [];
  const needles = needlesOf(query);
  for await (const segment of readSegmentsBackwards(database, before)) {
    if (query.since !== undefined && segment.toAt < query.since - CLOCK_SLACK_MS) break;
    const lines = unpack(segment.body) ?? [];
    const matches: AuditRecord[] = [];
    for (let index = lines.length - 1; index >= 0; index -= 1) {
      const line = lines[index];
      if (line === undefined || !needles.every((needle) => line.includes(needle))) continue;
      const record = parseRecord(line);
      if (record !== undefined && matchesQuery(record, query)) matches.push(record);
    }
    for (const [index, record] of matches.entries()) {
      if (index < skip) continue;
      if (hits.length === limit) return { hits, next: `${segment.n + 1}.${index}` };
      hits.push({ record, n: segment.n, instance: segment.instance });
    }
    skip = 0;
  }
  return { hits, next: '' };
}

/** Bytes a matching line must hold: most lines are passed over unparsed. */
function needlesOf(query: AuditQuery): readonly Buffer[] {
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['id', query.id],
    ['kind', query.kind],
    ['principal', query.principal],
    ['route', query.route],
    ['label', query.label],
    ['upstream', query.upstream],
    ['entity', query.entity],
    ['outcome', query.outcome],
  ];
  return pairs.flatMap(([key, value]) =>
    value === undefined ? [] : [Buffer.from(`${JSON.stringify(key)}:${JSON.stringify(value)}`)],
  );
}

function matchesQuery(record: AuditRecord, query: AuditQuery): boolean {
  const fields = record as unknown as Readonly<Record<string, unknown>>;
  for (const key of ['id', 'kind', 'principal', 'route', 'label', 'upstream', 'outcome'] as const)
    if (query[key] !== undefined && fields[key] !== query[key]) return false;
  if (
    query.entity !== undefined &&
    !(record.kind === 'request' && record.findings.some((each) => each.entity === query.entity))
  )
    return false;
  return (
    (query.since === undefined || record.at >= query.since) && (query.until === undefined || record.at <= query.until)
  );
}
