/** What is measured and told about requests, and what is kept of them. Nothing here can switch on text of a request in metrics, traces or logs; `sampling` alone keeps some, sealed in the store. */
import { z } from 'zod';
import { label, score, secretReference } from './schema-terms.ts';

const price = z.number().min(0);

export const Price = z.strictObject({
  model: z.string().min(1).describe('Model name; a `*` at its end stands for any rest. The longest that fits counts.'),
  input: price.describe('Per million input tokens.'),
  output: price.describe('Per million output tokens.'),
  cachedInput: price
    .optional()
    .describe('Per million input tokens the upstream had cached; the input price when absent.'),
});

export const Traces = z.strictObject({
  endpoint: z
    .url()
    .optional()
    .describe('Base URL of an OpenTelemetry collector; spans are posted to /v1/traces beneath it. Absent: no traces.'),
  authorization: secretReference.optional().describe('Reference to a bearer token for the collector.'),
  share: score
    .default(1)
    .describe(
      'Share of traces that are exported, by trace id, so that services with the same share keep the same ones.',
    ),
});

export const Sampling = z.strictObject({
  share: score
    .default(0)
    .describe('Share of decided requests of which the newest text of a person is kept; 0 keeps none.'),
  upTo: z
    .union([z.literal(''), label])
    .default('')
    .describe('Highest label of a request that may be kept; empty is the lowest of the ladder.'),
  days: z.number().positive().max(3_650).default(30).describe('Days a sample is kept; of 2000 the oldest go first.'),
});

export const Telemetry = z.strictObject({
  decisions: z
    .int()
    .min(0)
    .max(100_000)
    .default(2_000)
    .describe('Decisions held in memory for the console: ids, codes, positions and counts; never text.'),
  traces: Traces.prefault({}).describe('Spans by the GenAI conventions over OTLP/HTTP.'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'three capital letters')
    .default('USD')
    .describe('Of the prices.'),
  prices: z
    .array(Price)
    .default([])
    .describe('What cloud tokens cost. Models without a price are counted as unpriced.'),
  referenceModel: z
    .string()
    .default('')
    .describe(
      'Model at whose price tokens answered locally count as avoided cost; empty takes the model of the first cloud upstream.',
    ),
  feedback: z
    .enum(['off', 'evidence', 'text'])
    .default('evidence')
    .describe(
      'What may be kept when a person marks a decision as wrong: nothing, its evidence, or also the text that the person gives with it (encrypted in the store). Otherwise text of a request is kept only by `telemetry.sampling`.',
    ),
  feedbackDays: z
    .number()
    .positive()
    .max(3_650)
    .default(365)
    .describe('Days such a mark is kept. `sluice feedback erase` deletes all at once.'),
  sampling: Sampling.prefault({}).describe(
    'Samples of live traffic for `evaluate` and `tune`, off by default: encrypted in the store, never of an unknown verdict. `sluice feedback erase` deletes them.',
  ),
});
export type TelemetryConfig = z.infer<typeof Telemetry>;
