/** The way of spans to an OpenTelemetry collector, through the same door as everything else. Fails by answering false; the span is then forgotten. */
import type { ConfigProblem } from '../../config/explain.ts';
import { type Environment, resolveSecret } from '../../config/load.ts';
import type { TelemetryConfig } from '../../config/telemetry-schema.ts';
import type { SendSpans } from '../telemetry/span-exporter.ts';
import { openCollectorDoor } from './door.ts';
import { DoorFault } from './failure.ts';

export interface Collector {
  readonly send: SendSpans;
  close(): Promise<void>;
}

export type OpenedCollector =
  | { readonly kind: 'collector'; readonly collector: Collector }
  /** No endpoint is configured. */
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid'; readonly problem: ConfigProblem };

/** A collector on the same network answers at once or is in trouble. */
const TIMEOUT_MS = 10_000;
const ANSWER_BYTES = 64 * 1024;

export function openCollector(config: TelemetryConfig['traces'], environment: Environment): OpenedCollector {
  const { endpoint, authorization } = config;
  if (endpoint === undefined) return { kind: 'none' };
  const secret = authorization === undefined ? undefined : resolveSecret(authorization, environment);
  if (authorization !== undefined && secret === undefined)
    return invalid('authorization', `${authorization} is not set or cannot be read`);
  try {
    const door = openCollectorDoor({
      name: 'collector',
      url: endpoint,
      connectTimeoutMs: TIMEOUT_MS,
      firstByteTimeoutMs: TIMEOUT_MS,
      idleTimeoutMs: TIMEOUT_MS,
      ...(secret === undefined ? {} : { key: { header: 'authorization', scheme: 'Bearer', key: secret } }),
      explain: () => 'upstream_rejected',
    });
    return {
      kind: 'collector',
      collector: {
        async send(batch) {
          const reply = await door.sendSpans(batch, { signal: AbortSignal.timeout(TIMEOUT_MS) });
          if (reply.kind === 'failed') return false;
          // What it says is of no interest, but an unread body would hold the connection.
          let read = 0;
          for await (const chunk of reply.body) if ((read += chunk.length) > ANSWER_BYTES) break;
          return true;
        },
        close: () => door.close(),
      },
    };
  } catch (error) {
    if (!(error instanceof DoorFault)) throw error;
    return invalid('endpoint', 'is no http or https URL that can be sent to');
  }
}

function invalid(key: string, message: string): OpenedCollector {
  return { kind: 'invalid', problem: { path: `telemetry.traces.${key}`, message } };
}
