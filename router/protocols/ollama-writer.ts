/**
 * Events as the bytes a client of Ollama's native API expects: one JSON frame per line, or one body. Tool calls go out whole, their arguments as an
 * object; counters come with the last frame. Fails visibly: an error becomes an `{"error": …}` line and the stream ends without a `done` frame, which
 * clients take for a failure.
 */
import type { FinishReason, ReplyEvent, Usage } from '../chat.ts';
import { argumentsObject } from '../tool-arguments.ts';
import type { OllamaCall } from './ollama-shape.ts';
import { truncatedBody, writeLast } from './last-bytes.ts';
import type { ByteSink, ReplyWriter, WriterOptions } from './protocol.ts';

/** Calls of tools end with `stop` on this wire. */
const DONE_REASON: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  'tool-calls': 'stop',
  length: 'length',
  'content-filter': 'content_filter',
};

export interface OllamaToolCall {
  readonly id: string;
  readonly function: { readonly index: number; readonly name: string; readonly arguments: unknown };
}

/** What one frame says. Empty and absent members are left out. */
interface Said {
  readonly content?: string;
  readonly thinking?: string;
  readonly toolCalls?: readonly OllamaToolCall[];
  readonly logprobs?: readonly unknown[];
}

/** createOllamaWriter writes one reply and ends the sink after `end` or `error`; what comes later is ignored. */
export function createOllamaWriter(call: OllamaCall, sink: ByteSink, options: WriterOptions): ReplyWriter {
  return options.stream ? new FrameWriter(call, sink, options) : new WholeWriter(call, sink, options);
}

/** What both forms of a reply have in common: names, clock, calls being put together. */
class Reply {
  readonly #call: OllamaCall;
  readonly #startedAt = performance.now();
  readonly #calls = new Map<number, { readonly id: string; readonly name: string; text: string }>();
  readonly #loads: WriterOptions['loads'];
  #firstAt = 0;
  #model: string;
  #usage: Usage | undefined;
  #finish: FinishReason | undefined;

  constructor(call: OllamaCall, options: WriterOptions) {
    this.#call = call;
    this.#model = options.model;
    this.#loads = options.loads;
  }

  get isFinished(): boolean {
    return this.#finish !== undefined;
  }

  /** note takes what shows only later; true for events that say something now. */
  note(event: ReplyEvent): boolean {
    switch (event.kind) {
      case 'start':
        if (event.model !== '') this.#model = event.model;
        return false;
      case 'usage':
        this.#usage = event.usage;
        return false;
      case 'finish':
        this.#finish ??= event.reason;
        return true;
      case 'tool-call':
        this.#begin();
        this.#calls.set(event.index, { id: event.id, name: event.name, text: '' });
        return false;
      case 'tool-arguments': {
        const call = this.#calls.get(event.index);
        if (call !== undefined) call.text += event.text;
        return false;
      }
      case 'text':
      case 'reasoning':
      case 'refusal':
      case 'logprobs':
        this.#begin();
        return true;
      case 'native':
        return false;
      case 'end':
      case 'error':
        return true;
      case 'reasoning-seal':
      case 'annotation':
      case 'provider-item':
        return false;
    }
  }

  /** takeCalls gives the calls put together so far, once. */
  takeCalls(): readonly OllamaToolCall[] {
    const calls = [...this.#calls.values()].map((call, index) => ({
      id: call.id,
      function: { index, name: call.name, arguments: argumentsObject(call.text) },
    }));
    this.#calls.clear();
    return calls;
  }

  frame(said: Said): string {
    return JSON.stringify({ ...this.#head(said), done: false });
  }

  /** The frame that ends a reply. Counters of zero are left out, as Ollama does. */
  doneFrame(said: Said): string {
    const now = performance.now();
    const firstAt = this.#firstAt === 0 ? now : this.#firstAt;
    const counters = {
      total_duration: nanoseconds(now - this.#startedAt),
      prompt_eval_count: this.#usage?.inputTokens ?? 0,
      prompt_eval_duration: nanoseconds(firstAt - this.#startedAt),
      eval_count: this.#usage?.outputTokens ?? 0,
      eval_duration: nanoseconds(now - firstAt),
    };
    return JSON.stringify({
      ...this.#head(said),
      done: true,
      done_reason: this.#loads ?? DONE_REASON[this.#finish ?? 'stop'],
      ...Object.fromEntries(Object.entries(counters).filter(([, value]) => value > 0)),
    });
  }

  #begin(): void {
    if (this.#firstAt === 0) this.#firstAt = performance.now();
  }

  #head(said: Said): object {
    const { content = '', thinking = '', toolCalls = [], logprobs = [] } = said;
    const more = {
      ...(thinking === '' ? {} : { thinking }),
      ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
    };
    return {
      model: this.#model,
      created_at: new Date().toISOString(),
      ...(this.#call === 'chat'
        ? { message: { role: 'assistant', content, ...more } }
        : { response: content, ...more }),
      ...(logprobs.length === 0 ? {} : { logprobs }),
    };
  }
}

function nanoseconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1e6));
}

/** Ollama lists logprobs plainly; the neutral form has them by channel. */
function logprobsOf(value: unknown): readonly unknown[] {
  const content: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'content') : undefined;
  return Array.isArray(content) ? (content as readonly unknown[]) : [];
}

class FrameWriter implements ReplyWriter {
  readonly contentType = 'application/x-ndjson';
  readonly #sink: ByteSink;
  readonly #options: WriterOptions;
  readonly #reply: Reply;
  #ended = false;

  constructor(call: OllamaCall, sink: ByteSink, options: WriterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#reply = new Reply(call, options);
  }

  write(event: ReplyEvent): void | Promise<void> {
    if (this.#ended || !this.#reply.note(event)) return;
    switch (event.kind) {
      case 'text':
      case 'refusal':
        return this.#line({ content: event.text });
      case 'reasoning':
        return this.#line({ thinking: event.text });
      case 'logprobs':
        return this.#line({ logprobs: logprobsOf(event.value) });
      case 'finish': {
        const toolCalls = this.#reply.takeCalls();
        return toolCalls.length === 0 ? undefined : this.#line({ toolCalls });
      }
      case 'end':
        return this.#close(this.#reply.isFinished ? this.#reply.doneFrame({}) : truncatedBody(this.#options));
      case 'error':
        return this.#close(this.#options.errorBody(event.failure));
      case 'start':
      case 'usage':
      case 'tool-call':
      case 'tool-arguments':
        return;
    }
  }

  #line(said: Said): void | Promise<void> {
    return this.#sink.write(`${this.#reply.frame(said)}\n`);
  }

  #close(last: string): void | Promise<void> {
    this.#ended = true;
    return writeLast(this.#sink, `${last}\n`);
  }
}

class WholeWriter implements ReplyWriter {
  readonly contentType = 'application/json; charset=utf-8';
  readonly #sink: ByteSink;
  readonly #options: WriterOptions;
  readonly #reply: Reply;
  readonly #logprobs: unknown[] = [];
  #content = '';
  #thinking = '';
  #ended = false;

  constructor(call: OllamaCall, sink: ByteSink, options: WriterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#reply = new Reply(call, options);
  }

  write(event: ReplyEvent): void | Promise<void> {
    if (this.#ended || !this.#reply.note(event)) return;
    switch (event.kind) {
      case 'text':
      case 'refusal':
        this.#content += event.text;
        return;
      case 'reasoning':
        this.#thinking += event.text;
        return;
      case 'logprobs':
        this.#logprobs.push(...logprobsOf(event.value));
        return;
      case 'end':
        return this.#close(this.#reply.isFinished ? this.#body() : truncatedBody(this.#options));
      case 'error':
        return this.#close(this.#options.errorBody(event.failure));
      case 'start':
      case 'usage':
      case 'finish':
      case 'tool-call':
      case 'tool-arguments':
        return;
    }
  }

  #body(): string {
    return this.#reply.doneFrame({
      content: this.#content,
      thinking: this.#thinking,
      toolCalls: this.#reply.takeCalls(),
      logprobs: this.#logprobs,
    });
  }

  #close(body: string): void | Promise<void> {
    this.#ended = true;
    return writeLast(this.#sink, body);
  }
}
