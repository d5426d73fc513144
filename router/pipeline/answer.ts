/**
 * One HTTP reply in the making: its headers, its errors in the protocol's own form, and what the log and the metrics will say of it. Nothing here holds text
 * of a request. Fails closed: an error after the head is out ends the stream with the protocol's terminator, never as if whole.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toReceipt } from '../audit/receipt.ts';
import type { UpstreamFailure, Usage } from '../chat.ts';
import type { Decision } from '../decision.ts';
import { type ErrorCode, publicError } from '../errors.ts';
import { decisionHeaders } from '../http/decision-headers.ts';
import { countsTokens } from '../principals/limits.ts';
import type { Principal } from '../principals/principal.ts';
import type { ReplyWriter, RequestProtocol } from '../protocols/protocol.ts';
import type { RequestRecord, ToolRecord } from '../telemetry/request-record.ts';
import { startTrace } from '../telemetry/trace-context.ts';
import type { Context } from './context.ts';
import { describeRequest } from './describe-request.ts';
import { codeFor } from './failures.ts';
import type { Turn } from './prepare.ts';

export class Answer {
  readonly id: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  protocol: RequestProtocol;
  readonly principal: Principal;
  readonly context: Context;
  /** Aborted when the client goes away before its reply is complete. */
  readonly gone = new AbortController();
  turn: Turn | undefined;
  decision: Decision | undefined;
  /** Model that was asked or that answered; empty until one was. */
  model = '';
  outcome = 'internal';
  /** What of the request was left out, by kind. */
  removed: readonly string[] = [];
  usage: Usage | undefined;
  /** Set once events are being written: the one who can end the stream properly. */
  writer: ReplyWriter | undefined;
  /** A refusal of ours after the reply began; it is told instead of an upstream's failure. */
  refusedLater: ErrorCode | undefined;
  /** Tool calls that ran or were refused in this request. */
  readonly tools: ToolRecord[] = [];
  readonly #at = Date.now();
  readonly #startedAt = performance.now();
  readonly #marks: { read?: number; decided?: number; dispatched?: number; firstChunk?: number } = {};

  constructor(
    id: string,
    request: IncomingMessage,
    response: ServerResponse,
    protocol: RequestProtocol,
    principal: Principal,
    context: Context,
  ) {
    this.id = id;
    this.request = request;
    this.response = response;
    this.protocol = protocol;
    this.principal = principal;
    this.context = context;
    response.once('close', () => {
      if (!response.writableFinished) this.gone.abort();
    });
  }

  headers(): Record<string, string> {
    return decisionHeaders({
      requestId: this.id,
      policyDigest: this.context.policyDigest,
      demo: this.context.demo,
      model: this.model,
      removed: [...this.removed, ...(this.protocol.removed?.() ?? [])],
      ...(this.decision === undefined ? {} : { decision: this.decision }),
    });
  }

  /** mark notes when a stage was reached, the first time it was. */
  mark(stage: 'read' | 'decided' | 'dispatched' | 'firstChunk'): void {
    this.#marks[stage] ??= this.elapsedMs;
  }

  firstChunk(): void {
    this.#marks.firstChunk ??= this.elapsedMs;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  fail(code: ErrorCode, pointer = '', extra: Readonly<Record<string, string>> = {}): void {
    if (this.outcome === 'internal') this.outcome = code;
    const { request, response } = this;
    if (response.headersSent || response.destroyed) return;
    const reply = this.protocol.errorReply(publicError(code, pointer), this.id);
    // What was not read of the request must not be taken for the next one on this connection.
    if (!request.complete) response.setHeader('connection', 'close');
    response.writeHead(reply.status, {
      'content-type': reply.contentType,
      'content-length': Buffer.byteLength(reply.body),
      ...this.headers(),
      ...extra,
    });
    response.end(reply.body);
  }

  failUpstream(failure: UpstreamFailure): void {
    const code = this.codeOf(failure);
    this.outcome = code;
    this.fail(code, '', {
      ...(failure.status > 0 ? { 'x-sluice-upstream-status': String(failure.status) } : {}),
      ...(failure.retryAfterSeconds > 0 ? { 'retry-after': String(failure.retryAfterSeconds) } : {}),
    });
  }

  codeOf(failure: UpstreamFailure): ErrorCode {
    if (this.refusedLater !== undefined) return this.refusedLater;
    return this.decision === undefined
      ? 'internal'
      : codeFor(failure, this.decision, this.context.policy.ladder[0] ?? '');
  }

  errorText(code: ErrorCode): string {
    return this.protocol.errorReply(publicError(code), this.id).body;
  }

  /** A fault of ours: an error where nothing was written yet, else the stream's terminator, because agents take a bare end for the whole answer. */
  async endInFault(error: unknown): Promise<void> {
    this.context.log.error({ id: this.id, err: error, event: 'fault' }, 'fault');
    if (!this.response.headersSent) return this.fail('internal');
    this.refusedLater = 'internal';
    this.outcome = 'internal';
    try {
      await this.writer?.write({
        kind: 'error',
        failure: { code: 'upstream_failed', upstream: 'sluice', status: 0, retryAfterSeconds: 0, sent: false },
      });
    } finally {
      if (!this.response.writableEnded) this.response.destroy();
    }
  }

  /** finish counts and logs, once, whatever happened. */
  finish(): void {
    const { metrics, log, telemetry } = this.context;
    const { read, decided, dispatched, firstChunk } = this.#marks;
    metrics.openRequests.dec();
    const record = describeRequest(
      {
        id: this.id,
        at: this.#at,
        principal: this.principal.id,
        protocol: this.protocol.name,
        turn: this.turn,
        decision: this.decision,
        model: this.model,
        outcome: this.outcome,
        usage: this.usage,
        tools: this.tools,
        timings: { read, decided, dispatched, firstChunk, total: this.elapsedMs },
        trace:
          telemetry.traceShare === 0
            ? undefined
            : startTrace(singleHeader(this.request.headers['traceparent']), telemetry.traceShare),
      },
      this.context,
    );
    telemetry.finish(record);
    const { audit } = this.context;
    const digests =
      this.turn === undefined
        ? []
        : audit.digester.findings(this.turn.classification.verdict.findings, this.turn.envelope);
    audit.log.append(toReceipt(record, this.principal.keyId, digests));
    if (countsTokens(this.principal) && (this.usage !== undefined || this.model !== ''))
      this.context.limits.spend(this.principal, useOf(record));
    log.info(
      {
        event: 'request',
        id: this.id,
        principal: record.principal,
        protocol: record.protocol,
        route: record.route,
        label: record.label,
        reasons: record.reasons,
        outcome: record.outcome,
        ms: Math.round(record.timings.total),
        findings: record.findings.map(({ entity, pointer }) => `${entity}@${pointer}`),
        usage: record.usage,
      },
      'request',
    );
  }
}

function singleHeader(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Rough, for English; only for upstreams that count nothing. */
const CHARS_PER_TOKEN = 4;

/** What a request used of its key's budget: tokens as the upstream counted them, or by the length of what was asked. A model without a price adds no cost. */
function useOf({ usage, chars, cost }: RequestRecord): { readonly tokens: number; readonly micros: number } {
  return {
    tokens: usage === undefined ? Math.ceil(chars / CHARS_PER_TOKEN) : usage.inputTokens + usage.outputTokens,
    micros: Math.ceil((cost ?? 0) * 1_000_000),
  };
}
