/**
 * The audit of an installation, opened: the writer, and the readings that console and command line share. SQLite keeps it in a file of its own, so that a flood of receipts never makes a latch wait.
 * Fails closed: a key or a file that cannot be opened is a problem at start.
 */
import { join } from 'node:path';
import { earliestNow } from '../../config/clock.ts';
import { type Environment, resolveSecret } from '../../config/load.ts';
import type { AuditConfig } from '../../config/audit-schema.ts';
import { type Database, StoreFault } from '../store/database.ts';
import { migrate } from '../store/schema.ts';
import { openSqlite } from '../store/sqlite.ts';
import { SendNotes } from './audited-upstream.ts';
import { HEAD_FILE, readHeadFile, writeHeadFile } from './head-file.ts';
import type { AuditEvent } from './event.ts';
import { type AuditLog, createAuditLog } from './log.ts';
import { type Claim, type Proof, proveNotSent } from './prove.ts';
import { ValueDigester } from './receipt.ts';
import { pruneAudit } from './retention.ts';
import { type AuditPage, type AuditQuery, searchAudit } from './search.ts';
import { deriveSigner, readSigner, type Signer, Verifier } from './signer.ts';
import { AUDIT_MIGRATIONS, type Head, readHead } from './table.ts';
import { type ChainReport, verifyChain } from './verify.ts';

export interface Audit {
  readonly log: AuditLog;
  readonly sends: SendNotes;
  readonly digester: ValueDigester;
  /** PEM, for whoever verifies elsewhere. */
  readonly publicKey: string;
  /** One caller who was turned away. Counted, and recorded a few seconds later together with the others. */
  turnedAway(code: string): void;
  search(query: AuditQuery): Promise<AuditPage>;
  /** Writes what waits, then reads the whole chain. */
  verify(options?: { readonly everySignature?: boolean }): Promise<ChainReport>;
  prove(claim: Claim): Promise<Proof>;
  head(): Promise<Head | undefined>;
  /** Drops what is older than the configured days; nothing where none are set. */
  prune(): Promise<number>;
  close(): Promise<void>;
}

export interface AuditOptions {
  readonly config: AuditConfig;
  readonly installationKey: Buffer;
  readonly environment: Environment;
  /** The store's database where it is PostgreSQL; a directory where it is files; nothing for memory. */
  readonly at: { readonly database: Database } | { readonly directory: string } | 'memory';
  readonly opening?: AuditEvent;
  readonly onFault?: (reason: string, waiting: number) => void;
  readonly onHead?: (head: Head) => void;
}

export type OpenedAudit =
  | { readonly kind: 'audit'; readonly audit: Audit }
  | { readonly kind: 'failed'; readonly path: 'audit.key' | 'stateDir'; readonly reason: string };

const TURNED_MS = 10_000;
const PRUNE_MS = 3_600_000;
const DAY_MS = 86_400_000;

export async function openAudit(options: AuditOptions): Promise<OpenedAudit> {
  const { config, installationKey } = options;
  let signer: Signer;
  try {
    signer = signerFor(config, installationKey, options.environment);
  } catch {
    return { kind: 'failed', path: 'audit.key', reason: 'is no Ed25519 private key (PEM), or cannot be read' };
  }
  let database: Database;
  const owned = typeof options.at === 'string' || 'directory' in options.at;
  const directory = typeof options.at === 'object' && 'directory' in options.at ? options.at.directory : undefined;
  try {
    database =
      typeof options.at === 'object' && 'database' in options.at
        ? options.at.database
        : openSqlite(directory === undefined ? ':memory:' : join(directory, 'audit.db'), {
            flush: config.required ? 'full' : 'off',
          });
    await migrate(database, AUDIT_MIGRATIONS, 'audit_version');
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    return { kind: 'failed', path: 'stateDir', reason: `audit.db cannot be opened (${error.reason})` };
  }
  const headFile = directory === undefined ? undefined : join(directory, HEAD_FILE);
  const log = createAuditLog({
    database,
    signer,
    required: config.required,
    flushMs: config.flushMs,
    ...(options.opening === undefined ? {} : { opening: options.opening }),
    ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
    onHead(head) {
      if (headFile !== undefined) writeHeadFile(headFile, head);
      options.onHead?.(head);
    },
  });
  const verifier = new Verifier([signer.publicKey]);
  const heads = (): readonly Head[] => {
    const head = headFile === undefined ? undefined : readHeadFile(headFile);
    return head === undefined ? [] : [head];
  };
  const prune = (): Promise<number> =>
    config.retentionDays === 0 ? Promise.resolve(0) : pruneAudit(log, earliestNow() - config.retentionDays * DAY_MS);
  // A failure leaves everything where it is; the next hour tries again.
  const timer = setInterval(() => void prune().catch(() => undefined), PRUNE_MS);
  timer.unref();
  const turned = new Map<string, number>();
  let turnedTimer: NodeJS.Timeout | undefined;
  const recordTurned = (): void => {
    clearTimeout(turnedTimer);
    turnedTimer = undefined;
    for (const [code, count] of turned) log.append({ kind: 'refused-callers', code, count });
    turned.clear();
  };
  return {
    kind: 'audit',
    audit: {
      log,
      sends: new SendNotes(),
      digester: new ValueDigester(installationKey),
      publicKey: signer.publicKey,
      turnedAway(code) {
        turned.set(code, (turned.get(code) ?? 0) + 1);
        turnedTimer ??= setTimeout(recordTurned, TURNED_MS).unref();
      },
      search: async (query) => {
        await log.flush();
        return searchAudit(database, query);
      },
      verify: async (how = {}) => {
        await log.flush();
        return verifyChain(database, { verifier, heads: heads(), ...how });
      },
      prove: async (claim) => {
        await log.flush();
        return proveNotSent(database, claim, { verifier, heads: heads() });
      },
      head: () => readHead(database),
      prune,
      async close() {
        clearInterval(timer);
        recordTurned();
        await log.close();
        if (owned) await database.close();
      },
    },
  };
}

function signerFor(config: AuditConfig, installationKey: Buffer, environment: Environment): Signer {
  if (config.key === undefined) return deriveSigner(installationKey);
  const secret = resolveSecret(config.key, environment);
  if (secret === undefined) throw new Error('no key');
  return readSigner(secret);
}
