/**
 * An upstream's /responses reply, streamed or whole, as events. Fails closed: whatever is not a whole reply in the wire's own form ends in `error`, never in `end`: no
 * terminal event, a status that is none, an error in the stream, a line that is no JSON, a call whose pieces and whole disagree.
 */
import type { ReplyEvent, UpstreamFailure, Usage } from '../chat.ts';
import { failure } from '../upstreams/failure.ts';
import { errorCodeOf } from './openai-chat-reader.ts';
import { count, isObject, type Json, ResponseItems, text } from './openai-responses-items.ts';
import { readReplyBody, readReplyStream, type ReplyReader } from './reply-frame.ts';

export function readOpenAIResponsesStream(
  body: AsyncIterable<Uint8Array>,
  upstream: string,
): AsyncIterable<ReplyEvent> {
  return readReplyStream(body, upstream, new ReplyState(upstream));
}

export function readOpenAIResponsesBody(body: AsyncIterable<Uint8Array>, upstream: string): AsyncIterable<ReplyEvent> {
  return readReplyBody(body, upstream, new ReplyState(upstream));
}

class ReplyState implements ReplyReader {
  readonly #upstream: string;
  readonly #items = new ResponseItems();
  #started = false;

  constructor(upstream: string) {
    this.#upstream = upstream;
  }

  failed(code: UpstreamFailure['code']): ReplyEvent {
    return { kind: 'error', failure: failure(this.#upstream, code, true, { status: 200 }) };
  }

  read(data: string): readonly ReplyEvent[] {
    // Some servers close with chat's terminator: by then the terminal event must have come.
    if (data === '[DONE]') return [this.failed('upstream_truncated')];
    const event = parse(data);
    if (event === undefined) return [this.failed('upstream_malformed')];
    const type = text(event['type']);
    // An error without a type is what gateways in between send.
    if (type === 'error' || (type === '' && (event['error'] ?? null) !== null))
      return [this.failed(errorCodeOf(event['error'] ?? event))];
    const { response } = event;
    switch (type) {
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        return isObject(response) ? this.#start(response) : [];
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
      case 'response.cancelled':
        return isObject(response) ? this.#close(response, type.slice('response.'.length)) : [this.#malformed()];
      default: {
        const said = this.#items.read(type, event);
        return said === 'malformed' ? [this.#malformed()] : said;
      }
    }
  }

  readWhole(body: string): readonly ReplyEvent[] {
    const response = parse(body);
    if (response === undefined) return [this.#malformed()];
    // A refusal in a 200 body; a response has an `error` too, null unless it failed.
    if (response['object'] !== 'response' && !Array.isArray(response['output']))
      return [this.failed(isObject(response['error']) ? errorCodeOf(response['error']) : 'upstream_malformed')];
    return this.#close(response, text(response['status']) || 'completed');
  }

  #malformed(): ReplyEvent {
    return this.failed('upstream_malformed');
  }

  #start(response: Json): readonly ReplyEvent[] {
    if (this.#started) return [];
    this.#started = true;
    const { id, model, created_at: createdAt } = response;
    return [{ kind: 'start', id: text(id), model: text(model), createdSeconds: count(createdAt) }];
  }

  #close(response: Json, status: string): readonly ReplyEvent[] {
    const started = this.#start(response);
    if (status === 'failed')
      return [...started, this.failed(response['error'] ? errorCodeOf(response['error']) : 'upstream_failed')];
    if (status !== 'completed' && status !== 'incomplete') return [...started, this.failed('upstream_truncated')];
    const output = response['output'] ?? [];
    if (!Array.isArray(output)) return [...started, this.#malformed()];
    const rest = this.#items.close(output as readonly unknown[]);
    if (rest === 'malformed') return [...started, this.#malformed()];
    const details = isObject(response['incomplete_details']) ? response['incomplete_details'] : {};
    const reason =
      status === 'completed'
        ? this.#items.hasCalls
          ? 'tool-calls'
          : 'stop'
        : details['reason'] === 'content_filter'
          ? 'content-filter'
          : 'length';
    return [
      ...started,
      ...rest,
      { kind: 'finish', choice: 0, reason },
      ...(isObject(response['usage']) ? [{ kind: 'usage', usage: toUsage(response['usage']) } as const] : []),
      { kind: 'end' },
    ];
  }
}

function parse(data: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function toUsage(usage: Json): Usage {
  const input = isObject(usage['input_tokens_details']) ? usage['input_tokens_details'] : {};
  const output = isObject(usage['output_tokens_details']) ? usage['output_tokens_details'] : {};
  return {
    inputTokens: count(usage['input_tokens']),
    outputTokens: count(usage['output_tokens']),
    cachedInputTokens: count(input['cached_tokens']),
    reasoningTokens: count(output['reasoning_tokens']),
  };
}
