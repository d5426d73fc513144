/**
 * A cloud model behind OpenAI's API. It takes only Cleared bytes and sends them as they are. Fails closed: every
 * failure is a value, nothing is retried, and the upstream's words about a failure are classified and dropped.
 */
import { OpenAI } from 'openai';
import type { z } from 'zod';
import type { OpenAIUpstream } from '../../config/schema.ts';
import type { Secret } from '../../config/secret.ts';
import { openCloudDoor } from './door.ts';
import { codeOfStatus, type FailureCode } from './failure.ts';
import type { CloudUpstream } from './upstream.ts';

export interface CloudHealth {
  readonly kind: 'reachable' | 'unauthorized' | 'unreachable';
  /** Model ids the upstream offers this key; empty unless reachable. */
  readonly models: readonly string[];
}

export interface OpenAICloud extends CloudUpstream {
  readonly pipeRaw: NonNullable<CloudUpstream['pipeRaw']>;
  /** Asks for the model list. Sends no request text. Never throws. */
  health(): Promise<CloudHealth>;
}

/** Health is asked by people and readiness probes; neither waits for a slow model list. */
const HEALTH_TIMEOUT_MS = 5_000;

export function createOpenAIUpstream(config: z.infer<typeof OpenAIUpstream>, apiKey: Secret | undefined): OpenAICloud {
  const door = openCloudDoor({
    name: config.name,
    url: config.url,
    connectTimeoutMs: config.connectTimeoutMs,
    firstByteTimeoutMs: config.firstByteTimeoutMs,
    idleTimeoutMs: config.idleTimeoutMs,
    explain: explainOpenAI,
    ...(apiKey === undefined ? {} : { authorization: apiKey }),
  });
  // The client never sees the key: the door writes its own authorization and reads none of the client's headers.
  const client = new OpenAI({
    baseURL: config.url,
    apiKey: 'unused',
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: HEALTH_TIMEOUT_MS,
    logLevel: 'off',
    fetch: door.fetch,
  });
  return {
    kind: 'cloud',
    name: config.name,
    standIn: false,
    wire: config.api === 'responses' ? 'openai-responses' : 'openai-chat',
    models: [...new Set([config.model, ...config.models])],
    defaultModel: config.model,
    send: (cleared, options) => door.sendCleared(cleared, options),
    pipeRaw: (cleared, response, options) => door.pipeRaw(cleared, response, options),
    async health() {
      try {
        const page = await client.models.list();
        return { kind: 'reachable', models: page.getPaginatedItems().map((model) => model.id) };
      } catch (error) {
        const status = error instanceof OpenAI.APIError ? Number(error.status) : 0;
        if (status === 401 || status === 403) return { kind: 'unauthorized', models: [] };
        // A server without a model list (404, 405) is there all the same.
        return { kind: status === 404 || status === 405 ? 'reachable' : 'unreachable', models: [] };
      }
    },
    close: () => door.close(),
  };
}

const BY_ERROR_CODE: Readonly<Record<string, FailureCode>> = {
  context_length_exceeded: 'context_too_long',
  string_above_max_length: 'context_too_long',
  model_not_found: 'model_not_found',
  invalid_api_key: 'upstream_unauthorized',
  insufficient_quota: 'upstream_overloaded',
  rate_limit_exceeded: 'upstream_overloaded',
  unsupported_parameter: 'unsupported_by_model',
  unsupported_value: 'unsupported_by_model',
};

/** explainOpenAI reads `error.code` out of a refusal, then its `type`, and falls back on the status. */
export function explainOpenAI(status: number, body: string): FailureCode {
  for (const word of errorWords(body)) {
    if (Object.hasOwn(BY_ERROR_CODE, word)) return BY_ERROR_CODE[word] ?? codeOfStatus(status);
  }
  return codeOfStatus(status);
}

function errorWords(body: string): readonly string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return [];
  }
  if (typeof parsed !== 'object' || parsed === null || !('error' in parsed)) return [];
  const { error } = parsed;
  if (typeof error !== 'object' || error === null) return [];
  const words: string[] = [];
  if ('code' in error && typeof error.code === 'string') words.push(error.code);
  if ('type' in error && typeof error.type === 'string') words.push(error.type);
  return words;
}
