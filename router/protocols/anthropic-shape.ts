/**
 * The shape of a Messages request: document to neutral ChatRequest. One message of the body may be several of the chat, because results of tools stand among
 * a user's words there. Fails closed: a known field of the wrong type is a problem with a pointer; fields nobody knows are carried by the
 * document and are no concern here.
 */
import type { ChatMessage, ChatRequest, ContentPart, ModelToolCall, Sampling } from '../chat.ts';
import type { JsonObject, JsonValue } from '../json/document.ts';
import { takeAnswered } from '../tool-results.ts';
import { isProviderRun, kindOf, readableText, readSource } from './anthropic-blocks.ts';
import { readAnthropicTools } from './anthropic-tools.ts';
import type { ShapeProblem } from './protocol.ts';
import { array, boolean, fail, isObject, number, refuseLookAlikes, string, withoutFault } from './shape.ts';

const ROLES: ReadonlyMap<string, 'user' | 'assistant' | 'system'> = new Map([
  ['user', 'user'],
  ['assistant', 'assistant'],
  // Instructions in mid-conversation.
  ['system', 'system'],
]);

/** Names Sluice acts on; see refuseLookAlikes. */
const BODY_NAMES = new Set(
  'model messages system tools tool_choice max_tokens stream metadata thinking stop_sequences mcp_servers container output_config output_format'.split(
    ' ',
  ),
);
const MESSAGE_NAMES = new Set(['role', 'content']);
const BLOCK_NAMES = new Set(
  'type text source content tool_use_id id name input thinking signature data title context citations'.split(' '),
);

export type ReadAnthropicShape =
  | {
      readonly kind: 'shape';
      readonly model: string;
      readonly chat: ChatRequest;
      /** Where in the chat each message of the body begins. */
      readonly begins: readonly number[];
    }
  | { readonly kind: 'problem'; readonly problem: ShapeProblem };

/** `maxTokens`: required where the model is to answer, absent where its tokens are only counted. */
export function readAnthropicShape(body: JsonObject, maxTokens: 'required' | 'optional'): ReadAnthropicShape {
  return withoutFault(() => {
    refuseLookAlikes(body, BODY_NAMES, '');
    if (body['messages'] === undefined) fail('missing_field', '/messages');
    if (maxTokens === 'required' && (body['max_tokens'] ?? null) === null) fail('missing_field', '/max_tokens');
    const system = readSystem(body['system'] ?? null);
    const { messages, begins } = readMessages(array(body, 'messages', ''), system === undefined ? 0 : 1);
    const choice = readToolChoice(body['tool_choice'] ?? null);
    return {
      kind: 'shape' as const,
      model: string(body, 'model', '') || 'auto',
      begins,
      chat: {
        messages: system === undefined ? messages : [system, ...messages],
        tools: readAnthropicTools(array(body, 'tools', '')),
        toolChoice: choice.choice,
        parallelToolCalls: choice.parallel,
        stream: boolean(body, 'stream', false),
        includeUsage: true,
        choices: 1,
        sampling: readSampling(body),
        responseFormat: readFormat(body),
        ...readThinking(body),
      },
    };
  });
}

function readSystem(value: JsonValue): ChatMessage | undefined {
  const content =
    typeof value === 'string'
      ? [{ kind: 'text' as const, text: value }]
      : value === null
        ? []
        : Array.isArray(value)
          ? (value as readonly JsonValue[]).map((block, index) => readText(block, `/system/${index}`))
          : fail('wrong_type', '/system');
  return content.length === 0 ? undefined : { role: 'system', content, toolCalls: [], toolCallId: '', name: '' };
}

function readText(block: JsonValue, at: string): ContentPart {
  if (!isObject(block)) return fail('wrong_type', at);
  refuseLookAlikes(block, BLOCK_NAMES, at);
  if (block['type'] !== 'text') return { kind: 'opaque', type: string(block, 'type', at) };
  if (block['text'] === undefined) fail('missing_field', `${at}/text`);
  return { kind: 'text', text: string(block, 'text', at) };
}

function readMessages(
  items: readonly JsonValue[],
  first: number,
): { readonly messages: readonly ChatMessage[]; readonly begins: readonly number[] } {
  if (items.length === 0) fail('out_of_range', '/messages');
  const messages: ChatMessage[] = [];
  const begins: number[] = [];
  // Calls of the latest assistant turn that no result has answered yet.
  let open: ModelToolCall[] = [];
  items.forEach((item, index) => {
    const at = `/messages/${index}`;
    if (!isObject(item)) return fail('wrong_type', at);
    refuseLookAlikes(item, MESSAGE_NAMES, at);
    if (item['role'] === undefined) fail('missing_field', `${at}/role`);
    if (typeof item['role'] !== 'string') fail('wrong_type', `${at}/role`);
    const role = ROLES.get(item['role']) ?? fail('unknown_role', `${at}/role`);
    if (item['content'] === undefined) fail('missing_field', `${at}/content`);
    begins.push(first + messages.length);
    const content = item['content'];
    const blocks = typeof content === 'string' ? [] : array(item, 'content', at);
    let parts: ContentPart[] = typeof content === 'string' && content !== '' ? [{ kind: 'text', text: content }] : [];
    const toolCalls: ModelToolCall[] = [];
    let spoke = false;
    const say = (): void => {
      messages.push({ role, content: parts, toolCalls: [...toolCalls], toolCallId: '', name: '' });
      parts = [];
      spoke = true;
    };
    blocks.forEach((block, position) => {
      const here = `${at}/content/${position}`;
      if (!isObject(block)) return fail('wrong_type', here);
      refuseLookAlikes(block, BLOCK_NAMES, here);
      const type = block['type'] === undefined ? fail('missing_field', `${here}/type`) : string(block, 'type', here);
      if (type === 'tool_use' && role === 'assistant') toolCalls.push(readCall(block, here));
      else if (type === 'tool_result' && role !== 'assistant') {
        if (parts.length > 0) say();
        const id =
          block['tool_use_id'] === undefined
            ? fail('missing_field', `${here}/tool_use_id`)
            : string(block, 'tool_use_id', here);
        const name = takeAnswered(open, id, '')?.name ?? '';
        messages.push({ role: 'tool', content: readResult(block, here), toolCalls: [], toolCallId: id, name });
        spoke = true;
      } else parts.push(...readPart(block, type, here));
    });
    if (parts.length > 0 || toolCalls.length > 0 || !spoke) say();
    if (role === 'assistant') open = [...toolCalls];
  });
  return { messages, begins };
}

function readCall(block: JsonObject, at: string): ModelToolCall {
  if (block['name'] === undefined) fail('missing_field', `${at}/name`);
  const input = block['input'] ?? {};
  if (!isObject(input)) fail('wrong_type', `${at}/input`);
  return { id: string(block, 'id', at), name: string(block, 'name', at), arguments: JSON.stringify(input) };
}

function readResult(block: JsonObject, at: string): readonly ContentPart[] {
  const content = block['content'] ?? '';
  const failed: ContentPart[] = boolean(block, 'is_error', false, at)
    ? [{ kind: 'text', text: '[the tool failed]' }]
    : [];
  if (typeof content === 'string') return content === '' ? failed : [...failed, { kind: 'text', text: content }];
  if (!Array.isArray(content)) return fail('wrong_type', `${at}/content`);
  return [
    ...failed,
    ...(content as readonly JsonValue[]).flatMap((each, index) => {
      const here = `${at}/content/${index}`;
      if (!isObject(each)) return fail('wrong_type', here);
      refuseLookAlikes(each, BLOCK_NAMES, here);
      return readPart(each, string(each, 'type', here), here);
    }),
  ];
}

/** What a model elsewhere is shown of a block. Reasoning is its maker's own. */
function readPart(block: JsonObject, type: string, at: string): readonly ContentPart[] {
  switch (type) {
    case 'text':
      if (block['text'] === undefined) fail('missing_field', `${at}/text`);
      return block['text'] === '' ? [] : [{ kind: 'text', text: string(block, 'text', at) }];
    case 'thinking':
    case 'redacted_thinking':
    case 'server_tool_use':
    case 'mcp_tool_use':
      return [];
    case 'image': {
      const source = readSource(block['source']);
      return source.kind === 'base64' || source.kind === 'url'
        ? [{ kind: 'image', url: source.url }]
        : [{ kind: 'opaque', type }];
    }
    case 'document': {
      const source = readSource(block['source']);
      const head = [block['title'], block['context']]
        .filter((each) => typeof each === 'string' && each !== '')
        .join('\n');
      if (source.kind === 'decoded') return [{ kind: 'text', text: `${head}\n${source.text}`.trim() }];
      if (source.kind === 'inline' || source.kind === 'blocks')
        return [{ kind: 'text', text: `${head}\n${readableText(block['source'])}`.trim() }];
      return [{ kind: 'opaque', type }];
    }
    default:
      if (kindOf(type) === 'unreadable') return [{ kind: 'opaque', type }];
      return isProviderRun(type) || type === 'search_result' || type === 'tool_reference'
        ? [{ kind: 'text', text: readableText(block) }]
        : [{ kind: 'opaque', type }];
  }
}

function readToolChoice(value: JsonValue): { readonly choice: ChatRequest['toolChoice']; readonly parallel: boolean } {
  if (value === null) return { choice: { kind: 'auto' }, parallel: true };
  if (!isObject(value)) return fail('wrong_type', '/tool_choice');
  const parallel = !boolean(value, 'disable_parallel_tool_use', false, '/tool_choice');
  switch (value['type']) {
    case 'auto':
    case 'none':
      return { choice: { kind: value['type'] }, parallel };
    case 'any':
      return { choice: { kind: 'required' }, parallel };
    case 'tool':
      if (value['name'] === undefined) fail('missing_field', '/tool_choice/name');
      return { choice: { kind: 'tool', name: string(value, 'name', '/tool_choice') }, parallel };
    default:
      return fail(value['type'] === undefined ? 'missing_field' : 'unsupported_value', '/tool_choice/type');
  }
}

function readSampling(body: JsonObject): Sampling {
  const topK = number(body, 'top_k', { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true });
  const stop = array(body, 'stop_sequences', '').map((each, index) =>
    typeof each === 'string' ? each : fail('wrong_type', `/stop_sequences/${index}`),
  );
  const given = {
    temperature: number(body, 'temperature', { min: 0, max: 1 }),
    topP: number(body, 'top_p', { min: 0, max: 1 }),
    maxTokens: number(body, 'max_tokens', { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true }),
    stop: stop.length === 0 ? undefined : stop,
    localOptions: topK === undefined ? undefined : { top_k: topK },
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Sampling;
}

/** `output_format` is the name of the beta. */
function readFormat(body: JsonObject): ChatRequest['responseFormat'] {
  const config = body['output_config'] ?? null;
  if (config !== null && !isObject(config)) return fail('wrong_type', '/output_config');
  const format = (isObject(config) ? config['format'] : undefined) ?? body['output_format'] ?? null;
  if (format === null) return { kind: 'text' };
  if (!isObject(format)) return fail('wrong_type', '/output_config/format');
  if (format['type'] !== 'json_schema') return fail('unsupported_value', '/output_config/format/type');
  return { kind: 'schema', name: 'answer', schema: format['schema'] ?? {} };
}

/** A budget of tokens means thinking to any model that can; an effort is a wish of its own. */
function readThinking(body: JsonObject): Pick<ChatRequest, 'reasoningEffort' | 'think'> {
  const config = body['output_config'] ?? null;
  const reasoningEffort = isObject(config) ? string(config, 'effort', '/output_config') : '';
  const thinking = body['thinking'] ?? null;
  if (thinking === null) return { reasoningEffort };
  if (!isObject(thinking)) return fail('wrong_type', '/thinking');
  switch (thinking['type']) {
    case 'enabled':
      return reasoningEffort === '' ? { reasoningEffort, think: true } : { reasoningEffort };
    case 'disabled':
      return { reasoningEffort, think: false };
    default:
      return { reasoningEffort };
  }
}
