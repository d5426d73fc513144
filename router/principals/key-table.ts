/** API keys in the store: digests and terms, never a key. A revoked key's row stays, so that revoking the last one opens nothing. Fails closed: StoreFault. */
import { KeyTerms } from '../../config/access-schema.ts';
import type { Database, Row } from '../store/database.ts';
import type { Role } from './principal.ts';

export interface KeyRecord {
  readonly id: string;
  readonly digest: string;
  readonly role: Role;
  readonly principal: string;
  readonly terms: KeyTerms;
  /** Epoch milliseconds, as the next two; 0 for never. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number;
}

export interface KeyTable {
  list(): Promise<readonly KeyRecord[]>;
  add(record: KeyRecord): Promise<void>;
  /** `false` when there is no such key, or it was revoked before. */
  revoke(id: string, at: number): Promise<boolean>;
}

export function createKeyTable(database: Database): KeyTable {
  const list = async (): Promise<readonly KeyRecord[]> =>
    (await database.all('SELECT * FROM api_key ORDER BY created_at, id')).map(readRow);
  return {
    list,
    async add(record) {
      await database.batch([
        {
          sql: `INSERT INTO api_key (id, digest, role, principal, terms, created_at, expires_at, revoked_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
          params: [
            record.id,
            record.digest,
            record.role,
            record.principal,
            JSON.stringify(record.terms),
            record.createdAt,
            record.expiresAt,
            record.revokedAt,
          ],
        },
      ]);
    },
    async revoke(id, at) {
      const known = (await list()).find((each) => each.id === id);
      if (known === undefined || known.revokedAt !== 0) return false;
      await database.batch([
        { sql: 'UPDATE api_key SET revoked_at = $1 WHERE id = $2 AND revoked_at = 0', params: [at, id] },
      ]);
      return true;
    },
  };
}

/** Terms that this Sluice cannot read might have taken something away: such a key is as good as revoked. */
function readRow(row: Row): KeyRecord {
  const text = (column: string): string => String(row[column]);
  const number = (column: string): number => Number(row[column]);
  const role = text('role');
  const parsed = KeyTerms.safeParse(parseJson(text('terms')));
  const readable = parsed.success && (role === 'agent' || role === 'admin');
  return {
    id: text('id'),
    digest: text('digest'),
    role: role === 'admin' ? 'admin' : 'agent',
    principal: text('principal'),
    terms: parsed.success ? parsed.data : KeyTerms.parse({}),
    createdAt: number('created_at'),
    expiresAt: number('expires_at'),
    revokedAt: readable ? number('revoked_at') : 1,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
