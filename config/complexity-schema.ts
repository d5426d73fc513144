/** What counts as complex, in three bands: simple, uncertain, complex. A wrong band costs quality or money, never privacy: labels bind in every band. */
import { z } from 'zod';
import { milliseconds, name, score } from './schema-terms.ts';

const Judge = z.strictObject({
  upstream: name.optional().describe('Local upstream that is asked; the first local one when absent.'),
  model: z.string().default('').describe("Model that judges; empty takes the upstream's own."),
  timeoutMs: milliseconds.default(2_000).describe('Past it the request counts as `complexity.uncertain` says.'),
  maxChars: z.int().min(64).default(4_000).describe('Of the newest ask, head and tail; the rest is not shown.'),
});

export const Complexity = z.strictObject({
  threshold: score.default(0.5).describe('Score from which a request counts as complex.'),
  hysteresis: score
    .default(0.05)
    .describe(
      'Scores no further than this from the threshold are uncertain: a conversation stays in the band it was in, and changes only past it.',
    ),
  uncertain: z
    .enum(['score', 'simple', 'complex'])
    .default('score')
    .describe(
      'What a new conversation in the uncertain band counts as where no judge says: the side of the threshold it is on, or always the same.',
    ),
  judge: Judge.optional().describe(
    'A model on a local upstream that settles the uncertain band of a new conversation, asked only where the answer changes the route. Off unless named.',
  ),
});

export type ComplexityConfig = z.infer<typeof Complexity>;
