/**
 * OpenAI's /responses from HTTP to HTTP: what the request only points to is put in, then it takes the road of every chat; what comes of it is kept for the client to come back to. Fails
 * closed: a pointer to nothing, or to somebody else's, is an error before anything is sent.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createResponseSink } from '../http/response-sink.ts';
import type { JsonObject } from '../json/document.ts';
import { parseJson } from '../json/parse.ts';
import { toJsonText } from '../json/splice.ts';
import { createOpenAIResponses } from '../protocols/openai-responses.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { readTools } from '../protocols/openai-responses-tools.ts';
import { withoutFault } from '../protocols/shape.ts';
import { expand } from '../responses/expand.ts';
import { withId } from '../responses/list-input.ts';
import type { ResponseStore, StoredResponse } from '../responses/response-store.ts';
import type { Caller } from '../principals/principal.ts';
import type { Answer } from './answer.ts';
import { receive, type Opened } from './receive.ts';
import { isMaskable } from './remember.ts';
import { answerChat } from './serve-chat.ts';

const MAX_LEAVES = 500_000;

/** What a connection that lasts adds to its requests. */
export interface OnConnection {
  /** Replies this connection alone may go on from, whether they are kept for others or not. */
  readonly kept: ResponseStore;
  /** False: the request is read, judged and remembered, and no model asked. */
  readonly generates: boolean;
}

export function serveResponses(
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
  connection?: OnConnection,
): Promise<void> {
  const { context } = caller;
  const principal = caller.principal.id;
  let answer: Answer | undefined;
  let protocol: Protocol = FALLBACK;
  const open = async (bytes: Buffer): Promise<Opened> => {
    const parsed = parseJson(bytes, { maxDepth: context.config.listen.maxDepth, maxLeaves: MAX_LEAVES });
    if (parsed.kind === 'problem') return { kind: 'problem', ...parsed.problem };
    const { root } = parsed.document;
    const before = root['previous_response_id'];
    if (typeof before === 'string') await context.responses.recall(principal, before);
    const expanded = expand(
      parsed.document,
      principal,
      {
        find: (whose, id) => connection?.kept.find(whose, id) ?? context.responses.find(whose, id),
        findItem: (whose, id) => connection?.kept.findItem(whose, id) ?? context.responses.findItem(whose, id),
      },
      context,
    );
    if (expanded.kind === 'problem') return expanded;
    const { previous, own, floor } = expanded;
    const tools = withoutFault(() => ({ kind: 'tools', ...readTools(root) }) as const);
    if (tools.kind === 'problem') return { kind: 'problem', ...tools.problem };
    const { providerTools } = context.config.surfaces;
    if (providerTools === 'refuse' && tools.provided.length > 0)
      return { kind: 'problem', code: 'provider_tool_refused', pointer: '/tools' };
    protocol = createOpenAIResponses({
      providerTools: providerTools === 'carry' ? 'carry' : 'strip',
      writer: { request: root, tools: tools.known, onDone: (reply) => keep(reply, root) },
    });
    return {
      kind: 'opened',
      ...(expanded.source === parsed.document.source
        ? { bytes, document: parsed.document }
        : { bytes: Buffer.from(expanded.source) }),
      protocol,
      ...(floor === undefined ? {} : { floor }),
    };

    function keep(reply: Readonly<Record<string, unknown>>, asked: JsonObject): void {
      const turn = answer?.turn;
      const stays = asked['store'] !== false && context.config.surfaces.responses.store !== 'off';
      if (turn === undefined || (!stays && connection === undefined)) return;
      const output = Array.isArray(reply['output']) ? (reply['output'] as readonly unknown[]) : [];
      const made: StoredResponse = {
        id: String(reply['id']),
        principal,
        // The last turn's: a tool may have raised it.
        label: answer?.decision?.label ?? turn.decision.label,
        maskable: isMaskable(turn, context),
        body: JSON.stringify(reply),
        input: own.map(withId),
        output: output.map(toJsonText),
        previous,
      };
      connection?.kept.keep(made);
      if (stays) context.responses.keep(made);
    }
  };
  return receive(
    request,
    response,
    FALLBACK,
    caller,
    async (received) => {
      answer = received.answer;
      if (connection?.generates === false) return answerNothing(answer, protocol);
      return answerChat(received, protocol, context);
    },
    open,
  );
}

/** An empty reply, by whose id the next message goes on. Nothing went anywhere, so there is no route to tell. */
async function answerNothing(answer: Answer, protocol: Protocol): Promise<void> {
  answer.decision = undefined;
  answer.outcome = 'answered';
  const { response, id } = answer;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...answer.headers() });
  const writer = protocol.createWriter(createResponseSink(response), {
    stream: true,
    includeUsage: true,
    id: protocol.idPrefix + id.slice('req_'.length),
    model: answer.turn?.envelope.model ?? '',
    createdSeconds: Math.floor(Date.now() / 1000),
    errorBody: (failure) => answer.errorText(answer.codeOf(failure)),
  });
  await writer.write({ kind: 'finish', choice: 0, reason: 'stop' });
  await writer.write({
    kind: 'usage',
    usage: { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 },
  });
  await writer.write({ kind: 'end' });
}

/** Until the body is read there is no request to make a protocol for. */
const FALLBACK = createOpenAIResponses({
  providerTools: 'strip',
  writer: { request: {}, tools: new Map(), onDone: () => undefined },
});
