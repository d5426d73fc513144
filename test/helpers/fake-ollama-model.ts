/**
 * What the native and the OpenAI-compatible side of the fake Ollama share: models, the checks a request passes before
 * the model runs, and the frames of an answer.
 */
import type { RecordedRequest, RudeReply } from './rude-server.ts';

export interface FakeModel {
  readonly name: string;
  /** Default: completion and tools. */
  readonly capabilities?: readonly string[];
  /** Trained maximum, which caps every window. Default 131072. */
  readonly contextLength?: number;
  /** A stub that forwards to this host. */
  readonly remoteHost?: string;
  readonly modifiedAt?: string;
}

export interface FakeOllamaAnswer {
  readonly text?: string;
  /** Text in these very pieces, one frame each; wins over `text`. */
  readonly pieces?: readonly string[];
  readonly thinking?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: unknown; readonly id?: string }[];
  /** `missing`: as older servers, no ids and every index 0. */
  readonly ids?: 'given' | 'missing';
  /** The last frame brings content, thinking and calls itself. */
  readonly doneFrame?: 'bare' | 'carries-everything';
  readonly doneReason?: string;
  /** Counts; 0 is left out on the wire. Default: what the fake counts. */
  readonly promptTokens?: number;
  readonly outputTokens?: number;
  readonly logprobs?: readonly unknown[];
  /** Frames claim to come from this host although the model looked local. */
  readonly remoteHost?: string;
  /** From this frame on only. Default 0. */
  readonly remoteFrom?: number;
  /** Silence before a tool call, as the parser buffers it. */
  readonly gapBeforeToolCallMs?: number;
  readonly gapMs?: number;
}

/** Faults inside an answer happen after two frames of "Hello from the fake". */
export type FakeOllamaFault =
  | 'reset'
  | 'close'
  | 'hang-before-headers'
  | 'hang-mid-stream'
  | 'truncated'
  | 'reset-mid-stream'
  | 'no-done'
  | 'error-line'
  | 'error-line-first'
  | 'bad-json-line'
  | 'not-a-frame'
  | 'content-is-no-string'
  | 'bad-utf8'
  | 'silent-200'
  | 'server-error'
  | 'queue-full'
  | 'no-memory'
  | 'lost-user-turn'
  | 'cancelled'
  | 'cloud-disabled'
  | 'unauthorized'
  | 'quotes-the-prompt'
  | { readonly fault: 'redirect'; readonly to: string };

export type FakeOllamaReply = FakeOllamaAnswer | FakeOllamaFault;

export interface FakeOllamaOptions {
  /** Of a server that comes back where it was. */
  readonly port?: number;
  readonly models?: readonly FakeModel[];
  readonly replies?: readonly FakeOllamaReply[];
  /** Decides from the request instead of the script. */
  readonly reply?: (request: RecordedRequest) => FakeOllamaReply;
  /** Answers /api/embed with this instead of vectors. */
  readonly embed?: (texts: readonly string[]) => unknown;
  /** Prompt longer than the window. `as-told` honours truncate:false; the others are servers that do not. */
  readonly overflow?: 'as-told' | 'always-error' | 'always-cut';
  /** Makes no window larger than this, whatever is asked for. */
  readonly mostContext?: number;
  /** num_ctx when the request brings none. */
  readonly defaultContext?: number;
  /** Whether names may end in `:local`. */
  readonly localSuffix?: 'known' | 'unknown';
  /** How long the first answer of a model waits. */
  readonly slowLoadMs?: number;
  /** Answers /api/show and /api/tags with this instead; the catalogue is broken or rude. */
  readonly catalogue?: 'hang' | 'server-error' | 'not-json' | 'reset';
}

export interface FakeState {
  readonly options: FakeOllamaOptions;
  readonly models: Map<string, FakeModel>;
  readonly forwarded: RecordedRequest[];
  readonly loads: string[];
  readonly loaded: Map<string, number>;
  next(request: RecordedRequest): FakeOllamaReply;
}

/** find resolves a name as the server does: `latest` by default, `:local` for really local ones. */
export function find(asked: string, state: FakeState): FakeModel | 'missing' | 'invalid' {
  const pinned = asked.endsWith(':local') && asked.split(':').length > 2;
  if (pinned && state.options.localSuffix === 'unknown') return 'invalid';
  const model = state.models.get(full(pinned ? asked.slice(0, -':local'.length) : asked));
  if (model === undefined) return 'missing';
  return pinned && model.remoteHost !== undefined ? 'missing' : model;
}

export interface NativeChat {
  readonly model?: string;
  readonly messages?: readonly {
    readonly role?: string;
    readonly content?: unknown;
    readonly images?: unknown;
    readonly tool_calls?: readonly { function?: { arguments?: unknown } }[];
  }[];
  readonly tools?: readonly { readonly function?: { readonly parameters?: { readonly properties?: unknown } } }[];
  readonly think?: unknown;
  readonly stream?: boolean;
  readonly truncate?: boolean;
  readonly keep_alive?: unknown;
  readonly options?: { readonly num_ctx?: number };
}

export type Prepared =
  | { readonly kind: 'refused'; readonly reply: RudeReply }
  | {
      readonly kind: 'ready';
      readonly asked: NativeChat;
      readonly model: FakeModel;
      readonly promptTokens: number;
      readonly forwarded: boolean;
      readonly empty: boolean;
    };

/** prepare does what the server does before the model runs: validates, forwards or loads, fits the prompt. */
export async function prepare(asked: NativeChat, request: RecordedRequest, state: FakeState): Promise<Prepared> {
  const refuse = (status: number, words: string): Prepared => ({ kind: 'refused', reply: refusal(status, words) });
  const messages = asked.messages ?? [];
  for (const message of messages) {
    if (message.content !== undefined && typeof message.content !== 'string')
      return refuse(
        400,
        'json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string',
      );
    for (const call of message.tool_calls ?? []) {
      const given = call.function?.arguments;
      if (typeof given !== 'object' || given === null || Array.isArray(given))
        return refuse(400, "Value looks like object, but can't find closing '}' symbol");
    }
  }
  for (const tool of asked.tools ?? []) {
    const properties = tool.function?.parameters?.properties;
    if (
      properties !== undefined &&
      (typeof properties !== 'object' || properties === null || Array.isArray(properties))
    )
      return refuse(400, 'json: cannot unmarshal array into Go struct field .tools.properties');
  }
  const name = asked.model ?? '';
  if (name === '') return refuse(400, 'model is required');
  const found = find(name, state);
  if (found === 'invalid') return refuse(400, 'invalid model name');
  // A cloud name is forwarded whether or not there is a stub for it.
  const cloudName = /(?::|-)cloud$/.test(name);
  if (found === 'missing' && !cloudName) return refuse(404, `model '${name}' not found`);
  const model: FakeModel = found === 'missing' ? { name, remoteHost: 'https://ollama.com:443' } : found;
  if (model.remoteHost !== undefined) {
    state.forwarded.push(request);
    return { kind: 'ready', asked, model, promptTokens: 1, forwarded: true, empty: messages.length === 0 };
  }
  const capabilities = model.capabilities ?? ['completion', 'tools'];
  if ((asked.tools?.length ?? 0) > 0 && !capabilities.includes('tools'))
    return refuse(400, `registry.ollama.ai/library/${full(name)} does not support tools`);
  if (asked.think !== undefined && asked.think !== false && !capabilities.includes('thinking'))
    return refuse(400, `"${name}" does not support thinking`);
  if (messages.length === 0) return { kind: 'ready', asked, model, promptTokens: 0, forwarded: false, empty: true };

  const context = Math.min(
    asked.options?.num_ctx ?? state.options.defaultContext ?? 4096,
    model.contextLength ?? 131_072,
    state.options.mostContext ?? 131_072,
  );
  if (state.loaded.get(full(model.name)) !== context) {
    state.loaded.set(full(model.name), context);
    state.loads.push(`${model.name}@${context}`);
    if (state.options.slowLoadMs !== undefined)
      await new Promise((resolve) => setTimeout(resolve, state.options.slowLoadMs));
  }
  const tokens = countTokens(JSON.stringify(messages.map((message) => message.content ?? ''))) + messages.length * 4;
  if (tokens <= context) return { kind: 'ready', asked, model, promptTokens: tokens, forwarded: false, empty: false };
  const mode = state.options.overflow ?? 'as-told';
  if (mode === 'always-error' || (mode === 'as-told' && asked.truncate === false)) {
    return refuse(
      400,
      `request (${tokens} tokens) exceeds the available context size (${context} tokens), try increasing it`,
    );
  }
  // The middle of the prompt is dropped: about half a window is left, and the answer is a plain 200.
  return { kind: 'ready', asked, model, promptTokens: Math.floor(context / 2) + 2, forwarded: false, empty: false };
}

/** Much as a byte-pair tokenizer counts: words in pieces of up to six, every sign by itself. */
export function countTokens(text: string): number {
  return text.match(/[A-Za-z]{1,6}|\d{1,3}|[^\sA-Za-z\d]/g)?.length ?? 0;
}

export const NOW = '2026-11-23T18:00:00.123456789Z';
export const NDJSON = { 'content-type': 'application/x-ndjson' };

export type Frame = Record<string, unknown> & {
  readonly message: { role: 'assistant'; content: string; thinking?: string; tool_calls?: readonly unknown[] };
  readonly done: boolean;
};

export function framesOf(
  reply: FakeOllamaAnswer,
  model: string,
  extra: Readonly<Record<string, string>>,
  promptTokens: number,
): readonly Frame[] {
  const base = (done: boolean, message: Partial<Frame['message']>): Frame => ({
    model,
    created_at: NOW,
    message: { role: 'assistant', content: '', ...message },
    done,
    ...extra,
  });
  const pieces = reply.pieces ?? reply.text?.match(/[\s\S]{1,6}/gu) ?? [];
  const calls = reply.toolCalls?.map((call, index) => ({
    ...(reply.ids === 'missing' ? {} : { id: call.id ?? `call_${`fake000${index}`.slice(-8)}` }),
    function: { ...(reply.ids === 'missing' ? {} : { index }), name: call.name, arguments: call.arguments },
  }));
  const counters = {
    done_reason: reply.doneReason ?? 'stop',
    total_duration: 123_456_789,
    load_duration: 1_234_567,
    ...counter('prompt_eval_count', promptTokens),
    prompt_eval_duration: 1_000_000,
    ...counter('eval_count', reply.outputTokens ?? countTokens(pieces.join(''))),
    eval_duration: 2_000_000,
  };
  let frames: Frame[];
  if (reply.doneFrame === 'carries-everything') {
    const thinking = reply.thinking === undefined ? {} : { thinking: reply.thinking };
    frames = [
      {
        ...base(true, { content: pieces.join(''), ...thinking, ...(calls === undefined ? {} : { tool_calls: calls }) }),
        ...counters,
      },
    ];
  } else {
    frames = [
      ...(reply.thinking === undefined ? [] : [base(false, { thinking: reply.thinking })]),
      ...pieces.map((content) => base(false, { content })),
      ...(calls ?? []).map((call) => base(false, { tool_calls: [call] })),
      { ...base(true, {}), ...counters },
    ];
  }
  if (reply.logprobs !== undefined && frames[0] !== undefined) frames[0] = { ...frames[0], logprobs: reply.logprobs };
  const { remoteHost } = reply;
  if (remoteHost === undefined) return frames;
  return frames.map((frame, index) =>
    index < (reply.remoteFrom ?? 0) ? frame : { ...frame, remote_host: remoteHost, remote_model: 'big' },
  );
}

function counter(name: string, value: number): Readonly<Record<string, number>> {
  return value === 0 ? {} : { [name]: value };
}

export function whole(frames: readonly Frame[]): Frame {
  const last = frames.at(-1) as Frame;
  const thinking = frames.map((frame) => frame.message.thinking ?? '').join('');
  const calls = frames.flatMap((frame) => frame.message.tool_calls ?? []);
  return {
    ...last,
    message: {
      ...last.message,
      content: frames.map((frame) => frame.message.content).join(''),
      ...(thinking === '' ? {} : { thinking }),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
  };
}

export function json(value: unknown, status = 200): RudeReply {
  return {
    kind: 'answer',
    status,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(value),
  };
}

export function refusal(status: number, error: string): RudeReply {
  return json({ error }, status);
}

export function full(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).includes(':') ? name : `${name}:latest`;
}
