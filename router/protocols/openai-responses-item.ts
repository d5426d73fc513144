/** An output item of /responses as it stands, its JSON, and the wire's events about it. Pure. */
import { customInput, type KnownTool } from './openai-responses-tools.ts';

export type WireEvent = Readonly<Record<string, unknown>> & { readonly type: string };
export type Json = Readonly<Record<string, unknown>>;

export interface TextPart {
  readonly kind: 'output_text' | 'refusal' | 'reasoning_text' | 'summary_text';
  /** Where it begins in all text of the reply. */
  readonly start: number;
  text: string;
  readonly annotations: Json[];
  readonly logprobs: unknown[];
}

export interface Message {
  readonly kind: 'message';
  readonly index: number;
  readonly id: string;
  /** The upstream's own name of it. */
  readonly source: string;
  readonly phase: string;
  readonly parts: TextPart[];
  status: Status;
}

export interface Reasoning {
  readonly kind: 'reasoning';
  readonly index: number;
  readonly id: string;
  /** The upstream's own name of it. */
  readonly source: string;
  readonly summary: TextPart[];
  readonly content: TextPart[];
  seal: string;
  status: Status;
}

export interface Call {
  readonly kind: 'call';
  readonly index: number;
  readonly id: string;
  readonly callId: string;
  readonly tool: KnownTool;
  /** Free text and no JSON, as the upstream sends it. */
  readonly raw: boolean;
  text: string;
  status: Status;
}

export interface Provided {
  readonly kind: 'provided';
  readonly index: number;
  readonly value: Json;
}

export type Status = 'in_progress' | 'completed' | 'incomplete';
export type Item = Message | Reasoning | Call | Provided;
export function newPart(kind: TextPart['kind'], start: number): TextPart {
  return { kind, start, text: '', annotations: [], logprobs: [] };
}

export function placeOf(message: Message): Json {
  return { item_id: message.id, output_index: message.index, content_index: message.parts.length - 1 };
}

export function textDelta(message: Message, delta: string, logprobs: readonly unknown[]): WireEvent {
  return { type: 'response.output_text.delta', ...placeOf(message), delta, logprobs };
}

export function partJson(part: TextPart): Json {
  switch (part.kind) {
    case 'output_text':
      return { type: part.kind, text: part.text, annotations: [...part.annotations], logprobs: [...part.logprobs] };
    case 'refusal':
      return { type: part.kind, refusal: part.text };
    case 'reasoning_text':
    case 'summary_text':
      return { type: part.kind, text: part.text };
  }
}

export function partEvent(what: 'added' | 'done', message: Message, part: TextPart): WireEvent {
  return { type: `response.content_part.${what}`, ...placeOf(message), part: partJson(part) };
}

export function closePart(message: Message, part: TextPart): readonly WireEvent[] {
  return [
    part.kind === 'refusal'
      ? { type: 'response.refusal.done', ...placeOf(message), refusal: part.text }
      : { type: 'response.output_text.done', ...placeOf(message), text: part.text, logprobs: [...part.logprobs] },
    partEvent('done', message, part),
  ];
}

export function closeSummary(item: Reasoning, index: number): readonly WireEvent[] {
  const at = { item_id: item.id, output_index: item.index, summary_index: index };
  const text = item.summary[index]?.text ?? '';
  return [
    { type: 'response.reasoning_summary_text.done', ...at, text },
    { type: 'response.reasoning_summary_part.done', ...at, part: { type: 'summary_text', text } },
  ];
}

export function callDelta(call: Call, delta: string): WireEvent {
  const type = call.tool.kind === 'custom' ? 'custom_tool_call_input' : 'function_call_arguments';
  return { type: `response.${type}.delta`, item_id: call.id, output_index: call.index, delta };
}

export function closeCall(call: Call, status: 'completed' | 'incomplete'): readonly WireEvent[] {
  if (call.status !== 'in_progress') return [];
  call.status = status;
  const at = { item_id: call.id, output_index: call.index };
  const whole = textOf(call);
  const events: WireEvent[] = [];
  if (call.tool.kind === 'custom') {
    if (!call.raw && whole !== '') events.push(callDelta(call, whole));
    events.push({ type: 'response.custom_tool_call_input.done', ...at, input: whole });
  } else events.push({ type: 'response.function_call_arguments.done', ...at, name: call.tool.name, arguments: whole });
  events.push({ type: 'response.output_item.done', output_index: call.index, item: toJson(call) });
  return events;
}

export function textOf(call: Call): string {
  return call.tool.kind === 'custom' && !call.raw ? customInput(call.text) : call.text;
}

export function toJson(item: Item): Json {
  switch (item.kind) {
    case 'message':
      return {
        id: item.id,
        type: 'message',
        status: item.status,
        role: 'assistant',
        content: item.parts.map(partJson),
        ...(item.phase === '' ? {} : { phase: item.phase }),
      };
    case 'reasoning':
      return {
        id: item.id,
        type: 'reasoning',
        status: item.status,
        summary: item.summary.map(partJson),
        ...(item.content.length === 0 ? {} : { content: item.content.map(partJson) }),
        ...(item.seal === '' ? {} : { encrypted_content: item.seal }),
      };
    case 'call': {
      const { namespace, name, kind } = item.tool;
      const names = { call_id: item.callId, name, ...(namespace === '' ? {} : { namespace }) };
      return kind === 'custom'
        ? {
            id: item.id,
            type: 'custom_tool_call',
            status: item.status,
            ...names,
            input: item.status === 'in_progress' ? '' : textOf(item),
          }
        : {
            id: item.id,
            type: 'function_call',
            status: item.status,
            ...names,
            arguments: item.status === 'in_progress' ? '' : item.text,
          };
    }
    case 'provided':
      return item.value;
  }
}

/** Every member the wire demands, whatever a server left out. */
export function toLogprob(value: unknown): Json {
  const given = typeof value === 'object' && value !== null ? (value as Json) : {};
  const one = (each: Json): Json => ({
    token: each['token'] ?? '',
    logprob: each['logprob'] ?? 0,
    bytes: each['bytes'] ?? [],
  });
  const top = given['top_logprobs'];
  return {
    ...one(given),
    top_logprobs: Array.isArray(top) ? (top as readonly Json[]).map(one) : [],
  };
}
