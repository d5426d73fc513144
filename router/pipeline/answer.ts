/**
 * One HTTP reply in the making: its headers, its errors in the protocol's own form, and what the log and the metrics will say of it. Nothing here holds text
 * of a request. Fails closed: an error after the head is out ends the stream with the protocol's terminator, never as if whole.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UpstreamFailure, Usage } from '../chat.ts';
import type { Decision } from '../decision.ts';
import { type ErrorCode, publicError } from '../errors.ts';
import { decisionHeaders, describeReason } from '../http/decision-headers.ts';
import { publicPointer } from '../json/public-pointer.ts';
import type { ReplyWriter, RequestProtocol } from '../protocols/protocol.ts';
import type { Context } from './context.ts';
import { codeFor } from './failures.ts';
import type { Turn } from './prepare.ts';

export class Answer {
  readonly id: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly protocol: RequestProtocol;
  readonly context: Context;
  /** Aborted when the client goes away before its reply is complete. */
  readonly gone = new AbortController();
  turn: Turn | undefined;
  decision: Decision | undefined;
  /** Model that was asked or that answered; empty until one was. */
  model = '';
  outcome = 'internal';
  usage: Usage | undefined;
  /** Set once events are being written: the one who can end the stream properly. */
  writer: ReplyWriter | undefined;
  /** A refusal of ours after the reply began; it is told instead of an upstream's failure. */
  refusedLater: ErrorCode | undefined;
  readonly #startedAt = performance.now();
  #firstChunkSeen = false;

  constructor(
    id: string,
    request: IncomingMessage,
    response: ServerResponse,
    protocol: RequestProtocol,
    context: Context,
  ) {
    this.id = id;
    this.request = request;
    this.response = response;
    this.protocol = protocol;
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
      ...(this.decision === undefined ? {} : { decision: this.decision }),
    });
  }

  firstChunk(): void {
    if (this.#firstChunkSeen) return;
    this.#firstChunkSeen = true;
    this.context.metrics.firstChunkSeconds.observe({ route: this.#route() }, this.#seconds());
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
    const { metrics, log } = this.context;
    const route = this.#route();
    metrics.openRequests.dec();
    metrics.requests.inc({ route, outcome: this.outcome });
    metrics.operationSeconds.observe({ route }, this.#seconds());
    if (this.usage !== undefined) {
      metrics.tokens.inc({ route, type: 'input' }, this.usage.inputTokens);
      metrics.tokens.inc({ route, type: 'output' }, this.usage.outputTokens);
    }
    log.info(
      {
        event: 'request',
        id: this.id,
        principal: this.turn?.envelope.principal ?? '',
        protocol: this.protocol.name,
        route,
        label: this.decision?.label ?? '',
        reasons: this.decision?.reasons.map(describeReason) ?? [],
        outcome: this.outcome,
        ms: Math.round(this.#seconds() * 1000),
        findings:
          this.turn?.classification.verdict.findings
            .slice(0, LOGGED_FINDINGS)
            .map((finding) => `${finding.entity}@${publicPointer(finding.span.segment)}`) ?? [],
        usage: this.usage,
      },
      'request',
    );
  }

  #route(): string {
    return this.decision?.route.kind ?? 'none';
  }

  #seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }
}

const LOGGED_FINDINGS = 50;
