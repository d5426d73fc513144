/**
 * What an entity means: one label by default, fewer of it, and conditions under which it means something else. Checked at load by
 * router/policy/prove.ts. Fails closed: a condition that cannot be evaluated only ever raises.
 */
import { z } from 'zod';
import { label, name, score } from './schema-terms.ts';

export const EntityCondition = z.strictObject({
  name: name.describe('Named by explain and in the reasons.'),
  when: z
    .string()
    .describe('CEL over count, score, label, principal, protocol, model, tools, entities, signals, chars, turns.'),
  label: label.describe('Label of the entity in a request for which it holds.'),
  maskable: z.boolean().optional().describe('Whether masking may make such a request fit; as the entity when absent.'),
});

export const EntityRule = z.strictObject({
  label: label.describe('Label a finding of this entity gives the request.'),
  threshold: score.default(0.5).describe('Lowest score that counts.'),
  maskable: z.boolean().default(true).describe('Whether masking may make a request with it fit for a cloud upstream.'),
  action: z
    .enum(['route', 'refuse'])
    .optional()
    .describe('`refuse` answers every request with it with an error; `route`, the default, lets the label decide.'),
  minCount: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('How many different values of it a request must hold for the label; fewer have `fewerLabel`. Default 1.'),
  fewerLabel: label.optional().describe('Label of fewer than minCount; the lowest when absent.'),
  conditions: z
    .array(EntityCondition)
    .max(16)
    .optional()
    .describe('The first that holds gives the label instead; none leaves it as it is.'),
});

export type EntityRule = z.infer<typeof EntityRule>;
