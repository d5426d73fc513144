/**
 * Placeholder maps that outlive the process: one row per placeholder, its value sealed under a key made from principal and conversation, so that no other conversation's key opens it and the row says
 * not whose it is. Fails closed: StoreFault; a row that does not open is left out, and its placeholder restores to nothing.
 */
import { createHmac } from 'node:crypto';
import type { Database } from '../store/database.ts';
import { Sealer } from '../store/sealed.ts';

export interface PlaceholderRow {
  readonly token: string;
  readonly value: string;
}

export interface PlaceholderTable {
  /** Rows of one conversation, other than those `known` already. */
  load(scope: Buffer, known: (token: string) => boolean): Promise<readonly PlaceholderRow[]>;
  save(scope: Buffer, rows: readonly PlaceholderRow[]): Promise<void>;
  /** Forgets conversations nobody masked anything in since `before`, epoch milliseconds. */
  prune(before: number): Promise<void>;
}

export function createPlaceholderTable(database: Database): PlaceholderTable {
  const nameOf = (scope: Buffer): string =>
    createHmac('sha256', scope).update('name of the conversation').digest('hex');
  const sealerOf = (scope: Buffer): Sealer => new Sealer(scope, 'sluice placeholders');
  return {
    async load(scope, known) {
      const name = nameOf(scope);
      const rows = await database.all('SELECT token, sealed FROM placeholder WHERE scope = $1', [name]);
      if (rows.length === 0) return [];
      const sealer = sealerOf(scope);
      return rows.flatMap((row) => {
        const token = String(row['token']);
        if (known(token)) return [];
        const value = sealer.open(row['sealed'] as Uint8Array, token)?.toString('utf8');
        return value === undefined ? [] : [{ token, value }];
      });
    },
    async save(scope, rows) {
      if (rows.length === 0) return;
      const name = nameOf(scope);
      const sealer = sealerOf(scope);
      const at = Date.now();
      await database.batch(
        rows.map(({ token, value }) => ({
          // The same value in the same conversation has the same token, so who comes second has nothing to change.
          sql: 'INSERT INTO placeholder (scope, token, sealed, at) VALUES ($1, $2, $3, $4) ON CONFLICT (scope, token) DO UPDATE SET at = excluded.at',
          params: [name, token, sealer.seal(value, token), at],
        })),
      );
    },
    async prune(before) {
      await database.batch([
        {
          sql: 'DELETE FROM placeholder WHERE scope IN (SELECT scope FROM placeholder GROUP BY scope HAVING max(at) < $1)',
          params: [before],
        },
      ]);
    },
  };
}
