/** Prometheus metrics with bounded label sets: routes, reasons, entities and tools are closed lists, never request text. docs/metrics.md lists the same names; a test ties the two. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  readonly requests: Counter<'route' | 'outcome'>;
  readonly decisions: Counter<'route' | 'label' | 'reason'>;
  readonly findings: Counter<'entity'>;
  readonly gaps: Counter<'cause'>;
  readonly doorRefusals: Counter<'cause'>;
  readonly replyFindings: Counter<'entity' | 'action'>;
  readonly toolCalls: Counter<'tool' | 'outcome'>;
  readonly upstreamRequests: Counter<'upstream' | 'outcome'>;
  readonly upstreamInFlight: Gauge<'upstream'>;
  readonly upstreamOpen: Gauge<'upstream'>;
  readonly tokens: Counter<'route' | 'type'>;
  readonly unpricedTokens: Counter<'route'>;
  readonly cost: Counter<'route' | 'upstream'>;
  readonly costAvoided: Counter;
  readonly addedSeconds: Histogram;
  readonly operationSeconds: Histogram<GenAiLabel | 'route'>;
  readonly firstChunkSeconds: Histogram<GenAiLabel | 'route'>;
  readonly tokenUsage: Histogram<GenAiLabel | 'gen_ai_token_type' | 'route'>;
  readonly toolSeconds: Histogram<'gen_ai_tool_name' | 'outcome'>;
  readonly recognizerSilent: Gauge<'recognizer'>;
  readonly traceRecords: Counter<'outcome'>;
  readonly policyInfo: Gauge<'policy'>;
  readonly reloads: Counter<'outcome'>;
  readonly shadowDecisions: Counter<'outcome'>;
  readonly adminRequests: Counter<'outcome'>;
  readonly feedback: Counter<'kind'>;
  readonly samples: Counter<'outcome'>;
  readonly residentBytes: Gauge;
  readonly loopDelaySeconds: Gauge;
  readonly openRequests: Gauge;
  readonly sandboxClaim: Gauge<'claim'>;
  readonly sandboxEndpoint: Gauge<'endpoint'>;
  readonly sandboxEvents: Counter<'event'>;
  readonly sandboxAlerts: Counter<'alert'>;
  readonly egressConnections: Counter<'outcome'>;
  readonly egressCredentials: Counter<'rule'>;
  readonly egressBytes: Counter<'direction'>;
  readonly sessionMarks: Gauge;
  readonly refusedCallers: Counter<'code'>;
  readonly processes: Gauge;
  readonly processEnds: Counter;
  readonly auditFailures: Counter;
}

/** Attributes of the GenAI conventions, spelled as Prometheus spells them. */
export type GenAiLabel =
  | 'gen_ai_operation_name'
  | 'gen_ai_provider_name'
  | 'gen_ai_request_model'
  | 'gen_ai_response_model';
const GEN_AI: readonly GenAiLabel[] = [
  'gen_ai_operation_name',
  'gen_ai_provider_name',
  'gen_ai_request_model',
  'gen_ai_response_model',
];

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
    replyFindings: new Counter({
      name: 'sluice_reply_findings_total',
      help: 'Sensitive values in cloud replies that their requests did not hold, by entity and by what was done: flagged, removed; only with policy.replyFindings.',
      labelNames: ['entity', 'action'],
      registers,
    }),
    toolCalls: new Counter({
      name: 'sluice_tool_calls_total',
      help: 'Tool calls of models by tool and outcome.',
      labelNames: ['tool', 'outcome'],
      registers,
    }),
    upstreamRequests: new Counter({
      name: 'sluice_upstream_requests_total',
      help: 'Requests to cloud upstreams by outcome: answered, or the code of the failure.',
      labelNames: ['upstream', 'outcome'],
      registers,
    }),
    upstreamInFlight: new Gauge({
      name: 'sluice_upstream_in_flight',
      help: 'Requests an upstream is answering now.',
      labelNames: ['upstream'],
      registers,
    }),
    upstreamOpen: new Gauge({
      name: 'sluice_upstream_circuit_open',
      help: '1 while an upstream is left alone after failures.',
      labelNames: ['upstream'],
      aggregator: 'max',
      registers,
    }),
    tokens: new Counter({
      name: 'sluice_tokens_total',
      help: 'Tokens as upstreams counted them.',
      labelNames: ['route', 'type'],
      registers,
    }),
    unpricedTokens: new Counter({
      name: 'sluice_unpriced_tokens_total',
      help: 'Tokens of cloud models without a price under telemetry.prices.',
      labelNames: ['route'],
      registers,
    }),
    cost: new Counter({
      name: 'sluice_cost_total',
      help: 'What cloud tokens cost, in telemetry.currency.',
      labelNames: ['route', 'upstream'],
      registers,
    }),
    costAvoided: new Counter({
      name: 'sluice_cost_avoided_total',
      help: 'What tokens answered locally would have cost at the price of telemetry.referenceModel.',
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
      help: 'Whole request (OpenTelemetry gen_ai.client.operation.duration).',
      labelNames: [...GEN_AI, 'route'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
      registers,
    }),
    firstChunkSeconds: new Histogram({
      name: 'gen_ai_client_operation_time_to_first_chunk_seconds',
      help: 'Until the first chunk reached the client (OpenTelemetry gen_ai.client.operation.time_to_first_chunk).',
      labelNames: [...GEN_AI, 'route'],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    tokenUsage: new Histogram({
      name: 'gen_ai_client_token_usage',
      help: 'Tokens of one request (OpenTelemetry gen_ai.client.token.usage).',
      labelNames: [...GEN_AI, 'gen_ai_token_type', 'route'],
      buckets: [1, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576],
      registers,
    }),
    toolSeconds: new Histogram({
      name: 'gen_ai_execute_tool_duration_seconds',
      help: 'Tool calls run in the sandbox (OpenTelemetry gen_ai.execute_tool.duration).',
      labelNames: ['gen_ai_tool_name', 'outcome'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120],
      registers,
    }),
    openRequests: new Gauge({ name: 'sluice_open_requests', help: 'Requests being answered now.', registers }),
    sandboxClaim: new Gauge({
      name: 'sluice_sandbox_claim_proved',
      help: '1 when the claim was proved from inside at the last probe.',
      labelNames: ['claim'],
      aggregator: 'min',
      registers,
    }),
    sandboxEndpoint: new Gauge({
      name: 'sluice_sandbox_endpoint_ready',
      help: '1 when the endpoint is proved and is given calls.',
      labelNames: ['endpoint'],
      registers,
    }),
    sandboxEvents: new Counter({
      name: 'sluice_sandbox_events_total',
      help: 'Events in the life of the sandbox broker.',
      labelNames: ['event'],
      registers,
    }),
    sandboxAlerts: new Counter({
      name: 'sluice_sandbox_alerts_total',
      help: 'Alarms of the sandbox’s watch, by kind.',
      labelNames: ['alert'],
      registers,
    }),
    egressConnections: new Counter({
      name: 'sluice_sandbox_egress_connections_total',
      help: 'Connections of tools to the network: relayed, or why refused.',
      labelNames: ['outcome'],
      registers,
    }),
    egressCredentials: new Counter({
      name: 'sluice_sandbox_egress_credentials_total',
      help: 'Connections of tools to which a credential was added, by the rule that did.',
      labelNames: ['rule'],
      registers,
    }),
    egressBytes: new Counter({
      name: 'sluice_sandbox_egress_bytes_total',
      help: 'Bytes of tools to and from the network.',
      labelNames: ['direction'],
      registers,
    }),
    recognizerSilent: new Gauge({
      name: 'sluice_recognizer_silent',
      help: '1 when a recognizer that used to fire has been quiet for longer than its own rate explains.',
      labelNames: ['recognizer'],
      aggregator: 'max',
      registers,
    }),
    traceRecords: new Counter({
      name: 'sluice_trace_requests_total',
      help: 'Requests whose spans were exported, dropped before or failed to be taken by the collector.',
      labelNames: ['outcome'],
      registers,
    }),
    policyInfo: new Gauge({
      name: 'sluice_policy_info',
      help: '1, with the first digits of the digest of the policy in force.',
      labelNames: ['policy'],
      aggregator: 'max',
      registers,
    }),
    reloads: new Counter({
      name: 'sluice_reloads_total',
      help: 'Attempts to put another configuration in force, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    shadowDecisions: new Counter({
      name: 'sluice_shadow_decisions_total',
      help: 'Requests a candidate policy was asked about: same, differs, dropped or failed.',
      labelNames: ['outcome'],
      registers,
    }),
    adminRequests: new Counter({
      name: 'sluice_admin_requests_total',
      help: 'Requests to the admin API by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    feedback: new Counter({
      name: 'sluice_feedback_total',
      help: 'Decisions people marked as wrong.',
      labelNames: ['kind'],
      registers,
    }),
    samples: new Counter({
      name: 'sluice_samples_total',
      help: 'Requests drawn for tuning: kept, too-large, dropped or failed. Always 0 while telemetry.sampling is off.',
      labelNames: ['outcome'],
      registers,
    }),
    residentBytes: new Gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory.', registers }),
    loopDelaySeconds: new Gauge({
      name: 'sluice_event_loop_delay_seconds',
      help: '99th percentile of how late the event loop was since the last look.',
      aggregator: 'max',
      registers,
    }),
    processes: new Gauge({
      name: 'sluice_processes',
      help: 'Processes that serve: 1 unless listen.processes says more.',
      registers,
    }),
    processEnds: new Counter({
      name: 'sluice_process_ends_total',
      help: 'Processes that ended without being told to, and were started again.',
      registers,
    }),
    auditFailures: new Counter({
      name: 'sluice_audit_failures_total',
      help: 'Attempts to write the audit that failed. Receipts wait, or requests are refused where it is required.',
      registers,
    }),
    refusedCallers: new Counter({
      name: 'sluice_refused_callers_total',
      help: 'Requests turned away before they were read: no key, an unknown one, or one of the other role.',
      labelNames: ['code'],
      registers,
    }),
    sessionMarks: new Gauge({
      name: 'sluice_session_marks',
      help: 'Conversation marks held exactly.',
      aggregator: 'max',
      registers,
    }),
  };
}
