/**
 * How many tokens a request would be, answered here and by nobody else: counting needs the whole prompt, and no provider is shown one just to measure it. An estimate, on the high
 * side, so that agents compact too early rather than too late. Fails closed: what cannot be read is an error, and nothing leaves.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestProtocol } from '../protocols/protocol.ts';
import { estimateTokens } from '../upstreams/context-window.ts';
import type { Caller } from '../principals/principal.ts';
import { receive } from './receive.ts';

/** Of the ceiling that hardly any tokenizer goes over: some 3.5 characters of English or code a token. */
const USUAL_SHARE = 0.85;

export function serveCount(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: RequestProtocol,
  caller: Caller,
): Promise<void> {
  return receive(request, response, protocol, caller, async ({ answer, turn }) => {
    const { atLeast, atMost } = estimateTokens(turn.envelope.chat);
    const body = JSON.stringify({ input_tokens: Math.max(atLeast, Math.ceil(atMost * USUAL_SHARE)) });
    answer.decision = {
      ...turn.decision,
      reasons: [{ code: 'local-only' }, ...turn.decision.reasons],
      route: { kind: 'local', upstream: '', model: '' },
    };
    answer.outcome = 'answered';
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...answer.headers(),
    });
    response.end(body);
  });
}
