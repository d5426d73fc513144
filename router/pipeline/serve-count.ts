/**
 * How many tokens a request would be, answered here and by nobody else: counting needs the whole prompt, and no provider is shown one just to measure it. An estimate, on the high
 * side, so that agents compact too early rather than too late. Fails closed: what cannot be read is an error, and nothing leaves.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJson } from '../json/parse.ts';
import { editRoot } from '../json/splice.ts';
import { createOpenAIResponses } from '../protocols/openai-responses.ts';
import type { RequestProtocol } from '../protocols/protocol.ts';
import { estimateTokens } from '../upstreams/context-window.ts';
import type { Caller } from '../principals/principal.ts';
import { expand } from '../responses/expand.ts';
import { type Opened, receive, type Received } from './receive.ts';

/** Of the ceiling that hardly any tokenizer goes over: some 3.5 characters of English or code a token. */
const USUAL_SHARE = 0.85;

const MAX_LEAVES = 500_000;

export interface CountOptions {
  /** What the wire's answer has beside the number. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Puts in what the body only points to. */
  readonly open?: (bytes: Buffer) => Promise<Opened>;
}

export function serveCount(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: RequestProtocol,
  caller: Caller,
  how: CountOptions = {},
): Promise<void> {
  const count = async ({ answer, turn }: Received): Promise<void> => {
    const { atLeast, atMost } = estimateTokens(turn.envelope.chat);
    const body = JSON.stringify({
      input_tokens: Math.max(atLeast, Math.ceil(atMost * USUAL_SHARE)),
      ...how.fields,
    });
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
  };
  return receive(request, response, protocol, caller, count, how.open);
}

/** serveResponsesCount counts a body of /responses, with what it only points to put in. */
export function serveResponsesCount(request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> {
  const { context, principal } = caller;
  const protocol = createOpenAIResponses({
    providerTools: 'strip',
    writer: { request: {}, tools: new Map(), onDone: () => undefined },
  });
  const open = async (bytes: Buffer): Promise<Opened> => {
    const parsed = parseJson(bytes, { maxDepth: context.config.listen.maxDepth, maxLeaves: MAX_LEAVES });
    if (parsed.kind === 'problem') return { kind: 'problem', ...parsed.problem };
    const before = parsed.document.root['previous_response_id'];
    if (typeof before === 'string') await context.responses.recall(principal.id, before);
    const expanded = expand(parsed.document, principal.id, context.responses, context);
    if (expanded.kind === 'problem') return expanded;
    const { items, floor } = expanded;
    const source = editRoot(parsed.document, {
      set: { input: `[${items.join(',')}]` },
      drop: ['previous_response_id'],
    });
    return { kind: 'opened', bytes: Buffer.from(source), protocol, ...(floor === undefined ? {} : { floor }) };
  };
  return serveCount(request, response, protocol, caller, { fields: { object: 'response.input_tokens' }, open });
}
