/**
 * One chat request from HTTP to HTTP: read, prepare, remember, dispatch, write. The latch is written before the first byte of a reply. Fails closed: every
 * problem ends in an error with a code in the protocol's own form; a begun stream always gets its terminator; nothing in an error
 * comes from the request or an upstream.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReplyEvent, UpstreamFailure, Usage } from '../chat.ts';
import type { Decision } from '../decision.ts';
import { type ErrorCode, publicError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { decisionHeaders, describeReason } from '../http/decision-headers.ts';
import { createResponseSink } from '../http/response-sink.ts';
import { publicPointer } from '../json/public-pointer.ts';
import { createPassthroughGuard } from '../protocols/openai-chat-passthrough.ts';
import { failureOf } from '../upstreams/failure.ts';
import type { Protocol, ReplyWriter } from '../protocols/protocol.ts';
import type { Context, RequestScope } from './context.ts';
import { dispatch, type Dispatched } from './dispatch.ts';
import { codeFor } from './failures.ts';
import { prepare, type Turn } from './prepare.ts';
import { rememberTurn } from './remember.ts';
import { canRunTools, type LoopEvent, runLoop } from './tool-loop.ts';

/** A stream whose first event is this late gets its head and comments, so that clients do not give up on a model that is loading. */
const PATIENCE_MS = 15_000;

/** Until callers have credentials there is one agent: a name a client gives itself must not choose a policy. */
const AGENT = 'main';

/** What the log line and the metrics say of one request. */
interface Outcome {
  decision: Decision | undefined;
  model: string;
  outcome: string;
  usage: Usage | undefined;
}

export async function serveChat(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: Protocol,
  principal: string,
  context: Context,
): Promise<void> {
  const startedAt = performance.now();
  const id = `req_${randomBytes(12).toString('hex')}`;
  const abort = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) abort.abort();
  });
  const outcome: Outcome = { decision: undefined, model: '', outcome: 'internal', usage: undefined };
  context.metrics.openRequests.inc();
  let turn: Turn | undefined;
  let refusedLater: ErrorCode | undefined;
  let firstChunkSeen = false;
  let begun: ReplyWriter | undefined;
  try {
    const body = await readBody(request, context.config.listen.maxBodyBytes);
    if (body.kind === 'problem') return fail(body.code);
    const readAt = performance.now();
    const scope: RequestScope = {
      id,
      principal,
      agent: AGENT,
      conversationIds: conversationIds(request, context),
      signal: abort.signal,
    };
    const prepared = await prepare(body.bytes, protocol, scope, context, { pass: 'first', nearMisses: 'omit' });
    if (prepared.kind === 'problem') return fail(prepared.code, prepared.pointer);
    turn = prepared.turn;
    outcome.decision = turn.decision;
    count(turn, context);
    context.metrics.addedSeconds.observe((performance.now() - readAt) / 1000);
    if (turn.decision.route.kind !== 'refuse' && rememberTurn(turn, context) === 'store-failed')
      return fail('store_unavailable');
    const dispatched = await dispatch(turn, protocol, scope, context, {
      raw: canRunTools(turn, context) ? 'needs-events' : 'allowed',
    });
    outcome.decision = dispatched.decision;
    switch (dispatched.kind) {
      case 'refused':
        outcome.outcome = 'refused';
        return fail(dispatched.code);
      case 'failed':
        return failUpstream(dispatched.failure);
      case 'raw':
        return await passThrough(turn, dispatched);
      case 'events':
        return await writeEvents(turn, dispatched, scope);
    }
  } catch (error) {
    context.log.error({ id, err: error, event: 'fault' }, 'fault');
    await endInError();
  } finally {
    finish();
  }

  /** A fault of ours after the reply began still gets the stream its terminator: agents take a bare end for the whole answer. */
  async function endInError(): Promise<void> {
    if (!response.headersSent) return fail('internal');
    refusedLater = 'internal';
    outcome.outcome = 'internal';
    try {
      await begun?.write({
        kind: 'error',
        failure: { code: 'upstream_failed', upstream: 'sluice', status: 0, retryAfterSeconds: 0, sent: false },
      });
    } finally {
      if (!response.writableEnded) response.destroy();
    }
  }

  function firstChunk(): void {
    if (firstChunkSeen) return;
    firstChunkSeen = true;
    context.metrics.firstChunkSeconds.observe(
      { route: outcome.decision?.route.kind ?? 'none' },
      (performance.now() - startedAt) / 1000,
    );
  }

  function headers(): Record<string, string> {
    return decisionHeaders({
      requestId: id,
      policyDigest: context.policyDigest,
      demo: context.demo,
      model: outcome.model,
      ...(outcome.decision === undefined ? {} : { decision: outcome.decision }),
    });
  }

  function fail(code: ErrorCode, pointer = '', extra: Record<string, string> = {}): void {
    if (outcome.outcome === 'internal') outcome.outcome = code;
    if (response.headersSent || response.destroyed) return;
    const reply = protocol.errorReply(publicError(code, pointer), id);
    // What was not read of the request must not be taken for the next one on this connection.
    if (!request.complete) response.setHeader('connection', 'close');
    response.writeHead(reply.status, {
      'content-type': reply.contentType,
      'content-length': Buffer.byteLength(reply.body),
      ...headers(),
      ...extra,
    });
    response.end(reply.body);
  }

  function errorText(code: ErrorCode): string {
    return protocol.errorReply(publicError(code), id).body;
  }

  /** A refusal on a later turn of the tool loop is ours, not an upstream's. */
  function errorOf(failure: UpstreamFailure): ErrorCode {
    if (refusedLater !== undefined) return refusedLater;
    return outcome.decision === undefined
      ? 'internal'
      : codeFor(failure, outcome.decision, context.policy.ladder[0] ?? '');
  }

  function failUpstream(failure: UpstreamFailure): void {
    const code = errorOf(failure);
    outcome.outcome = code;
    fail(code, '', {
      ...(failure.status > 0 ? { 'x-sluice-upstream-status': String(failure.status) } : {}),
      ...(failure.retryAfterSeconds > 0 ? { 'retry-after': String(failure.retryAfterSeconds) } : {}),
    });
  }

  async function passThrough(first: Turn, dispatched: Dispatched & { readonly kind: 'raw' }): Promise<void> {
    const { reply } = dispatched;
    outcome.model = dispatched.model;
    const { stream, includeUsage } = first.envelope.chat;
    const sink = createResponseSink(response);
    if (!stream) {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of reply.body) chunks.push(chunk as Buffer);
      } catch (error) {
        return failUpstream(
          failureOf(error, first.decision.route.kind === 'refuse' ? '' : first.decision.route.upstream),
        );
      }
      const bytes = Buffer.concat(chunks);
      response.writeHead(200, { ...reply.headers, 'content-length': bytes.length, ...headers() });
      response.end(bytes);
      outcome.outcome = 'answered';
      return;
    }
    response.writeHead(200, { ...reply.headers, ...headers() });
    response.flushHeaders();
    const guard = createPassthroughGuard({ usageChunk: includeUsage ? 'keep' : 'drop' });
    try {
      for await (const chunk of reply.body) {
        const bytes = guard.push(chunk as Buffer);
        if (bytes === 'overflow') break;
        if (bytes.length > 0) {
          firstChunk();
          await sink.write(bytes);
        }
        if (abort.signal.aborted) break;
      }
    } catch {
      // The guard knows that no terminator came; that is all the client needs.
    }
    const end = guard.finish(errorText('upstream_truncated'));
    outcome.usage = end.usage;
    outcome.outcome = abort.signal.aborted ? 'client-gone' : end.complete ? 'answered' : 'upstream_truncated';
    if (abort.signal.aborted) return;
    if (end.append !== '') await sink.write(end.append);
    sink.end();
  }

  async function writeEvents(
    first: Turn,
    dispatched: Dispatched & { readonly kind: 'events' },
    scope: RequestScope,
  ): Promise<void> {
    const { stream, includeUsage } = first.envelope.chat;
    const sink = createResponseSink(response);
    outcome.model = dispatched.model;
    const openHead = (): void => {
      if (!response.headersSent)
        response.writeHead(200, {
          'content-type': stream ? 'text/event-stream; charset=utf-8' : 'application/json',
          'cache-control': 'no-cache',
          ...headers(),
        });
    };
    const writer = protocol.createWriter(
      { write: (bytes) => (openHead(), firstChunk(), sink.write(bytes)), end: () => sink.end() },
      {
        stream,
        includeUsage,
        id: protocol.idPrefix + id.slice('req_'.length),
        model: dispatched.model,
        createdSeconds: Math.floor(Date.now() / 1000),
        errorBody: (failure) => errorText(errorOf(failure)),
      },
    );
    const patience =
      stream && protocol.keepAlive !== ''
        ? setInterval(() => {
            openHead();
            void sink.write(protocol.keepAlive);
          }, PATIENCE_MS)
        : undefined;
    const events = runLoop(first, dispatched, protocol, scope, context);
    try {
      for await (const event of withoutLoopEvents(events)) {
        patience?.refresh();
        if (event.kind === 'start') outcome.model = event.model;
        if (event.kind === 'usage') outcome.usage = event.usage;
        if (event.kind === 'end') outcome.outcome = 'answered';
        if (event.kind === 'error') {
          if (!response.headersSent || !stream) return failUpstream(event.failure);
          outcome.outcome = errorOf(event.failure);
        }
        await writer.write(event);
        if (abort.signal.aborted) return;
      }
    } finally {
      clearInterval(patience);
      if (abort.signal.aborted) outcome.outcome = 'client-gone';
    }
  }

  /** Later turns of the loop change what log and headers say; a refusal there ends the reply as an error. */
  async function* withoutLoopEvents(events: AsyncIterable<LoopEvent>): AsyncGenerator<ReplyEvent> {
    for await (const event of events) {
      if (event.kind === 'turn') {
        outcome.decision = event.dispatched.decision;
        count(event.turn, context);
      } else if (event.kind === 'refused') {
        outcome.outcome = event.code;
        refusedLater = event.code;
        if (response.headersSent)
          yield {
            kind: 'error',
            failure: { code: 'upstream_rejected', upstream: 'sluice', status: 0, retryAfterSeconds: 0, sent: false },
          };
        else fail(event.code);
        return;
      } else yield event;
    }
  }

  function finish(): void {
    const seconds = (performance.now() - startedAt) / 1000;
    const route = outcome.decision?.route.kind ?? 'none';
    const { metrics } = context;
    metrics.openRequests.dec();
    metrics.requests.inc({ route, outcome: outcome.outcome });
    metrics.operationSeconds.observe({ route }, seconds);
    if (outcome.usage !== undefined) {
      metrics.tokens.inc({ route, type: 'input' }, outcome.usage.inputTokens);
      metrics.tokens.inc({ route, type: 'output' }, outcome.usage.outputTokens);
    }
    context.log.info(
      {
        event: 'request',
        id,
        principal,
        protocol: protocol.name,
        route,
        label: outcome.decision?.label ?? '',
        reasons: outcome.decision?.reasons.map(describeReason) ?? [],
        outcome: outcome.outcome,
        ms: Math.round(seconds * 1000),
        findings:
          turn?.classification.verdict.findings
            .map((finding) => `${finding.entity}@${publicPointer(finding.span.segment)}`)
            .slice(0, 50) ?? [],
        usage: outcome.usage,
      },
      'request',
    );
  }
}

function count(turn: Turn, context: Context): void {
  const { decision, classification } = turn;
  context.metrics.decisions.inc({
    route: decision.route.kind,
    label: decision.label,
    reason: decision.reasons[0].code,
  });
  for (const finding of classification.verdict.findings) context.metrics.findings.inc({ entity: finding.entity });
  if (classification.verdict.kind === 'unknown')
    for (const gap of classification.verdict.gaps) context.metrics.gaps.inc({ cause: gap.cause });
}

function conversationIds(request: IncomingMessage, context: Context): readonly string[] {
  return context.config.sessions.headers.flatMap((name) => {
    const value = request.headers[name];
    return typeof value === 'string' && value.length > 0 && value.length <= 256 ? [`${name}:${value}`] : [];
  });
}
