/**
 * The OpenAI-compatible side of the fake Ollama, with the differences that make routers lose answers: num_ctx cannot be
 * set, parts arrays are split, most fields are ignored, an error in the middle of a stream ends it with no terminator.
 */
import {
  find,
  framesOf,
  json,
  prepare,
  whole,
  type FakeState,
  type Frame,
  type NativeChat,
} from './fake-ollama-model.ts';
import type { RecordedRequest, RudeReply } from './rude-server.ts';

interface WireMessage {
  readonly role?: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly {
    readonly id?: string;
    readonly function?: { readonly name?: string; readonly arguments?: string };
  }[];
  readonly tool_call_id?: string;
  readonly name?: string;
}

interface WireChat {
  readonly model?: string;
  readonly messages?: readonly WireMessage[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly tools?: NativeChat['tools'];
  readonly reasoning_effort?: string;
}

const INPUT_TYPES = new Set(['message', 'function_call', 'function_call_output', 'reasoning', 'web_search_call']);

export async function answerV1(request: RecordedRequest, state: FakeState): Promise<RudeReply> {
  switch (`${request.method} ${request.path}`) {
    case 'GET /v1/models': {
      const data = [...state.models.keys()].map((id) => ({
        id,
        object: 'model',
        created: 1_762_000_000,
        owned_by: 'library',
      }));
      return json({ object: 'list', data: data.length === 0 ? null : data });
    }
    case 'POST /v1/chat/completions':
      return chatCompletions(request, state);
    case 'POST /v1/responses':
      return responses(request, state);
    default:
      return { kind: 'answer', status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found' };
  }
}

function refusal(status: number, message: string): RudeReply {
  return json(
    {
      error: {
        message,
        type: status === 404 ? 'not_found_error' : status < 500 ? 'invalid_request_error' : 'api_error',
        param: null,
        code: null,
      },
    },
    status,
  );
}

async function chatCompletions(request: RecordedRequest, state: FakeState): Promise<RudeReply> {
  const asked = JSON.parse(request.body) as WireChat;
  const messages = nativeMessages(asked.messages ?? []);
  if (typeof messages === 'string') return refusal(400, messages);
  if (
    asked.reasoning_effort !== undefined &&
    !/^(?:none|minimal|low|medium|high|xhigh|ultra)$/.test(asked.reasoning_effort)
  )
    return refusal(400, `invalid reasoning value: '${asked.reasoning_effort}'`);
  // No options.num_ctx and no truncate: the server's defaults cut what does not fit.
  const native: NativeChat = {
    ...(asked.model === undefined ? {} : { model: asked.model }),
    messages,
    ...(asked.tools === undefined ? {} : { tools: asked.tools }),
  };
  const prepared = await prepare(native, request, state);
  if (prepared.kind === 'refused') {
    const { reply } = prepared;
    if (reply.kind !== 'answer') return reply;
    return refusal(reply.status, (JSON.parse(String(reply.body)) as { error: string }).error);
  }
  const reply = state.next(request);
  const id = `chatcmpl-${state.forwarded.length + (request.connection % 999)}`;
  if (typeof reply === 'string' || 'fault' in reply) {
    if (reply === 'error-line') {
      // The error line is decoded as an empty answer: one empty delta, no finish chunk, no [DONE].
      return {
        kind: 'stream',
        headers: { 'content-type': 'text/event-stream' },
        pieces: [
          chunk(id, native.model, { role: 'assistant', content: 'Hello ' }, null),
          chunk(id, native.model, { content: '' }, null),
        ],
      };
    }
    return reply === 'reset' || reply === 'close' ? { kind: reply } : refusal(500, 'the model runner failed');
  }
  const frames = framesOf(reply, native.model ?? '', {}, reply.promptTokens ?? prepared.promptTokens);
  if (asked.stream === true)
    return { kind: 'stream', headers: { 'content-type': 'text/event-stream' }, pieces: streamed(id, frames, asked) };
  const done = whole(frames);
  return json({
    id,
    object: 'chat.completion',
    created: 1_762_000_000,
    model: native.model,
    system_fingerprint: 'fp_ollama',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: done.message.content,
          ...(done.message.thinking === undefined ? {} : { reasoning: done.message.thinking }),
          ...callsOf(done),
        },
        finish_reason: finishOf(frames),
      },
    ],
    usage: usageOf(done),
  });
}

/** One message per part; a tool result given as parts loses the id and the name of its call. */
function nativeMessages(messages: readonly WireMessage[]): NonNullable<NativeChat['messages']> | string {
  const native: NonNullable<NativeChat['messages']>[number][] = [];
  for (const message of messages) {
    const role = message.role ?? '';
    if (Array.isArray(message.content)) {
      for (const part of message.content as readonly { type?: string; text?: string; image_url?: { url?: string } }[]) {
        if (part.type === 'text') native.push({ role, content: part.text ?? '' });
        else if (part.type !== 'image_url') return 'invalid message format';
        else if (!/^data:image\/(?:jpeg|jpg|png|webp);base64,/.test(part.image_url?.url ?? ''))
          return 'invalid image input';
        else native.push({ role, content: '', images: [part.image_url?.url] });
      }
    } else if (typeof message.content === 'string') {
      native.push({ role, content: message.content });
    } else if (message.tool_calls === undefined) {
      return `invalid message content type: ${message.content === null ? '<nil>' : typeof message.content}`;
    } else {
      const calls: { function: { arguments: unknown } }[] = [];
      for (const call of message.tool_calls) {
        try {
          calls.push({ function: { arguments: JSON.parse(call.function?.arguments ?? '') as unknown } });
        } catch {
          return 'invalid tool call arguments';
        }
      }
      native.push({ role, tool_calls: calls });
    }
  }
  return native;
}

function* streamed(id: string, frames: readonly Frame[], asked: WireChat): Generator<string> {
  let first = true;
  for (const frame of frames) {
    const role = first ? { role: 'assistant' } : {};
    // Thinking and an answer in one frame become two chunks.
    if (frame.message.thinking !== undefined) {
      yield chunk(id, asked.model, { ...role, content: '', reasoning: frame.message.thinking }, null);
      if (frame.message.content !== '') yield chunk(id, asked.model, { content: frame.message.content }, null);
    } else if (frame.message.content !== '' || frame.message.tool_calls !== undefined || !frame.done) {
      yield chunk(id, asked.model, { ...role, content: frame.message.content, ...callsOf(frame) }, null);
    }
    first = false;
    if (frame.done) yield chunk(id, asked.model, {}, finishOf(frames));
  }
  if (asked.stream_options?.include_usage === true)
    yield event({ ...envelope(id, asked.model), choices: [], usage: usageOf(whole(frames)) });
  yield 'data: [DONE]\n\n';
}

function callsOf(frame: Frame): Readonly<Record<string, unknown>> {
  const calls = frame.message.tool_calls as
    | readonly { id?: string; function: { name: string; arguments: unknown } }[]
    | undefined;
  if (calls === undefined) return {};
  return {
    tool_calls: calls.map((call, index) => ({
      id: call.id ?? '',
      index,
      type: 'function',
      function: { name: call.function.name, arguments: JSON.stringify(call.function.arguments) },
    })),
  };
}

/** Tool calls override only `stop`. */
function finishOf(frames: readonly Frame[]): string {
  const reason = String(frames.at(-1)?.['done_reason'] ?? 'stop');
  return reason === 'stop' && frames.some((frame) => frame.message.tool_calls !== undefined) ? 'tool_calls' : reason;
}

function usageOf(frame: Frame): unknown {
  const prompt = Number(frame['prompt_eval_count'] ?? 0);
  const written = Number(frame['eval_count'] ?? 0);
  return { prompt_tokens: prompt, completion_tokens: written, total_tokens: prompt + written };
}

function envelope(id: string, model: string | undefined): Readonly<Record<string, unknown>> {
  return { id, object: 'chat.completion.chunk', created: 1_762_000_000, model, system_fingerprint: 'fp_ollama' };
}

function chunk(id: string, model: string | undefined, delta: unknown, finish: string | null): string {
  return event({ ...envelope(id, model), choices: [{ index: 0, delta, finish_reason: finish }] });
}

function event(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** Stateless, with few input types; a web_search tool would send the local model's query to ollama.com. */
async function responses(request: RecordedRequest, state: FakeState): Promise<RudeReply> {
  const asked = JSON.parse(request.body) as {
    model?: string;
    input?: string | readonly { type?: string; content?: unknown }[];
    tools?: readonly { type?: string }[];
  };
  const items = typeof asked.input === 'string' ? [] : (asked.input ?? []);
  for (const item of items) {
    if (item.type !== undefined && !INPUT_TYPES.has(item.type))
      return refusal(400, `unknown input item type: ${item.type}`);
  }
  const found = find(asked.model ?? '', state);
  if (typeof found === 'string') return refusal(404, `model '${asked.model ?? ''}' not found`);
  if (found.remoteHost !== undefined || asked.tools?.some((tool) => tool.type === 'web_search') === true)
    state.forwarded.push(request);
  const reply = state.next(request);
  if (typeof reply === 'string' || 'fault' in reply) return refusal(500, 'the model runner failed');
  const done = whole(framesOf(reply, asked.model ?? '', {}, reply.promptTokens ?? 1));
  return json({
    id: `resp_${state.forwarded.length}`,
    object: 'response',
    created_at: 1_762_000_000,
    status: 'completed',
    model: asked.model,
    output: [
      // Called encrypted; it is the thinking as it is.
      ...(done.message.thinking === undefined
        ? []
        : [
            {
              type: 'reasoning',
              id: 'rs_0',
              summary: [{ type: 'summary_text', text: done.message.thinking }],
              encrypted_content: done.message.thinking,
            },
          ]),
      {
        type: 'message',
        id: 'msg_0',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: done.message.content, annotations: [] }],
      },
    ],
  });
}
