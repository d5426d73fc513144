/**
 * Events as the bytes a client of /responses expects: the wire's own events in their order and numbering, or one body. Fails visibly: an error becomes `response.failed` (a policy's
 * with `invalid_prompt`, which agents do not try again), and what was not finished is never told to be.
 */
import type { FinishReason, ReplyEvent, Usage } from '../chat.ts';
import type { WireEvent } from './openai-responses-item.ts';
import { ResponseOutput } from './openai-responses-output.ts';
import { echoOf } from './openai-responses-echo.ts';
import type { KnownTool } from './openai-responses-tools.ts';
import type { JsonObject } from '../json/document.ts';
import { truncatedBody, writeLast } from './last-bytes.ts';
import type { ByteSink, ReplyWriter, WriterOptions } from './protocol.ts';

export interface ResponsesWriterOptions {
  /** As the client sent it, before earlier replies were put in. */
  readonly request: JsonObject;
  /** By the name the model knows. */
  readonly tools: ReadonlyMap<string, KnownTool>;
  /** Told of a whole reply before its last byte is out, so that the client's next request finds it. */
  readonly onDone: (response: Readonly<Record<string, unknown>>) => void;
}

/** createOpenAIResponsesWriter writes one reply and ends the sink after `end` or `error`; what comes later is ignored. */
export function createOpenAIResponsesWriter(
  sink: ByteSink,
  options: WriterOptions,
  more: ResponsesWriterOptions,
): ReplyWriter {
  return new ResponsesWriter(sink, options, more);
}

class ResponsesWriter implements ReplyWriter {
  readonly contentType: string;
  readonly #sink: ByteSink;
  readonly #options: WriterOptions;
  readonly #more: ResponsesWriterOptions;
  readonly #output: ResponseOutput;
  readonly #echo: Readonly<Record<string, unknown>>;
  #model: string;
  #usage: Usage | undefined;
  #finish: FinishReason | undefined;
  #sequence = 0;
  #begun = false;
  #ended = false;

  constructor(sink: ByteSink, options: WriterOptions, more: ResponsesWriterOptions) {
    this.contentType = options.stream ? 'text/event-stream; charset=utf-8' : 'application/json';
    this.#sink = sink;
    this.#options = options;
    this.#more = more;
    this.#model = options.model;
    this.#echo = echoOf(more.request);
    const include = more.request['include'];
    this.#output = new ResponseOutput({
      base: options.id.replace(/^resp_/, ''),
      tools: more.tools,
      logprobs: Array.isArray(include) && include.includes('message.output_text.logprobs'),
    });
  }

  write(event: ReplyEvent): void | Promise<void> {
    if (this.#ended) return;
    switch (event.kind) {
      case 'start':
        if (event.model !== '' && !this.#begun) this.#model = event.model;
        return this.#send([]);
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'finish':
        this.#finish ??= event.reason;
        return this.#send(this.#output.close(this.#finish !== 'length' && this.#finish !== 'content-filter'));
      case 'end':
        return this.#end();
      case 'error':
        return this.#fail(this.#options.errorBody(event.failure));
      case 'text':
      case 'reasoning':
      case 'reasoning-seal':
      case 'refusal':
      case 'tool-call':
      case 'tool-arguments':
      case 'logprobs':
      case 'annotation':
      case 'provider-item':
        return this.#send(this.#output.take(event));
    }
  }

  /** Events to the client, the opening ones before the first; nothing goes out before the end of a reply that does not stream. */
  #send(events: readonly WireEvent[]): void | Promise<void> {
    if (!this.#options.stream) return;
    const frames = [...this.#opening(), ...events.map((event) => this.#frame(event))].join('');
    return frames === '' ? undefined : this.#sink.write(frames);
  }

  #opening(): readonly string[] {
    if (this.#begun) return [];
    this.#begun = true;
    const response = this.#response('in_progress', {});
    return [
      this.#frame({ type: 'response.created', response }),
      this.#frame({ type: 'response.in_progress', response }),
    ];
  }

  #frame(event: WireEvent): string {
    const { type, ...rest } = event;
    const json = JSON.stringify({ type, sequence_number: this.#sequence, ...rest });
    this.#sequence += 1;
    return `event: ${type}\ndata: ${json}\n\n`;
  }

  #end(): void | Promise<void> {
    // A source that says `end` before it finished, or with nothing said, has lied.
    if (this.#finish === undefined) return this.#fail(truncatedBody(this.#options));
    const incomplete = this.#finish === 'length' || this.#finish === 'content-filter';
    const status = incomplete ? 'incomplete' : 'completed';
    const reason = this.#finish === 'length' ? 'max_output_tokens' : 'content_filter';
    const response = this.#response(status, {
      incomplete_details: incomplete ? { reason } : null,
      completed_at: incomplete ? null : Math.floor(Date.now() / 1000),
    });
    this.#more.onDone(response);
    return this.#close(`response.${status}`, response);
  }

  #fail(errorBody: string): void | Promise<void> {
    if (!this.#options.stream) return this.#finishWith(errorBody);
    this.#output.abandon();
    return this.#close('response.failed', this.#response('failed', { error: toResponseError(errorBody) }));
  }

  #close(type: string, response: object): void | Promise<void> {
    return this.#finishWith(
      this.#options.stream ? [...this.#opening(), this.#frame({ type, response })].join('') : JSON.stringify(response),
    );
  }

  #finishWith(bytes: string): void | Promise<void> {
    this.#ended = true;
    return writeLast(this.#sink, bytes);
  }

  #response(status: string, change: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const { id, createdSeconds } = this.#options;
    const usage = this.#usage;
    return {
      id,
      object: 'response',
      created_at: createdSeconds,
      status,
      completed_at: null,
      error: null,
      incomplete_details: null,
      ...this.#echo,
      model: this.#model,
      output: this.#output.items(),
      usage: usage === undefined || status === 'in_progress' ? null : usageOf(usage),
      ...change,
    };
  }
}

/** The wire has codes of its own for a reply that failed; agents end at `invalid_prompt` and try all others again. */
function toResponseError(errorBody: string): { readonly code: string; readonly message: string } {
  const { error } = JSON.parse(errorBody) as {
    readonly error: { readonly type: string; readonly code: string; readonly message: string };
  };
  const code =
    error.type === 'invalid_request_error'
      ? 'invalid_prompt'
      : error.code === 'upstream_overloaded'
        ? 'rate_limit_exceeded'
        : 'server_error';
  return { code, message: `${error.message} (${error.code})` };
}

export function usageOf(usage: Usage): object {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens, cache_write_tokens: 0 },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}
