/**
 * The loop between model and sandbox: calls that are ours run, their results become new messages, and the grown conversation takes the whole road
 * again (classified, labelled, decided), so a secret read by a tool moves the conversation inside. Text streams through as it comes; calls that
 * belong to the client go back to it. Fails closed: a refusal on a later turn ends the reply with an error, never with a
 * truncated answer presented as whole.
 */
import type { ModelToolCall, ReplyEvent, Usage } from '../chat.ts';
import type { ErrorCode } from '../errors.ts';
import type { Protocol, ToolResult } from '../protocols/protocol.ts';
import { countTool } from '../telemetry/count-tool.ts';
import type { ToolReceipt } from '../../sandbox/executor.ts';
import type { Context, RequestScope } from './context.ts';
import { dispatch, type Dispatched } from './dispatch.ts';
import { prepare, type Turn } from './prepare.ts';
import { rememberAlarm, rememberReply, rememberTurn } from './remember.ts';
import { actionFor } from './tool-actions.ts';
import { describeOutcome } from './tool-result.ts';

/** What the loop tells the one who writes the reply. `turn` reports a later turn's decision, for log and audit. */
export type LoopEvent =
  | ReplyEvent
  | { readonly kind: 'turn'; readonly turn: Turn; readonly dispatched: Dispatched }
  /** A tool call that is over. `tool` is one of ours, or `client` for a name only the client knows. */
  | {
      readonly kind: 'tool-run';
      readonly tool: string;
      readonly outcome: string;
      readonly receipt: Pick<ToolReceipt, 'backend' | 'durationMs'>;
    }
  | { readonly kind: 'refused'; readonly code: ErrorCode };

/** canRunTools tells whether any call of this turn's reply could be ours: if not, bytes may pass unread. */
export function canRunTools(turn: Turn, context: Context): boolean {
  const { tools, choices } = turn.envelope.chat;
  if (choices > 1) return false;
  if (turn.bundled.size > 0) return true;
  const declared = new Set(tools.map((tool) => tool.name));
  return tools.some(
    (tool) => actionFor(tool.name, context.config.tools.rules, turn.bundled, declared).kind !== 'return',
  );
}

export async function* runLoop(
  firstTurn: Turn,
  firstDispatched: Dispatched & { readonly kind: 'events' },
  protocol: Protocol,
  scope: RequestScope,
  context: Context,
): AsyncGenerator<LoopEvent> {
  let turn = firstTurn;
  let dispatched = firstDispatched;
  let usage: Usage | undefined;
  let started = false;
  let calls = 0;
  let nextIndex = 0;
  const kept: ToolResult[] = [];

  for (let round = 1; ; round += 1) {
    const looping = canRunTools(turn, context);
    const declared = new Set(turn.envelope.chat.tools.map((tool) => tool.name));
    const mine = new Map<number, { call: ModelToolCall; run: boolean; as: string; refusal: string }>();
    const returned = new Map<number, number>();
    const returnedIds: string[] = [];
    let text = '';
    const thoughts: ReplyEvent[] = [];
    let finish: ReplyEvent | undefined;

    for await (const event of dispatched.events) {
      switch (event.kind) {
        case 'start':
          if (!started) yield event;
          started = true;
          break;
        case 'text':
          text += event.text;
          yield event;
          break;
        case 'tool-call': {
          const action = looping
            ? actionFor(event.name, context.config.tools.rules, turn.bundled, declared)
            : ({ kind: 'return' } as const);
          if (action.kind === 'return') {
            returned.set(event.index, nextIndex);
            returnedIds.push(event.id);
            yield { ...event, index: nextIndex };
            nextIndex += 1;
            break;
          }
          mine.set(event.index, {
            call: { id: event.id, name: event.name, arguments: '' },
            run: action.kind === 'sandbox',
            as: action.kind === 'sandbox' ? action.as : event.name,
            refusal: action.kind === 'deny' ? denial(action.why) : '',
          });
          break;
        }
        case 'tool-arguments': {
          const own = mine.get(event.index);
          if (own !== undefined) own.call = { ...own.call, arguments: own.call.arguments + event.text };
          else yield { ...event, index: returned.get(event.index) ?? event.index };
          break;
        }
        case 'usage':
          usage = usage === undefined ? event.usage : addUsage(usage, event.usage);
          break;
        case 'finish':
          if (looping) finish = event;
          else yield event;
          break;
        case 'end':
          break;
        case 'error':
          yield event;
          return;
        case 'reasoning':
        case 'reasoning-seal':
        case 'native':
          thoughts.push(event);
          yield event;
          break;
        default:
          yield event;
      }
    }

    await rememberReply(
      turn,
      { text, callIds: [...returnedIds, ...[...mine.values()].map((each) => each.call.id)] },
      context,
    );
    const limits = context.config.tools;
    const results: ToolResult[] = [];
    for (const { call, run, as, refusal } of mine.values()) {
      calls += 1;
      let content = refusal;
      if (run && calls > limits.maxCalls)
        content = '[not run: limit] This request has used up its tool calls (tools.maxCalls).';
      else if (run) {
        const outcome = await context.executor.run(
          {
            id: call.id,
            tool: as,
            arguments: call.arguments,
            principal: scope.principal,
            session: turn.trace.root,
            agent: scope.agent,
            label: turn.decision.label,
          },
          { signal: scope.signal, requestId: scope.id },
        );
        const tool = turn.bundled.has(call.name) ? as : 'client';
        const ended = countTool(context.metrics, tool, outcome);
        yield { kind: 'tool-run', tool, outcome: ended, receipt: outcome.receipt };
        context.log.info(
          {
            id: scope.id,
            event: 'tool-call',
            tool: outcome.receipt.tool,
            outcome: ended,
            receipt: outcome.receipt,
          },
          'tool-call',
        );
        content = describeOutcome(outcome);
        const raiseTo = outcome.watched?.raiseTo ?? '';
        if (raiseTo !== '' && (await rememberAlarm(turn, raiseTo, context)) === 'store-failed') {
          yield { kind: 'refused', code: 'store_unavailable' };
          return;
        }
      } else context.metrics.toolCalls.inc({ tool: 'client', outcome: 'denied' });
      results.push({ call, content });
    }
    if (scope.signal.aborted) return;

    const limited = round >= limits.maxRounds;
    if (results.length === 0 || returnedIds.length > 0 || limited) {
      kept.push(...results);
      if (returnedIds.length > 0) context.pending.keep(scope.principal, returnedIds, kept);
      if (finish !== undefined)
        yield limited && results.length > 0 && returnedIds.length === 0 && finish.kind === 'finish'
          ? { ...finish, reason: 'length' }
          : finish;
      if (usage !== undefined) yield { kind: 'usage', usage };
      yield { kind: 'end' };
      return;
    }

    const source = protocol.withToolRound(turn.envelope.document, text, results, thoughts);
    const prepared = await prepare(Buffer.from(source), protocol, scope, context, {
      pass: 'again',
      nearMisses: 'omit',
    });
    if (prepared.kind === 'problem') {
      yield { kind: 'refused', code: 'internal' };
      return;
    }
    turn = { ...prepared.turn, bundled: turn.bundled };
    if ((await rememberTurn(turn, context)) === 'store-failed') {
      yield { kind: 'refused', code: 'store_unavailable' };
      return;
    }
    const next = await dispatch(turn, protocol, scope, context, { raw: 'needs-events' });
    yield { kind: 'turn', turn, dispatched: next };
    if (next.kind === 'refused') {
      yield { kind: 'refused', code: next.code };
      return;
    }
    if (next.kind === 'failed') {
      yield { kind: 'error', failure: next.failure };
      return;
    }
    if (next.kind === 'pipe') throw new Error('a turn of the tool loop was dispatched unread');
    dispatched = next;
  }
}

function denial(why: 'rule' | 'undeclared'): string {
  return why === 'rule'
    ? '[not run: denied-by-policy] A rule under tools.rules denies this tool. Go on without it.'
    : '[not run: unknown-tool] There is no tool of this name here. Use one of the tools you were given.';
}

function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  };
}
