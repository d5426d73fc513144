/**
 * The deep tier: models that are asked about what the fast tiers left in doubt. Off unless named. It only raises: what it calls harmless
 * stays what it was, and where it is late, fails or answers out of form the request is unknown.
 */
import { z } from 'zod';
import { milliseconds, name, score } from './schema-terms.ts';

const Judge = z.strictObject({
  upstream: name.optional().describe('Local upstream that is asked; the first local one when absent.'),
  model: z.string().default('').describe("Model that judges; empty takes the upstream's own."),
});

const TokenModel = z.strictObject({
  model: z
    .string()
    .min(1)
    .describe('ONNX token-classification model (inputs input_ids, attention_mask), relative to the config file.'),
  vocabulary: z.string().min(1).describe('WordPiece vocabulary, one token a line, relative to the config file.'),
  labels: z
    .array(z.string().min(1))
    .min(2)
    .max(512)
    .describe('What each output means, in order: `O`, or an entity, with or without `B-` and `I-`.'),
  lowerCase: z.boolean().default(false).describe('Whether the vocabulary is of an uncased model.'),
  threshold: score.default(0.5).describe('Lowest probability of a token that counts.'),
  maxTokens: z
    .int()
    .min(16)
    .max(8192)
    .default(512)
    .describe('Longest piece read at once; longer texts are read in pieces.'),
});

export const Deep = z.strictObject({
  judge: Judge.optional().describe('A model on a local upstream says whether a text is sensitive.'),
  tokenModel: TokenModel.optional().describe(
    'A token-classification model, run in this process by onnxruntime-node (not installed with Sluice).',
  ),
  doubt: z
    .array(z.string().min(1))
    .default(['PERSON', 'USERNAME', 'topic', 'locality'])
    .describe('Entities and signals that, in a request otherwise clean, make a text doubtful.'),
  timeoutMs: milliseconds
    .default(4_000)
    .describe('For all doubtful texts of a request; past it the request is unknown.'),
  maxChars: z
    .int()
    .min(64)
    .default(8_000)
    .describe('Of doubtful text read in one request that was not read before; more makes the request unknown.'),
});

export type DeepConfig = z.infer<typeof Deep>;
