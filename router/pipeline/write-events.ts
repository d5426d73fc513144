/** Events of the tool loop to the client's bytes, with comments while a model loads. An upstream that fails before its first event is an error with a status. */
import type { ReplyEvent } from '../chat.ts';
import { createResponseSink } from '../http/response-sink.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { Answer } from './answer.ts';
import type { RequestScope } from './context.ts';
import { countTurn } from './count-turn.ts';
import type { Dispatched } from './dispatch.ts';
import type { Turn } from './prepare.ts';
import { ReplyFindings } from './reply-findings.ts';
import { type LoopEvent, runLoop } from './tool-loop.ts';

/** A stream whose next event is this late gets its head and comments, so that clients do not give up on a model that is loading. */
const PATIENCE_MS = 15_000;

export async function writeEvents(
  answer: Answer,
  protocol: Protocol,
  turn: Turn,
  dispatched: Dispatched & { readonly kind: 'events' },
  scope: RequestScope,
): Promise<void> {
  const { response, gone } = answer;
  const { stream, includeUsage, messages, keepAlive, legacyCalls } = turn.envelope.chat;
  const sink = createResponseSink(response);
  answer.model = dispatched.model;
  const writer = protocol.createWriter(
    {
      write: (bytes) => {
        openHead();
        answer.firstChunk();
        return sink.write(bytes);
      },
      end: () => sink.end(),
    },
    {
      stream,
      includeUsage,
      id: protocol.idPrefix + answer.id.slice('req_'.length),
      model: dispatched.model,
      createdSeconds: Math.floor(Date.now() / 1000),
      ...(legacyCalls === true ? { legacyCalls } : {}),
      ...(messages.length === 0 ? { loads: keepAlive === 0 ? 'unload' : 'load' } : {}),
      errorBody: (failure) => answer.errorText(answer.codeOf(failure)),
    },
  );
  answer.writer = writer;
  const patience =
    stream && protocol.keepAlive !== ''
      ? setInterval(() => {
          openHead();
          void sink.write(protocol.keepAlive);
        }, PATIENCE_MS)
      : undefined;
  const findings =
    answer.context.config.policy.replyFindings === 'off'
      ? undefined
      : new ReplyFindings(turn, dispatched.decision.route.kind, scope, answer.context);
  const loop = runLoop(turn, dispatched, protocol, scope, answer.context);
  try {
    for await (const event of replyEvents(answer, findings?.through(loop) ?? loop)) {
      patience?.refresh();
      if (event.kind === 'start') answer.model = event.model;
      if (event.kind === 'usage') answer.usage = event.usage;
      if (event.kind === 'end') answer.outcome = 'answered';
      if (event.kind === 'error') {
        if (!response.headersSent || !stream) return answer.failUpstream(event.failure);
        answer.outcome = answer.codeOf(event.failure);
      }
      await writer.write(event);
      if (gone.signal.aborted) return;
    }
    await findings?.report();
  } finally {
    clearInterval(patience);
    if (gone.signal.aborted) answer.outcome = 'client-gone';
  }

  function openHead(): void {
    if (!response.headersSent)
      response.writeHead(200, { 'content-type': writer.contentType, 'cache-control': 'no-cache', ...answer.headers() });
  }
}

/** Later turns of the loop change what log and headers say; a refusal there ends the reply as an error. */
async function* replyEvents(answer: Answer, events: AsyncIterable<LoopEvent>): AsyncGenerator<ReplyEvent> {
  for await (const event of events) {
    if (event.kind === 'turn') {
      answer.decision = event.dispatched.decision;
      countTurn(event.turn, answer.context);
    } else if (event.kind === 'tool-run') {
      const { tool, outcome, receipt } = event;
      answer.tools.push({
        tool,
        outcome,
        backend: receipt.backend,
        durationMs: receipt.durationMs,
        endedMs: answer.elapsedMs,
      });
    } else if (event.kind === 'refused') {
      answer.outcome = event.code;
      answer.refusedLater = event.code;
      if (answer.response.headersSent)
        yield {
          kind: 'error',
          failure: { code: 'upstream_rejected', upstream: 'sluice', status: 0, retryAfterSeconds: 0, sent: false },
        };
      else answer.fail(event.code);
      return;
    } else yield event;
  }
}
