/**
 * From an HTTP request to a turn with its decision, for every path that models answer; what follows is the path's own. Fails closed: every problem ends in
 * an error with a code in the protocol's own form, and nothing in an error comes from the request or an upstream.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../http/body.ts';
import { newRequestId } from '../http/request-id.ts';
import type { Caller } from '../principals/principal.ts';
import type { RequestProtocol } from '../protocols/protocol.ts';
import { Answer } from './answer.ts';
import type { Context, RequestScope } from './context.ts';
import { countTurn } from './count-turn.ts';
import { prepare, type Turn } from './prepare.ts';

export interface Received {
  readonly answer: Answer;
  readonly turn: Turn;
  readonly scope: RequestScope;
  /** When the body was complete, on the performance clock. */
  readonly readAt: number;
}

/** receive reads, prepares and hands over to `work`; whatever happens, the request is answered, counted and logged once. */
export async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: RequestProtocol,
  { principal, context }: Caller,
  work: (received: Received) => Promise<void>,
): Promise<void> {
  const answer = new Answer(newRequestId(), request, response, protocol, principal, context);
  context.metrics.openRequests.inc();
  const account = context.bodies.open();
  try {
    const taken = await context.limits.take(principal);
    if (taken.kind === 'barred')
      return answer.fail(
        taken.code,
        '',
        taken.retryAfterSeconds > 0 ? { 'retry-after': String(taken.retryAfterSeconds) } : {},
      );
    const body = await readBody(request, context.config.listen.maxBodyBytes, account);
    if (body.kind === 'problem') return answer.fail(body.code);
    const readAt = performance.now();
    answer.mark('read');
    const scope: RequestScope = {
      id: answer.id,
      principal: principal.id,
      agent: principal.terms.agent,
      conversationIds: conversationIds(request, context),
      features: protocol.features?.(request.headers) ?? [],
      signal: answer.gone.signal,
    };
    const prepared = await prepare(body.bytes, protocol, scope, context, { pass: 'first', nearMisses: 'omit' });
    if (prepared.kind === 'problem') return answer.fail(prepared.code, prepared.pointer);
    const { turn } = prepared;
    answer.turn = turn;
    answer.decision = turn.decision;
    answer.mark('decided');
    countTurn(turn, context);
    await work({ answer, turn, scope, readAt });
  } catch (error) {
    await answer.endInFault(error);
  } finally {
    account.close();
    answer.finish();
  }
}

function conversationIds(request: IncomingMessage, context: Context): readonly string[] {
  return context.config.sessions.headers.flatMap((name) => {
    const value = request.headers[name];
    return typeof value === 'string' && value.length > 0 && value.length <= 256 ? [`${name}:${value}`] : [];
  });
}
