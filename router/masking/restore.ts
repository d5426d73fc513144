/**
 * Placeholders in a reply put back as it streams, for every choice and channel on its own. At most the beginning of one
 * placeholder is held back, and it is let go before the choice finishes. Fails closed: a token this conversation did not make stays as it is.
 */
import type { MaskMap, TokenHit } from './store.ts';

/** `json`: the channel is JSON text (tool arguments, structured output), and values go in escaped. */
export type Channel = 'text' | 'json';

/** A token of a stream and what it became; `at` counts the stream's own UTF-16 units, as the model wrote it. */
export interface Restored {
  readonly at: number;
  readonly token: string;
  readonly value: string;
}

export interface Restorer {
  /** Text that may go on now. `stream` names what the pieces belong to; pieces of one stream come in order. */
  push(stream: string, text: string, channel: Channel, onRestored?: (restored: Restored) => void): string;
  /** What is still held for a stream; empty when nothing is. */
  flush(stream: string): string;
  /** Tokens of this conversation in a text. */
  find(text: string): readonly TokenHit[];
  /** How much of the end of a text may be the beginning of one. */
  tailOf(text: string): number;
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
  /** UTF-16 units let go so far, as the model wrote them. */
  passed: number;
  readonly channel: Channel;
}

export function createRestorer(map: Pick<MaskMap, 'size' | 'findIn' | 'tailOf'>): Restorer {
  const streams = new Map<string, StreamState>();
  /** `before` is what the stream held before this piece, which tells how deep inside strings it stands. */
  const putBack = (
    ready: string,
    channel: Channel,
    before: string,
    onHit?: (hit: TokenHit, shown: string) => void,
  ): string => {
    let out = '';
    let position = 0;
    for (const hit of map.findIn(ready)) {
      const { start, end, value } = hit;
      const once = channel === 'json' ? JSON.stringify(value).slice(1, -1) : value;
      // Only a value that escaping changes needs the depth, which costs a look at all that came before.
      const shown =
        channel === 'text' || once === value ? value : escapeTimes(value, stringDepth(before + ready.slice(0, start)));
      onHit?.(hit, shown);
      out += ready.slice(position, start) + shown;
      position = end;
    }
    return position === 0 ? ready : out + ready.slice(position);
  };
  return {
    find: (text) => (map.size === 0 ? [] : map.findIn(text)),
    tailOf: (text) => (map.size === 0 ? 0 : map.tailOf(text)),
    push(stream, text, channel, onRestored) {
      if (map.size === 0) return text;
      let state = streams.get(stream);
      if (state === undefined) {
        state = { held: '', written: '', passed: 0, channel };
        streams.set(stream, state);
      }
      const all = state.held + text;
      const tail = map.tailOf(all);
      state.held = tail === 0 ? '' : all.slice(-tail);
      const ready = tail === 0 ? all : all.slice(0, -tail);
      const before = state.written;
      const passed = state.passed;
      state.passed += ready.length;
      if (channel === 'json') state.written += ready;
      return putBack(ready, channel, before, (hit, shown) =>
        onRestored?.({ at: passed + hit.start, token: ready.slice(hit.start, hit.end), value: shown }),
      );
    },
    flush(stream) {
      const state = streams.get(stream);
      if (state === undefined) return '';
      const rest = state.held;
      const before = state.written;
      state.held = '';
      state.passed += rest.length;
      if (state.written !== '') state.written += rest;
      // A whole token may have waited for what came after it.
      return putBack(rest, state.channel, before);
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
    let out = '';
    let position = 0;
    for (const hit of restorer.find(value)) {
      out += value.slice(position, hit.start) + hit.value;
      position = hit.end;
    }
    return out + value.slice(position);
  }
  if (Array.isArray(value)) return value.map((each) => restoreStrings(each, restorer));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, restoreStrings(each, restorer)]));
}
