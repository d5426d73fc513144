/**
 * A fake of OpenAI's API: /v1/chat/completions, streaming and not, and /v1/models, shaped so that the official client
 * works against it. Replies are scripted in order; the last one repeats. A reply is an answer or a named fault.
 *
 *     const fake = await startFakeOpenAI({ replies: [{ text: 'Hello' }, 'reset'] });
 *     fake.url;            // http://127.0.0.1:PORT/v1
 *     fake.requests;       // every request, with headers, body and raw bytes
 *     fake.wire();         // every byte ever received
 *     await fake.close();
 */
import { type FakeResponsesReply, renderResponses } from './fake-responses.ts';
import {
  breaking,
  isBreak,
  type RecordedRequest,
  type RudeReply,
  type RudeServer,
  startRudeServer,
} from './rude-server.ts';

export interface FakeAnswer {
  readonly text?: string;
  /** Text in these very pieces, one delta each; wins over `text`. */
  readonly pieces?: readonly string[];
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: unknown; readonly id?: string }[];
  /** What the text rests on, as the wire has it. */
  readonly annotations?: readonly object[];
  readonly finish?: 'stop' | 'length' | 'tool_calls' | 'content_filter';
  readonly usage?: { readonly prompt: number; readonly completion: number };
  readonly headers?: Readonly<Record<string, string>>;
  /** Between deltas. */
  readonly gapMs?: number;
}

/** What can go wrong, by name. Faults inside an answer happen after the first delta of "Hello from the fake". */
export type FakeFault =
  | 'reset'
  | 'close'
  | 'hang-before-headers'
  | 'hang-mid-stream'
  | 'truncated'
  | 'reset-mid-stream'
  | 'no-terminator'
  | 'body-too-short'
  | 'body-too-long'
  | 'not-http'
  | 'bad-json'
  | 'silent-200'
  | 'error-mid-stream'
  | 'unauthorized'
  | 'model-not-found'
  | 'context-too-long'
  | 'rate-limited'
  | 'overloaded'
  | 'server-error'
  | 'quotes-the-prompt'
  | 'endless-error'
  | 'gzip'
  | 'created'
  | { readonly fault: 'redirect'; readonly to: string }
  | { readonly fault: 'flood'; readonly bytes: number };

export type FakeOpenAIReply = FakeAnswer | FakeFault;

export interface FakeOpenAI extends RudeServer {
  /** Adds replies to the script. */
  script(...replies: readonly FakeOpenAIReply[]): void;
}

export interface FakeOpenAIOptions {
  readonly replies?: readonly FakeOpenAIReply[];
  readonly models?: readonly string[];
  /** Decides from the request instead of the script. */
  readonly reply?: (request: RecordedRequest) => FakeOpenAIReply;
  /** The body of /v1/embeddings. Without it that path is unknown. */
  readonly embed?: (request: RecordedRequest) => string;
  /** Answers /v1/responses, in order; the last one repeats. Without it that path is unknown. */
  readonly responses?: readonly FakeResponsesReply[] | ((request: RecordedRequest) => FakeResponsesReply);
}

export async function startFakeOpenAI(options: FakeOpenAIOptions = {}): Promise<FakeOpenAI> {
  const script = [...(options.replies ?? [])];
  let next = 0;
  const server = await startRudeServer((request) => {
    if (request.method === 'GET' && request.path === '/v1/models') {
      const data = (options.models ?? ['gpt-fake']).map((id) => ({
        id,
        object: 'model',
        created: 1_700_000_000,
        owned_by: 'fake',
      }));
      return { kind: 'answer', status: 200, body: JSON.stringify({ object: 'list', data }) };
    }
    if (request.method === 'POST' && request.path === '/v1/embeddings' && options.embed !== undefined)
      return { kind: 'answer', status: 200, body: options.embed(request) };
    if (request.method === 'POST' && request.path === '/v1/responses' && options.responses !== undefined) {
      const { responses } = options;
      const reply =
        typeof responses === 'function' ? responses(request) : responses[Math.min(next, responses.length - 1)];
      next += 1;
      if (reply !== undefined) return renderResponses(reply, request, (name) => fault(name, 'gpt-fake', request));
    }
    if (request.method !== 'POST' || request.path !== '/v1/chat/completions') {
      return refusal(404, {
        message: `Unknown path ${request.path}`,
        type: 'invalid_request_error',
        code: 'unknown_url',
      });
    }
    const reply = options.reply?.(request) ??
      script[Math.min(next, script.length - 1)] ?? { text: 'Hello from the fake' };
    next += 1;
    return render(reply, request);
  });
  // Not spread: `requests` and the rest stay live.
  return Object.assign(server, {
    url: `${server.url}/v1`,
    script: (...replies: readonly FakeOpenAIReply[]) => void script.push(...replies),
  });
}

function render(reply: FakeOpenAIReply, request: RecordedRequest): RudeReply {
  const asked = JSON.parse(request.body) as {
    model?: string;
    stream?: boolean;
    stream_options?: { include_usage?: boolean };
  };
  const model = asked.model ?? 'gpt-fake';
  if (typeof reply === 'string') return fault(reply, model, request);
  if ('fault' in reply) {
    if (reply.fault === 'redirect') return { kind: 'answer', status: 307, headers: { location: reply.to }, body: '' };
    return { kind: 'stream', headers: { 'content-type': 'text/event-stream' }, pieces: flood(reply.bytes, model) };
  }
  const headers = {
    'x-request-id': 'req_fake',
    'openai-processing-ms': '7',
    'x-ratelimit-remaining-requests': '99',
    'set-cookie': 'session=fake',
    server: 'fake',
    ...reply.headers,
  };
  if (asked.stream !== true)
    return { kind: 'answer', status: 200, headers, body: JSON.stringify(completion(reply, model)) };
  return {
    kind: 'stream',
    headers: { 'content-type': 'text/event-stream; charset=utf-8', ...headers },
    pieces: [...events(reply, model, asked.stream_options?.include_usage === true), 'data: [DONE]\n\n'],
    ...(reply.gapMs === undefined ? {} : { gapMs: reply.gapMs }),
  };
}

function completion(reply: FakeAnswer, model: string): unknown {
  const calls = reply.toolCalls?.map((call, index) => toolCall(call, index));
  return {
    id: 'chatcmpl-fake',
    object: 'chat.completion',
    created: 1_700_000_000,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: reply.pieces?.join('') ?? reply.text ?? null,
          refusal: null,
          ...(reply.annotations === undefined ? {} : { annotations: reply.annotations }),
          ...(calls === undefined ? {} : { tool_calls: calls }),
        },
        logprobs: null,
        finish_reason: finishOf(reply),
      },
    ],
    usage: usageOf(reply),
  };
}

function* events(reply: FakeAnswer, model: string, includeUsage: boolean): Generator<string> {
  const chunk = (delta: unknown, finish: string | null): string =>
    event({
      id: 'chatcmpl-fake',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(includeUsage ? { usage: null } : {}),
    });
  yield chunk({ role: 'assistant', content: '' }, null);
  for (const piece of reply.pieces ?? reply.text?.match(/[\s\S]{1,6}/gu) ?? []) yield chunk({ content: piece }, null);
  for (const [index, call] of (reply.toolCalls ?? []).entries()) {
    const whole = toolCall(call, index);
    yield chunk({ tool_calls: [{ ...whole, index, function: { name: whole.function.name, arguments: '' } }] }, null);
    for (const piece of whole.function.arguments.match(/[\s\S]{1,5}/gu) ?? [])
      yield chunk({ tool_calls: [{ index, function: { arguments: piece } }] }, null);
  }
  if (reply.annotations !== undefined) yield chunk({ annotations: reply.annotations }, null);
  yield chunk({}, finishOf(reply));
  if (includeUsage)
    yield event({
      id: 'chatcmpl-fake',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model,
      choices: [],
      usage: usageOf(reply),
    });
}

function toolCall(
  call: NonNullable<FakeAnswer['toolCalls']>[number],
  index: number,
): { id: string; type: 'function'; function: { name: string; arguments: string } } {
  const given = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments);
  return { id: call.id ?? `call_fake${index}`, type: 'function', function: { name: call.name, arguments: given } };
}

function finishOf(reply: FakeAnswer): string {
  return reply.finish ?? (reply.toolCalls === undefined ? 'stop' : 'tool_calls');
}

function usageOf(reply: FakeAnswer): unknown {
  const { prompt, completion: written } = reply.usage ?? { prompt: 11, completion: 5 };
  return { prompt_tokens: prompt, completion_tokens: written, total_tokens: prompt + written };
}

function event(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function refusal(
  status: number,
  error: { readonly message: string; readonly type: string; readonly code: string | null },
  headers: Readonly<Record<string, string>> = {},
): RudeReply {
  return { kind: 'answer', status, headers, body: JSON.stringify({ error: { param: null, ...error } }) };
}

function fault(name: Extract<FakeFault, string>, model: string, request: RecordedRequest): RudeReply {
  const started = [...events({ text: 'Hello from the fake' }, model, false)].slice(0, 3);
  const whole = JSON.stringify(completion({ text: 'Hello from the fake' }, model));
  const stream = { kind: 'stream', headers: { 'content-type': 'text/event-stream' } } as const;
  const framed = (declared: number): string =>
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${declared}\r\n\r\n${whole}`;
  if (isBreak(name)) return breaking(name, stream.headers, started);
  switch (name) {
    case 'no-terminator':
      return { ...stream, pieces: started };
    case 'body-too-short':
      return { kind: 'bytes', bytes: framed(whole.length + 100), end: 'close' };
    case 'body-too-long':
      return { kind: 'bytes', bytes: framed(whole.length - 10), end: 'close' };
    case 'not-http':
      return { kind: 'bytes', bytes: 'SSH-2.0-OpenSSH_9.9\r\n', end: 'hang' };
    case 'bad-json':
      return {
        ...stream,
        pieces: [...started.slice(0, 2), 'data: {"id":"chatcmpl-fake","choices":[{\n\n', 'data: [DONE]\n\n'],
      };
    case 'silent-200':
      return { kind: 'answer', status: 200, body: '' };
    case 'error-mid-stream':
      return {
        ...stream,
        pieces: [
          ...started,
          event({ error: { message: 'The server had an error', type: 'server_error', param: null, code: null } }),
        ],
      };
    case 'unauthorized':
      return refusal(401, {
        message: 'Incorrect API key provided',
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      });
    case 'model-not-found':
      return refusal(404, {
        message: `The model ${model} does not exist`,
        type: 'invalid_request_error',
        code: 'model_not_found',
      });
    case 'context-too-long':
      return refusal(400, {
        message: "This model's maximum context length is 8192 tokens",
        type: 'invalid_request_error',
        code: 'context_length_exceeded',
      });
    case 'rate-limited':
      return refusal(
        429,
        { message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' },
        { 'retry-after': '3' },
      );
    case 'overloaded':
      return refusal(
        503,
        { message: 'The engine is currently overloaded', type: 'server_error', code: null },
        { 'retry-after': new Date(Date.now() + 60_000).toUTCString() },
      );
    case 'server-error':
      return refusal(500, { message: 'The server had an error', type: 'server_error', code: null });
    case 'quotes-the-prompt':
      return refusal(400, {
        message: `Invalid content: ${request.body}`,
        type: 'invalid_request_error',
        code: 'invalid_value',
      });
    case 'endless-error':
      return { kind: 'stream', status: 500, pieces: endless() };
    case 'gzip':
      return {
        kind: 'answer',
        status: 200,
        headers: { 'content-encoding': 'gzip' },
        body: Buffer.from('1f8b0800', 'hex'),
      };
    case 'created':
      return { kind: 'answer', status: 201, body: whole };
  }
}

function* endless(): Generator<string> {
  for (;;) yield 'x'.repeat(16_384);
}

function* flood(bytes: number, model: string): Generator<string> {
  const one = event({
    id: 'chatcmpl-fake',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model,
    choices: [{ index: 0, delta: { content: 'x'.repeat(16_000) }, finish_reason: null }],
  });
  for (let sent = 0; sent < bytes; sent += one.length) yield one;
  yield 'data: [DONE]\n\n';
}
