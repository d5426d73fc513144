/**
 * Everything that looks at a finished request: ring, metrics, cost, silence watch, traces. Called after the reply, once per request. Fails by forgetting: a
 * fault in here is logged by code and never reaches the reply.
 */
import type { Config, UpstreamConfig } from '../../config/schema.ts';
import { DecisionRing } from './decision-ring.ts';
import type { Metrics } from './metrics.ts';
import { ModelNames } from './model-names.ts';
import { PriceTable } from './prices.ts';
import { providerOf } from './provider.ts';
import type { RequestRecord } from './request-record.ts';
import { SilenceWatch } from './silence.ts';
import { SpanExporter, type SendSpans } from './span-exporter.ts';

export interface TelemetryOptions {
  readonly config: Config;
  readonly upstreams: readonly UpstreamConfig[];
  readonly metrics: Metrics;
  /** Absent: no traces. */
  readonly send?: SendSpans;
  /** Told of a fault in here, at most once per request. */
  readonly onFault: (error: unknown) => void;
  /** Carried over a reload: what people look at must not start anew with every change of a threshold. */
  readonly before?: Telemetry;
}

export class Telemetry {
  readonly decisions: DecisionRing;
  readonly silence: SilenceWatch;
  readonly models: ModelNames;
  readonly prices: PriceTable;
  /** 0 when no trace is exported. */
  readonly traceShare: number;
  readonly #metrics: Metrics;
  readonly #onFault: (error: unknown) => void;
  readonly #providers: ReadonlyMap<string, string>;
  readonly #exporter: SpanExporter | undefined;
  readonly #referenceModel: string;

  constructor({ config, upstreams, metrics, send, before, onFault }: TelemetryOptions) {
    const { telemetry } = config;
    this.#metrics = metrics;
    this.#onFault = onFault;
    this.decisions = before?.decisions ?? new DecisionRing(telemetry.decisions);
    this.silence = before?.silence ?? new SilenceWatch();
    this.models = new ModelNames(upstreams);
    this.prices = new PriceTable(telemetry);
    this.#providers = new Map(upstreams.map((each) => [each.name, providerOf(each)]));
    this.#referenceModel =
      telemetry.referenceModel === ''
        ? (upstreams.find((each) => each.kind !== 'ollama')?.model ?? '')
        : telemetry.referenceModel;
    this.traceShare = send === undefined ? 0 : telemetry.traces.share;
    this.#exporter =
      send === undefined
        ? undefined
        : new SpanExporter({
            send,
            count: (outcome, records) => metrics.traceRecords.inc({ outcome }, records),
            resource: { 'service.name': 'sluice', 'service.version': '0.1.0' },
          });
  }

  provider(upstream: string): string {
    return this.#providers.get(upstream) ?? '';
  }

  /** finish takes the evidence of one request that is over. */
  finish(record: RequestRecord): void {
    try {
      this.#count(record);
      this.silence.observe(record.session, recognizersOf(record));
      this.#exporter?.add(record);
      this.decisions.add(record);
    } catch (error) {
      // The receipt and the budget come after this, and they count for more.
      this.#onFault(error);
    }
  }

  /** watch takes the evidence of a request that another process answered, which counted and traced it. */
  watch(record: RequestRecord): void {
    this.silence.observe(record.session, recognizersOf(record));
    this.decisions.add(record);
  }

  close(): Promise<void> {
    return this.#exporter?.close() ?? Promise.resolve();
  }

  #count(record: RequestRecord): void {
    const metrics = this.#metrics;
    const { route, usage, timings } = record;
    metrics.requests.inc({ route, outcome: record.outcome });
    const labels = {
      gen_ai_operation_name: record.operation,
      gen_ai_provider_name: record.provider,
      gen_ai_request_model: record.requestModel,
      gen_ai_response_model: record.responseModel,
      route,
    };
    metrics.operationSeconds.observe(labels, timings.total / 1000);
    if (timings.firstChunk !== undefined) metrics.firstChunkSeconds.observe(labels, timings.firstChunk / 1000);
    if (usage === undefined) return;
    metrics.tokenUsage.observe({ ...labels, gen_ai_token_type: 'input' }, usage.inputTokens);
    metrics.tokenUsage.observe({ ...labels, gen_ai_token_type: 'output' }, usage.outputTokens);
    metrics.tokens.inc({ route, type: 'input' }, usage.inputTokens);
    metrics.tokens.inc({ route, type: 'output' }, usage.outputTokens);
    if (route === 'local') metrics.costAvoided.inc(this.prices.costOf(this.#referenceModel, usage) ?? 0);
    else if (record.cost === undefined) metrics.unpricedTokens.inc({ route }, usage.inputTokens + usage.outputTokens);
    else metrics.cost.inc({ route, upstream: record.upstream }, record.cost);
  }
}

function recognizersOf({ findings }: RequestRecord): Iterable<string> {
  return findings.length === 0 ? [] : new Set(findings.map((finding) => finding.recognizer));
}
