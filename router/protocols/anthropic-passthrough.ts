/**
 * Watches a Messages reply that passes through. Where nothing was masked its bytes go on as they came; else every event is read, masked values are put back, and only
 * what holds one is written anew, so that blocks of kinds nobody here knows reach the client whole. Takes notice of blobs that only the upstream can open.
 * Fails closed: without `message_stop` after a stop reason the client is given an error event, and what was held back comes before it.
 */
import type { Usage } from '../chat.ts';
import { restoreStrings } from '../masking/restore.ts';
import { MAX_EVENT_CHARS } from '../sse.ts';
import { fieldsOf, isFields, listOf, textOf, type Fields } from '../upstreams/json-fields.ts';
import { REDACTED_BLOBS, SEARCH_BLOBS } from './anthropic-blocks.ts';
import type { GuardOptions, PassthroughGuard } from './protocol.ts';

const NOTHING = Buffer.alloc(0);
/** Events that have to be read even where nothing was masked. */
const MARKS = [
  '"thinking',
  '"signature',
  '"redacted_thinking',
  '"encrypted_',
  '"usage"',
  '"message_stop"',
  '"stop_reason"',
  '"error"',
];

export function createAnthropicGuard(options: GuardOptions): PassthroughGuard {
  return new AnthropicGuard(options);
}

/** A block of the stream that has begun. */
interface OpenBlock {
  readonly type: string;
  /** What the model thought in it so far. */
  said: string;
  signature: string;
  /** The last delta of each kind, to shape what is still held. */
  readonly deltas: Map<string, Fields>;
}

class AnthropicGuard implements PassthroughGuard {
  readonly #options: GuardOptions;
  readonly #open = new Map<unknown, OpenBlock>();
  #held: Buffer[] = [];
  #heldBytes = 0;
  #usage: Usage | undefined;
  #finished = false;
  #state: 'open' | 'done' | 'failed' = 'open';

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): Buffer | 'overflow' {
    if (this.#state !== 'open') return NOTHING;
    const last = this.#held.at(-1);
    // Only the seam and the new bytes can hold the end of an event; the pieces are joined once, when it is there.
    const seam = last === undefined ? chunk : Buffer.concat([last.subarray(-3), chunk]);
    if (lastBoundary(seam) === -1 && (last === undefined || last.length >= 3)) return this.#hold(chunk);
    const bytes = last === undefined ? chunk : Buffer.concat([...this.#held, chunk]);
    this.#held = [];
    this.#heldBytes = 0;
    const boundary = lastBoundary(bytes);
    if (boundary === -1) return this.#hold(bytes);
    if (boundary < bytes.length && this.#hold(bytes.subarray(boundary)) === 'overflow') return 'overflow';
    const events = boundary === bytes.length ? bytes : bytes.subarray(0, boundary);
    if (this.#options.restorer === undefined && !MARKS.some((mark) => events.includes(mark))) return events;
    return this.#events(events);
  }

  #hold(bytes: Buffer): Buffer | 'overflow' {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    return this.#heldBytes > MAX_EVENT_CHARS ? 'overflow' : NOTHING;
  }

  finish(errorBody: string): { complete: boolean; append: string; usage?: Usage } {
    const usage = this.#usage === undefined ? {} : { usage: this.#usage };
    if (this.#state === 'done') return { complete: true, append: '', ...usage };
    const held = this.#state === 'open' ? [...this.#open.keys()].map((index) => this.#flush(index)).join('') : '';
    // What the upstream said of its own failure has gone to the client already, in an error event.
    const append = this.#state === 'failed' ? '' : `${held}event: error\ndata: ${errorBody}\n\n`;
    return { complete: false, append, ...usage };
  }

  whole(body: Buffer): { body: Buffer; usage?: Usage } | 'malformed' {
    let message: unknown;
    try {
      message = JSON.parse(body.toString());
    } catch {
      return 'malformed';
    }
    if (!isFields(message) || !Array.isArray(message['content']) || (message['stop_reason'] ?? null) === null)
      return 'malformed';
    this.#count(fieldsOf(message['usage']));
    for (const block of listOf(message['content']).map(fieldsOf)) this.#noteBlock(block);
    const { restorer } = this.#options;
    const usage = this.#usage === undefined ? {} : { usage: this.#usage };
    if (restorer === undefined) return { body, ...usage };
    const content = listOf(message['content']).map((block, index) => this.#restoreBlock(fieldsOf(block), index));
    for (const block of content.map(fieldsOf)) {
      if (block['type'] === 'text') this.#options.heard?.text(textOf(block['text']));
      if (block['type'] === 'tool_use') this.#options.heard?.call(textOf(block['id']));
    }
    return { body: Buffer.from(JSON.stringify({ ...message, content })), ...usage };
  }

  /** Bytes for the client of some whole events. */
  #events(bytes: Buffer): Buffer {
    let start = 0;
    let changed = false;
    const out: Buffer[] = [];
    while (start < bytes.length) {
      const end = nextBoundary(bytes, start);
      const raw = bytes.subarray(start, end);
      start = end;
      const replaced = this.#event(raw);
      if (replaced !== undefined) changed = true;
      if (replaced === undefined) out.push(raw);
      else if (replaced !== '') out.push(Buffer.from(replaced));
      if (this.#state === 'open') continue;
      // After its last event a reply has nothing more to say.
      if (start < bytes.length) changed = true;
      break;
    }
    return changed ? Buffer.concat(out) : bytes;
  }

  /** What the client gets for one event; undefined for its own bytes. */
  #event(raw: Buffer): string | undefined {
    const data = dataOf(raw.toString());
    if (data === '') return undefined;
    let event: unknown;
    try {
      event = JSON.parse(data);
    } catch {
      return undefined;
    }
    if (!isFields(event)) return undefined;
    switch (event['type']) {
      case 'message_start':
        this.#count(fieldsOf(fieldsOf(event['message'])['usage']));
        return undefined;
      case 'content_block_start':
        return this.#begin(event);
      case 'content_block_delta':
        return this.#delta(event);
      case 'content_block_stop': {
        const flushed = this.#flush(event['index']);
        return flushed === '' ? undefined : flushed + raw.toString();
      }
      case 'message_delta': {
        this.#count(fieldsOf(event['usage']));
        if ((fieldsOf(event['delta'])['stop_reason'] ?? null) !== null) this.#finished = true;
        return undefined;
      }
      case 'message_stop':
        if (this.#finished) this.#state = 'done';
        // The client must not take it for the end of a whole reply.
        return this.#finished ? undefined : '';
      case 'error': {
        const held = [...this.#open.keys()].map((index) => this.#flush(index)).join('');
        this.#state = 'failed';
        return held + toEvent('error', { type: 'error', error: plainError(fieldsOf(event['error'])['type']) });
      }
      default:
        return undefined;
    }
  }

  #begin(event: Fields): string | undefined {
    const block = fieldsOf(event['content_block']);
    this.#open.set(event['index'], {
      type: textOf(block['type']),
      said: textOf(block['thinking']),
      signature: textOf(block['signature']),
      deltas: new Map(),
    });
    if (block['type'] !== 'thinking') this.#noteBlock(block);
    if (block['type'] === 'tool_use') this.#options.heard?.call(textOf(block['id']));
    if (this.#options.restorer === undefined || block['type'] === 'redacted_thinking') return undefined;
    const restored = restoreStrings(block, this.#options.restorer);
    return JSON.stringify(restored) === JSON.stringify(block)
      ? undefined
      : toEvent('content_block_start', { ...event, content_block: restored });
  }

  #delta(event: Fields): string | undefined {
    const { restorer } = this.#options;
    const delta = fieldsOf(event['delta']);
    const open = this.#open.get(event['index']);
    const type = textOf(delta['type']);
    if (type === 'thinking_delta' && open !== undefined) open.said += textOf(delta['thinking']);
    if (type === 'signature_delta' && open !== undefined) {
      open.signature += textOf(delta['signature']);
      // What the block still holds is said before it is signed.
      const held = this.#release(event['index'], open);
      return held === '' ? undefined : held + toEvent('content_block_delta', event);
    }
    if (type === 'citations_delta') this.#noteAll(delta['citation'], SEARCH_BLOBS);
    if (restorer === undefined || open === undefined) return undefined;
    const key = DELTA_TEXT[type];
    const given = key === undefined ? undefined : delta[key];
    if (key === undefined || typeof given !== 'string') {
      const restored = restoreStrings(delta, restorer);
      return JSON.stringify(restored) === JSON.stringify(delta)
        ? undefined
        : toEvent('content_block_delta', { ...event, delta: restored });
    }
    open.deltas.set(type, event);
    const text = restorer.push(streamOf(event['index'], type), given, this.#channelOf(type));
    if (type === 'text_delta' && text !== '') this.#options.heard?.text(text);
    if (text === given) return undefined;
    return text === '' ? '' : toEvent('content_block_delta', { ...event, delta: { ...delta, [key]: text } });
  }

  #channelOf(type: string): 'json' | 'text' {
    if (type === 'input_json_delta') return 'json';
    return type === 'text_delta' ? (this.#options.text ?? 'text') : 'text';
  }

  /** Events for what is still held of a block, which stays open. */
  #release(index: unknown, open: OpenBlock): string {
    const { restorer } = this.#options;
    if (restorer === undefined) return '';
    let out = '';
    for (const [type, event] of open.deltas) {
      const text = restorer.flush(streamOf(index, type));
      const key = DELTA_TEXT[type];
      if (text === '' || key === undefined) continue;
      if (type === 'text_delta') this.#options.heard?.text(text);
      out += toEvent('content_block_delta', { ...event, delta: { ...fieldsOf(event['delta']), [key]: text } });
    }
    open.deltas.clear();
    return out;
  }

  /** The same at the end of a block. */
  #flush(index: unknown): string {
    const open = this.#open.get(index);
    if (open === undefined) return '';
    this.#open.delete(index);
    if (open.type === 'thinking' && open.signature !== '') this.#options.note(open.signature, open.said);
    return this.#release(index, open);
  }

  #restoreBlock(block: Fields, index: number): unknown {
    const { restorer } = this.#options;
    if (restorer === undefined || block['type'] === 'redacted_thinking') return block;
    if (block['type'] === 'text' && this.#options.text === 'json') {
      const stream = streamOf(index, 'text_delta');
      const text = restorer.push(stream, textOf(block['text']), 'json');
      return { ...block, text: text + restorer.flush(stream) };
    }
    return restoreStrings(block, restorer);
  }

  #noteBlock(block: Fields): void {
    if (block['type'] === 'thinking') this.#options.note(textOf(block['signature']), textOf(block['thinking']));
    else if (block['type'] === 'redacted_thinking') this.#noteAll(block, REDACTED_BLOBS);
    else this.#noteAll(block, SEARCH_BLOBS);
  }

  #noteAll(value: unknown, keys: ReadonlySet<string>): void {
    if (Array.isArray(value)) for (const each of value) this.#noteAll(each, keys);
    else if (isFields(value))
      for (const [key, each] of Object.entries(value))
        if (keys.has(key) && typeof each === 'string') this.#options.note(each, '');
        else this.#noteAll(each, keys);
  }

  #count(usage: Fields): void {
    const count = (key: string): number | undefined => (typeof usage[key] === 'number' ? usage[key] : undefined);
    const before = this.#usage ?? { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 };
    const fresh = count('input_tokens');
    const cached = count('cache_read_input_tokens');
    this.#usage = {
      ...before,
      ...(fresh === undefined
        ? {}
        : { inputTokens: fresh + (cached ?? 0) + (count('cache_creation_input_tokens') ?? 0) }),
      ...(cached === undefined ? {} : { cachedInputTokens: cached }),
      outputTokens: count('output_tokens') ?? before.outputTokens,
    };
  }
}

const ERROR_TYPES: ReadonlySet<unknown> = new Set([
  'overloaded_error',
  'rate_limit_error',
  'timeout_error',
  'invalid_request_error',
]);

/** An upstream's error without its words, which may quote the prompt. */
function plainError(type: unknown): object {
  return {
    type: ERROR_TYPES.has(type) ? type : 'api_error',
    message: 'The upstream ended its answer with an error. Its words are withheld because they may quote the prompt.',
  };
}

const DELTA_TEXT: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  input_json_delta: 'partial_json',
};

function streamOf(index: unknown, type: string): string {
  return `${String(index)}/${type}`;
}

function toEvent(name: string, event: Fields): string {
  return `event: ${name}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The data of one event (WHATWG HTML 9.2.6). */
function dataOf(raw: string): string {
  return raw
    .split(/\r\n|\r|\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(line.startsWith('data: ') ? 6 : 5))
    .join('\n');
}

/** Index after the last blank line; -1 when there is none. */
function lastBoundary(bytes: Buffer): number {
  const feeds = bytes.lastIndexOf('\n\n');
  const returns = bytes.lastIndexOf('\n\r\n');
  return Math.max(feeds === -1 ? -1 : feeds + 2, returns === -1 ? -1 : returns + 3);
}

/** Index after the first blank line from `start` on, which there is. */
function nextBoundary(bytes: Buffer, start: number): number {
  const feeds = bytes.indexOf('\n\n', start);
  const returns = bytes.indexOf('\n\r\n', start);
  if (feeds === -1 && returns === -1) return bytes.length;
  if (returns === -1 || (feeds !== -1 && feeds < returns)) return feeds + 2;
  return returns + 3;
}
