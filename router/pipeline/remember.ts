/** Writes the latch before anything of the reply reaches the client. Fails closed: a store that cannot be written is `store-failed`, and the caller refuses. */
import { ruleOf } from '../policy/rank.ts';
import type { Context } from './context.ts';
import type { Turn } from './prepare.ts';

export async function rememberTurn(turn: Turn, context: Context): Promise<'kept' | 'store-failed'> {
  const { trace, complexity } = turn;
  context.memory.rememberBand(trace, complexity.band);
  const { label } = turn.decision;
  if (rankOf(label, context) === 0) return 'kept';
  // Nothing was found in it: it stays inside only because nobody could say what it was before, and there is nothing new to keep.
  if (isOnlyForgotten(turn)) return 'kept';
  try {
    await context.memory.remember(trace, label, {
      from: firstSensitiveMessage(turn),
      maskable: isMaskable(turn, context),
    });
    return 'kept';
  } catch (error) {
    context.log.error({ err: error, event: 'store-failed' }, 'store-failed');
    return 'store-failed';
  }
}

/** The answer's own marks are extra nets under the chain, which is already kept: a failure here is logged and counted on by nobody. */
export async function rememberReply(
  turn: Turn,
  reply: { readonly text: string; readonly callIds: readonly string[] },
  context: Context,
): Promise<void> {
  const { label } = turn.decision;
  if (rankOf(label, context) === 0) return;
  try {
    await context.memory.rememberReply(turn.trace, reply, label, isMaskable(turn, context));
  } catch (error) {
    context.log.error({ err: error, event: 'store-failed' }, 'store-failed');
  }
}

/** A tool call that raised an alarm makes its conversation what the sandbox's policy says, before its result is looked at. */
export async function rememberAlarm(turn: Turn, label: string, context: Context): Promise<'kept' | 'store-failed'> {
  try {
    await context.memory.remember(turn.trace, label, { from: turn.envelope.chat.messages.length - 1, maskable: false });
    return 'kept';
  } catch (error) {
    context.log.error({ err: error, event: 'store-failed' }, 'store-failed');
    return 'store-failed';
  }
}

/** Whether the memory's own silence is all that speaks against a turn. */
function isOnlyForgotten(turn: Turn): boolean {
  const { verdict } = turn.classification;
  return (
    verdict.kind === 'unknown' &&
    verdict.findings.length === 0 &&
    verdict.gaps.every((gap) => gap.cause === 'store-unavailable')
  );
}

/** isMaskable: whether everything that raised this conversation could be masked out of its text. */
export function isMaskable(turn: Pick<Turn, 'classification' | 'remembered'>, context: Context): boolean {
  const { verdict } = turn.classification;
  if (verdict.kind === 'unknown' || !turn.remembered.maskable) return false;
  return verdict.findings.every((finding) => ruleOf(context.policy, finding.entity).maskable);
}

/**
 * The first message that made the conversation what it is. What stands outside the messages (tools, metadata), or is only remembered, counts from the last one on:
 * marking the opening would latch every conversation that begins alike.
 */
function firstSensitiveMessage(turn: Turn): number {
  const { verdict } = turn.classification;
  const last = turn.envelope.chat.messages.length - 1;
  const pointers = [
    ...verdict.findings.map((finding) => finding.span.segment),
    ...(verdict.kind === 'unknown' ? verdict.gaps.map((gap) => gap.pointer) : []),
  ];
  const positions = pointers.map((pointer) => turn.envelope.where.messageAt(pointer) ?? last);
  return positions.length === 0 ? last : Math.min(...positions);
}

function rankOf(label: string, context: Context): number {
  return context.policy.ladder.indexOf(label);
}
