/**
 * Where conversation marks live. On SQLite all of them are in memory too, so that a recall costs no query, and what other processes wrote is read before the next recall;
 * on PostgreSQL each recall asks. Marks only rise, whoever raises them at once. Fails closed: what cannot be read or written throws StoreFault.
 */
import { oldestOf } from '../oldest.ts';
import type { Awaitable, Database } from '../store/database.ts';
import { BloomSet } from './bloom.ts';

export interface Mark {
  /** Hex, keyed. */
  readonly digest: string;
  readonly label: string;
  /** Whether everything that raised it could be masked. */
  readonly maskable: boolean;
}

export interface MarkStore {
  /** What is known of these digests; nothing for those nobody marked. */
  find(digests: readonly string[]): Awaitable<readonly Mark[]>;
  /** Durable when it returns. */
  raise(digests: readonly string[], label: string, maskable: boolean): Awaitable<void>;
  /** Held exactly in memory. */
  readonly size: number;
}

export interface MarkOptions {
  readonly ladder: readonly string[];
  /** Marks held exactly in memory; the oldest fold into filters that only over-report. */
  readonly maxEntries: number;
}

/** A label the ladder lost in a reload ranks highest: it once meant something. */
function rankOf(ladder: readonly string[], label: string): number {
  const index = ladder.indexOf(label);
  return index === -1 ? ladder.length - 1 : index;
}

/** Rises only: the higher label stays, and what was once not maskable stays so. `place` of an unknown label is 0, which must count as the highest. */
const RAISE = `INSERT INTO mark (digest, label, maskable, at, seq)
  SELECT item.value, $2, $3, $4, $6 + (SELECT coalesce(max(seq), 0) FROM mark) FROM {each}($1) WHERE true
  ON CONFLICT (digest) DO UPDATE SET
    label = CASE WHEN {place}($5, '|' || mark.label || '|') = 0
                   OR {place}($5, '|' || mark.label || '|') >= {place}($5, '|' || excluded.label || '|')
                 THEN mark.label ELSE excluded.label END,
    maskable = CASE WHEN mark.maskable < excluded.maskable THEN mark.maskable ELSE excluded.maskable END,
    seq = excluded.seq`;

function raising(
  ladder: readonly string[],
  digests: readonly string[],
  label: string,
  maskable: boolean,
  /** SQLite has one writer at a time, so numbers are in the order of commits; elsewhere nobody reads them. */
  counted: boolean,
) {
  const [first, ...rest] = ladder;
  return {
    sql: counted ? RAISE : RAISE.replace('$6 + (SELECT coalesce(max(seq), 0) FROM mark)', '$6::bigint'),
    params: [
      JSON.stringify([...new Set(digests)].toSorted()),
      label,
      maskable ? 1 : 0,
      Date.now(),
      `|${[first, ...rest].join('|')}|`,
      counted ? 1 : 0,
    ],
  };
}

/** createSharedMarks asks the database each time: other instances write to it. */
export function createSharedMarks(database: Database, { ladder }: MarkOptions): MarkStore {
  return {
    async find(digests) {
      if (digests.length === 0) return [];
      const rows = await database.all('SELECT digest, label, maskable FROM mark WHERE digest IN {list}($1)', [
        JSON.stringify([...new Set(digests)]),
      ]);
      return rows.map((row) => ({
        digest: String(row['digest']),
        label: String(row['label']),
        maskable: Number(row['maskable']) === 1,
      }));
    },
    async raise(digests, label, maskable) {
      if (digests.length > 0) await database.batch([raising(ladder, digests, label, maskable, false)]);
    },
    size: 0,
  };
}

/** createLocalMarks keeps what a file on this machine holds in memory. Throws StoreFault when the file cannot be read. */
export function createLocalMarks(database: Database, { ladder, maxEntries }: MarkOptions): MarkStore {
  const marks = new Map<string, { label: string; maskable: boolean; seq: number }>();
  const takeOldest = oldestOf(marks);
  const folded = new Map<string, BloomSet>();
  let version: number | undefined;
  let seen = 0;

  const put = (digest: string, mark: { label: string; maskable: boolean; seq: number }): void => {
    marks.delete(digest);
    marks.set(digest, mark);
    if (marks.size <= maxEntries) return;
    const oldest = takeOldest();
    if (oldest === undefined) return;
    const [old, { label }] = oldest;
    let set = folded.get(label);
    if (set === undefined) folded.set(label, (set = new BloomSet()));
    set.add(Buffer.from(old, 'hex'));
  };
  const pull = (): void => {
    // Before the rows: what is written in between is then read twice, not never.
    const now = database.foreignVersion();
    if (now === version) return;
    const rows = database.all('SELECT digest, label, maskable, seq FROM mark WHERE seq > $1 ORDER BY seq', [seen]);
    if (rows instanceof Promise) throw new Error('local marks need a database that answers at once');
    for (const row of rows) {
      const seq = Number(row['seq']);
      seen = Math.max(seen, seq);
      put(String(row['digest']), { label: String(row['label']), maskable: Number(row['maskable']) === 1, seq });
    }
    version = now;
  };
  pull();

  const known = (digest: string): Mark | undefined => {
    const exact = marks.get(digest);
    let label = exact?.label;
    if (folded.size > 0) {
      const bytes = Buffer.from(digest, 'hex');
      for (const [each, set] of folded)
        if ((label === undefined || rankOf(ladder, each) > rankOf(ladder, label)) && set.has(bytes)) label = each;
    }
    if (label === undefined) return undefined;
    return { digest, label, maskable: exact !== undefined && exact.label === label && exact.maskable };
  };

  return {
    find(digests) {
      pull();
      if (marks.size === 0 && folded.size === 0) return [];
      const found: Mark[] = [];
      for (const digest of digests) {
        const mark = known(digest);
        if (mark !== undefined) found.push(mark);
      }
      return found;
    },
    raise(digests, label, maskable) {
      const wanted = rankOf(ladder, label);
      const fresh = [...new Set(digests)].filter((digest) => {
        const before = marks.get(digest);
        return (
          before === undefined ||
          rankOf(ladder, before.label) < wanted ||
          (before.maskable !== maskable && before.maskable)
        );
      });
      if (fresh.length === 0) return;
      database.batch([raising(ladder, fresh, label, maskable, true)]);
      // As the statement made them: another process may have raised them higher in the meantime.
      for (const digest of fresh) {
        const before = marks.get(digest);
        const higher = before !== undefined && rankOf(ladder, before.label) > wanted ? before.label : label;
        put(digest, { label: higher, maskable: maskable && before?.maskable !== false, seq: seen });
      }
    },
    get size() {
      return marks.size;
    },
  };
}
