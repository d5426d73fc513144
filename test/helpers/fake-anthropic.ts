/**
 * A fake of Anthropic's API: /v1/messages, streaming and not, shaped so that the official client works against it, and as rude as the real world. Replies are
 * scripted in order; the last one repeats. A reply is a list of blocks or a named fault.
 *
 *     const fake = await startFakeAnthropic({ replies: [{ text: 'Hello' }, 'reset'] });
 *     fake.url; fake.requests; fake.wire(); await fake.close();
 */
import {
  breaking,
  isBreak,
  type RecordedRequest,
  type RudeReply,
  type RudeServer,
  startRudeServer,
} from './rude-server.ts';

export interface FakeMessage {
  readonly text?: string;
  /** Text in these very pieces, one delta each; wins over `text`. */
  readonly pieces?: readonly string[];
  readonly thinking?: { readonly text: string; readonly signature: string };
  readonly redacted?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly input: unknown; readonly id?: string }[];
  /** Whole blocks, before everything else. */
  readonly blocks?: readonly Readonly<Record<string, unknown>>[];
  readonly citations?: readonly Readonly<Record<string, unknown>>[];
  readonly stop?: string;
  readonly stopSequence?: string;
  readonly usage?: { readonly input: number; readonly output: number; readonly cached?: number };
  readonly headers?: Readonly<Record<string, string>>;
  readonly gapMs?: number;
}

/** What can go wrong, by name. Faults inside an answer happen after the first delta of "Hello from the fake". */
export type FakeMessageFault =
  | 'reset'
  | 'close'
  | 'hang-before-headers'
  | 'hang-mid-stream'
  | 'truncated'
  | 'reset-mid-stream'
  | 'no-terminator'
  | 'no-stop-reason'
  | 'body-too-short'
  | 'bad-json'
  | 'silent-200'
  | 'error-mid-stream'
  | 'unauthorized'
  | 'model-not-found'
  | 'prompt-too-long'
  | 'rate-limited'
  | 'overloaded'
  | 'server-error'
  | 'quotes-the-prompt';

export type FakeAnthropicReply = FakeMessage | FakeMessageFault;

export interface FakeAnthropic extends RudeServer {
  script(...replies: readonly FakeAnthropicReply[]): void;
}

export interface FakeAnthropicOptions {
  readonly replies?: readonly FakeAnthropicReply[];
  /** Decides from the request instead of the script. */
  readonly reply?: (request: RecordedRequest) => FakeAnthropicReply;
}

export async function startFakeAnthropic(options: FakeAnthropicOptions = {}): Promise<FakeAnthropic> {
  const script = [...(options.replies ?? [])];
  let next = 0;
  const server = await startRudeServer((request) => {
    if (request.method !== 'POST' || request.path !== '/v1/messages')
      return refusal(404, 'not_found_error', `Unknown path ${request.path}`);
    if (request.headers['anthropic-version'] === undefined)
      return refusal(400, 'invalid_request_error', 'anthropic-version: header is required');
    const asked = JSON.parse(request.body) as { max_tokens?: number; model?: string };
    if (typeof asked.max_tokens !== 'number')
      return refusal(400, 'invalid_request_error', 'max_tokens: Field required');
    const reply = options.reply?.(request) ??
      script[Math.min(next, script.length - 1)] ?? { text: 'Hello from the fake' };
    next += 1;
    return render(reply, request);
  });
  // Not spread: `requests` and the rest stay live.
  return Object.assign(server, {
    url: `${server.url}/v1`,
    script: (...replies: readonly FakeAnthropicReply[]) => void script.push(...replies),
  });
}

function render(reply: FakeAnthropicReply, request: RecordedRequest): RudeReply {
  const asked = JSON.parse(request.body) as { model?: string; stream?: boolean };
  const model = asked.model ?? 'claude-fake';
  if (typeof reply === 'string') return fault(reply, model, request);
  const headers = {
    'request-id': 'req_fake',
    'anthropic-ratelimit-requests-remaining': '99',
    'set-cookie': 'session=fake',
    ...reply.headers,
  };
  if (asked.stream !== true)
    return { kind: 'answer', status: 200, headers, body: JSON.stringify(toMessage(reply, model)) };
  return {
    kind: 'stream',
    headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8' },
    pieces: messageEvents(reply, model),
    ...(reply.gapMs === undefined ? {} : { gapMs: reply.gapMs }),
  };
}

function blocksOf(reply: FakeMessage): readonly Readonly<Record<string, unknown>>[] {
  const text = reply.pieces?.join('') ?? reply.text;
  return [
    ...(reply.thinking === undefined
      ? []
      : [{ type: 'thinking', thinking: reply.thinking.text, signature: reply.thinking.signature }]),
    ...(reply.redacted === undefined ? [] : [{ type: 'redacted_thinking', data: reply.redacted }]),
    ...(reply.blocks ?? []),
    ...(text === undefined
      ? []
      : [{ type: 'text', text, ...(reply.citations === undefined ? {} : { citations: reply.citations }) }]),
    ...(reply.toolCalls ?? []).map((call, index) => ({
      type: 'tool_use',
      id: call.id ?? `toolu_fake${index}`,
      name: call.name,
      input: call.input,
    })),
  ];
}

const stopOf = (reply: FakeMessage): string =>
  reply.stop ??
  (reply.stopSequence !== undefined ? 'stop_sequence' : reply.toolCalls === undefined ? 'end_turn' : 'tool_use');

const usageOf = ({ usage }: FakeMessage): object => ({
  input_tokens: usage?.input ?? 12,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: usage?.cached ?? 0,
  output_tokens: usage?.output ?? 7,
});

export function toMessage(reply: FakeMessage, model: string): object {
  return {
    id: 'msg_fake',
    type: 'message',
    role: 'assistant',
    model,
    content: blocksOf(reply),
    stop_reason: stopOf(reply),
    stop_sequence: reply.stopSequence ?? null,
    usage: usageOf(reply),
  };
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

/** The stream of a message, one event a piece. */
export function* messageEvents(reply: FakeMessage, model: string): Generator<string> {
  yield event('message_start', {
    message: {
      ...toMessage({ ...reply, text: '' }, model),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...usageOf(reply), output_tokens: 1 },
    },
  });
  for (const [index, block] of blocksOf(reply).entries()) {
    const delta = (change: object): string => event('content_block_delta', { index, delta: change });
    switch (block['type']) {
      case 'text':
        yield event('content_block_start', { index, content_block: { type: 'text', text: '' } });
        if (index === 0) yield event('ping', {});
        for (const piece of reply.pieces ?? String(block['text']).match(/[\s\S]{1,4}/g) ?? [])
          yield delta({ type: 'text_delta', text: piece });
        for (const citation of (block['citations'] ?? []) as readonly object[])
          yield delta({ type: 'citations_delta', citation });
        break;
      case 'thinking':
        yield event('content_block_start', { index, content_block: { type: 'thinking', thinking: '', signature: '' } });
        for (const piece of String(block['thinking']).match(/[\s\S]{1,5}/g) ?? [])
          yield delta({ type: 'thinking_delta', thinking: piece });
        yield delta({ type: 'signature_delta', signature: block['signature'] });
        break;
      case 'tool_use':
      case 'server_tool_use':
        yield event('content_block_start', { index, content_block: { ...block, input: {} } });
        yield delta({ type: 'input_json_delta', partial_json: '' });
        for (const piece of JSON.stringify(block['input']).match(/[\s\S]{1,6}/g) ?? [])
          yield delta({ type: 'input_json_delta', partial_json: piece });
        break;
      default:
        yield event('content_block_start', { index, content_block: block });
    }
    yield event('content_block_stop', { index });
  }
  yield event('message_delta', {
    delta: { stop_reason: stopOf(reply), stop_sequence: reply.stopSequence ?? null },
    usage: { output_tokens: reply.usage?.output ?? 7 },
  });
  yield event('message_stop', {});
}

function refusal(
  status: number,
  type: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): RudeReply {
  return {
    kind: 'answer',
    status,
    headers,
    body: JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_fake' }),
  };
}

function fault(name: FakeMessageFault, model: string, request: RecordedRequest): RudeReply {
  const all = [...messageEvents({ text: 'Hello from the fake' }, model)];
  const started = all.slice(0, 4);
  const whole = JSON.stringify(toMessage({ text: 'Hello from the fake' }, model));
  const stream = { kind: 'stream', headers: { 'content-type': 'text/event-stream' } } as const;
  if (isBreak(name)) return breaking(name, stream.headers, started);
  switch (name) {
    case 'no-terminator':
      return { ...stream, pieces: all.slice(0, -1) };
    case 'no-stop-reason':
      return { ...stream, pieces: [...started, all.at(-1) ?? ''] };
    case 'body-too-short':
      return {
        kind: 'bytes',
        bytes: `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${whole.length + 100}\r\n\r\n${whole}`,
        end: 'close',
      };
    case 'bad-json':
      return {
        ...stream,
        pieces: [...started, 'event: content_block_delta\ndata: {"type":"content_bl\n\n', ...all.slice(-2)],
      };
    case 'silent-200':
      return { kind: 'answer', status: 200, body: '' };
    case 'error-mid-stream':
      return {
        ...stream,
        pieces: [...started, event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } })],
      };
    case 'unauthorized':
      return refusal(401, 'authentication_error', 'invalid x-api-key');
    case 'model-not-found':
      return refusal(404, 'not_found_error', `model: ${model}`);
    case 'prompt-too-long':
      return refusal(400, 'invalid_request_error', 'prompt is too long: 208310 tokens > 200000 maximum');
    case 'rate-limited':
      return refusal(429, 'rate_limit_error', 'Number of request tokens has exceeded your limit', {
        'retry-after': '3',
      });
    case 'overloaded':
      return refusal(529, 'overloaded_error', 'Overloaded');
    case 'server-error':
      return refusal(500, 'api_error', 'Internal server error');
    case 'quotes-the-prompt':
      return refusal(400, 'invalid_request_error', `Invalid content: ${request.body}`);
  }
}
