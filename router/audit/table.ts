/** Segments and the anchor in a database. `n` is the primary key, so two writers can never both add to the same head. Fails closed: StoreFault, StoreConflict. */
import type { Database, Row } from '../store/database.ts';
import type { Segment } from './segment.ts';

export const AUDIT_MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE audit_segment (n {integer} PRIMARY KEY, hash TEXT NOT NULL, instance TEXT NOT NULL, records {integer} NOT NULL, to_at {integer} NOT NULL,
       header TEXT NOT NULL, signature {blob} NOT NULL, leaves {blob} NOT NULL, body {blob} NOT NULL)`,
    `CREATE INDEX audit_segment_to ON audit_segment (to_at)`,
    `CREATE TABLE audit_anchor (one {integer} PRIMARY KEY, header TEXT NOT NULL, signature {blob} NOT NULL)`,
  ],
];

export interface Head {
  readonly n: number;
  readonly hash: string;
}

export interface StoredSegment {
  readonly n: number;
  readonly hash: string;
  readonly instance: string;
  readonly records: number;
  readonly toAt: number;
  readonly headerText: string;
  readonly signature: Uint8Array;
  readonly leaves: Uint8Array;
  readonly body: Uint8Array;
}

/** What stands in for segments that were pruned. */
export interface AnchorHeader {
  readonly v: 1;
  readonly upTo: number;
  readonly hash: string;
  /** Records pruned so far, all anchors together. */
  readonly records: number;
  readonly at: number;
  readonly key: string;
}

export function insertion(segment: Segment) {
  return {
    sql: `INSERT INTO audit_segment (n, hash, instance, records, to_at, header, signature, leaves, body)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    params: [
      segment.header.n,
      segment.hash,
      segment.header.instance,
      segment.header.count,
      segment.header.to,
      segment.headerText,
      segment.signature,
      segment.leaves,
      segment.body,
    ],
  };
}

export async function readHead(database: Database): Promise<Head | undefined> {
  const [row] = await database.all('SELECT n, hash FROM audit_segment ORDER BY n DESC LIMIT 1');
  return row === undefined ? undefined : { n: Number(row['n']), hash: String(row['hash']) };
}

export async function hashAt(database: Database, n: number): Promise<string | undefined> {
  const [row] = await database.all('SELECT hash FROM audit_segment WHERE n = $1', [n]);
  return row === undefined ? undefined : String(row['hash']);
}

export async function readAnchor(
  database: Database,
): Promise<{ readonly headerText: string; readonly signature: Uint8Array } | undefined> {
  const [row] = await database.all('SELECT header, signature FROM audit_anchor WHERE one = 1');
  return row === undefined
    ? undefined
    : { headerText: String(row['header']), signature: row['signature'] as Uint8Array };
}

const PAGE = 200;

/** Every segment from `from` on, in order, a page at a time. Other work goes on between pages. */
export async function* readSegments(database: Database, from: number): AsyncGenerator<StoredSegment> {
  for (let next = from; ;) {
    const rows = await database.all('SELECT * FROM audit_segment WHERE n >= $1 ORDER BY n LIMIT $2', [next, PAGE]);
    for (const row of rows) yield readRow(row);
    if (rows.length < PAGE) return;
    next = Number(rows.at(-1)?.['n']) + 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The same backwards, newest first, for searches. */
export async function* readSegmentsBackwards(database: Database, before: number): AsyncGenerator<StoredSegment> {
  for (let next = before; ;) {
    const rows = await database.all('SELECT * FROM audit_segment WHERE n < $1 ORDER BY n DESC LIMIT $2', [next, PAGE]);
    for (const row of rows) yield readRow(row);
    if (rows.length < PAGE) return;
    next = Number(rows.at(-1)?.['n']);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function readRow(row: Row): StoredSegment {
  const bytes = (column: string): Uint8Array => {
    const value = row[column];
    return value instanceof Uint8Array ? value : new Uint8Array();
  };
  return {
    n: Number(row['n']),
    hash: String(row['hash']),
    instance: String(row['instance']),
    records: Number(row['records']),
    toAt: Number(row['to_at']),
    headerText: String(row['header']),
    signature: bytes('signature'),
    leaves: bytes('leaves'),
    body: bytes('body'),
  };
}
