/** Who may ask: keys of our own, and what a request costs. The keys themselves live in the store, as digests. */
import { z } from 'zod';
import { label, name } from './schema-terms.ts';

export const Access = z.strictObject({
  open: z
    .enum(['auto', 'never'])
    .default('auto')
    .describe(
      'Without an API key: `auto` lets agents in on a loopback listener as long as no agent key was ever made; `never` asks for a key from the start. The admin side always asks.',
    ),
});

const amounts = z
  .strictObject({
    day: z.number().positive().optional().describe('Most in one day (UTC).'),
    month: z.number().positive().optional().describe('Most in one month (UTC).'),
  })
  .optional();

/** What one API key may do less than the policy allows. Every field can only take away. */
export const KeyTerms = z.strictObject({
  agent: name.default('main').describe('Agent whose sandbox policy applies.'),
  ceilings: z
    .strictObject({
      cloud: label.optional().describe('Highest label any cloud upstream may see of this key.'),
      local: label.optional().describe('Highest label at all; above it requests are refused.'),
    })
    .default({})
    .describe('Labels capped.'),
  routes: z
    .array(z.enum(['local', 'cloud', 'cloud-masked']))
    .min(1)
    .optional()
    .describe('Routes allowed; `cloud-masked` means nothing without `cloud`.'),
  models: z
    .array(z.string().min(1).max(128))
    .optional()
    .describe(
      'Model names that are honoured, `*` for any run of characters; a cloud upstream without one of them is out.',
    ),
  tools: z
    .array(z.string().min(1).max(128))
    .optional()
    .describe('Sandbox tools allowed, `*` for any run of characters.'),
  budget: z
    .strictObject({ requests: amounts, tokens: amounts, cost: amounts })
    .default({})
    .describe('Most that may be used.'),
  rate: z
    .strictObject({
      perMinute: z.number().positive().max(1_000_000).describe('Requests per minute over time.'),
      burst: z.int().min(1).max(1_000_000).default(10).describe('Requests at once.'),
    })
    .optional()
    .describe('Requests in time, counted by each instance, over all its processes.'),
});
export type KeyTerms = z.infer<typeof KeyTerms>;
