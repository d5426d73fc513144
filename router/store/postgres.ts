/**
 * PostgreSQL, for several instances behind one address, through `pg` (pure JavaScript). Every wait has an end. A connection that was lost is tried once more, because
 * everything the store writes may be written twice. Fails closed: what could not be read or written in time is StoreFault.
 */
import pg from 'pg';
import type { Secret } from '../../config/secret.ts';
import { type Database, type Row, type SqlValue, StoreConflict, StoreFault, toDialect } from './database.ts';

const { Pool, types } = pg;
const UNIQUE_VIOLATION = '23505';
/** Serialisation failures and deadlocks: the same transaction again may pass. */
const AGAIN: ReadonlySet<string> = new Set(['40001', '40P01']);
const CONNECT_MS = 3_000;
const QUERY_MS = 5_000;
const INT8 = 20;

export interface PostgresOptions {
  /** What is told of a connection that broke while nobody used it: a code, never text. */
  readonly onLost?: (code: string) => void;
  readonly connections?: number;
}

/** openPostgres makes a pool; nothing connects before the first statement. `schema` keeps several installations apart in one database. */
export function openPostgres(url: Secret, schema: string, options: PostgresOptions = {}): Database {
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(schema)) throw new StoreFault('schema_name');
  const pool = new Pool({
    connectionString: url.reveal(),
    max: options.connections ?? 8,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    statement_timeout: QUERY_MS,
    idle_in_transaction_session_timeout: QUERY_MS,
    keepAlive: true,
    application_name: 'sluice',
    options: `-c search_path=${schema} -c synchronous_commit=on`,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : (types.getTypeParser(oid, format as 'text') as (value: string) => unknown),
    } as pg.CustomTypesConfig,
  });
  pool.on('error', (error) => options.onLost?.(codeOf(error)));
  const written = new Map<string, string>();
  const dialect = (sql: string): string => {
    let known = written.get(sql);
    if (known === undefined) written.set(sql, (known = toDialect(sql, 'postgres')));
    return known;
  };
  const values = (params: readonly SqlValue[]): unknown[] =>
    params.map((each) => (each instanceof Uint8Array ? Buffer.from(each) : each));

  const twice = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!isLostConnection(error) && !AGAIN.has(codeOf(error))) throw faultOf(error);
    }
    try {
      return await work();
    } catch (error) {
      throw faultOf(error);
    }
  };

  return {
    kind: 'postgres',
    all: (sql, params = []) =>
      twice(async () => (await pool.query<Row>(dialect(sql), values(params))).rows as readonly Row[]),
    batch: (statements) =>
      twice(async () => {
        const client = await pool.connect();
        let broken: Error | undefined;
        // A socket that dies inside a transaction is told by event, and would end the process if nobody listened.
        const onError = (error: Error): void => {
          broken = error;
        };
        client.on('error', onError);
        try {
          await client.query('BEGIN');
          for (const { sql, params = [] } of statements) await client.query(dialect(sql), values(params));
          await client.query('COMMIT');
        } catch (error) {
          try {
            await client.query('ROLLBACK');
          } catch (lost) {
            broken = lost as Error;
          }
          throw error;
        } finally {
          client.off('error', onError);
          client.release(broken ?? false);
        }
      }),
    foreignVersion: () => undefined,
    close: () => pool.end(),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** `pg` has no code for a connection that ended by itself; class 57 is the server shutting down, class 08 a broken connection. */
function isLostConnection(error: unknown): boolean {
  const code = codeOf(error);
  return (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    code.startsWith('57P') ||
    code.startsWith('08') ||
    (code === '' && error instanceof Error && error.message.startsWith('Connection terminated'))
  );
}

function faultOf(error: unknown): Error {
  if (error instanceof StoreFault || error instanceof StoreConflict) return error;
  const code = codeOf(error);
  if (code === UNIQUE_VIOLATION) return new StoreConflict();
  return new StoreFault(code === '' ? 'unreachable' : `pg_${code}`);
}
