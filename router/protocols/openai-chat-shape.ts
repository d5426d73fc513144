/**
 * The shape of a chat-completions request: document to neutral ChatRequest. Fails closed: a known field of the wrong type is a problem with a pointer;
 * fields nobody knows are carried by the document and are no concern here.
 */
import type { ChatMessage, ChatRequest, ContentPart, ModelToolCall, Sampling } from '../chat.ts';
import type { JsonDocument, JsonObject, JsonValue } from '../json/document.ts';
import { takeAnswered } from '../tool-results.ts';
import { knownMessage, rememberMessage, SeenMessage, toolsOf } from './seen-parts.ts';
import type { ShapeProblem } from './protocol.ts';
import {
  array,
  boolean,
  fail,
  isObject,
  number,
  readDeclaration,
  readFunction,
  refuseLookAlikes,
  string,
  withoutFault,
} from './shape.ts';

const ROLES: ReadonlyMap<string, ChatMessage['role']> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
  // Deprecated, but long histories still hold it.
  ['function', 'tool'],
]);

/** Names Sluice acts on; see refuseLookAlikes. */
const BODY_NAMES = new Set(
  'model messages tools tool_choice stream stream_options n store user metadata safety_identifier prompt_cache_key functions function_call response_format'.split(
    ' ',
  ),
);
const MESSAGE_NAMES = new Set('role content name tool_calls tool_call_id function_call refusal audio'.split(' '));
const PART_NAMES = new Set('type text refusal image_url input_audio file'.split(' '));

export type ReadShape =
  | { readonly kind: 'shape'; readonly model: string; readonly chat: ChatRequest }
  | { readonly kind: 'problem'; readonly problem: ShapeProblem };

export function readShape(document: JsonDocument): ReadShape {
  return withoutFault(() => ({
    kind: 'shape',
    model: string(document.root, 'model', '') || 'auto',
    chat: readChat(document),
  }));
}

function readChat(document: JsonDocument): ChatRequest {
  const body = document.root;
  refuseLookAlikes(body, BODY_NAMES, '');
  if (!document.members.has('messages')) fail('missing_field', '/messages');
  const messages = messagesOf(document);
  const tools = readTools(document);
  const streamOptions = body['stream_options'] ?? null;
  if (streamOptions !== null && !isObject(streamOptions)) fail('wrong_type', '/stream_options');
  const includeUsage = isObject(streamOptions) ? (streamOptions['include_usage'] ?? false) : false;
  if (typeof includeUsage !== 'boolean') fail('wrong_type', '/stream_options/include_usage');
  return {
    messages,
    ...tools,
    // A deprecated client has room for one call.
    parallelToolCalls: tools.legacyCalls === true ? false : boolean(body, 'parallel_tool_calls', true),
    stream: boolean(body, 'stream', false),
    includeUsage,
    choices: number(body, 'n', { min: 1, max: 128, whole: true }) ?? 1,
    sampling: readSampling(body),
    responseFormat: readResponseFormat(body['response_format'] ?? null),
    reasoningEffort: string(body, 'reasoning_effort', ''),
  };
}

/** The messages; of those that were known by their hash and read before, only what is asked for is read again. */
function messagesOf(document: JsonDocument): readonly ChatMessage[] {
  const { root } = document;
  const items = document.itemsOf('messages');
  if (items.every((item) => item.value !== undefined)) {
    const messages = readMessages(array(root, 'messages', ''));
    items.forEach((item, index) => rememberMessage(item, messages[index] as ChatMessage));
    return messages;
  }
  let whole: readonly ChatMessage[] | undefined;
  const readAgain = (index: number): ChatMessage =>
    (whole ??= readMessages(array(root, 'messages', '')))[index] as ChatMessage;
  return items.map((item, index) => {
    const known = item.value === undefined ? knownMessage(item) : undefined;
    if (known !== undefined) return new SeenMessage(known, () => readAgain(index));
    const { message, given } = readMessage(document.valueOf(item), `/messages/${index}`);
    rememberMessage(item, message);
    // Whom a result without a name answers is said by the messages before it.
    return message.role === 'tool' && given === ''
      ? new SeenMessage({ role: 'tool', calls: 0, message }, () => readAgain(index))
      : message;
  });
}

function readMessages(items: readonly JsonValue[]): readonly ChatMessage[] {
  if (items.length === 0) fail('out_of_range', '/messages');
  // Calls of the latest assistant turn that no result has answered yet.
  let open: ModelToolCall[] = [];
  return items.map((item, index) => {
    const { message, given } = readMessage(item, `/messages/${index}`);
    if (message.role === 'assistant') open = [...message.toolCalls];
    if (message.role !== 'tool') return message;
    const call = takeAnswered(open, message.toolCallId, given);
    return { ...message, name: given || (call?.name ?? '') };
  });
}

/** One message by itself; `given` is the tool's name where a result says it. */
function readMessage(item: JsonValue, at: string): { readonly message: ChatMessage; readonly given: string } {
  if (!isObject(item)) return fail('wrong_type', at);
  refuseLookAlikes(item, MESSAGE_NAMES, at);
  if (item['role'] === undefined) fail('missing_field', `${at}/role`);
  if (typeof item['role'] !== 'string') fail('wrong_type', `${at}/role`);
  const role = ROLES.get(item['role']) ?? fail('unknown_role', `${at}/role`);
  if (item['content'] === undefined && role !== 'assistant') fail('missing_field', `${at}/content`);
  const content = readContent(item['content'] ?? null, `${at}/content`);
  const toolCalls = role === 'assistant' ? readToolCalls(item, at) : [];
  const name = string(item, 'name', at);
  if (role !== 'tool') return { message: { role, content, toolCalls, toolCallId: '', name }, given: '' };
  const toolCallId = string(item, 'tool_call_id', at);
  const given = name || string(item, 'tool_name', at);
  return { message: { role, content, toolCalls, toolCallId, name: given }, given };
}

function readContent(value: JsonValue, at: string): readonly ContentPart[] {
  if (value === null || value === '') return [];
  if (typeof value === 'string') return [{ kind: 'text', text: value }];
  if (!Array.isArray(value)) return fail('wrong_type', at);
  return (value as readonly JsonValue[]).map((part, index): ContentPart => {
    const here = `${at}/${index}`;
    if (typeof part === 'string') return { kind: 'text', text: part };
    if (!isObject(part)) return fail('wrong_type', here);
    refuseLookAlikes(part, PART_NAMES, here);
    const type = part['type'] === undefined ? fail('missing_field', `${here}/type`) : string(part, 'type', here);
    if (type === 'text' || type === 'refusal') {
      if (part[type] === undefined) fail('missing_field', `${here}/${type}`);
      return { kind: 'text', text: string(part, type, here) };
    }
    if (type !== 'image_url') return { kind: 'opaque', type };
    const image = part['image_url'];
    if (typeof image === 'string') return { kind: 'image', url: image };
    if (!isObject(image)) return fail(image === undefined ? 'missing_field' : 'wrong_type', `${here}/image_url`);
    return { kind: 'image', url: string(image, 'url', `${here}/image_url`) };
  });
}

function readToolCalls(message: JsonObject, at: string): readonly ModelToolCall[] {
  const calls = array(message, 'tool_calls', at).map((item, index): ModelToolCall => {
    const here = `${at}/tool_calls/${index}`;
    if (!isObject(item)) return fail('wrong_type', here);
    const custom = item['custom'];
    if (isObject(custom))
      return {
        id: string(item, 'id', here),
        name: string(custom, 'name', `${here}/custom`),
        arguments: string(custom, 'input', `${here}/custom`),
      };
    return readFunction(item['function'], string(item, 'id', here), `${here}/function`);
  });
  const legacy = message['function_call'] ?? null;
  return legacy === null ? calls : [...calls, readFunction(legacy, '', `${at}/function_call`)];
}

/** Deprecated `functions` are tools by another name; where both are declared both may be called, and tools say how. */
function readTools(document: JsonDocument): Pick<ChatRequest, 'tools' | 'toolChoice' | 'legacyCalls'> {
  const body = document.root;
  const tools = toolsOf(document);
  const functions = array(body, 'functions', '').map((item, index) => readDeclaration(item, `/functions/${index}`));
  const toolChoice = readToolChoice(body['tool_choice'] ?? body['function_call'] ?? null);
  if (functions.length === 0) return { tools, toolChoice };
  return { tools: [...tools, ...functions], toolChoice, ...(tools.length === 0 ? { legacyCalls: true } : {}) };
}

function readToolChoice(value: JsonValue): ChatRequest['toolChoice'] {
  if (value === null) return { kind: 'auto' };
  if (value === 'auto' || value === 'none' || value === 'required') return { kind: value };
  if (typeof value === 'string') return fail('unsupported_value', '/tool_choice');
  if (!isObject(value)) return fail('wrong_type', '/tool_choice');
  // `function_call` names its function without more ado.
  const named = value['function'] ?? value['custom'] ?? (value['name'] === undefined ? undefined : value);
  if (isObject(named)) return { kind: 'tool', name: string(named, 'name', '/tool_choice/function') };
  const allowed = value['allowed_tools'];
  return { kind: isObject(allowed) && allowed['mode'] === 'required' ? 'required' : 'auto' };
}

function readSampling(body: JsonObject): Sampling {
  const any = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };
  const limit = { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true } as const;
  const stop = body['stop'] ?? undefined;
  const given = {
    temperature: number(body, 'temperature', { min: 0, max: 2 }),
    topP: number(body, 'top_p', { min: 0, max: 1 }),
    maxTokens: number(body, 'max_completion_tokens', limit) ?? number(body, 'max_tokens', limit),
    stop: stop === undefined ? undefined : readStop(stop),
    seed: number(body, 'seed', { ...any, whole: true }),
    presencePenalty: number(body, 'presence_penalty', { min: -2, max: 2 }),
    frequencyPenalty: number(body, 'frequency_penalty', { min: -2, max: 2 }),
    logprobs: body['logprobs'] === undefined ? undefined : boolean(body, 'logprobs', false),
    topLogprobs: number(body, 'top_logprobs', { min: 0, max: 20, whole: true }),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Sampling;
}

/** readStop reads `stop`: one text or several. */
export function readStop(value: JsonValue): readonly string[] {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) return fail('wrong_type', '/stop');
  return (value as readonly JsonValue[]).map((item, index) =>
    typeof item === 'string' ? item : fail('wrong_type', `/stop/${index}`),
  );
}

function readResponseFormat(value: JsonValue): ChatRequest['responseFormat'] {
  if (value === null) return { kind: 'text' };
  if (!isObject(value)) return fail('wrong_type', '/response_format');
  switch (value['type']) {
    case 'text':
      return { kind: 'text' };
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema': {
      const given = value['json_schema'];
      if (!isObject(given))
        return fail(given === undefined ? 'missing_field' : 'wrong_type', '/response_format/json_schema');
      return {
        kind: 'schema',
        name: string(given, 'name', '/response_format/json_schema'),
        schema: given['schema'] ?? {},
      };
    }
    default:
      return fail(value['type'] === undefined ? 'missing_field' : 'unsupported_value', '/response_format/type');
  }
}
