/**
 * One chat request from HTTP to HTTP: receive, remember, dispatch, write. The latch is written before the first byte of a reply. Fails closed: a store that
 * cannot be written refuses; a begun stream always gets its terminator.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../principals/principal.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { Answer } from './answer.ts';
import type { Context, RequestScope } from './context.ts';
import { dispatch, type Dispatched } from './dispatch.ts';
import { passThrough } from './pass-through.ts';
import type { Turn } from './prepare.ts';
import { receive, type Received } from './receive.ts';
import { rememberTurn } from './remember.ts';
import { canRunTools } from './tool-loop.ts';
import { writeEvents } from './write-events.ts';

export function serveChat(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: Protocol,
  caller: Caller,
): Promise<void> {
  return receive(request, response, protocol, caller, (received) => answerChat(received, protocol, caller.context));
}

/** answerChat takes a received request to the end of its reply. */
export async function answerChat(
  { answer, turn, scope, readAt }: Received,
  protocol: Protocol,
  context: Context,
): Promise<void> {
  const offered = protocol.providerTools?.(turn.envelope.document) ?? [];
  if (offered.length > 0) {
    const { providerTools } = context.config.surfaces;
    if (providerTools === 'refuse') {
      answer.outcome = 'refused';
      return answer.fail('provider_tool_refused', '/tools');
    }
    // A local model is offered none, whatever may be carried.
    if (providerTools === 'strip' || turn.decision.route.kind === 'local')
      answer.removed = offered.map((tool) => `tool:${tool}`);
  }
  if (turn.decision.route.kind !== 'refuse' && (await rememberTurn(turn, context)) === 'store-failed')
    return answer.fail('store_unavailable');
  const dispatched = await dispatch(turn, protocol, scope, context, {
    raw: canRunTools(turn, context) || context.config.policy.replyFindings !== 'off' ? 'needs-events' : 'allowed',
  });
  context.metrics.addedSeconds.observe((performance.now() - readAt) / 1000);
  answer.mark('dispatched');
  return write(answer, protocol, turn, dispatched, scope);
}

async function write(
  answer: Answer,
  protocol: Protocol,
  turn: Turn,
  dispatched: Dispatched,
  scope: RequestScope,
): Promise<void> {
  answer.decision = dispatched.decision;
  if ('removed' in dispatched) answer.removed = [...answer.removed, ...(dispatched.removed ?? [])];
  switch (dispatched.kind) {
    case 'refused':
      answer.outcome = 'refused';
      return answer.fail(dispatched.code);
    case 'failed':
      return answer.failUpstream(dispatched.failure);
    case 'pipe': {
      const outcome = await passThrough(answer, turn, dispatched);
      if (outcome.kind === 'failed' && !outcome.headSent)
        return write(answer, protocol, turn, await dispatched.onFailure(outcome.failure), scope);
      return;
    }
    case 'events':
      return writeEvents(answer, protocol, turn, dispatched, scope);
  }
}
