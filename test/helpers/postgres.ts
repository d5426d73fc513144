/**
 * A PostgreSQL of the test's own: real server, data in a temporary directory, a Unix socket and no port. Debian's `postgresql` brings the programs; where they are not, tests skip and say so. Can be stopped,
 * killed and started again.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../config/secret.ts';
import { openPostgres } from '../../router/store/postgres.ts';
import type { Database } from '../../router/store/database.ts';

const NOBODY = 65_534;

/** Directory of `initdb` and `postgres`; empty when there is none. */
function programs(): string {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return '';
  const versions = readdirSync(root).toSorted((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(root, version, 'bin')).find((path) => existsSync(join(path, 'initdb'))) ?? '';
}

export const POSTGRES = programs();
export const WITHOUT_POSTGRES = POSTGRES === '' ? 'PostgreSQL is not installed (apt-get install postgresql)' : '';
if (WITHOUT_POSTGRES !== '') process.stderr.write(`skipped: ${WITHOUT_POSTGRES}\n`);

export interface TestPostgres {
  readonly url: string;
  /** A database of this Sluice on a schema of its own. */
  open(schema: string): Promise<Database>;
  /** The server is gone at once, as after a power cut. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends every connection, as a restart in the middle of a transaction does. */
  dropConnections(): Promise<void>;
  sql(text: string): Promise<void>;
  /** Kills whoever waits for a lock inside a transaction, as the kernel does when memory runs out: the server drops everybody and recovers. Resolves once one was there. */
  killWaiting(): Promise<void>;
  close(): Promise<void>;
}

export async function startPostgres(): Promise<TestPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'pg-'));
  const isRoot = process.getuid?.() === 0;
  // PostgreSQL refuses to run as root.
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (isRoot) chownSync(directory, NOBODY, NOBODY);
  const data = join(directory, 'data');
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
  execFileSync(join(POSTGRES, 'initdb'), ['-D', data, '-U', 'sluice', '-A', 'trust', '--no-sync', '-E', 'UTF8'], {
    ...as,
    env,
    cwd: directory,
    stdio: 'ignore',
  });
  const url = `postgres://sluice@localhost/postgres?host=${encodeURIComponent(directory)}`;
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const child = spawn(
      join(POSTGRES, 'postgres'),
      [
        '-D',
        data,
        '-k',
        directory,
        '-h',
        '',
        '-c',
        'fsync=off',
        '-c',
        'max_connections=60',
        '-c',
        'shared_buffers=16MB',
      ],
      { ...as, env, cwd: directory, stdio: 'ignore' },
    );
    server = child;
    for (let attempt = 0; ; attempt += 1) {
      if (existsSync(join(directory, '.s.PGSQL.5432'))) {
        const probe = openPostgres(new Secret(url), 'public', { connections: 1 });
        try {
          await probe.all('SELECT 1 AS one');
          return;
        } catch {
          // Still recovering.
        } finally {
          await probe.close();
        }
      }
      if (attempt > 200) throw new Error('PostgreSQL did not start');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = server;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
    server = undefined;
  };
  const sql = async (text: string): Promise<void> => {
    const database = openPostgres(new Secret(url), 'public', { connections: 1 });
    try {
      await database.all(text);
    } finally {
      await database.close();
    }
  };
  await start();
  return {
    url,
    async open(schema) {
      // Two at once run into an error in which the schema was made.
      await sql(`CREATE SCHEMA IF NOT EXISTS ${schema}`).catch(() => undefined);
      return openPostgres(new Secret(url), schema, { connections: 3 });
    },
    kill: () => end('SIGQUIT'),
    start,
    dropConnections: () =>
      sql(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL',
      ),
    sql,
    async killWaiting() {
      const database = openPostgres(new Secret(url), 'public', { connections: 1 });
      try {
        for (let attempt = 0; attempt < 200; attempt += 1) {
          const [row] = await database.all(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active' LIMIT 1",
          );
          if (row !== undefined) {
            process.kill(Number(row['pid']), 'SIGKILL');
            return;
          }
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        throw new Error('nobody waits');
      } finally {
        await database.close();
      }
    },
    async close() {
      await end('SIGINT');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
