/**
 * A reply's events with its placeholders put back: text, reasoning, refusals, tool arguments, citations and blocks of the provider's own, for every choice and channel on its own. Everything held comes
 * before what it stands before. Fails closed: a token this conversation did not make stays as it is.
 */
import type { NativeValue, ReplyEvent } from '../chat.ts';
import { LogprobFilter } from './restore-logprobs.ts';
import { Shifts } from './restore-positions.ts';
import { type Restorer, type RestoreOptions, restoreStrings } from './restore.ts';

type TextEvent = Extract<ReplyEvent, { readonly text: string }>;

/** restoreEvents restores text, reasoning, refusals and tool arguments; everything held comes before `finish`, `end` and `error`. */
export async function* restoreEvents(
  events: AsyncIterable<ReplyEvent>,
  restorer: Restorer,
  options: RestoreOptions = {},
): AsyncIterable<ReplyEvent> {
  // The last event of each stream, to shape what is still held.
  const open = new Map<string, TextEvent>();
  // Calls whose arguments are free text.
  const raw = new Set<string>();
  const shifts = new Map<number, Shifts>();
  const logprobs = new Map<number, LogprobFilter>();
  function* flush(belongs: (event: TextEvent) => boolean): Iterable<ReplyEvent> {
    for (const [stream, event] of open) {
      if (!belongs(event)) continue;
      open.delete(stream);
      const text = restorer.flush(stream);
      if (text !== '') yield { ...event, text };
    }
  }
  for await (const event of events) {
    switch (event.kind) {
      case 'text':
      case 'reasoning':
      case 'refusal':
      case 'tool-arguments': {
        const { choice } = event;
        const stream = `${choice}/${event.kind}/${event.kind === 'tool-arguments' ? event.index : 0}`;
        const last = open.get(stream);
        // What one message held back is not said by the next.
        if (last !== undefined && itemOf(last) !== itemOf(event)) yield* flush((each) => each === last);
        open.set(stream, event);
        if (event.kind === 'text') {
          const moved = shiftsOf(choice);
          const text = restorer.push(stream, event.text, options.text ?? 'text', (restored) => moved.note(restored));
          moved.write(event.text);
          if (text !== '') yield { ...event, text };
          break;
        }
        const isJson = event.kind === 'tool-arguments' && !raw.has(`${choice}/${event.index}`);
        const text = restorer.push(stream, event.text, isJson ? 'json' : 'text');
        if (text !== '') yield { ...event, text };
        break;
      }
      case 'finish': {
        yield* flush((each) => each.choice === event.choice);
        const rest = logprobs.get(event.choice)?.flush();
        if (rest !== undefined) yield { kind: 'logprobs', choice: event.choice, value: rest };
        yield event;
        break;
      }
      case 'end':
      case 'error':
        yield* flush(() => true);
        yield event;
        break;
      case 'reasoning-seal':
        yield* flush((each) => each.choice === event.choice && each.kind === 'reasoning');
        yield event;
        break;
      case 'annotation': {
        const { choice, native } = event;
        const value = restoreStrings(event.value, restorer) as NativeValue;
        const moved = { ...event, value: shiftsOf(choice).apply(value) };
        if (native === undefined) {
          yield moved;
          break;
        }
        // Its text is complete, and no placeholder goes on behind it.
        yield* flush((each) => each.choice === choice && each.kind === 'text');
        yield { ...moved, native: { ...native, value: restoreStrings(native.value, restorer) as NativeValue } };
        break;
      }
      case 'provider-item':
        yield { ...event, value: restoreStrings(event.value, restorer) as NativeValue };
        break;
      case 'native':
        // A block of its own: what was said before it comes before it.
        yield* flush((each) => each.choice === event.choice && each.kind !== 'tool-arguments');
        yield { ...event, value: restoreStrings(event.value, restorer) as NativeValue };
        break;
      case 'tool-call':
        if (event.raw === true) raw.add(`${event.choice}/${event.index}`);
        yield* flush((each) => each.choice === event.choice && each.kind !== 'tool-arguments');
        yield event;
        break;
      case 'logprobs': {
        const filter = logprobs.get(event.choice) ?? new LogprobFilter(restorer);
        logprobs.set(event.choice, filter);
        const value = filter.push(event.value);
        if (value !== undefined) yield { ...event, value };
        break;
      }
      case 'start':
      case 'usage':
        yield event;
        break;
    }
  }
  yield* flush(() => true);

  function shiftsOf(choice: number): Shifts {
    const known = shifts.get(choice) ?? new Shifts();
    shifts.set(choice, known);
    return known;
  }
}

/** Of several messages or thoughts in one channel, which one; empty where the wire does not tell. */
function itemOf(event: TextEvent): string {
  return event.kind === 'text' || event.kind === 'reasoning'
    ? `${event.item ?? ''} ${event.kind === 'reasoning' ? (event.summary ?? '') : ''}`
    : '';
}
