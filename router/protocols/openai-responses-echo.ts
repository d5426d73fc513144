/** What a reply of /responses shows of its request: every member the wire demands, as the client sent it or as the wire has it by default. It goes back to the one who sent it and nowhere else. */
import type { JsonObject, JsonValue } from '../json/document.ts';
import { isObject } from './shape.ts';

export type ResponseEcho = Readonly<Record<string, JsonValue>>;

export function echoOf(request: JsonObject): ResponseEcho {
  const given = (name: string, fallback: JsonValue = null): JsonValue => request[name] ?? fallback;
  const text = isObject(request['text']) ? request['text'] : {};
  const reasoning = isObject(request['reasoning']) ? request['reasoning'] : {};
  const format = isObject(text['format']) ? text['format'] : { type: 'text' };
  return {
    background: false,
    instructions: given('instructions'),
    max_output_tokens: given('max_output_tokens'),
    max_tool_calls: given('max_tool_calls'),
    parallel_tool_calls: given('parallel_tool_calls', true),
    previous_response_id: given('previous_response_id'),
    prompt_cache_key: given('prompt_cache_key'),
    prompt_cache_retention: given('prompt_cache_retention'),
    reasoning: { ...reasoning, effort: reasoning['effort'] ?? null, summary: reasoning['summary'] ?? null },
    safety_identifier: given('safety_identifier'),
    service_tier: given('service_tier', 'default'),
    store: given('store', true),
    temperature: given('temperature', 1),
    text: {
      ...text,
      format: format['type'] === 'json_schema' ? { description: null, strict: false, ...format } : format,
    },
    tool_choice: given('tool_choice', 'auto'),
    tools: (Array.isArray(request['tools']) ? (request['tools'] as readonly JsonValue[]) : []).map(toolOf),
    top_logprobs: given('top_logprobs', 0),
    top_p: given('top_p', 1),
    presence_penalty: given('presence_penalty', 0),
    frequency_penalty: given('frequency_penalty', 0),
    truncation: given('truncation', 'disabled'),
    ...(typeof request['user'] === 'string' ? { user: request['user'] } : {}),
    metadata: given('metadata', {}),
  };
}

/** A function's description, parameters and strictness are members the wire demands, null or not. */
function toolOf(tool: JsonValue): JsonValue {
  return isObject(tool) && tool['type'] === 'function'
    ? { description: null, parameters: null, strict: null, ...tool }
    : tool;
}
