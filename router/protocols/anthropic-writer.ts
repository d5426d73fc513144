/**
 * Events as the bytes a Messages client expects: a stream of content blocks, or one message. Fails visibly: an error is an `error` event (or the error's own
 * body) and no `message_stop` comes after it, so that nobody takes what came before for the whole.
 */
import type { FinishReason, NativeValue, ReplyEvent, Usage } from '../chat.ts';
import { argumentsObject } from '../tool-arguments.ts';
import { ANTHROPIC, toAnthropic } from './citations.ts';
import { truncatedBody, writeLast } from './last-bytes.ts';
import type { ByteSink, ReplyWriter, WriterOptions } from './protocol.ts';

const STOP: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
};

/** Stands where a provider signs its reasoning: this came from elsewhere, no provider takes it back, and none is shown it. */
export const UNSIGNED = 'sluice-unsigned';

const WIRE = ANTHROPIC;

/** createAnthropicWriter writes one reply and ends the sink after `end` or `error`; what comes later is ignored. */
export function createAnthropicWriter(sink: ByteSink, options: WriterOptions): ReplyWriter {
  return options.stream ? new StreamWriter(sink, options) : new BodyWriter(sink, options);
}

export function toAnthropicEvent(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify({ type: name, ...data })}\n\n`;
}

function usageOf(usage: Usage): object {
  return {
    input_tokens: usage.inputTokens - usage.cachedInputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedInputTokens,
    output_tokens: usage.outputTokens,
  };
}

const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 };

type Open =
  | { readonly kind: 'text' | 'thinking'; readonly index: number; signature: string; isCited: boolean }
  | { readonly kind: 'tool'; readonly index: number; readonly call: number; written: string };

class StreamWriter implements ReplyWriter {
  readonly contentType = 'text/event-stream; charset=utf-8';
  readonly #sink: ByteSink;
  readonly #options: WriterOptions;
  /** Blocks that were started and not stopped; more than one only where calls come interleaved. */
  #open: Open[] = [];
  #next = 0;
  #started = false;
  #model: string;
  #usage = NO_USAGE;
  #finish: { readonly reason: FinishReason; readonly stopSequence: string | null } | undefined;
  #ended = false;

  constructor(sink: ByteSink, options: WriterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#model = options.model;
  }

  write(event: ReplyEvent): void | Promise<void> {
    if (this.#ended) return;
    switch (event.kind) {
      case 'start':
        if (event.model !== '' && !this.#started) this.#model = event.model;
        return;
      case 'text':
      case 'refusal':
        return this.#sink.write(this.#delta('text', { type: 'text_delta', text: event.text }));
      case 'reasoning':
        return this.#sink.write(this.#delta('thinking', { type: 'thinking_delta', thinking: event.text }));
      case 'tool-call':
        return this.#sink.write(
          this.#head() +
            this.#close((block) => block.kind !== 'tool' || isWhole(block.written)) +
            this.#begin(
              { kind: 'tool', index: this.#next, call: event.index, written: '' },
              { type: 'tool_use', id: event.id, name: event.name, input: {} },
            ),
        );
      case 'tool-arguments': {
        const block = this.#open.find((each) => each.kind === 'tool' && each.call === event.index);
        // Arguments of a call that was whole before they came.
        if (block?.kind !== 'tool') return;
        block.written += event.text;
        return this.#sink.write(
          toAnthropicEvent('content_block_delta', {
            index: block.index,
            delta: { type: 'input_json_delta', partial_json: event.text },
          }),
        );
      }
      case 'reasoning-seal': {
        const block = this.#open.find((each) => each.kind === 'thinking');
        // Sealed reasoning of another wire is no signature.
        if (block?.kind === 'thinking' && event.vouches === true) block.signature = event.seal;
        return;
      }
      case 'native':
        return event.wire === WIRE ? this.#native(event.value) : undefined;
      case 'annotation': {
        const citation = toAnthropic(event);
        const block = this.#open.find((each) => each.kind === 'text');
        if (citation === undefined || block === undefined) return;
        const delta = { type: 'citations_delta', citation };
        if (block.kind === 'text') block.isCited = true;
        return this.#sink.write(toAnthropicEvent('content_block_delta', { index: block.index, delta }));
      }
      case 'provider-item':
      case 'logprobs':
        return;
      case 'finish':
        this.#finish ??= { reason: event.reason, stopSequence: event.stopSequence ?? null };
        return;
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'end':
        return this.#end();
      case 'error':
        return this.#last(this.#failed(this.#options.errorBody(event.failure)));
    }
  }

  #native(value: NativeValue): void | Promise<void> {
    const head = this.#head() + this.#close(() => true);
    const index = this.#next++;
    return this.#sink.write(
      head +
        toAnthropicEvent('content_block_start', { index, content_block: value }) +
        toAnthropicEvent('content_block_stop', { index }),
    );
  }

  #head(): string {
    if (this.#started) return '';
    this.#started = true;
    return toAnthropicEvent('message_start', {
      message: {
        id: this.#options.id,
        type: 'message',
        role: 'assistant',
        model: this.#model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: usageOf({ ...this.#usage, outputTokens: 0 }),
      },
    });
  }

  #begin(block: Open, content: object): string {
    this.#open.push(block);
    this.#next = block.index + 1;
    return toAnthropicEvent('content_block_start', { index: block.index, content_block: content });
  }

  /** Stops the blocks that are chosen. */
  #close(chosen: (block: Open) => boolean): string {
    const stopped = this.#open.filter(chosen);
    this.#open = this.#open.filter((block) => !stopped.includes(block));
    return stopped
      .map((block) => {
        const signature =
          block.kind === 'thinking'
            ? toAnthropicEvent('content_block_delta', {
                index: block.index,
                delta: { type: 'signature_delta', signature: block.signature },
              })
            : '';
        return signature + toAnthropicEvent('content_block_stop', { index: block.index });
      })
      .join('');
  }

  #delta(kind: 'text' | 'thinking', delta: object): string {
    let before = this.#head();
    // A cited text is complete: what is said next is another block.
    before += this.#close((each) => each.kind === 'text' && each.isCited && kind === 'text');
    let block = this.#open.find((each) => each.kind === kind);
    if (block === undefined) {
      before += this.#close((each) => each.kind !== 'tool' || isWhole(each.written));
      block = { kind, index: this.#next, signature: UNSIGNED, isCited: false };
      before += this.#begin(
        block,
        kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '', signature: '' },
      );
    }
    return before + toAnthropicEvent('content_block_delta', { index: block.index, delta });
  }

  #end(): void | Promise<void> {
    if (this.#finish === undefined) return this.#last(this.#failed(truncatedBody(this.#options)));
    const { reason, stopSequence } = this.#finish;
    return this.#last(
      this.#head() +
        this.#close(() => true) +
        toAnthropicEvent('message_delta', {
          delta: { stop_reason: stopSequence === null ? STOP[reason] : 'stop_sequence', stop_sequence: stopSequence },
          usage: usageOf(this.#usage),
        }) +
        toAnthropicEvent('message_stop', {}),
    );
  }

  #failed(errorBody: string): string {
    return `event: error\ndata: ${errorBody}\n\n`;
  }

  #last(bytes: string): void | Promise<void> {
    this.#ended = true;
    return writeLast(this.#sink, bytes);
  }
}

function isWhole(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

class BodyWriter implements ReplyWriter {
  readonly contentType = 'application/json';
  readonly #sink: ByteSink;
  readonly #options: WriterOptions;
  readonly #blocks: Record<string, unknown>[] = [];
  readonly #calls = new Map<number, { readonly block: Record<string, unknown>; written: string }>();
  #model: string;
  #usage = NO_USAGE;
  #finish: { readonly reason: FinishReason; readonly stopSequence: string | null } | undefined;
  #ended = false;

  constructor(sink: ByteSink, options: WriterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#model = options.model;
  }

  write(event: ReplyEvent): void | Promise<void> {
    if (this.#ended) return;
    switch (event.kind) {
      case 'start':
        if (event.model !== '') this.#model = event.model;
        return;
      case 'text':
      case 'refusal':
        this.#grow('text', 'text', event.text, {});
        return;
      case 'reasoning':
        this.#grow('thinking', 'thinking', event.text, { signature: UNSIGNED });
        return;
      case 'tool-call': {
        const block = { type: 'tool_use', id: event.id, name: event.name, input: {} };
        this.#blocks.push(block);
        this.#calls.set(event.index, { block, written: '' });
        return;
      }
      case 'tool-arguments': {
        const call = this.#calls.get(event.index);
        if (call !== undefined) call.written += event.text;
        return;
      }
      case 'reasoning-seal': {
        const last = this.#blocks.at(-1);
        if (last?.['type'] === 'thinking' && event.vouches === true) last['signature'] = event.seal;
        return;
      }
      case 'native':
        if (event.wire === WIRE) this.#blocks.push({ ...event.value });
        return;
      case 'annotation': {
        const citation = toAnthropic(event);
        const last = this.#blocks.at(-1);
        if (citation === undefined || last?.['type'] !== 'text') return;
        last['citations'] = [...((last['citations'] as readonly object[] | undefined) ?? []), citation];
        return;
      }
      case 'provider-item':
      case 'logprobs':
        return;
      case 'finish':
        this.#finish ??= { reason: event.reason, stopSequence: event.stopSequence ?? null };
        return;
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'end':
        return this.#last(this.#body());
      case 'error':
        return this.#last(this.#options.errorBody(event.failure));
    }
  }

  #grow(type: string, key: string, text: string, more: object): void {
    const last = this.#blocks.at(-1);
    // A cited text is complete: what is said next is another block.
    if (last?.['type'] === type && last['citations'] === undefined) last[key] = String(last[key]) + text;
    else this.#blocks.push({ type, [key]: text, ...more });
  }

  #body(): string {
    if (this.#finish === undefined) return truncatedBody(this.#options);
    for (const { block, written } of this.#calls.values()) block['input'] = argumentsObject(written);
    const { reason, stopSequence } = this.#finish;
    return JSON.stringify({
      id: this.#options.id,
      type: 'message',
      role: 'assistant',
      model: this.#model,
      content: this.#blocks,
      stop_reason: stopSequence === null ? STOP[reason] : 'stop_sequence',
      stop_sequence: stopSequence,
      usage: usageOf(this.#usage),
    });
  }

  #last(body: string): void | Promise<void> {
    this.#ended = true;
    return writeLast(this.#sink, body);
  }
}
