/**
 * The shape of a chat-completions request: document to neutral ChatRequest. Fails closed: a known field of the wrong type is a problem with a pointer;
 * fields nobody knows are carried by the document and are no concern here.
 */
import type { ChatMessage, ChatRequest, ContentPart, ModelToolCall, Sampling, ToolDeclaration } from '../chat.ts';
import { escapeToken } from '../json/document.ts';
import type { JsonObject, JsonValue } from '../json/document.ts';
import type { ShapeProblem } from './protocol.ts';

/** Carries a problem out of the nested readers; never leaves this file. */
class ShapeFault {
  readonly problem: ShapeProblem;
  constructor(code: ShapeProblem['code'], pointer: string) {
    this.problem = { code, pointer };
  }
}

function fail(code: ShapeProblem['code'], pointer: string): never {
  throw new ShapeFault(code, pointer);
}

const ROLES: ReadonlyMap<string, ChatMessage['role']> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
  // Deprecated, but long histories still hold it.
  ['function', 'tool'],
]);

/**
 * Names Sluice acts on. A member that differs from one only in case is refused: decoders written in Go take `Messages` for `messages` (and `me\u017f\u017fages`
 * too), so a second conversation, a second `store` or an image could ride along under a name that no rule here reads.
 */
const BODY_NAMES = new Set(
  'model messages tools tool_choice stream stream_options n store user metadata safety_identifier prompt_cache_key functions function_call response_format'.split(
    ' ',
  ),
);
const MESSAGE_NAMES = new Set('role content name tool_calls tool_call_id function_call refusal audio'.split(' '));
const PART_NAMES = new Set('type text refusal image_url input_audio file'.split(' '));

function refuseLookAlikes(object: JsonObject, names: ReadonlySet<string>, at: string): void {
  for (const key of Object.keys(object)) {
    if (!names.has(key) && names.has(key.normalize('NFKC').toLowerCase()))
      fail('unsupported_value', `${at}/${escapeToken(key)}`);
  }
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Absent and null are the same thing on this wire; so is what these readers give for both. */
function string(object: JsonObject, key: string, at: string): string {
  const value = object[key] ?? '';
  return typeof value === 'string' ? value : fail('wrong_type', `${at}/${escapeToken(key)}`);
}
function boolean(object: JsonObject, key: string, fallback: boolean): boolean {
  const value = object[key] ?? fallback;
  return typeof value === 'boolean' ? value : fail('wrong_type', `/${key}`);
}
function array(object: JsonObject, key: string, at: string): readonly JsonValue[] {
  const value = object[key] ?? [];
  return Array.isArray(value) ? (value as readonly JsonValue[]) : fail('wrong_type', `${at}/${key}`);
}
function number(
  body: JsonObject,
  key: string,
  range: { readonly min: number; readonly max: number; readonly whole?: true },
): number | undefined {
  const value = body[key] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || (range.whole && !Number.isInteger(value))) return fail('wrong_type', `/${key}`);
  return value < range.min || value > range.max ? fail('out_of_range', `/${key}`) : value;
}

export type ReadShape =
  | { readonly kind: 'shape'; readonly model: string; readonly chat: ChatRequest }
  | { readonly kind: 'problem'; readonly problem: ShapeProblem };

export function readShape(body: JsonObject): ReadShape {
  try {
    return { kind: 'shape', model: string(body, 'model', '') || 'auto', chat: readChat(body) };
  } catch (fault) {
    if (fault instanceof ShapeFault) return { kind: 'problem', problem: fault.problem };
    throw fault;
  }
}

function readChat(body: JsonObject): ChatRequest {
  refuseLookAlikes(body, BODY_NAMES, '');
  if (body['messages'] === undefined) fail('missing_field', '/messages');
  // Their replies come in another form than tool calls do, which no current client asks for.
  for (const key of ['functions', 'function_call'])
    if ((body[key] ?? null) !== null) fail('unsupported_value', `/${key}`);
  const messages = readMessages(array(body, 'messages', ''));
  const streamOptions = body['stream_options'] ?? null;
  if (streamOptions !== null && !isObject(streamOptions)) fail('wrong_type', '/stream_options');
  const includeUsage = isObject(streamOptions) ? (streamOptions['include_usage'] ?? false) : false;
  if (typeof includeUsage !== 'boolean') fail('wrong_type', '/stream_options/include_usage');
  return {
    messages,
    tools: readTools(array(body, 'tools', '')),
    toolChoice: readToolChoice(body['tool_choice'] ?? null),
    parallelToolCalls: boolean(body, 'parallel_tool_calls', true),
    stream: boolean(body, 'stream', false),
    includeUsage,
    choices: number(body, 'n', { min: 1, max: 128, whole: true }) ?? 1,
    sampling: readSampling(body),
    responseFormat: readResponseFormat(body['response_format'] ?? null),
    reasoningEffort: string(body, 'reasoning_effort', ''),
  };
}

function readMessages(items: readonly JsonValue[]): readonly ChatMessage[] {
  if (items.length === 0) fail('out_of_range', '/messages');
  // Calls of the latest assistant turn that no result has answered yet.
  let open: ModelToolCall[] = [];
  return items.map((item, index) => {
    const at = `/messages/${index}`;
    if (!isObject(item)) return fail('wrong_type', at);
    refuseLookAlikes(item, MESSAGE_NAMES, at);
    if (item['role'] === undefined) fail('missing_field', `${at}/role`);
    if (typeof item['role'] !== 'string') fail('wrong_type', `${at}/role`);
    const role = ROLES.get(item['role']) ?? fail('unknown_role', `${at}/role`);
    if (item['content'] === undefined && role !== 'assistant') fail('missing_field', `${at}/content`);
    const content = readContent(item['content'] ?? null, `${at}/content`);
    const toolCalls = role === 'assistant' ? readToolCalls(item, at) : [];
    const name = string(item, 'name', at);
    if (role === 'assistant') open = [...toolCalls];
    if (role !== 'tool') return { role, content, toolCalls, toolCallId: '', name };
    const toolCallId = string(item, 'tool_call_id', at);
    const call = takeCall(open, toolCallId);
    return { role, content, toolCalls, toolCallId, name: name || string(item, 'tool_name', at) || (call?.name ?? '') };
  });
}

/** By id; then by id without punctuation, which some clients strip; a result with no id or a strange one answers the oldest open call. */
function takeCall(open: ModelToolCall[], id: string): ModelToolCall | undefined {
  const bare = (text: string): string => text.replace(/[^A-Za-z0-9]/g, '');
  let index = id === '' ? -1 : open.findIndex((call) => call.id === id);
  if (index === -1 && id !== '') index = open.findIndex((call) => bare(call.id) === bare(id));
  return open.splice(Math.max(index, 0), 1)[0];
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

function readFunction(value: JsonValue | undefined, id: string, at: string): ModelToolCall {
  if (!isObject(value)) return fail(value === undefined ? 'missing_field' : 'wrong_type', at);
  if (value['name'] === undefined) fail('missing_field', `${at}/name`);
  const given = value['arguments'] ?? '';
  // Clients of Ollama's wire send the object itself.
  const text = isObject(given) ? JSON.stringify(given) : given;
  return {
    id,
    name: string(value, 'name', at),
    arguments: typeof text === 'string' ? text : fail('wrong_type', `${at}/arguments`),
  };
}

function readTools(items: readonly JsonValue[]): readonly ToolDeclaration[] {
  return items.flatMap((item, index): ToolDeclaration[] => {
    const at = `/tools/${index}`;
    if (!isObject(item)) return fail('wrong_type', at);
    const type = string(item, 'type', at);
    // Tools the provider runs (web search, custom grammars) have no neutral form: they travel in the document alone.
    if (type !== 'function' && type !== '') return [];
    const declared = item['function'];
    if (!isObject(declared)) return fail(declared === undefined ? 'missing_field' : 'wrong_type', `${at}/function`);
    if (declared['name'] === undefined) fail('missing_field', `${at}/function/name`);
    const parameters = declared['parameters'] ?? { type: 'object', properties: {} };
    if (!isObject(parameters)) fail('wrong_type', `${at}/function/parameters`);
    return [
      {
        name: string(declared, 'name', `${at}/function`),
        description: string(declared, 'description', `${at}/function`),
        parameters,
      },
    ];
  });
}

function readToolChoice(value: JsonValue): ChatRequest['toolChoice'] {
  if (value === null) return { kind: 'auto' };
  if (value === 'auto' || value === 'none' || value === 'required') return { kind: value };
  if (typeof value === 'string') return fail('unsupported_value', '/tool_choice');
  if (!isObject(value)) return fail('wrong_type', '/tool_choice');
  const named = value['function'] ?? value['custom'];
  if (isObject(named)) return { kind: 'tool', name: string(named, 'name', '/tool_choice/function') };
  const allowed = value['allowed_tools'];
  return { kind: isObject(allowed) && allowed['mode'] === 'required' ? 'required' : 'auto' };
}

function readSampling(body: JsonObject): Sampling {
  const any = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };
  const limit = { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true } as const;
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

function readStop(value: JsonValue): readonly string[] {
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
