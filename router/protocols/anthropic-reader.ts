/**
 * A Messages upstream's reply, streamed or whole, as events. Fails closed: whatever is not a whole reply in the wire's own form ends in `error`, never in `end`:
 * no `message_stop`, no stop reason, a block left open, an error in the stream, a line that is no JSON.
 */
import type { FinishReason, ReplyEvent, UpstreamFailure, Usage } from '../chat.ts';
import { failure } from '../upstreams/failure.ts';
import { fieldsOf, isFields, listOf, textOf, type Fields } from '../upstreams/json-fields.ts';
import { countPoints } from '../masking/restore-positions.ts';
import { fromAnthropic } from './citations.ts';
import { readReplyBody, readReplyStream, type ReplyReader } from './reply-frame.ts';

const WIRE = 'anthropic-messages';

export function readAnthropicStream(body: AsyncIterable<Uint8Array>, upstream: string): AsyncIterable<ReplyEvent> {
  return readReplyStream(body, upstream, new AnthropicReply(upstream));
}

export function readAnthropicBody(body: AsyncIterable<Uint8Array>, upstream: string): AsyncIterable<ReplyEvent> {
  return readReplyBody(body, upstream, new AnthropicReply(upstream));
}

interface OpenBlock {
  readonly block: Fields;
  readonly call: number;
  /** Where it begins in all text of the reply. */
  readonly start: number;
  readonly citations: Fields[];
  json: string;
}

class AnthropicReply implements ReplyReader {
  readonly #upstream: string;
  /** Blocks started and not stopped, by index: what the end of each still has to say. */
  readonly #open = new Map<number, OpenBlock>();
  #calls = 0;
  /** Characters of text so far. */
  #textLength = 0;
  #usage: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 };
  #started = false;
  #finished = false;

  constructor(upstream: string) {
    this.#upstream = upstream;
  }

  failed(code: UpstreamFailure['code']): ReplyEvent {
    return { kind: 'error', failure: failure(this.#upstream, code, true, { status: 200 }) };
  }

  /** Events of one event of the stream; an `error` or `end` among them is the last. */
  read(data: string): ReplyEvent[] {
    const event = parse(data);
    if (event === undefined) return [this.failed('upstream_malformed')];
    switch (event['type']) {
      case 'message_start':
        return this.#start(fieldsOf(event['message']));
      case 'content_block_start':
        return this.#begin(event['index'], fieldsOf(event['content_block']));
      case 'content_block_delta':
        return this.#delta(event['index'], fieldsOf(event['delta']));
      case 'content_block_stop':
        return this.#stop(event['index']);
      case 'message_delta': {
        this.#count(fieldsOf(event['usage']));
        return this.#finish(fieldsOf(event['delta']));
      }
      case 'message_stop':
        return this.#end();
      case 'error':
        return [this.failed(codeOfError(fieldsOf(event['error'])['type']))];
      // `ping`, and events of later versions.
      default:
        return [];
    }
  }

  readWhole(text: string): ReplyEvent[] {
    const message = parse(text);
    if (message === undefined || message['type'] === undefined) return [this.failed('upstream_malformed')];
    if (message['type'] === 'error') return [this.failed(codeOfError(fieldsOf(message['error'])['type']))];
    if (!Array.isArray(message['content'])) return [this.failed('upstream_malformed')];
    const events = this.#start(message);
    for (const [index, block] of listOf(message['content']).map(fieldsOf).entries()) {
      const bare =
        block['type'] === 'text' ? { ...block, text: '' } : block['type'] === 'thinking' ? { type: 'thinking' } : block;
      events.push(...this.#begin(index, bare));
      if (block['type'] === 'text') events.push(...this.#say('text', textOf(block['text'])));
      if (block['type'] === 'thinking') {
        events.push(...this.#delta(index, { type: 'thinking_delta', thinking: block['thinking'] }));
        events.push(...this.#delta(index, { type: 'signature_delta', signature: block['signature'] }));
      }
      events.push(...this.#stop(index));
    }
    events.push(...this.#finish(message), ...this.#end());
    const broken = events.findIndex((event) => event.kind === 'error');
    return broken === -1 ? events : events.slice(0, broken + 1);
  }

  #start(message: Fields): ReplyEvent[] {
    this.#started = true;
    this.#count(fieldsOf(message['usage']));
    return [{ kind: 'start', id: textOf(message['id']), model: textOf(message['model']), createdSeconds: 0 }];
  }

  #begin(index: unknown, block: Fields): ReplyEvent[] {
    if (!this.#started || typeof index !== 'number' || this.#open.has(index))
      return [this.failed('upstream_malformed')];
    const type = block['type'];
    const call = type === 'tool_use' ? this.#calls++ : -1;
    const citations = listOf(block['citations']).map(fieldsOf);
    this.#open.set(index, { block, call, start: this.#textLength, citations, json: '' });
    if (type === 'text') return this.#say('text', textOf(block['text']));
    if (type === 'thinking') return this.#say('reasoning', textOf(block['thinking']));
    if (type !== 'tool_use') return typeof type === 'string' ? [] : [this.failed('upstream_malformed')];
    const name = textOf(block['name']);
    // A call without a name cannot be answered by anybody.
    if (name === '') return [this.failed('upstream_malformed')];
    return [{ kind: 'tool-call', choice: 0, index: call, id: textOf(block['id']), name }];
  }

  #delta(index: unknown, delta: Fields): ReplyEvent[] {
    const open = typeof index === 'number' ? this.#open.get(index) : undefined;
    if (open === undefined) return [this.failed('upstream_malformed')];
    switch (delta['type']) {
      case 'text_delta':
        return this.#say('text', delta['text']);
      case 'thinking_delta':
        return this.#say('reasoning', delta['thinking']);
      case 'signature_delta':
        return textOf(delta['signature']) === ''
          ? []
          : [{ kind: 'reasoning-seal', choice: 0, item: '', seal: textOf(delta['signature']), vouches: true }];
      case 'input_json_delta': {
        const piece = delta['partial_json'];
        if (typeof piece !== 'string') return [this.failed('upstream_malformed')];
        open.json += piece;
        return piece === '' || open.call === -1
          ? []
          : [{ kind: 'tool-arguments', choice: 0, index: open.call, text: piece }];
      }
      case 'citations_delta':
        open.citations.push(fieldsOf(delta['citation']));
        return [];
      // Deltas of later versions.
      default:
        return [];
    }
  }

  #say(kind: 'text' | 'reasoning', value: unknown): ReplyEvent[] {
    if (typeof value !== 'string') return [this.failed('upstream_malformed')];
    if (kind === 'text') this.#textLength += countPoints(value);
    return value === '' ? [] : [{ kind, choice: 0, text: value }];
  }

  #stop(index: unknown): ReplyEvent[] {
    const open = typeof index === 'number' ? this.#open.get(index) : undefined;
    if (open === undefined) return [this.failed('upstream_malformed')];
    this.#open.delete(Number(index));
    const { block, call, json, start, citations } = open;
    switch (block['type']) {
      case 'text':
        return citations.map((citation) => fromAnthropic(citation, start, this.#textLength));
      case 'thinking':
        return [];
      case 'tool_use': {
        const given = block['input'];
        // Some servers send the whole input at once, with the start.
        return json === '' && isFields(given) && Object.keys(given).length > 0
          ? [{ kind: 'tool-arguments', choice: 0, index: call, text: JSON.stringify(given) }]
          : [];
      }
      default: {
        const input = json === '' ? undefined : parse(json);
        return [{ kind: 'native', choice: 0, wire: WIRE, value: input === undefined ? block : { ...block, input } }];
      }
    }
  }

  #count(usage: Fields): void {
    const count = (key: string): number | undefined => {
      const value = usage[key];
      return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.floor(value) : undefined;
    };
    const cached = count('cache_read_input_tokens');
    const fresh = count('input_tokens');
    const before = this.#usage;
    this.#usage = {
      ...before,
      // The wire counts what the cache held apart; everybody else counts it in.
      ...(fresh === undefined
        ? {}
        : { inputTokens: fresh + (cached ?? before.cachedInputTokens) + (count('cache_creation_input_tokens') ?? 0) }),
      ...(cached === undefined ? {} : { cachedInputTokens: cached }),
      outputTokens: count('output_tokens') ?? before.outputTokens,
    };
  }

  #finish(delta: Fields): ReplyEvent[] {
    const given = delta['stop_reason'] ?? null;
    if (given === null || this.#finished) return [];
    const reason = toFinishReason(given);
    if (reason === undefined) return [this.failed('upstream_malformed')];
    this.#finished = true;
    const stopSequence = delta['stop_sequence'];
    return [{ kind: 'finish', choice: 0, reason, ...(typeof stopSequence === 'string' ? { stopSequence } : {}) }];
  }

  #end(): ReplyEvent[] {
    if (!this.#finished || this.#open.size > 0) return [this.failed('upstream_truncated')];
    return [{ kind: 'usage', usage: this.#usage }, { kind: 'end' }];
  }
}

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Reasons we do not know are not taken for success. `pause_turn`: a turn of the provider's own tools that its client is to continue. */
function toFinishReason(reason: unknown): FinishReason | undefined {
  switch (reason) {
    case 'end_turn':
    case 'stop_sequence':
      return 'stop';
    case 'tool_use':
      return 'tool-calls';
    case 'max_tokens':
    case 'model_context_window_exceeded':
    case 'pause_turn':
      return 'length';
    case 'refusal':
      return 'content-filter';
    default:
      return undefined;
  }
}

/** Only the type of an error is read, its message may quote the prompt. */
export function codeOfError(type: unknown): UpstreamFailure['code'] {
  switch (type) {
    case 'overloaded_error':
    case 'rate_limit_error':
      return 'upstream_overloaded';
    case 'authentication_error':
    case 'permission_error':
    case 'billing_error':
      return 'upstream_unauthorized';
    case 'not_found_error':
      return 'model_not_found';
    case 'timeout_error':
      return 'upstream_timeout';
    case 'api_error':
      return 'upstream_failed';
    default:
      return 'upstream_rejected';
  }
}
