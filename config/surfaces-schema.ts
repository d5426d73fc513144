/** What the client-facing APIs keep and carry. */
import { z } from 'zod';
import { bytes, milliseconds, name } from './schema-terms.ts';

export const Surfaces = z.strictObject({
  providerTools: z
    .enum(['strip', 'refuse', 'carry'])
    .default('strip')
    .describe(
      'Tools a provider would run by itself (web search, file search, code interpreter, image generation, remote MCP, hosted shells): leave them out and say so in x-sluice-removed, refuse the request, or carry them to upstreams with `api: responses`. Carried, they reach out from the cloud without passing here again.',
    ),
  embeddings: z
    .strictObject({
      cloudModels: z
        .array(z.string())
        .default([])
        .describe(
          'Embedding models of a cloud upstream that may embed texts in which nothing was found, when a client asks for one by name. All other texts are embedded by a local model, whose vectors fit into no index of these.',
        ),
      cloudUpstream: name.optional().describe('The upstream that has them; the first cloud upstream when absent.'),
    })
    .prefault({})
    .describe('Where /v1/embeddings may be answered from.'),
  responses: z
    .strictObject({
      store: z
        .enum(['memory', 'store', 'off'])
        .default('memory')
        .describe(
          'Where replies of /v1/responses are kept for previous_response_id, item references and retrieval: in memory, or also sealed in the store, for restarts and other instances. No upstream ever keeps them.',
        ),
      maxResponses: z.int().min(1).default(10_000).describe('Replies kept; the oldest go first.'),
      maxBytes: bytes.default(256 * 1024 * 1024).describe('Text kept, in UTF-16 units; the oldest replies go first.'),
      maxAgeMs: milliseconds.default(24 * 3_600_000).describe('How long a reply is kept.'),
    })
    .prefault({})
    .describe('State of /v1/responses.'),
});
