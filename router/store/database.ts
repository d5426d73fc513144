/**
 * The few things the store asks of a database, so that one set of statements runs on SQLite and PostgreSQL. Statements are written with `$1` parameters and the
 * dialect's words in braces. Fails closed: what could not be read or written throws StoreFault, whose code is all it says.
 */

/** SQLite answers at once, PostgreSQL later: callers await either. */
export type Awaitable<T> = T | Promise<T>;
export type SqlValue = string | number | null | Uint8Array;
export type Row = Readonly<Record<string, SqlValue>>;

export interface Statement {
  readonly sql: string;
  readonly params?: readonly SqlValue[];
}

export interface Database {
  readonly kind: 'sqlite' | 'postgres';
  all(sql: string, params?: readonly SqlValue[]): Awaitable<readonly Row[]>;
  /** All of them or none. Throws StoreConflict where a key is taken. */
  batch(statements: readonly Statement[]): Awaitable<void>;
  /** A number that moves when somebody else wrote; `undefined` where only asking tells. */
  foreignVersion(): number | undefined;
  close(): Awaitable<void>;
}

/** `reason`: the database's own code, a word or a number, for the log. */
export class StoreFault extends Error {
  readonly code = 'store_unavailable';
  readonly reason: string;
  constructor(reason = 'closed') {
    super('store_unavailable');
    this.reason = /^[A-Za-z0-9_]{1,40}$/.test(reason) ? reason : 'unknown';
  }
}

export class StoreConflict extends Error {
  readonly code = 'store_conflict';
  constructor() {
    super('store_conflict');
  }
}

/** Words that differ: `{blob}`, `{integer}`, `{place}(haystack, needle)`, `{list}($1)` for the strings of a JSON array. */
const WORDS: Readonly<Record<Database['kind'], Readonly<Record<string, string>>>> = {
  sqlite: { blob: 'BLOB', integer: 'INTEGER', place: 'instr', strict: ' STRICT' },
  postgres: { blob: 'BYTEA', integer: 'BIGINT', place: 'strpos', strict: '' },
};

/** toDialect writes a statement for one kind of database. */
export function toDialect(sql: string, kind: Database['kind']): string {
  return sql
    .replaceAll(/\{list\}\((\$\d+)\)/g, (_, parameter: string) =>
      kind === 'sqlite'
        ? `(SELECT value FROM json_each(${parameter}))`
        : `(SELECT jsonb_array_elements_text(${parameter}::jsonb))`,
    )
    .replaceAll(/\{each\}\((\$\d+)\)/g, (_, parameter: string) =>
      kind === 'sqlite'
        ? `json_each(${parameter}) AS item`
        : `jsonb_array_elements_text(${parameter}::jsonb) AS item(value)`,
    )
    .replaceAll(/\{([a-z]+)\}/g, (_, word: string) => {
      const found = WORDS[kind][word];
      if (found === undefined) throw new Error(`no word ${word}`);
      return found;
    })
    .replaceAll(/\$(\d+)/g, kind === 'sqlite' ? '?$1' : '$$$1');
}
