/**
 * A chat as Ollama's native /api/chat takes it. Always with our own window and `truncate:false, shift:false`: left
 * alone, Ollama drops the oldest messages, or the middle of the prompt, and answers 200. Fails closed: what the model
 * could not be shown whole (remote images, files, audio) is `unsupported`, and nothing is sent.
 */
import type { ChatMessage, ChatRequest, ModelToolCall } from '../chat.ts';
import { argumentsObject } from '../tool-arguments.ts';
import { takeAnswered } from '../tool-results.ts';
import { nativeTools } from './ollama-tools.ts';

export interface NativeOptions {
  readonly model: string;
  readonly contextTokens: number;
  readonly keepAlive: string;
  /** What the model is known to do; undefined when the server is too old to say. */
  readonly capabilities: ReadonlySet<string> | undefined;
  /** Which of `choices` this request is for; choices differ by seed when one was given. */
  readonly choice: number;
}

export type NativeRequest = { readonly kind: 'request'; readonly body: string } | { readonly kind: 'unsupported' };

export function nativeRequest(chat: ChatRequest, options: NativeOptions): NativeRequest {
  const messages = nativeMessages(chat.messages);
  if (messages === undefined) return { kind: 'unsupported' };
  const can = (what: string): boolean => options.capabilities?.has(what) ?? true;
  // A chat without messages only loads the model, whatever else it says.
  const tools = chat.messages.length === 0 ? [] : nativeTools(offered(chat));
  // Some models drop images they cannot see and answer about nothing.
  if (messages.some((message) => message.images !== undefined) && !can('vision')) return { kind: 'unsupported' };
  if (tools.length > 0 && !can('tools')) return { kind: 'unsupported' };
  const think = can('thinking') ? (chat.think ?? thinking(chat.reasoningEffort)) : undefined;
  const format =
    chat.responseFormat.kind === 'json'
      ? 'json'
      : chat.responseFormat.kind === 'schema'
        ? chat.responseFormat.schema
        : undefined;
  const { sampling } = chat;
  return {
    kind: 'request',
    body: JSON.stringify({
      model: options.model,
      messages,
      stream: true,
      truncate: false,
      shift: false,
      keep_alive: chat.keepAlive ?? keepAliveOf(options.keepAlive),
      options: {
        ...sampling.localOptions,
        num_ctx: options.contextTokens,
        temperature: sampling.temperature,
        top_p: sampling.topP,
        num_predict: sampling.maxTokens,
        stop: sampling.stop,
        seed: sampling.seed === undefined ? undefined : sampling.seed + options.choice,
        presence_penalty: sampling.presencePenalty,
        frequency_penalty: sampling.frequencyPenalty,
      },
      ...(tools.length > 0 ? { tools } : {}),
      ...(think === undefined ? {} : { think }),
      ...(format === undefined ? {} : { format }),
      ...(sampling.logprobs === true ? { logprobs: true, top_logprobs: sampling.topLogprobs } : {}),
    }),
  };
}

/** keepAliveOf a configured time: a bare number is seconds, and must be one on the wire, since "-1" has no unit. */
export function keepAliveOf(keepAlive: string): string | number {
  return /^-?\d{1,9}$/.test(keepAlive) ? Number(keepAlive) : keepAlive;
}

/** Ollama has no tool_choice; leaving tools out is the part of it that can be kept. */
function offered(chat: ChatRequest): ChatRequest['tools'] {
  const choice = chat.toolChoice;
  if (choice.kind === 'none') return [];
  return choice.kind === 'tool' ? chat.tools.filter((tool) => tool.name === choice.name) : chat.tools;
}

const EFFORT: Readonly<Record<string, boolean | string>> = {
  none: false,
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'max',
  ultra: 'max',
  max: 'max',
};

function thinking(effort: string): boolean | string | undefined {
  return Object.hasOwn(EFFORT, effort) ? EFFORT[effort] : undefined;
}

interface NativeMessage {
  readonly role: ChatMessage['role'];
  readonly content: string;
  readonly images?: readonly string[];
  readonly tool_calls?: readonly unknown[];
  readonly tool_name?: string;
  readonly tool_call_id?: string;
}

/** nativeMessages is undefined when a part cannot be shown to the model. */
function nativeMessages(messages: readonly ChatMessage[]): readonly NativeMessage[] | undefined {
  const native: NativeMessage[] = [];
  // Calls of the latest assistant turn no result has answered yet, in order.
  let open: ModelToolCall[] = [];
  for (const message of messages) {
    const texts: string[] = [];
    const images: string[] = [];
    for (const part of message.content) {
      if (part.kind === 'text') texts.push(part.text);
      else if (part.kind === 'opaque') return undefined;
      else {
        const image = base64Image(part.url);
        if (image === undefined) return undefined;
        images.push(image);
      }
    }
    const base = { role: message.role, content: texts.join('\n'), ...(images.length > 0 ? { images } : {}) };
    if (message.role === 'assistant' && message.toolCalls.length > 0) {
      open = [...message.toolCalls];
      native.push({ ...base, tool_calls: message.toolCalls.map(nativeCall) });
    } else if (message.role === 'tool') {
      const call = takeAnswered(open, message.toolCallId, message.name);
      native.push({ ...base, tool_name: call?.name ?? message.name, tool_call_id: call?.id ?? message.toolCallId });
    } else {
      native.push(base);
    }
  }
  return native;
}

function nativeCall(call: ModelToolCall, index: number): unknown {
  return { id: call.id, function: { index, name: call.name, arguments: argumentsObject(call.arguments) } };
}

/** Only images that came with the request: Ollama refuses URLs, and fetching one would tell its server what is asked here. */
function base64Image(url: string): string | undefined {
  const comma = url.indexOf(',');
  const head = url.slice(0, Math.max(0, Math.min(comma, 256)));
  if (!/^data:image\/(?:png|jpe?g|webp|gif)(?:;[\w.=-]{1,64}){0,4};base64$/i.test(head)) return undefined;
  const data = url.slice(comma + 1);
  return data.length > 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(data) ? data : undefined;
}
