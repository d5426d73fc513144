/**
 * Placeholders in a reply put back as it streams, for every choice and channel on its own. At most the beginning of one
 * placeholder is held back, and it is let go before the choice finishes. Fails closed: a token this conversation did not make stays as it is.
 */
import type { NativeValue, ReplyEvent } from '../chat.ts';
import { bareToken, tokenPattern, tokenPrefix } from './placeholder.ts';
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

interface StreamState {
  /** The beginning of what may be a token. */
  held: string;
  /** JSON as the model wrote it, tokens and all: it tells how deep inside strings a token stands. Empty on text channels. */
  written: string;
}

export function createRestorer(map: MaskMap): Restorer {
  const streams = new Map<string, StreamState>();
  return {
    push(stream, text, channel) {
      if (map.size === 0) return text;
      let state = streams.get(stream);
      if (state === undefined) {
        state = { held: '', written: '' };
        streams.set(stream, state);
      }
      const all = state.held + text;
      const prefix = tokenPrefix(all);
      state.held = prefix !== '' && map.hasPrefix(bareToken(prefix)) ? prefix : '';
      const ready = state.held === '' ? all : all.slice(0, all.length - state.held.length);
      const before = state.written;
      if (channel === 'json') state.written += ready;
      if (!ready.includes('[[')) return ready;
      return ready.replace(tokenPattern(), (token: string, at: number) => {
        const value = map.valueOf(bareToken(token));
        if (value === undefined || channel === 'text') return value ?? token;
        const once = JSON.stringify(value).slice(1, -1);
        // Only a value that escaping changes needs the depth, which costs a look at all that came before.
        return once === value ? value : escapeTimes(value, stringDepth(before + ready.slice(0, at)));
      });
    },
    flush(stream) {
      const rest = streams.get(stream)?.held ?? '';
      streams.delete(stream);
      return rest;
    },
  };
}

function escapeTimes(value: string, times: number): string {
  let escaped = value;
  for (let time = 0; time < Math.max(1, times); time++) escaped = JSON.stringify(escaped).slice(1, -1);
  return escaped;
}

/** Strings inside strings that JSON text ends in: 1 in `{"a":"…`, 2 in `{"a":"{\"b\":\"…`, 0 outside any, -1 where the text is no beginning of JSON. */
function stringDepth(json: string): number {
  let open = -1;
  let closed = 0;
  for (let at = json.indexOf('"'); at !== -1; at = json.indexOf('"', at + 1)) {
    let before = at - 1;
    while (json[before] === '\\') before--;
    if (open === -1) {
      if (!isBetweenStrings(json.slice(closed, at))) return -1;
      open = at;
    } else if ((at - before) % 2 === 1) {
      open = -1;
      closed = at + 1;
    }
  }
  if (open === -1) return isBetweenStrings(json.slice(closed)) ? 0 : -1;
  let inner: unknown;
  try {
    inner = JSON.parse(`${json.slice(open)}"`);
  } catch {
    return 1;
  }
  return typeof inner === 'string' && /^\s{0,64}[[{]/.test(inner) ? 1 + Math.max(0, stringDepth(inner)) : 1;
}

/** Prose that begins with a bracket is told from JSON by its words. */
function isBetweenStrings(text: string): boolean {
  return text.split(/[\s[\]{},:]/).every((word) => /^(?:-?\d[\d.eE+-]*|true|false|null)?$/.test(word));
}

/** restoreStrings gives a JSON value with the placeholders in its strings put back; keys stay. */
export function restoreStrings(value: unknown, restorer: Restorer): unknown {
  if (typeof value === 'string') {
    if (!value.includes('[[')) return value;
    const text = restorer.push('whole', value, 'text');
    return text + restorer.flush('whole');
  }
  if (Array.isArray(value)) return value.map((each) => restoreStrings(each, restorer));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, restoreStrings(each, restorer)]));
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
      case 'reasoning-seal':
        yield* flush((each) => each.choice === event.choice && each.kind === 'reasoning');
        yield event;
        break;
      case 'annotation':
      case 'provider-item':
        yield { ...event, value: restoreStrings(event.value, restorer) as NativeValue };
        break;
      case 'native':
        // A block of its own: what was said before it comes before it.
        yield* flush((each) => each.choice === event.choice && each.kind !== 'tool-arguments');
        yield { ...event, value: restoreStrings(event.value, restorer) as NativeValue };
        break;
      case 'tool-call':
        yield* flush((each) => each.choice === event.choice && each.kind !== 'tool-arguments');
        yield event;
        break;
      case 'start':
      case 'logprobs':
      case 'usage':
        yield event;
        break;
    }
  }
  yield* flush(() => true);
}
