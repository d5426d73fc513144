/**
 * One chat request from HTTP to HTTP: read, prepare, remember, dispatch, write. The latch is written before the first byte of a reply. Fails closed: every
 * problem ends in an error with a code in the protocol's own form; a begun stream always gets its terminator; nothing in an error
 * comes from the request or an upstream.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../http/body.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { Answer } from './answer.ts';
import type { Context, RequestScope } from './context.ts';
import { countTurn } from './count-turn.ts';
import { dispatch, type Dispatched } from './dispatch.ts';
import { passThrough } from './pass-through.ts';
import { prepare, type Turn } from './prepare.ts';
import { rememberTurn } from './remember.ts';
import { canRunTools } from './tool-loop.ts';
import { writeEvents } from './write-events.ts';

/** Until callers have credentials there is one agent: a name a client gives itself must not choose a policy. */
const AGENT = 'main';

export async function serveChat(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: Protocol,
  principal: string,
  context: Context,
): Promise<void> {
  const answer = new Answer(`req_${randomBytes(12).toString('hex')}`, request, response, protocol, context);
  context.metrics.openRequests.inc();
  try {
    await serve(answer, principal);
  } catch (error) {
    await answer.endInFault(error);
  } finally {
    answer.finish();
  }
}

async function serve(answer: Answer, principal: string): Promise<void> {
  const { context, protocol, request } = answer;
  const body = await readBody(request, context.config.listen.maxBodyBytes);
  if (body.kind === 'problem') return answer.fail(body.code);
  const readAt = performance.now();
  const scope: RequestScope = {
    id: answer.id,
    principal,
    agent: AGENT,
    conversationIds: conversationIds(request, context),
    signal: answer.gone.signal,
  };
  const prepared = await prepare(body.bytes, protocol, scope, context, { pass: 'first', nearMisses: 'omit' });
  if (prepared.kind === 'problem') return answer.fail(prepared.code, prepared.pointer);
  const { turn } = prepared;
  answer.turn = turn;
  answer.decision = turn.decision;
  countTurn(turn, context);
  if (turn.decision.route.kind !== 'refuse' && rememberTurn(turn, context) === 'store-failed')
    return answer.fail('store_unavailable');
  const dispatched = await dispatch(turn, protocol, scope, context, {
    raw: canRunTools(turn, context) ? 'needs-events' : 'allowed',
  });
  context.metrics.addedSeconds.observe((performance.now() - readAt) / 1000);
  return write(answer, turn, dispatched, scope);
}

async function write(answer: Answer, turn: Turn, dispatched: Dispatched, scope: RequestScope): Promise<void> {
  answer.decision = dispatched.decision;
  switch (dispatched.kind) {
    case 'refused':
      answer.outcome = 'refused';
      return answer.fail(dispatched.code);
    case 'failed':
      return answer.failUpstream(dispatched.failure);
    case 'pipe': {
      const outcome = await passThrough(answer, turn, dispatched);
      if (outcome.kind === 'failed' && !outcome.headSent)
        return write(answer, turn, dispatched.onFailure(outcome.failure), scope);
      return;
    }
    case 'events':
      return writeEvents(answer, turn, dispatched, scope);
  }
}

function conversationIds(request: IncomingMessage, context: Context): readonly string[] {
  return context.config.sessions.headers.flatMap((name) => {
    const value = request.headers[name];
    return typeof value === 'string' && value.length > 0 && value.length <= 256 ? [`${name}:${value}`] : [];
  });
}
