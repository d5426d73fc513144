/**
 * A cloud model behind OpenAI's API. It takes only Cleared bytes and sends them as they are. Fails closed: every
 * failure is a value, nothing is retried, and the upstream's words about a failure are classified and dropped.
 */
import { OpenAI } from 'openai';
import type { z } from 'zod';
import type { OpenAIUpstream } from '../../config/upstream-schema.ts';
import type { Secret } from '../../config/secret.ts';
import { createCloudUpstream } from './cloud.ts';
import { profileOf } from './provider.ts';
import type { CloudUpstream } from './upstream.ts';

export interface OpenAICloud extends CloudUpstream {
  readonly pipeRaw: NonNullable<CloudUpstream['pipeRaw']>;
  readonly health: NonNullable<CloudUpstream['health']>;
}

/** Health is asked by people and readiness probes; neither waits for a slow model list. */
const HEALTH_TIMEOUT_MS = 5_000;

export function createOpenAIUpstream(config: z.infer<typeof OpenAIUpstream>, apiKey: Secret | undefined): OpenAICloud {
  const profile = profileOf(config, {});
  if (profile === undefined) throw new Error('an OpenAI upstream has a profile');
  const cloud = createCloudUpstream(config, profile, apiKey);
  // The client never sees the key: the door writes its own authorization and reads none of the client's headers.
  const client = new OpenAI({
    baseURL: config.url,
    apiKey: 'unused',
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: HEALTH_TIMEOUT_MS,
    logLevel: 'off',
    fetch: cloud.fetch,
  });
  return {
    ...cloud,
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
  };
}
