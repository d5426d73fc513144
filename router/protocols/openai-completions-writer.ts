/**
 * Events as the bytes a client of the legacy /completions expects: chunks of a stream, or one body. Reasoning has no place on this wire. Fails visibly: an error becomes an `error` object followed by
 * the terminator, and no choice that did not finish is given a finish reason.
 */
import type { FinishReason, ReplyEvent, Usage } from '../chat.ts';
import { toSseData } from '../sse.ts';
import { truncatedBody, writeLast } from './last-bytes.ts';
import type { ByteSink, ReplyWriter, WriterOptions } from './protocol.ts';

const FINISH: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  'tool-calls': 'stop',
  length: 'length',
  'content-filter': 'content_filter',
};

interface Choice {
  text: string;
  finish: string | null;
  /** Chat's own list. */
  readonly logprobs: unknown[];
  /** Text that the list stands for so far. */
  offset: number;
}

/** `echoed` says what comes before the text of a choice. Ends the sink after `end` or `error`; what comes later is ignored. */
export function createOpenAICompletionsWriter(
  sink: ByteSink,
  options: WriterOptions,
  echoed: (choice: number) => string,
): ReplyWriter {
  return new CompletionsWriter(sink, options, echoed);
}

class CompletionsWriter implements ReplyWriter {
  readonly contentType: string;
  readonly #sink: ByteSink;
  readonly #options: WriterOptions;
  readonly #echoed: (choice: number) => string;
  readonly #choices = new Map<number, Choice>();
  #model: string;
  #usage: Usage | undefined;
  #ended = false;

  constructor(sink: ByteSink, options: WriterOptions, echoed: (choice: number) => string) {
    this.contentType = options.stream ? 'text/event-stream; charset=utf-8' : 'application/json';
    this.#sink = sink;
    this.#options = options;
    this.#echoed = echoed;
    this.#model = options.model;
  }

  write(event: ReplyEvent): void | Promise<void> {
    if (this.#ended) return;
    switch (event.kind) {
      case 'start':
        if (event.model !== '' && this.#choices.size === 0) this.#model = event.model;
        return;
      case 'text':
      case 'refusal':
        return this.#say(event.choice, event.text, null, null);
      case 'logprobs': {
        const choice = this.#choice(event.choice);
        const list = listOf(event.value);
        const shown = toLegacy(list, choice.offset);
        choice.offset += list.reduce<number>((sum, each) => sum + tokenOf(each).length, 0);
        choice.logprobs.push(...list);
        return this.#say(event.choice, '', shown, null);
      }
      case 'finish': {
        const choice = this.#choice(event.choice);
        if (choice.finish !== null) return;
        choice.finish = FINISH[event.reason];
        return this.#say(event.choice, '', null, choice.finish);
      }
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'end':
        return this.#end();
      case 'error':
        return this.#fail(this.#options.errorBody(event.failure));
      case 'reasoning':
      case 'reasoning-seal':
      case 'tool-call':
      case 'tool-arguments':
      case 'annotation':
      case 'provider-item':
        return;
    }
  }

  #choice(index: number): Choice {
    const known = this.#choices.get(index);
    if (known !== undefined) return known;
    const text = this.#echoed(index);
    const choice: Choice = { text, finish: null, logprobs: [], offset: text.length };
    this.#choices.set(index, choice);
    return choice;
  }

  #say(index: number, text: string, logprobs: object | null, finish: string | null): void | Promise<void> {
    const isFirst = !this.#choices.has(index);
    const choice = this.#choice(index);
    choice.text += text;
    if (!this.#options.stream) return;
    const shown = isFirst ? this.#echoed(index) + text : text;
    return this.#sink.write(
      toSseData(JSON.stringify(this.#chunk([{ text: shown, index, logprobs, finish_reason: finish }], null))),
    );
  }

  #chunk(choices: readonly object[], usage: object | null): object {
    const { id, createdSeconds, includeUsage, stream } = this.#options;
    return {
      id,
      object: 'text_completion',
      created: createdSeconds,
      model: this.#model,
      choices,
      ...(stream ? (includeUsage ? { usage } : {}) : usage === null ? {} : { usage }),
    };
  }

  #end(): void | Promise<void> {
    const choices = [...this.#choices].toSorted(([a], [b]) => a - b);
    // A source that says `end` while a choice is open, or with no choice at all, has lied.
    if (choices.length === 0 || choices.some(([, choice]) => choice.finish === null))
      return this.#fail(truncatedBody(this.#options));
    const usage = this.#usage === undefined ? null : usageOf(this.#usage);
    if (this.#options.stream)
      return this.#close(
        (this.#options.includeUsage && usage !== null ? toSseData(JSON.stringify(this.#chunk([], usage))) : '') + DONE,
      );
    const shown = choices.map(([index, choice]) => ({
      text: choice.text,
      index,
      logprobs: choice.logprobs.length === 0 ? null : toLegacy(choice.logprobs, this.#echoed(index).length),
      finish_reason: choice.finish,
    }));
    return this.#close(JSON.stringify(this.#chunk(shown, usage)));
  }

  #fail(body: string): void | Promise<void> {
    return this.#close(this.#options.stream ? toSseData(body) + DONE : body);
  }

  #close(bytes: string): void | Promise<void> {
    this.#ended = true;
    return writeLast(this.#sink, bytes);
  }
}

const DONE = toSseData('[DONE]');

function usageOf(usage: Usage): object {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

type Json = Readonly<Record<string, unknown>>;

function listOf(value: unknown): readonly unknown[] {
  const content: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'content') : undefined;
  return Array.isArray(content) ? (content as readonly unknown[]) : [];
}

function tokenOf(value: unknown): string {
  const token: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'token') : undefined;
  return typeof token === 'string' ? token : '';
}

/** Chat lists an object per token, this wire a list per member. */
function toLegacy(list: readonly unknown[], from: number): object {
  let offset = from;
  const offsets = list.map((each) => {
    const at = offset;
    offset += tokenOf(each).length;
    return at;
  });
  return {
    tokens: list.map(tokenOf),
    token_logprobs: list.map((each) => (each as Json)['logprob'] ?? null),
    top_logprobs: list.map((each) => {
      const top = (each as Json)['top_logprobs'];
      return Array.isArray(top)
        ? Object.fromEntries((top as readonly Json[]).map((one) => [tokenOf(one), one['logprob'] ?? null]))
        : {};
    }),
    text_offset: offsets,
  };
}
