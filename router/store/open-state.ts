/** The state of an installation: its key, its store, and where its audit is. Fails closed: what is not there or cannot be opened is a problem with its cure. */
import type { AuditOptions } from '../audit/audit.ts';
import type { ConfigProblem } from '../../config/explain.ts';
import { type Environment, resolveSecret, stateDirOf } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { loadOrCreateKey, readKey } from '../sessions/key.ts';
import { type Database, StoreFault } from './database.ts';
import { openPostgres } from './postgres.ts';
import { openFileStore, openStoreOn, type Store } from './store.ts';

export type OpenedState =
  | {
      readonly kind: 'state';
      readonly key: Buffer;
      readonly store: Store;
      readonly stateDir: string;
      /** Where the audit of this installation is kept. */
      readonly auditAt: AuditOptions['at'];
    }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] };

export interface StateOptions {
  readonly config: Config;
  readonly environment: Environment;
  /** Nothing is written to disk: the demo. */
  readonly volatile?: { readonly key: Buffer; readonly stateDir: string };
  /** Told of a connection to PostgreSQL that broke while nobody used it. */
  readonly onLost?: (code: string) => void;
}

export async function openState(options: StateOptions): Promise<OpenedState> {
  const { config, environment, volatile } = options;
  const stateDir = volatile?.stateDir ?? stateDirOf(config, environment);
  const keyed = volatile === undefined ? keyFor(config, stateDir, environment) : { key: volatile.key };
  if ('problem' in keyed) return { kind: 'invalid', problems: [keyed.problem] };
  const { key } = keyed;
  const shape = {
    key,
    ladder: config.labels,
    maxEntries: config.sessions.maxEntries,
    placeholderDays: config.sessions.placeholderDays,
  };
  if (config.store.kind === 'postgres' && volatile === undefined) {
    const url = config.store.url === undefined ? undefined : resolveSecret(config.store.url, environment);
    if (url === undefined) return invalid('store.url', `${config.store.url ?? ''} is not set or cannot be read`);
    const { schema, connections } = config.store;
    const database = openPostgres(url, schema, {
      connections,
      ...(options.onLost === undefined ? {} : { onLost: options.onLost }),
    });
    const made = await makeSchema(database, schema);
    const opened = made === undefined ? await openStoreOn(database, shape) : made;
    if (opened.kind === 'store') return { kind: 'state', key, store: opened.store, stateDir, auditAt: { database } };
    await database.close();
    return invalid('store', `the store cannot be opened (${opened.reason}): ${opened.cure}`);
  }
  const opened = await openFileStore(volatile === undefined ? stateDir : undefined, shape);
  if (opened.kind === 'failed')
    return invalid('stateDir', `the store cannot be opened (${opened.reason}): ${opened.cure}`);
  return {
    kind: 'state',
    key,
    store: opened.store,
    stateDir,
    auditAt: volatile === undefined ? { directory: stateDir } : 'memory',
  };
}

function keyFor(
  config: Config,
  stateDir: string,
  environment: Environment,
): { readonly key: Buffer } | { readonly problem: ConfigProblem } {
  if (config.store.key === undefined) {
    try {
      return { key: loadOrCreateKey(stateDir) };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'damaged';
      return { problem: { path: 'stateDir', message: `digest.key in ${stateDir} cannot be read or made (${code})` } };
    }
  }
  const secret = resolveSecret(config.store.key, environment);
  const key = secret === undefined ? undefined : readKey(secret);
  return key === undefined
    ? { problem: { path: 'store.key', message: `${config.store.key} is not set, or is not 64 hex digits` } }
    : { key };
}

/** A user who may not make schemas may still use one that is there. */
async function makeSchema(
  database: Database,
  schema: string,
): Promise<{ readonly kind: 'failed'; readonly reason: string; readonly cure: string } | undefined> {
  try {
    const there = await database.all('SELECT 1 AS one FROM pg_namespace WHERE nspname = $1', [schema]);
    if (there.length === 0)
      await database.batch([
        { sql: 'SELECT pg_advisory_xact_lock(7358300)' },
        { sql: `CREATE SCHEMA IF NOT EXISTS ${schema}` },
      ]);
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    return {
      kind: 'failed',
      reason: error.reason,
      cure: 'check store.url, that PostgreSQL runs, and that its user may make the schema or use the one that is there',
    };
  }
}

function invalid(path: string, message: string): OpenedState {
  return { kind: 'invalid', problems: [{ path, message }] };
}
