/**
 * Events as the bytes a chat-completions client expects: chunks of a stream, or one body. Fails visibly: an error becomes an `error` object
 * followed by the terminator, and no choice that did not finish is given a finish reason.
 */
import type { FinishReason, ReplyEvent, Usage } from '../chat.ts';
import { toSseData } from '../sse.ts';
import { toChat } from './citations.ts';
import { truncatedBody, writeLast } from './last-bytes.ts';
import type { ByteSink, ReplyWriter, WriterOptions } from './protocol.ts';

const FINISH: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
};
const TERMINATOR = toSseData('[DONE]');

function finishOf(reason: FinishReason, { legacyCalls }: WriterOptions): string {
  return reason === 'tool-calls' && legacyCalls === true ? 'function_call' : FINISH[reason];
}

/** createOpenAIChatWriter writes one reply and ends the sink after `end` or `error`; what comes later is ignored. */
export function createOpenAIChatWriter(sink: ByteSink, options: WriterOptions): ReplyWriter {
  return options.stream ? new StreamWriter(sink, options) : new BodyWriter(sink, options);
}

function usageOf(usage: Usage): object {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}

class StreamWriter implements ReplyWriter {
  readonly contentType = 'text/event-stream; charset=utf-8';
  readonly #sink: ByteSink;
  readonly #options: WriterOptions;
  readonly #finished = new Map<number, boolean>();
  #head = '';
  #tail = '';
  #model: string;
  #usage: Usage | undefined;
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
        if (event.model !== '' && this.#head === '') this.#model = event.model;
        return;
      case 'text':
        return this.#delta(event.choice, `"content":${JSON.stringify(event.text)}`);
      case 'reasoning':
        return this.#delta(event.choice, `"reasoning_content":${JSON.stringify(event.text)}`);
      case 'refusal':
        return this.#delta(event.choice, `"refusal":${JSON.stringify(event.text)}`);
      case 'tool-call':
        if (this.#options.legacyCalls === true)
          return this.#delta(event.choice, `"function_call":{"name":${JSON.stringify(event.name)},"arguments":""}`);
        return this.#delta(
          event.choice,
          `"tool_calls":[{"index":${event.index},"id":${JSON.stringify(event.id)},"type":"function","function":{"name":${JSON.stringify(event.name)},"arguments":""}}]`,
        );
      case 'tool-arguments':
        if (this.#options.legacyCalls === true)
          return this.#delta(event.choice, `"function_call":{"arguments":${JSON.stringify(event.text)}}`);
        return this.#delta(
          event.choice,
          `"tool_calls":[{"index":${event.index},"function":{"arguments":${JSON.stringify(event.text)}}}]`,
        );
      case 'logprobs':
        return this.#delta(event.choice, '', JSON.stringify(event.value));
      case 'annotation': {
        const annotation = toChat(event);
        return annotation === undefined
          ? undefined
          : this.#delta(event.choice, `"annotations":${JSON.stringify([annotation])}`);
      }
      case 'finish':
        if (this.#finished.get(event.choice) === true) return;
        return this.#finish(event.choice, finishOf(event.reason, this.#options));
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'end':
        return this.#end();
      case 'error':
        return this.#close(toSseData(this.#options.errorBody(event.failure)));
    }
  }

  #chunk(choices: string, usage: string): string {
    if (this.#head === '') {
      const { id, createdSeconds, includeUsage } = this.#options;
      this.#head = `data: {"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${createdSeconds},"model":${JSON.stringify(this.#model)},"choices":[`;
      this.#tail = includeUsage ? '"usage":' : '';
    }
    return `${this.#head}${choices}]${this.#tail === '' ? '' : `,${this.#tail}${usage}`}}\n\n`;
  }

  #delta(choice: number, members: string, logprobs?: string): void | Promise<void> {
    let delta = members;
    if (!this.#finished.has(choice)) {
      this.#finished.set(choice, false);
      const role = members.startsWith('"content"')
        ? '"role":"assistant"'
        : members.startsWith('"tool_calls"')
          ? '"role":"assistant","content":null'
          : '"role":"assistant","content":""';
      delta = members === '' ? role : `${role},${members}`;
    }
    return this.#sink.write(
      this.#chunk(
        `{"index":${choice},"delta":{${delta}},"logprobs":${logprobs ?? 'null'},"finish_reason":null}`,
        'null',
      ),
    );
  }

  #finish(choice: number, reason: string): void | Promise<void> {
    const role = this.#finished.has(choice) ? '' : '"role":"assistant","content":""';
    this.#finished.set(choice, true);
    return this.#sink.write(
      this.#chunk(`{"index":${choice},"delta":{${role}},"logprobs":null,"finish_reason":"${reason}"}`, 'null'),
    );
  }

  #end(): void | Promise<void> {
    if (this.#finished.size === 0 || [...this.#finished.values()].includes(false))
      return this.#close(toSseData(truncatedBody(this.#options)));
    const usage =
      this.#options.includeUsage && this.#usage !== undefined
        ? this.#chunk('', JSON.stringify(usageOf(this.#usage)))
        : '';
    return this.#close(usage);
  }

  #close(before: string): void | Promise<void> {
    this.#ended = true;
    return writeLast(this.#sink, before + TERMINATOR);
  }
}

interface BodyChoice {
  text: string;
  reasoning: string;
  refusal: string;
  readonly calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[];
  readonly logprobs: unknown[];
  readonly annotations: object[];
  finish: string | null;
}

class BodyWriter implements ReplyWriter {
  readonly contentType = 'application/json';
  readonly #sink: ByteSink;
  readonly #options: WriterOptions;
  readonly #choices = new Map<number, BodyChoice>();
  #model: string;
  #usage: Usage | undefined;
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
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'end':
        return this.#close(this.#body());
      case 'error':
        return this.#close(this.#options.errorBody(event.failure));
      case 'text':
      case 'reasoning':
      case 'refusal':
        this.#choice(event.choice)[event.kind] += event.text;
        return;
      case 'tool-call':
        this.#choice(event.choice).calls[event.index] = {
          id: event.id,
          type: 'function',
          function: { name: event.name, arguments: '' },
        };
        return;
      case 'tool-arguments': {
        const call = this.#choice(event.choice).calls[event.index];
        if (call !== undefined) call.function.arguments += event.text;
        return;
      }
      case 'logprobs':
        this.#choice(event.choice).logprobs.push(event.value);
        return;
      case 'annotation': {
        const annotation = toChat(event);
        if (annotation !== undefined) this.#choice(event.choice).annotations.push(annotation);
        return;
      }
      case 'finish':
        this.#choice(event.choice).finish ??= finishOf(event.reason, this.#options);
        return;
    }
  }

  #choice(index: number): BodyChoice {
    const choice = this.#choices.get(index) ?? {
      text: '',
      reasoning: '',
      refusal: '',
      calls: [],
      logprobs: [],
      annotations: [],
      finish: null,
    };
    this.#choices.set(index, choice);
    return choice;
  }

  #body(): string {
    const choices = [...this.#choices].toSorted(([a], [b]) => a - b);
    if (choices.length === 0 || choices.some(([, choice]) => choice.finish === null))
      return truncatedBody(this.#options);
    return JSON.stringify({
      id: this.#options.id,
      object: 'chat.completion',
      created: this.#options.createdSeconds,
      model: this.#model,
      choices: choices.map(([index, choice]) => ({
        index,
        message: {
          role: 'assistant',
          content: choice.text === '' && (choice.calls.length > 0 || choice.refusal !== '') ? null : choice.text,
          refusal: choice.refusal === '' ? null : choice.refusal,
          ...(choice.annotations.length === 0 ? {} : { annotations: choice.annotations }),
          ...(choice.reasoning === '' ? {} : { reasoning_content: choice.reasoning }),
          ...callsOf(choice, this.#options),
        },
        logprobs: joinLogprobs(choice.logprobs),
        finish_reason: choice.finish,
      })),
      ...(this.#usage === undefined ? {} : { usage: usageOf(this.#usage) }),
    });
  }

  #close(body: string): void | Promise<void> {
    this.#ended = true;
    return writeLast(this.#sink, body);
  }
}

function callsOf({ calls }: BodyChoice, { legacyCalls }: WriterOptions): object {
  const made = calls.filter((call) => call !== undefined);
  if (made.length === 0) return {};
  return legacyCalls === true ? { function_call: made[0]?.function } : { tool_calls: made };
}

/** Streamed logprobs come as lists per chunk under `content` and `refusal`; one body has them in one list each. */
function joinLogprobs(pieces: readonly unknown[]): unknown {
  if (pieces.length === 0) return null;
  const joined: Record<string, unknown[] | null> = { content: null, refusal: null };
  for (const piece of pieces) {
    for (const [key, list] of Object.entries(piece as object)) {
      if (Array.isArray(list)) joined[key] = [...(joined[key] ?? []), ...(list as readonly unknown[])];
    }
  }
  return joined;
}
