/**
 * OpenAI's legacy /completions from HTTP to HTTP. One prompt is a chat like any other. Several are judged together, so that what one of them holds decides for all; then each is asked by itself, on the route that was
 * decided, and cleared by itself. Fails closed: a prompt that cannot be asked is an error of the whole reply, never a choice left out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReplyEvent, Usage } from '../chat.ts';
import { editRoot, toJsonText } from '../json/splice.ts';
import { createOpenAICompletions, promptsOf } from '../protocols/openai-completions.ts';
import type { Caller } from '../principals/principal.ts';
import type { Context } from './context.ts';
import { dispatch, type Dispatched } from './dispatch.ts';
import { prepare, type Turn } from './prepare.ts';
import { receive, type Received } from './receive.ts';
import { rememberTurn } from './remember.ts';
import { answerChat } from './serve-chat.ts';
import { writeEvents } from './write-events.ts';

/** Prompts that are asked side by side. */
const AT_ONCE = 4;

export function serveCompletions(request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> {
  const { context } = caller;
  // Of its own per request: it echoes the prompts as the client sent them.
  const protocol = createOpenAICompletions();
  return receive(request, response, protocol, caller, (received) => {
    const prompts = promptsOf(received.turn.envelope.document.root);
    return prompts.length === 1 ? answerChat(received, protocol, context) : answerPrompts(received, prompts, context);
  });

  async function answerPrompts({ answer, turn, scope, readAt }: Received, prompts: readonly string[], to: Context) {
    if (turn.decision.route.kind === 'refuse') {
      answer.outcome = 'refused';
      return answer.fail(turn.decision.route.code);
    }
    const turns: Turn[] = [];
    for (const prompt of prompts) {
      const source = editRoot(turn.envelope.document, { set: { prompt: toJsonText(prompt) } });
      const prepared = await prepare(Buffer.from(source), createOpenAICompletions(), scope, to, {
        pass: 'again',
        nearMisses: 'omit',
      });
      if (prepared.kind === 'problem') return answer.fail(prepared.code, prepared.pointer);
      // What was decided for all holds for each.
      turns.push({ ...prepared.turn, decision: turn.decision, bundled: new Set() });
    }
    for (const each of [turn, ...turns])
      if ((await rememberTurn(each, to)) === 'store-failed') return answer.fail('store_unavailable');

    const ask = (each: Turn): Promise<Dispatched> =>
      dispatch(each, createOpenAICompletions(), scope, to, { raw: 'needs-events' });
    // The first says how it goes: an upstream that refuses it is an error with a status.
    const first = turns[0] === undefined ? undefined : await ask(turns[0]);
    to.metrics.addedSeconds.observe((performance.now() - readAt) / 1000);
    answer.mark('dispatched');
    if (first === undefined || first.kind === 'pipe') return answer.fail('internal');
    answer.decision = first.decision;
    if (first.kind === 'refused') {
      answer.outcome = 'refused';
      return answer.fail(first.code);
    }
    if (first.kind === 'failed') return answer.failUpstream(first.failure);
    const replies = turns.map((each, index) => () => (index === 0 ? Promise.resolve(first) : ask(each)));
    const events = inOneReply(replies, turn.envelope.chat.choices);
    return writeEvents(answer, protocol, turn, { ...first, events }, scope);
  }
}

/** inOneReply runs some replies at a time and gives their events as one reply's: choice `c` of prompt `p` is choice `p * choices + c`. Ends at the first failure. */
async function* inOneReply(
  replies: readonly (() => Promise<Dispatched>)[],
  choices: number,
): AsyncGenerator<ReplyEvent> {
  const open = new Map<number, { readonly reply: AsyncGenerator<ReplyEvent>; next: Promise<Pulled> }>();
  const pull = (index: number, reply: AsyncGenerator<ReplyEvent>): void => {
    open.set(index, { reply, next: reply.next().then((result) => ({ index, reply, result })) });
  };
  let usage: Usage | undefined;
  let started = false;
  try {
    for (let begun = 0; begun < replies.length || open.size > 0;) {
      for (; open.size < AT_ONCE && begun < replies.length; begun += 1) pull(begun, eventsOf(replies[begun]));
      const { index, reply, result } = await Promise.race([...open.values()].map(({ next }) => next));
      if (result.done === true) {
        open.delete(index);
        continue;
      }
      pull(index, reply);
      const event = result.value;
      switch (event.kind) {
        case 'error':
          yield event;
          return;
        case 'start':
          if (!started) yield event;
          started = true;
          break;
        case 'usage':
          usage = usage === undefined ? event.usage : sum(usage, event.usage);
          break;
        case 'end':
          break;
        default:
          yield { ...event, choice: index * choices + event.choice };
      }
    }
  } finally {
    // A failure, or a client that is gone, ends the others too.
    for (const { reply, next } of open.values()) {
      next.catch(() => undefined);
      reply.return(undefined).catch(() => undefined);
    }
  }
  if (usage !== undefined) yield { kind: 'usage', usage };
  yield { kind: 'end' };
}

interface Pulled {
  readonly index: number;
  readonly reply: AsyncGenerator<ReplyEvent>;
  readonly result: IteratorResult<ReplyEvent>;
}

async function* eventsOf(reply: (() => Promise<Dispatched>) | undefined): AsyncGenerator<ReplyEvent> {
  const dispatched = await reply?.();
  if (dispatched?.kind === 'events') yield* dispatched.events;
  else yield { kind: 'error', failure: failureOf(dispatched) };
}

function failureOf(dispatched: Dispatched | undefined) {
  if (dispatched?.kind === 'failed') return dispatched.failure;
  return { code: 'upstream_rejected', upstream: 'sluice', status: 0, retryAfterSeconds: 0, sent: false } as const;
}

function sum(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  };
}
