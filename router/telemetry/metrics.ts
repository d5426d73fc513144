/** Prometheus metrics with bounded label sets: routes, reasons, entities and tools are closed lists, never request text. docs/metrics.md lists the same names; a test ties the two. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  readonly requests: Counter<'route' | 'outcome'>;
  readonly decisions: Counter<'route' | 'label' | 'reason'>;
  readonly findings: Counter<'entity'>;
  readonly gaps: Counter<'cause'>;
  readonly doorRefusals: Counter<'cause'>;
  readonly toolCalls: Counter<'tool' | 'outcome'>;
  readonly tokens: Counter<'route' | 'type'>;
  readonly addedSeconds: Histogram;
  readonly operationSeconds: Histogram<'route'>;
  readonly firstChunkSeconds: Histogram<'route'>;
  readonly openRequests: Gauge;
  readonly sandboxClaim: Gauge<'claim'>;
  readonly sandboxEvents: Counter<'event'>;
  readonly egressConnections: Counter<'outcome'>;
  readonly egressBytes: Counter<'direction'>;
  readonly sessionMarks: Gauge;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    requests: new Counter({
      name: 'sluice_requests_total',
      help: 'Requests answered, by route and outcome.',
      labelNames: ['route', 'outcome'],
      registers,
    }),
    decisions: new Counter({
      name: 'sluice_decisions_total',
      help: 'Routing decisions by route, label and first reason.',
      labelNames: ['route', 'label', 'reason'],
      registers,
    }),
    findings: new Counter({
      name: 'sluice_findings_total',
      help: 'Findings by entity, new or remembered.',
      labelNames: ['entity'],
      registers,
    }),
    gaps: new Counter({
      name: 'sluice_gaps_total',
      help: 'What could not be classified, by cause.',
      labelNames: ['cause'],
      registers,
    }),
    doorRefusals: new Counter({
      name: 'sluice_door_refusals_total',
      help: 'Requests the last scan before the cloud stopped.',
      labelNames: ['cause'],
      registers,
    }),
    toolCalls: new Counter({
      name: 'sluice_tool_calls_total',
      help: 'Tool calls of models by tool and outcome.',
      labelNames: ['tool', 'outcome'],
      registers,
    }),
    tokens: new Counter({
      name: 'sluice_tokens_total',
      help: 'Tokens as upstreams counted them.',
      labelNames: ['route', 'type'],
      registers,
    }),
    addedSeconds: new Histogram({
      name: 'sluice_added_seconds',
      help: 'Time from body read to dispatch: what Sluice itself adds.',
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1],
      registers,
    }),
    operationSeconds: new Histogram({
      name: 'gen_ai_client_operation_duration_seconds',
      help: 'Whole request, by route (OpenTelemetry gen_ai.client.operation.duration).',
      labelNames: ['route'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
      registers,
    }),
    firstChunkSeconds: new Histogram({
      name: 'gen_ai_client_operation_time_to_first_chunk_seconds',
      help: 'Until the first chunk reached the client.',
      labelNames: ['route'],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    openRequests: new Gauge({ name: 'sluice_open_requests', help: 'Requests being answered now.', registers }),
    sandboxClaim: new Gauge({
      name: 'sluice_sandbox_claim_proved',
      help: '1 when the claim was proved from inside at the last probe.',
      labelNames: ['claim'],
      registers,
    }),
    sandboxEvents: new Counter({
      name: 'sluice_sandbox_events_total',
      help: 'Events in the life of the sandbox broker.',
      labelNames: ['event'],
      registers,
    }),
    egressConnections: new Counter({
      name: 'sluice_sandbox_egress_connections_total',
      help: 'Connections of tools to the network: relayed, or why refused.',
      labelNames: ['outcome'],
      registers,
    }),
    egressBytes: new Counter({
      name: 'sluice_sandbox_egress_bytes_total',
      help: 'Bytes of tools to and from the network.',
      labelNames: ['direction'],
      registers,
    }),
    sessionMarks: new Gauge({ name: 'sluice_session_marks', help: 'Conversation marks held exactly.', registers }),
  };
}
