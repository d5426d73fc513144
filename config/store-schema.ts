/** Where labels, keys, maps, budgets and the audit are kept. */
import { z } from 'zod';
import { secretReference } from './schema-terms.ts';

export const Store = z
  .strictObject({
    kind: z
      .enum(['sqlite', 'postgres'])
      .default('sqlite')
      .describe(
        '`sqlite`: files in stateDir, for any number of processes on one machine. `postgres`: one database for instances on several machines.',
      ),
    url: secretReference
      .optional()
      .describe('Reference to the connection URL of PostgreSQL (postgres://user:password@host/database).'),
    schema: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,40}$/, 'a schema is lower-case letters, digits and underscores')
      .default('sluice')
      .describe('Schema in that database; made when it is not there.'),
    connections: z.int().min(1).max(100).default(8).describe('Most connections of one process.'),
    key: secretReference
      .optional()
      .describe(
        "Reference to the installation's key, 64 hex digits, in place of digest.key in stateDir: instances that share a store need the same one.",
      ),
  })
  .superRefine((store, context) => {
    if (store.kind === 'postgres' && store.url === undefined)
      context.addIssue({ code: 'custom', path: ['url'], message: 'PostgreSQL needs a url' });
  });
