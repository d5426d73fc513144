/**
 * An upstream's chat-completions reply, streamed or whole, as events. Fails closed: whatever is not a whole reply in the
 * wire's own form ends in `error`, never in `end`: no terminator, no finish reason, an error in the stream, a line that is no JSON.
 */
import { randomBytes } from 'node:crypto';
import type { FinishReason, ReplyEvent, UpstreamFailure, Usage } from '../chat.ts';
import { failure } from '../upstreams/failure.ts';
import { fromChat } from './citations.ts';
import { readReplyBody, readReplyStream, type ReplyReader } from './reply-frame.ts';

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const count = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;

export function readOpenAIChatStream(body: AsyncIterable<Uint8Array>, upstream: string): AsyncIterable<ReplyEvent> {
  return readReplyStream(body, upstream, new ReplyState(upstream));
}

export function readOpenAIChatBody(body: AsyncIterable<Uint8Array>, upstream: string): AsyncIterable<ReplyEvent> {
  return readReplyBody(body, upstream, new ReplyState(upstream));
}

interface OpenCall {
  readonly index: number;
  id: string;
  name: string;
  /** Arguments that came before the name did. */
  held: string;
  /** All arguments so far. */
  written: string;
  announced: boolean;
}

interface ChoiceState {
  readonly calls: OpenCall[];
  /** Upstream's index of a call to ours; servers that number all calls 0 get one each. */
  readonly current: Map<number, OpenCall>;
  finished: boolean;
}

class ReplyState implements ReplyReader {
  readonly #upstream: string;
  readonly #choices = new Map<number, ChoiceState>();
  #started = false;

  constructor(upstream: string) {
    this.#upstream = upstream;
  }

  failed(code: UpstreamFailure['code']): ReplyEvent {
    return { kind: 'error', failure: failure(this.#upstream, code, true, { status: 200 }) };
  }

  /** At the terminator: whole only when every choice that began has finished. */
  #close(): ReplyEvent {
    const whole = this.#choices.size > 0 && [...this.#choices.values()].every((choice) => choice.finished);
    return whole ? { kind: 'end' } : this.failed('upstream_truncated');
  }

  read(data: string): readonly ReplyEvent[] {
    return data === '[DONE]' ? [this.#close()] : this.#chunk(data);
  }

  readWhole(body: string): readonly ReplyEvent[] {
    const events = this.#chunk(body);
    return events.at(-1)?.kind === 'error' ? events : [...events, this.#close()];
  }

  /** Events of one chunk or body; an `error` among them is the last. */
  #chunk(data: string): ReplyEvent[] {
    let chunk: unknown;
    try {
      chunk = JSON.parse(data);
    } catch {
      return [this.failed('upstream_malformed')];
    }
    if (!isObject(chunk)) return [this.failed('upstream_malformed')];
    if ((chunk['error'] ?? null) !== null)
      return [{ kind: 'error', failure: failure(this.#upstream, errorCodeOf(chunk['error']), true, { status: 200 }) }];
    const events: ReplyEvent[] = [];
    const choices = chunk['choices'] ?? [];
    if (!Array.isArray(choices)) return [this.failed('upstream_malformed')];
    if (!this.#started && (choices.length > 0 || typeof chunk['id'] === 'string')) {
      this.#started = true;
      events.push({
        kind: 'start',
        id: text(chunk['id']),
        model: text(chunk['model']),
        createdSeconds: count(chunk['created']),
      });
    }
    for (const choice of choices as readonly unknown[]) {
      if (!isObject(choice) || !this.#readChoice(choice, events)) return [...events, this.failed('upstream_malformed')];
    }
    if (isObject(chunk['usage'])) events.push({ kind: 'usage', usage: toUsage(chunk['usage']) });
    return events;
  }

  /** False when the choice has no form we know. */
  #readChoice(choice: Json, events: ReplyEvent[]): boolean {
    const index = choice['index'] ?? 0;
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > 1024) return false;
    const state = this.#choices.get(index) ?? { calls: [], current: new Map(), finished: false };
    this.#choices.set(index, state);
    const delta = choice['delta'] ?? choice['message'] ?? {};
    if (!isObject(delta)) return false;
    const say = (kind: 'reasoning' | 'text' | 'refusal', value: unknown): void => {
      if (typeof value === 'string' && value !== '') events.push({ kind, choice: index, text: value });
    };
    // Ollama and OpenRouter say `reasoning`, DeepSeek and vLLM `reasoning_content`; who sends both sends the same twice.
    say('reasoning', delta['reasoning_content'] ?? delta['reasoning']);
    say('text', flatten(delta['content']));
    say('refusal', delta['refusal']);
    for (const each of Array.isArray(delta['annotations']) ? (delta['annotations'] as readonly unknown[]) : []) {
      const annotation = fromChat(each, index);
      if (annotation !== undefined) events.push(annotation);
    }
    const calls = delta['tool_calls'] ?? [];
    if (!Array.isArray(calls)) return false;
    for (const [position, call] of (calls as readonly unknown[]).entries()) {
      if (!isObject(call) || !this.#readCall(call, position, index, state, events)) return false;
    }
    if (
      isObject(delta['function_call']) &&
      !this.#readCall({ index: 0, function: delta['function_call'] }, 0, index, state, events)
    )
      return false;
    if (isObject(choice['logprobs'])) events.push({ kind: 'logprobs', choice: index, value: choice['logprobs'] });
    const finish = choice['finish_reason'] ?? null;
    if (finish === null || state.finished) return true;
    const reason = toFinishReason(finish, state.calls.length > 0);
    // A call without a name cannot be answered by anybody.
    if (reason === null || state.calls.some((call) => !call.announced)) return false;
    state.finished = true;
    events.push({ kind: 'finish', choice: index, reason });
    return true;
  }

  #readCall(call: Json, position: number, choice: number, state: ChoiceState, events: ReplyEvent[]): boolean {
    const given = isObject(call['function']) ? call['function'] : isObject(call['custom']) ? call['custom'] : {};
    const slot = typeof call['index'] === 'number' ? call['index'] : position;
    const id = text(call['id']);
    const name = text(given['name']);
    let open = state.current.get(slot);
    // A second id under a known index is a second call, and so is a name when the call before it is whole: servers that number
    // all calls 0 send no ids either, and others repeat the name in every piece.
    if (
      open === undefined ||
      (id !== '' && open.id !== '' && id !== open.id) ||
      (id === '' && name !== '' && open.announced && isWholeJson(open.written))
    ) {
      open = { index: state.calls.length, id, name: '', held: '', written: '', announced: false };
      state.calls.push(open);
      state.current.set(slot, open);
    }
    if (open.id === '') open.id = id;
    if (!open.announced) open.name += name;
    // Some servers send the object itself.
    const piece = given['arguments'] ?? given['input'] ?? '';
    const argument = typeof piece === 'string' ? piece : isObject(piece) ? JSON.stringify(piece) : null;
    if (argument === null) return false;
    if (!open.announced && open.name !== '') {
      open.announced = true;
      events.push({
        kind: 'tool-call',
        choice,
        index: open.index,
        id: open.id || `call_${randomBytes(12).toString('hex')}`,
        name: open.name,
      });
      if (open.held !== '') events.push({ kind: 'tool-arguments', choice, index: open.index, text: open.held });
    }
    if (argument === '') return true;
    open.written += argument;
    if (open.announced) events.push({ kind: 'tool-arguments', choice, index: open.index, text: argument });
    else open.held += argument;
    return true;
  }
}

function isWholeJson(arguments_: string): boolean {
  try {
    JSON.parse(arguments_);
    return true;
  } catch {
    return false;
  }
}

/** Some compatible servers answer with parts; only their text is text. */
function flatten(content: unknown): unknown {
  if (!Array.isArray(content)) return content;
  return (content as readonly unknown[]).map((part) => (isObject(part) ? text(part['text']) : '')).join('');
}

/** Reasons we do not know are not taken for success. */
function toFinishReason(reason: unknown, hasCalls: boolean): FinishReason | null {
  switch (reason) {
    case 'stop':
    case 'end_turn':
    case 'stop_sequence':
    case 'eos':
      return hasCalls ? 'tool-calls' : 'stop';
    case 'tool_calls':
    case 'tool_use':
    case 'function_call':
      return 'tool-calls';
    case 'length':
    case 'max_tokens':
    case 'model_length':
      return 'length';
    case 'content_filter':
    case 'safety':
    case 'refusal':
      return 'content-filter';
    default:
      return null;
  }
}

export function toUsage(usage: Json): Usage {
  const prompt = isObject(usage['prompt_tokens_details']) ? usage['prompt_tokens_details'] : {};
  const completion = isObject(usage['completion_tokens_details']) ? usage['completion_tokens_details'] : {};
  return {
    inputTokens: count(usage['prompt_tokens']),
    outputTokens: count(usage['completion_tokens']),
    cachedInputTokens: count(prompt['cached_tokens']),
    reasoningTokens: count(completion['reasoning_tokens']),
  };
}

/** errorCodeOf reads an error inside a 200 reply: only its code words, its message may quote the prompt. */
export function errorCodeOf(error: unknown): UpstreamFailure['code'] {
  const words = isObject(error) ? `${text(error['code']) || count(error['code'])} ${text(error['type'])}` : '';
  if (/context_length|context_window/.test(words)) return 'context_too_long';
  if (/rate_limit|overloaded|insufficient_quota|429|503/.test(words)) return 'upstream_overloaded';
  if (/authentication|invalid_api_key|permission|401|403/.test(words)) return 'upstream_unauthorized';
  if (/model_not_found/.test(words)) return 'model_not_found';
  if (/timeout|504/.test(words)) return 'upstream_timeout';
  if (/server_error|api_error|internal|500|502/.test(words)) return 'upstream_failed';
  return 'upstream_rejected';
}
