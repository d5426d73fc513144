/**
 * Request records as OTLP/HTTP JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp) by the GenAI conventions. Only record fields become attributes, so
 * no text of a request can: `SpanBatch` is made here alone, and the collector's door takes nothing else.
 */
import { randomHex } from './trace-context.ts';
import type { RequestRecord } from './request-record.ts';

declare const brand: unique symbol;
/** The body of one export. */
export type SpanBatch = string & { readonly [brand]: true };

type Value = string | number | boolean | readonly string[];
const KIND = { internal: 1, server: 2, client: 3 } as const;
const STATUS_ERROR = 2;
/** Outcomes that are no fault of anybody's. */
const FINE: ReadonlySet<string> = new Set(['answered', 'refused', 'client-gone']);

export function encodeSpans(records: readonly RequestRecord[], resource: Readonly<Record<string, Value>>): SpanBatch {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributes(resource) },
        scopeSpans: [{ scope: { name: 'sluice' }, spans: records.flatMap(spansOf) }],
      },
    ],
  }) as SpanBatch;
}

function spansOf(record: RequestRecord): readonly unknown[] {
  const { trace, timings } = record;
  if (trace === undefined) return [];
  const failed = !FINE.has(record.outcome);
  const span = (
    name: string,
    kind: number,
    from: number,
    to: number,
    values: Readonly<Record<string, Value | undefined>>,
    ids: { readonly spanId: string; readonly parentSpanId: string },
    wrong = false,
  ): unknown => ({
    traceId: trace.traceId,
    ...ids,
    name,
    kind,
    startTimeUnixNano: nanoseconds(record.at + from),
    endTimeUnixNano: nanoseconds(record.at + Math.max(from, to)),
    attributes: attributes(values),
    ...(wrong ? { status: { code: STATUS_ERROR } } : {}),
  });
  const child = (): { readonly spanId: string; readonly parentSpanId: string } => ({
    spanId: randomHex(8),
    parentSpanId: trace.spanId,
  });
  const genAi = {
    'gen_ai.operation.name': record.operation,
    'gen_ai.provider.name': some(record.provider),
    'gen_ai.request.model': record.requestModel,
    'gen_ai.response.model': some(record.responseModel),
    'gen_ai.usage.input_tokens': record.usage?.inputTokens,
    'gen_ai.usage.output_tokens': record.usage?.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': positive(record.usage?.cachedInputTokens),
    'gen_ai.usage.reasoning_tokens': positive(record.usage?.reasoningTokens),
  };
  const spans = [
    span(
      `${record.operation} ${record.requestModel}`,
      KIND.server,
      0,
      timings.total,
      {
        ...genAi,
        'gen_ai.original.model': record.requestModel,
        'sluice.request.id': record.id,
        'sluice.principal': record.principal,
        'sluice.protocol': record.protocol,
        'sluice.route': record.route,
        'sluice.label': some(record.label),
        'sluice.reasons': record.reasons,
        'sluice.policy': record.policy,
        'sluice.outcome': record.outcome,
        'gen_ai.conversation.id': some(record.session),
        'error.type': failed ? record.outcome : undefined,
      },
      { spanId: trace.spanId, parentSpanId: trace.parentId },
      failed,
    ),
  ];
  if (timings.read !== undefined && timings.decided !== undefined)
    spans.push(
      span(
        'sluice.decide',
        KIND.internal,
        timings.read,
        timings.decided,
        {
          'sluice.verdict': record.verdict,
          'sluice.findings': record.findingCount,
          'sluice.entities': [...new Set(record.findings.map((finding) => finding.entity))],
          'sluice.complexity': record.complexity.score,
          'sluice.chars': record.chars,
        },
        child(),
      ),
    );
  if (timings.dispatched !== undefined && record.upstream !== '')
    spans.push(
      span(
        `${record.operation} ${record.responseModel === '' ? record.upstream : record.responseModel}`,
        KIND.client,
        timings.dispatched,
        timings.total,
        {
          ...genAi,
          'sluice.upstream': record.upstream,
          'gen_ai.response.time_to_first_chunk':
            timings.firstChunk === undefined ? undefined : (timings.firstChunk - timings.dispatched) / 1000,
        },
        child(),
        failed,
      ),
    );
  for (const tool of record.tools)
    spans.push(
      span(
        `execute_tool ${tool.tool}`,
        KIND.internal,
        tool.endedMs - tool.durationMs,
        tool.endedMs,
        {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': tool.tool,
          'sluice.sandbox.backend': tool.backend,
          'sluice.outcome': tool.outcome,
        },
        child(),
      ),
    );
  return spans;
}

function attributes(values: Readonly<Record<string, Value | undefined>>): readonly unknown[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: encodeValue(value) }],
  );
}

function encodeValue(value: Value): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  // Integers are strings in the JSON form: they are 64 bits wide.
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { arrayValue: { values: value.map((each) => ({ stringValue: each })) } };
}

function nanoseconds(epochMs: number): string {
  return `${BigInt(Math.round(epochMs * 1000))}000`;
}

const some = (text: string): string | undefined => (text === '' ? undefined : text);
const positive = (count: number | undefined): number | undefined => (count === 0 ? undefined : count);
