/**
 * The shape of a /responses request: document to neutral ChatRequest. An assistant's message and the calls after it are one message, as they were one turn. Fails closed: a known field of
 * the wrong type is a problem with a pointer; items nobody knows are gaps, and are carried by the document alone.
 */
import type { ChatMessage, ChatRequest, ContentPart, ModelToolCall, Sampling } from '../chat.ts';
import type { JsonObject, JsonValue } from '../json/document.ts';
import { textMessage } from '../plain-chat.ts';
import { takeAnswered } from '../tool-results.ts';
import { qualifiedName } from './openai-responses-items.ts';
import { readToolChoice, readTools, type ReadTools } from './openai-responses-tools.ts';
import type { ShapeProblem } from './protocol.ts';
import { array, boolean, fail, isObject, number, refuseLookAlikes, string, withoutFault } from './shape.ts';

/** Names Sluice acts on; see refuseLookAlikes. */
const BODY_NAMES = new Set(
  'model input instructions tools tool_choice stream stream_options store background conversation previous_response_id prompt include reasoning text user metadata client_metadata safety_identifier prompt_cache_key context_management'.split(
    ' ',
  ),
);
const ITEM_NAMES = new Set(
  'type role content id call_id name namespace arguments input output summary encrypted_content action operation status'.split(
    ' ',
  ),
);
const PART_NAMES = new Set('type text refusal image_url file_id file_data file_url filename input_audio'.split(' '));

export interface ResponsesShape {
  readonly kind: 'shape';
  readonly model: string;
  readonly chat: ChatRequest;
  /** Per message of the chat, the items it was made of; empty for the instructions and for an input that is a string. */
  readonly origins: readonly (readonly number[])[];
  readonly tools: ReadTools;
}

export type ReadResponsesShape = ResponsesShape | { readonly kind: 'problem'; readonly problem: ShapeProblem };

export function readResponsesShape(body: JsonObject): ReadResponsesShape {
  return withoutFault(() => {
    refuseLookAlikes(body, BODY_NAMES, '');
    // Templates kept at the provider: nobody here can read one. Conversations and earlier replies are put in before this is read.
    for (const name of ['prompt', 'conversation', 'previous_response_id'])
      if ((body[name] ?? null) !== null) fail('unsupported_value', `/${name}`);
    if ((body['input'] ?? null) === null) fail('missing_field', '/input');
    const instructions = string(body, 'instructions', '');
    const read = readInput(body['input'] ?? null);
    const tools = readTools(body);
    const messages: ChatMessage[] =
      instructions === '' ? [...read.messages] : [textMessage('system', instructions), ...read.messages];
    return {
      kind: 'shape',
      model: string(body, 'model', '') || 'auto',
      origins: instructions === '' ? read.origins : [[], ...read.origins],
      tools,
      chat: {
        messages,
        tools: tools.declarations,
        toolChoice: readToolChoice(body['tool_choice'] ?? null),
        parallelToolCalls: boolean(body, 'parallel_tool_calls', true),
        stream: boolean(body, 'stream', false),
        includeUsage: true,
        choices: 1,
        sampling: readSampling(body),
        responseFormat: readTextFormat(body['text'] ?? null),
        reasoningEffort: readEffort(body['reasoning'] ?? null),
      },
    };
  });
}

interface Draft {
  role: ChatMessage['role'];
  content: readonly ContentPart[];
  toolCalls: ModelToolCall[];
  toolCallId: string;
  name: string;
}

function readInput(input: JsonValue): {
  readonly messages: readonly ChatMessage[];
  readonly origins: readonly (readonly number[])[];
} {
  if (typeof input === 'string') return { messages: [textMessage('user', input)], origins: [[]] };
  if (!Array.isArray(input)) return fail('wrong_type', '/input');
  const messages: Draft[] = [];
  const origins: number[][] = [];
  // Calls that no output has answered yet.
  const open: ModelToolCall[] = [];
  const called = new Set<string>();
  const add = (index: number, draft: Partial<Draft> & Pick<Draft, 'role'>): void => {
    messages.push({ content: [], toolCalls: [], toolCallId: '', name: '', ...draft });
    origins.push([index]);
  };
  (input as readonly JsonValue[]).forEach((item, index) => {
    const at = `/input/${index}`;
    if (!isObject(item)) return fail('wrong_type', at);
    refuseLookAlikes(item, ITEM_NAMES, at);
    const type = itemType(item, at);
    if (type === 'message') {
      const role = roleOf(item, at);
      const content = readContent(item['content'] ?? fail('missing_field', `${at}/content`), `${at}/content`);
      return add(index, { role, content });
    }
    if (type === 'item_reference') return fail('unsupported_value', at);
    if (Object.hasOwn(CALLS, type)) {
      const call = readCall(item, type, at);
      open.push(call);
      called.add(call.id);
      const last = messages.at(-1);
      if (last?.role === 'assistant') {
        last.toolCalls.push(call);
        origins.at(-1)?.push(index);
      } else add(index, { role: 'assistant', toolCalls: [call] });
      return;
    }
    if (type.endsWith('_call_output')) {
      const callId = string(item, 'call_id', at) || string(item, 'id', at);
      if (item['output'] === undefined) fail('missing_field', `${at}/output`);
      const name = qualifiedName(string(item, 'namespace', at), string(item, 'name', at));
      const call = takeAnswered(open, callId, name);
      // As the wire has it: a result of nothing would be shown to a model as if it were one.
      if (call === undefined && !called.has(callId)) fail('tool_call_not_found', `${at}/call_id`);
      add(index, {
        role: 'tool',
        content: readOutput(item['output'], `${at}/output`),
        toolCallId: callId,
        name: name || (call?.name ?? ''),
      });
    }
    // The rest has no neutral form: reasoning is its own model's, and steps of a provider are done.
  });
  return { messages, origins };
}

/** Calls the client runs, and where their input stands. */
const CALLS: Readonly<Record<string, string>> = {
  function_call: 'arguments',
  custom_tool_call: 'input',
  local_shell_call: 'action',
  shell_call: 'action',
  apply_patch_call: 'operation',
  computer_call: 'action',
};

/** itemType names an item; messages and references may go without a type. */
export function itemType(item: JsonObject, at: string): string {
  const type = string(item, 'type', at);
  if (type !== '') return type;
  if (item['role'] !== undefined) return 'message';
  return item['id'] === undefined ? fail('missing_field', `${at}/type`) : 'item_reference';
}

/** isCallItem: whether the item is a tool call of the model. */
export function isCallItem(item: JsonValue | undefined): boolean {
  return isObject(item) && typeof item['type'] === 'string' && Object.hasOwn(CALLS, item['type']);
}

const ROLES: ReadonlyMap<string, ChatMessage['role']> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
]);

function roleOf(item: JsonObject, at: string): ChatMessage['role'] {
  if (item['role'] === undefined) fail('missing_field', `${at}/role`);
  const role = string(item, 'role', at);
  return ROLES.get(role) ?? fail('unknown_role', `${at}/role`);
}

function readCall(item: JsonObject, type: string, at: string): ModelToolCall {
  const holder = CALLS[type] ?? '';
  const given = item[holder];
  const id = string(item, 'call_id', at);
  if (type === 'function_call') {
    if (item['name'] === undefined) fail('missing_field', `${at}/name`);
    const name = qualifiedName(string(item, 'namespace', at), string(item, 'name', at));
    return { id, name, arguments: string(item, 'arguments', at) };
  }
  if (type === 'custom_tool_call') {
    const name = qualifiedName(string(item, 'namespace', at), string(item, 'name', at));
    return { id, name, arguments: JSON.stringify({ input: string(item, 'input', at) }) };
  }
  return { id, name: type.replace(/_call$/, ''), arguments: JSON.stringify(given ?? {}) };
}

function readContent(value: JsonValue, at: string): readonly ContentPart[] {
  if (value === '') return [];
  if (typeof value === 'string') return [{ kind: 'text', text: value }];
  if (!Array.isArray(value)) return fail('wrong_type', at);
  return (value as readonly JsonValue[]).map((part, index) => readPart(part, `${at}/${index}`));
}

const TEXT_PARTS: ReadonlySet<string> = new Set([
  'input_text',
  'output_text',
  'text',
  'summary_text',
  'reasoning_text',
]);

function readPart(part: JsonValue, at: string): ContentPart {
  if (typeof part === 'string') return { kind: 'text', text: part };
  if (!isObject(part)) return fail('wrong_type', at);
  refuseLookAlikes(part, PART_NAMES, at);
  const type = part['type'] === undefined ? fail('missing_field', `${at}/type`) : string(part, 'type', at);
  if (TEXT_PARTS.has(type) || type === 'refusal') {
    const key = type === 'refusal' ? 'refusal' : 'text';
    if (part[key] === undefined) fail('missing_field', `${at}/${key}`);
    return { kind: 'text', text: string(part, key, at) };
  }
  if (type === 'input_image' && typeof part['image_url'] === 'string') return { kind: 'image', url: part['image_url'] };
  return { kind: 'opaque', type };
}

/** An output is text, parts, or an object of its tool's own, which is shown as JSON. */
function readOutput(value: JsonValue | undefined, at: string): readonly ContentPart[] {
  if (typeof value === 'string' || value === undefined) return readContent(value ?? '', at);
  const isParts =
    Array.isArray(value) &&
    (value as readonly JsonValue[]).every(
      (part) =>
        isObject(part) && typeof part['type'] === 'string' && /^(?:input_|output_text|text$)/.test(part['type']),
    );
  if (isParts) return readContent(value, at);
  if (isObject(value) && typeof value['image_url'] === 'string') return [{ kind: 'image', url: value['image_url'] }];
  return [{ kind: 'text', text: JSON.stringify(value) }];
}

function readSampling(body: JsonObject): Sampling {
  const include = array(body, 'include', '');
  const given = {
    temperature: number(body, 'temperature', { min: 0, max: 2 }),
    topP: number(body, 'top_p', { min: 0, max: 1 }),
    maxTokens: number(body, 'max_output_tokens', { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true }),
    presencePenalty: number(body, 'presence_penalty', { min: -2, max: 2 }),
    frequencyPenalty: number(body, 'frequency_penalty', { min: -2, max: 2 }),
    logprobs: include.includes('message.output_text.logprobs') ? true : undefined,
    topLogprobs: number(body, 'top_logprobs', { min: 0, max: 20, whole: true }),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Sampling;
}

function readTextFormat(value: JsonValue): ChatRequest['responseFormat'] {
  if (value === null) return { kind: 'text' };
  if (!isObject(value)) return fail('wrong_type', '/text');
  const format = value['format'] ?? null;
  if (format === null) return { kind: 'text' };
  if (!isObject(format)) return fail('wrong_type', '/text/format');
  switch (format['type']) {
    case 'text':
      return { kind: 'text' };
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema':
      if (format['schema'] === undefined) fail('missing_field', '/text/format/schema');
      return { kind: 'schema', name: string(format, 'name', '/text/format'), schema: format['schema'] ?? {} };
    default:
      return fail(format['type'] === undefined ? 'missing_field' : 'unsupported_value', '/text/format/type');
  }
}

function readEffort(value: JsonValue): string {
  if (value === null) return '';
  return isObject(value) ? string(value, 'effort', '/reasoning') : fail('wrong_type', '/reasoning');
}
