/**
 * A cloud model behind an HTTP API, whichever: it takes only Cleared bytes and sends them as they are, to where its provider's profile says. Fails closed: every
 * failure is a value, nothing is retried, and the upstream's words about a failure are classified and dropped.
 */
import type { Secret } from '../../config/secret.ts';
import type { CloudConfig } from '../../config/upstream-schema.ts';
import { type CloudDoor, openCloudDoor } from './door.ts';
import type { ProviderProfile } from './provider.ts';
import type { CloudUpstream } from './upstream.ts';

export interface OpenCloud extends CloudUpstream {
  readonly pipeRaw: NonNullable<CloudUpstream['pipeRaw']>;
  /** For clients of the model list. */
  readonly fetch: CloudDoor['fetch'];
}

/** createCloudUpstream connects nothing yet. Throws DoorFault for a URL that cannot be. */
export function createCloudUpstream(
  config: CloudConfig,
  profile: ProviderProfile,
  apiKey: Secret | undefined,
): OpenCloud {
  const door = openCloudDoor({
    name: config.name,
    url: profile.url,
    connectTimeoutMs: config.connectTimeoutMs,
    firstByteTimeoutMs: config.firstByteTimeoutMs,
    idleTimeoutMs: config.idleTimeoutMs,
    explain: profile.explain,
    headers: profile.headers,
    address: profile.address,
    ...(profile.featureHeader === undefined ? {} : { featureHeader: profile.featureHeader }),
    ...(apiKey === undefined ? {} : { key: { ...profile.auth, key: apiKey } }),
  });
  return {
    kind: 'cloud',
    name: config.name,
    standIn: false,
    wire: profile.wire,
    models: [...new Set([config.model, ...config.models])],
    defaultModel: config.model,
    quirks: profile.quirks,
    forwardsClientKey: config.forwardClientKey,
    ...('maxTokens' in config ? { maxTokens: config.maxTokens } : {}),
    send: (cleared, options) => door.sendCleared(cleared, options),
    pipeRaw: (cleared, response, options) => door.pipeRaw(cleared, response, options),
    fetch: door.fetch,
    close: () => door.close(),
  };
}
