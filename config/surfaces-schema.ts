/** What the client-facing APIs keep and carry. */
import { z } from 'zod';
import { bytes, milliseconds } from './schema-terms.ts';

export const Surfaces = z.strictObject({
  providerTools: z
    .enum(['strip', 'refuse', 'carry'])
    .default('strip')
    .describe(
      'Tools a provider would run by itself (web search, file search, code interpreter, image generation, remote MCP, hosted shells): leave them out and say so in x-sluice-removed, refuse the request, or carry them to upstreams with `api: responses`. Carried, they reach out from the cloud without passing here again.',
    ),
  responses: z
    .strictObject({
      store: z
        .enum(['memory', 'off'])
        .default('memory')
        .describe(
          'Where replies of /v1/responses are kept for previous_response_id, item references and retrieval. No upstream ever keeps them.',
        ),
      maxResponses: z.int().min(1).default(10_000).describe('Replies kept; the oldest go first.'),
      maxBytes: bytes.default(256 * 1024 * 1024).describe('Text kept, in UTF-16 units; the oldest replies go first.'),
      maxAgeMs: milliseconds.default(24 * 3_600_000).describe('How long a reply is kept.'),
    })
    .prefault({})
    .describe('State of /v1/responses.'),
});

export type SurfacesConfig = z.infer<typeof Surfaces>;
