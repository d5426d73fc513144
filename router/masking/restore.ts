/**
 * Placeholders in a reply put back as it streams, for every choice and channel on its own. At most the beginning of one
 * placeholder is held back, and it is let go before the choice finishes. Fails closed: a token this conversation did not make stays as it is.
 */
import type { ReplyEvent } from '../chat.ts';
import { tokenPattern, tokenPrefix } from './placeholder.ts';
import type { MaskMap } from './store.ts';

/** `json`: the channel is JSON text (tool arguments, structured output), and values go in escaped. */
export type Channel = 'text' | 'json';

export interface Restorer {
  /** Text that may go on now. `stream` names what the pieces belong to; pieces of one stream come in order. */
  push(stream: string, text: string, channel: Channel): string;
  /** What is still held for a stream; empty when nothing is. Ends it. */
  flush(stream: string): string;
}

export interface RestoreOptions {
  /** `json` when the client asked for structured output: message text is JSON then. */
  readonly text?: Channel;
}

export function createRestorer(map: MaskMap): Restorer {
  const held = new Map<string, string>();
  return {
    push(stream, text, channel) {
      if (map.size === 0) return text;
      const before = held.get(stream);
      const all = before === undefined ? text : before + text;
      if (!all.includes('[')) return all;
      const prefix = tokenPrefix(all);
      const keep = prefix !== '' && map.hasPrefix(prefix) ? prefix : '';
      if (keep === '') held.delete(stream);
      else held.set(stream, keep);
      const ready = keep === '' ? all : all.slice(0, all.length - keep.length);
      if (!ready.includes('[[')) return ready;
      return ready.replace(tokenPattern(), (token) => {
        const value = map.valueOf(token);
        if (value === undefined) return token;
        return channel === 'json' ? JSON.stringify(value).slice(1, -1) : value;
      });
    },
    flush(stream) {
      const rest = held.get(stream) ?? '';
      held.delete(stream);
      return rest;
    },
  };
}

type TextEvent = Extract<ReplyEvent, { readonly text: string }>;

/** restoreEvents restores text, reasoning, refusals and tool arguments; everything held comes before `finish`, `end` and `error`. */
export async function* restoreEvents(
  events: AsyncIterable<ReplyEvent>,
  restorer: Restorer,
  options: RestoreOptions = {},
): AsyncIterable<ReplyEvent> {
  // The last event of each stream, to shape what is still held.
  const open = new Map<string, TextEvent>();
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
        const stream = `${event.choice}/${event.kind}/${event.kind === 'tool-arguments' ? event.index : 0}`;
        open.set(stream, event);
        const text = restorer.push(
          stream,
          event.text,
          event.kind === 'tool-arguments' ? 'json' : event.kind === 'text' ? (options.text ?? 'text') : 'text',
        );
        if (text !== '') yield { ...event, text };
        break;
      }
      case 'finish':
        yield* flush((each) => each.choice === event.choice);
        yield event;
        break;
      case 'end':
      case 'error':
        yield* flush(() => true);
        yield event;
        break;
      case 'start':
      case 'tool-call':
      case 'logprobs':
      case 'usage':
        yield event;
        break;
    }
  }
  yield* flush(() => true);
}
