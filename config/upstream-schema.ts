/** The part of the configuration that says which models can be reached, and how. */
import { z } from 'zod';
import { label, milliseconds, name, secretReference } from './schema-terms.ts';

const upstreamBase = {
  name: name.describe('Name used in rules, headers, metrics and receipts.'),
  sees: label.describe('Highest label this upstream may see.'),
  connectTimeoutMs: milliseconds.default(5_000).describe('TCP and TLS connect.'),
  firstByteTimeoutMs: milliseconds
    .default(600_000)
    .describe('From request sent to first response byte; local models load slowly.'),
  idleTimeoutMs: milliseconds.default(300_000).describe('Longest silence inside a response.'),
};

const gateBase = {
  maxConcurrent: z
    .int()
    .min(0)
    .default(0)
    .describe(
      'Requests it answers at a time; one more is refused as overloaded, or goes to the next of a pool. 0: no bound.',
    ),
  breaker: z
    .strictObject({
      failures: z
        .int()
        .min(0)
        .default(5)
        .describe('Failures in a row after which it is not asked for a while; 0: never.'),
      openMs: milliseconds
        .default(10_000)
        .describe(
          'How long; then one request is let through to see. Doubles with every failed try, up to five minutes.',
        ),
    })
    .prefault({})
    .describe('Spares a server that is down, and those who would wait for it.'),
};

const cloudBase = {
  ...gateBase,
  apiKey: secretReference.optional().describe('Reference to the API key.'),
  model: z.string().min(1).describe('Model for routed requests.'),
  models: z
    .array(z.string())
    .default([])
    .describe('Further model names clients may ask for by name; `*` stands for any run of characters: `claude-*`.'),
  forwardClientKey: z
    .boolean()
    .default(false)
    .describe(
      "Sends the client's own Authorization or x-api-key header to this upstream in place of apiKey. Only for clients that hold keys of this very provider; whoever runs it then knows who asks.",
    ),
};

const maxTokens = z
  .int()
  .min(1)
  .default(8192)
  .describe('Longest answer asked for where the client gave no limit and the API demands one.');

const KINDS =
  '`ollama`: local, native API. The rest is cloud. `openai`: any server that speaks the API of OpenAI. `azure`: Azure OpenAI. `anthropic`: any server that speaks the Messages API. `provider`: an API described under `providers`.';

export const OllamaUpstream = z.strictObject({
  kind: z.literal('ollama').describe(KINDS),
  ...upstreamBase,
  ...gateBase,
  url: z.url().describe('Base URL of the Ollama server.'),
  model: z
    .string()
    .default('')
    .describe('Model for routed requests; empty takes the first model that is really local.'),
  contextTokens: z
    .int()
    .min(512)
    .default(8192)
    .describe('num_ctx sent with every request; always the same, because a change reloads the model.'),
  overflow: z
    .enum(['refuse', 'raise-window'])
    .default('refuse')
    .describe(
      'Prompt longer than the window: refuse with an error, or ask Ollama for a larger window up to maxContextTokens.',
    ),
  maxContextTokens: z.int().min(512).default(32_768).describe('Largest window asked for under raise-window.'),
  keepAlive: z.string().default('5m').describe('How long Ollama keeps the model loaded.'),
});

export const OpenAIUpstream = z.strictObject({
  kind: z.literal('openai').describe(KINDS),
  ...upstreamBase,
  ...cloudBase,
  url: z.url().describe('Base URL, with /v1.'),
  api: z
    .enum(['chat', 'responses'])
    .default('chat')
    .describe(
      'Which of OpenAI’s APIs the server is asked by. `responses` carries reasoning, custom tools and namespaces as they are; every client works with either.',
    ),
});

export const AzureUpstream = z.strictObject({
  kind: z.literal('azure').describe(KINDS),
  ...upstreamBase,
  ...cloudBase,
  url: z.url().describe('Endpoint of the resource: https://NAME.openai.azure.com.'),
  apiVersion: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}(?:-preview)?$/, 'an API version is a date, as 2024-10-21')
    .optional()
    .describe('Asks by deployment path with this api-version; absent takes the versionless /openai/v1.'),
  deployments: z
    .record(z.string(), z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'a deployment is letters, digits, dots and dashes'))
    .default({})
    .describe('Deployment of each model, where it has another name.'),
});

export const AnthropicUpstream = z.strictObject({
  kind: z.literal('anthropic').describe(KINDS),
  ...upstreamBase,
  ...cloudBase,
  url: z.url().default('https://api.anthropic.com/v1').describe('Base URL, with /v1.'),
  maxTokens,
});

export const ProviderUpstream = z.strictObject({
  kind: z.literal('provider').describe(KINDS),
  ...upstreamBase,
  ...cloudBase,
  provider: name.describe('Name under `providers`.'),
  url: z.url().optional().describe("Base URL in place of the provider's own."),
  maxTokens,
});

const headerName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'a header name is letters, digits and dashes')
  .refine(
    (header) =>
      !/^(?:host|connection|content-length|content-type|content-encoding|transfer-encoding|accept|accept-encoding|cookie|te|trailer|upgrade|expect|keep-alive|proxy-.*|forwarded|via|x-forwarded-.*)$/i.test(
        header,
      ),
    'this header is written by Sluice itself, or names the client',
  );
const headerValue = z.string().regex(/^[\x20-\x7e]{0,256}$/, 'a header value is printable ASCII, up to 256 characters');
const path = z.string().regex(/^\/(?:[A-Za-z0-9._~/-]|\{model\}){0,256}$/, 'a path begins with / and may hold {model}');
const member = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a member of the body is a plain name');

export const Provider = z.strictObject({
  api: z
    .enum(['openai-chat', 'openai-responses', 'anthropic-messages'])
    .default('openai-chat')
    .describe('Whose API it speaks.'),
  url: z.url().optional().describe('Base URL.'),
  auth: z
    .strictObject({
      header: headerName.default('authorization').describe('Header that carries the key.'),
      scheme: z
        .string()
        .regex(/^[A-Za-z]{0,16}$/, 'a scheme is a word')
        .default('Bearer')
        .describe('Word before the key; empty for none.'),
    })
    .prefault({})
    .describe('How the key is sent.'),
  headers: z
    .record(headerName, headerValue)
    .default({})
    .describe('Sent with every request. No place for secrets: those are references.'),
  query: z
    .record(z.string().regex(/^[A-Za-z0-9._-]{1,64}$/), z.string().regex(/^[A-Za-z0-9._~-]{0,64}$/))
    .default({})
    .describe('Added to the query of every request.'),
  path: path
    .optional()
    .describe('Path of the API below the base URL, where it has another: `/deployments/{model}/chat`.'),
  rename: z
    .record(member, member)
    .default({})
    .describe('Members of the body that have another name there: `max_completion_tokens: max_tokens`.'),
  drop: z.array(member).default([]).describe('Members of the body that are refused there.'),
});

/** Built-in scripted models for the demo. Only demo mode makes them; a config file cannot. */
export const StandInUpstream = z.strictObject({ kind: z.literal('stand-in'), ...upstreamBase, model: z.string() });

export const Pool = z.strictObject({
  members: z
    .array(name)
    .min(1)
    .describe('Upstreams that stand in for one another, all local or all cloud, first choice first.'),
  weights: z
    .record(name, z.number().min(0))
    .default({})
    .describe(
      'Shares of the conversations, by member; a conversation stays with its member. None given: the first that can.',
    ),
  retry: z
    .enum(['never', 'unsent', 'before-first-byte'])
    .default('unsent')
    .describe(
      '`unsent`: the next member is asked when this one was not reached, or refused the request (429, 503, 401, 404). `before-first-byte`: also when it failed before it answered, and may have done the work.',
    ),
  attempts: z.int().min(1).max(10).default(2).describe('Members asked for one request at most.'),
});

export const Alias = z.strictObject({
  upstream: name.describe('Upstream or pool.'),
  model: z.string().default('').describe('Model there; empty takes its own.'),
});

export const Upstream = z.discriminatedUnion('kind', [
  OllamaUpstream,
  OpenAIUpstream,
  AzureUpstream,
  AnthropicUpstream,
  ProviderUpstream,
]);

export type ProviderConfig = z.infer<typeof Provider>;
export type UpstreamConfig = z.infer<typeof Upstream> | z.infer<typeof StandInUpstream>;
export type PoolConfig = z.infer<typeof Pool>;
export type CloudConfig = Exclude<z.infer<typeof Upstream>, { readonly kind: 'ollama' }>;
