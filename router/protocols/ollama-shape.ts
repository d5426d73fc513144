/**
 * The shape of Ollama's /api/chat and /api/generate: document to neutral ChatRequest. A generate request is a chat of its system text and its prompt;
 * `messages` after them is what the tool loop appends. Fails closed: a known field of the wrong type, and every field that could only be honoured by another
 * server than the one the decision picks, is a problem with a pointer.
 */
import type { ChatMessage, ChatRequest, ContentPart, ModelToolCall, Sampling } from '../chat.ts';
import { escapeToken } from '../json/document.ts';
import type { JsonObject, JsonValue } from '../json/document.ts';
import { takeAnswered } from '../tool-results.ts';
import {
  array,
  boolean,
  fail,
  isObject,
  number,
  readFunction,
  readTools,
  refuseLookAlikes,
  string,
  withoutFault,
} from './shape.ts';
import type { ReadShape } from './openai-chat-shape.ts';

export type OllamaCall = 'chat' | 'generate';

const ROLES: ReadonlyMap<string, ChatMessage['role']> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
]);
const BODY_NAMES = new Set(
  'model messages prompt system images suffix template raw context tools format options stream think keep_alive'.split(
    ' ',
  ),
);
const MESSAGE_NAMES = new Set('role content thinking images tool_calls tool_name tool_call_id'.split(' '));

/**
 * Options that change the answer and not the loaded model. All others are taken and left out: a changed `num_ctx`, `num_batch`, `num_gpu`, `num_thread`,
 * `use_mmap` or `main_gpu` reloads the model for everybody, and the window is the operator's.
 */
const LOCAL_OPTIONS = [
  'top_k',
  'min_p',
  'typical_p',
  'repeat_last_n',
  'repeat_penalty',
  'mirostat',
  'mirostat_tau',
  'mirostat_eta',
];

/** How long a model stays loaded, as Go reads a duration: `5m`, `1h30m`, `-1s`. */
const DURATION = /^-?(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h)){1,8}$/;

export function readOllamaShape(body: JsonObject, call: OllamaCall): ReadShape {
  return withoutFault(() => ({ kind: 'shape', model: readModel(body), chat: readRequest(body, call) }));
}

/** Ollama's clients complete a bare name with `:latest`. */
export function readModel(body: JsonObject): string {
  const model = string(body, 'model', '') || 'auto';
  return model === 'auto:latest' ? 'auto' : model;
}

function readRequest(body: JsonObject, call: OllamaCall): ChatRequest {
  refuseLookAlikes(body, BODY_NAMES, '');
  if (call === 'chat' && body['messages'] === undefined) fail('missing_field', '/messages');
  if (call === 'generate') refuseUnhonourable(body);
  const think = body['think'] ?? null;
  const keepAlive = readKeepAlive(body['keep_alive'] ?? null);
  for (const key of ['truncate', 'shift', 'logprobs']) boolean(body, key, false);
  return {
    messages: [...(call === 'generate' ? readPrompt(body) : []), ...readMessages(array(body, 'messages', ''))],
    tools: readTools(array(body, 'tools', '')),
    // Ollama has no tool_choice and ignores one.
    toolChoice: { kind: 'auto' },
    parallelToolCalls: true,
    stream: boolean(body, 'stream', true),
    includeUsage: true,
    choices: 1,
    sampling: readSampling(body),
    responseFormat: readFormat(body['format'] ?? null),
    reasoningEffort: readEffort(think),
    ...(typeof think === 'boolean' ? { think } : {}),
    ...(keepAlive === undefined ? {} : { keepAlive }),
  };
}

/**
 * `raw` and `template` bypass or replace the model's own template, `suffix` asks for a fill in the middle, `context` holds a conversation as token numbers of one
 * model, which nobody here can read: none means anything to another model than the one it was made for.
 */
function refuseUnhonourable(body: JsonObject): void {
  if (boolean(body, 'raw', false)) fail('unsupported_value', '/raw');
  for (const key of ['template', 'suffix']) if (string(body, key, '') !== '') fail('unsupported_value', `/${key}`);
  if (array(body, 'context', '').length > 0) fail('unsupported_value', '/context');
}

/** Without a prompt the request only loads the model: no messages. */
function readPrompt(body: JsonObject): readonly ChatMessage[] {
  const prompt = string(body, 'prompt', '');
  const system = string(body, 'system', '');
  const content = [...textPart(prompt), ...readImages(body, '')];
  if (content.length === 0) return [];
  const plain = { toolCalls: [], toolCallId: '', name: '' };
  return [
    ...(system === '' ? [] : [{ role: 'system', content: textPart(system), ...plain } as const]),
    { role: 'user', content, ...plain },
  ];
}

function textPart(text: string): readonly ContentPart[] {
  return text === '' ? [] : [{ kind: 'text', text }];
}

function readMessages(items: readonly JsonValue[]): readonly ChatMessage[] {
  // Calls of the latest assistant turn that no result has answered yet.
  let open: ModelToolCall[] = [];
  return items.map((item, index) => {
    const at = `/messages/${index}`;
    if (!isObject(item)) return fail('wrong_type', at);
    refuseLookAlikes(item, MESSAGE_NAMES, at);
    if (item['role'] === undefined) fail('missing_field', `${at}/role`);
    const role = ROLES.get(string(item, 'role', at).toLowerCase()) ?? fail('unknown_role', `${at}/role`);
    string(item, 'thinking', at);
    const content = [...textPart(string(item, 'content', at)), ...readImages(item, at)];
    const toolCalls = role === 'assistant' ? readToolCalls(item, at) : [];
    if (role === 'assistant') open = [...toolCalls];
    if (role !== 'tool') return { role, content, toolCalls, toolCallId: '', name: '' };
    const toolCallId = string(item, 'tool_call_id', at);
    const name = string(item, 'tool_name', at);
    const call = takeAnswered(open, toolCallId, name);
    return { role, content, toolCalls, toolCallId, name: name || (call?.name ?? '') };
  });
}

function readToolCalls(message: JsonObject, at: string): readonly ModelToolCall[] {
  return array(message, 'tool_calls', at).map((item, index) => {
    const here = `${at}/tool_calls/${index}`;
    if (!isObject(item)) return fail('wrong_type', here);
    return readFunction(item['function'], string(item, 'id', here), `${here}/function`);
  });
}

function readImages(holder: JsonObject, at: string): readonly ContentPart[] {
  return array(holder, 'images', at).map((image, index) =>
    typeof image === 'string' ? { kind: 'image', url: toDataUrl(image) } : fail('wrong_type', `${at}/images/${index}`),
  );
}

/** What the first bytes of each kind are in base64. */
const SIGNATURES: readonly (readonly [string, string])[] = [
  ['/9j/', 'jpeg'],
  ['UklGR', 'webp'],
  ['R0lGOD', 'gif'],
];

/** Ollama takes bare base64; some clients send the data URL they had. */
function toDataUrl(image: string): string {
  if (/^data:/i.test(image)) return image;
  const type = SIGNATURES.find(([signature]) => image.startsWith(signature))?.[1] ?? 'png';
  return `data:image/${type};base64,${image.replace(/\s/g, '')}`;
}

function readSampling(body: JsonObject): Sampling {
  const options = body['options'] ?? {};
  if (!isObject(options)) return fail('wrong_type', '/options');
  const at = '/options';
  const any = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };
  const limit = number(options, 'num_predict', { ...any, whole: true }, at);
  const local = LOCAL_OPTIONS.flatMap((name) => {
    const value = number(options, name, any, at);
    return value === undefined ? [] : [[name, value] as const];
  });
  const given = {
    temperature: number(options, 'temperature', { min: 0, max: 2 }, at),
    topP: number(options, 'top_p', { min: 0, max: 1 }, at),
    // -1 is "until the model stops", -2 "until the window is full".
    maxTokens: limit === undefined || limit <= 0 ? undefined : limit,
    stop: readStop(options['stop'] ?? null),
    seed: number(options, 'seed', { ...any, whole: true }, at),
    presencePenalty: number(options, 'presence_penalty', { min: -2, max: 2 }, at),
    frequencyPenalty: number(options, 'frequency_penalty', { min: -2, max: 2 }, at),
    logprobs: body['logprobs'] === true ? true : undefined,
    topLogprobs: number(body, 'top_logprobs', { min: 0, max: 20, whole: true }),
    localOptions: local.length === 0 ? undefined : Object.fromEntries(local),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Sampling;
}

function readStop(value: JsonValue): readonly string[] | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) return fail('wrong_type', '/options/stop');
  return (value as readonly JsonValue[]).map((item, index) =>
    typeof item === 'string' ? item : fail('wrong_type', `/options/stop/${escapeToken(index)}`),
  );
}

function readFormat(value: JsonValue): ChatRequest['responseFormat'] {
  if (value === null || value === '') return { kind: 'text' };
  if (value === 'json') return { kind: 'json' };
  if (typeof value === 'string') return fail('unsupported_value', '/format');
  return isObject(value) ? { kind: 'schema', name: 'response', schema: value } : fail('wrong_type', '/format');
}

/** Levels are efforts; `true` and `false` are the switch of local models that no cloud wire has. */
function readEffort(think: JsonValue): string {
  if (think === null || typeof think === 'boolean') return '';
  if (typeof think !== 'string') return fail('wrong_type', '/think');
  if (think === 'max') return 'xhigh';
  return think === 'low' || think === 'medium' || think === 'high' ? think : fail('unsupported_value', '/think');
}

/** readKeepAlive takes what Ollama takes: seconds, or a duration. */
export function readKeepAlive(value: JsonValue): string | number | undefined {
  if (value === null || value === '') return undefined;
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return fail('wrong_type', '/keep_alive');
  // A bare number is seconds, and must be a number on the wire.
  if (/^-?\d{1,9}$/.test(value)) return Number(value);
  return DURATION.test(value) ? value : fail('unsupported_value', '/keep_alive');
}
