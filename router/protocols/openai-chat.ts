/**
 * OpenAI's chat completions as Sluice reads, grows and forwards them. Everything that leaves is the client's own source with named members spliced; nothing is
 * serialised again. Fails closed: a shape nobody knows is a problem, a part nobody can read is a gap.
 */
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { ChatMessage } from '../chat.ts';
import type { Container, JsonDocument, JsonObject, JsonValue } from '../json/document.ts';
import { editRoot, grow, toJsonText } from '../json/splice.ts';
import { BlockChat } from './block-chat.ts';
import { blocksOf } from './blocks.ts';
import { readDataUrl } from './data-url.ts';
import { functionTool } from './openai-chat-body.ts';
import { createPassthroughGuard } from './openai-chat-passthrough.ts';
import { readShape } from './openai-chat-shape.ts';
import { createOpenAIChatWriter } from './openai-chat-writer.ts';
import { openaiErrorReply } from './openai-error.ts';
import { isSeenPlain } from './seen-parts.ts';
import type { PassthroughProtocol, ReadChat, ToolResult } from './protocol.ts';
import { type Placement } from './segments.ts';

/**
 * Members that name the person, the machine or the conversation to the provider, or ask it to keep what it saw. None changes the answer.
 * `user`, `safety_identifier`: who asks. `metadata`, `client_metadata`: free text of the client, workspace paths in codex.
 * `prompt_cache_key`, `session_id`, `conversation_id`, `trace_id`: link requests of one conversation. `prompt_cache_retention`: keeps
 * the prompt with the provider for a day. `litellm_*`, `langfuse_*`: what other gateways' clients attach.
 */
const CLIENT_MEMBERS = [
  'user',
  'user_id',
  'safety_identifier',
  'metadata',
  'client_metadata',
  'prompt_cache_key',
  'prompt_cache_retention',
  'session_id',
  'conversation_id',
  'trace_id',
];
const CLIENT_MEMBER_PREFIXES = ['litellm_', 'langfuse_'];

/** isClientMember: whether a member of a body names the client, and so stays here. */
export function isClientMember(name: string): boolean {
  return CLIENT_MEMBERS.includes(name) || CLIENT_MEMBER_PREFIXES.some((prefix) => name.startsWith(prefix));
}

const TALK = new Set(['content', 'refusal', 'reasoning_content', 'reasoning']);
const PART_TALK = new Set(['text', 'refusal']);
const META: Placement = { role: 'meta', talk: 'none', unread: 'none' };

export const openaiChat: PassthroughProtocol = {
  name: 'openai-chat',
  cut: new Set(['messages']),
  idPrefix: 'chatcmpl-',
  keepAlive: ': sluice is waiting for the model\n\n',
  createWriter: createOpenAIChatWriter,
  createGuard: ({ includeUsage }) => createPassthroughGuard({ usageChunk: includeUsage ? 'keep' : 'drop' }),
  errorReply: openaiErrorReply,

  read(document): ReadChat {
    const shape = readShape(document);
    if (shape.kind === 'problem') return shape;
    const parts = readParts(document, shape.chat.messages);
    const { blocks, messageKeys } = blocksOf(document, {
      protocol: 'openai-chat',
      messages: 'messages',
      placementOf: placements(shape.chat.messages, parts.unread),
      filesOf: (index) => parts.files.filter(({ pointer }) => pointer.startsWith(`/messages/${index}/`)),
    });
    return new BlockChat(shape.model, shape.chat, { blocks, messageKeys, gaps: parts.gaps });
  },

  withTools: (document, tools) =>
    grow(
      document,
      'tools',
      tools.map((tool) => toJsonText(functionTool(tool))),
    ),

  withToolRound(document, assistantText, results) {
    const forced = forcesCall(document);
    return editRoot(document, {
      append: { messages: toolRound(assistantText, results) },
      ...(forced ? { set: { tool_choice: '"auto"' } } : {}),
    });
  },

  // The provider searches by itself, with words of the conversation.
  providerTools: ({ root }) => ((root['web_search_options'] ?? null) === null ? [] : ['web_search']),

  forUpstream(document, change) {
    const set: Record<string, string> = { model: JSON.stringify(change.model), stream: String(change.stream) };
    const drop = [...document.members.keys()].filter(isClientMember);
    if (change.carriesTools !== true) drop.push('web_search_options');
    // Kept replies are copies outside that no latch can call back. Not set where the client was silent: many compatible servers refuse the field.
    if (document.members.has('store')) set['store'] = 'false';
    const options = document.root['stream_options'];
    if (!change.stream) drop.push('stream_options');
    else if (change.includeUsage || document.members.has('stream_options')) {
      set['stream_options'] = JSON.stringify({
        ...(isObject(options) ? options : {}),
        include_usage: change.includeUsage,
      });
    }
    return editRoot(document, { set, drop });
  },
};

/** forcesCall: whether the body makes the model call a tool. The call has been made when a round is added; left in place it would force the next turn to call again, forever. */
export function forcesCall({ root }: JsonDocument): boolean {
  const choice = root['tool_choice'];
  return choice === 'required' || (typeof choice === 'object' && choice !== null);
}

function toolRound(assistantText: string, results: readonly ToolResult[]): string[] {
  if (results.length === 0) return [];
  // Call and result must name each other even where the model gave no id.
  const idOf = (result: ToolResult, index: number): string => result.call.id || `call_${index}`;
  const calls = results.map((result, index) => ({
    id: idOf(result, index),
    type: 'function',
    function: { name: result.call.name, arguments: result.call.arguments || '{}' },
  }));
  return [
    toJsonText({ role: 'assistant', content: assistantText === '' ? null : assistantText, tool_calls: calls }),
    ...results.map((result, index) =>
      toJsonText({ role: 'tool', tool_call_id: idOf(result, index), content: result.content }),
    ),
  ];
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Which leaf belongs to whom, by the names on the way from the root. */
function placements(
  messages: readonly ChatMessage[],
  unread: ReadonlyMap<string, ReadonlySet<string>>,
): (container: Container) => Placement {
  return (container) => {
    let top = container;
    while (top.parent !== null && top.parent.parent !== null) top = top.parent;
    if (top.key !== 'messages') return META;
    const path: (string | number)[] = [];
    for (let at = container; at.parent !== null; at = at.parent) path.unshift(at.key);
    const role: Segment['role'] = messages[Number(path[1])]?.role ?? 'meta';
    const inContent = path[2] === 'content';
    const talk: Placement['talk'] =
      path.length === 2
        ? TALK
        : path.length === 3 && inContent
          ? 'all'
          : path.length === 4 && inContent
            ? PART_TALK
            : 'none';
    return { role, talk, unread: unread.size === 0 ? 'none' : (unread.get(container.pointer) ?? 'none') };
  };
}

interface Parts {
  readonly gaps: Gap[];
  readonly files: Segment[];
  /** Container pointer to the keys in it that hold base64 nobody reads as text. */
  readonly unread: Map<string, ReadonlySet<string>>;
}

/** Where a part of each type carries its bytes. */
const CARRIERS: Readonly<Record<string, { readonly holder: string; readonly key: string }>> = {
  image_url: { holder: 'image_url', key: 'url' },
  input_audio: { holder: 'input_audio', key: 'data' },
  file: { holder: 'file', key: 'file_data' },
};

function readParts(document: JsonDocument, messages: readonly ChatMessage[]): Parts {
  const parts: Parts = { gaps: [], files: [], unread: new Map() };
  document.itemsOf('messages').forEach((item, index) => {
    if (isSeenPlain(messages[index])) return;
    const message = document.valueOf(item) as JsonObject;
    // Sound the provider keeps under an id: it says what nobody here can hear.
    if (isObject(message['audio'])) parts.gaps.push(gap(`/messages/${index}/audio`));
    const content = message['content'];
    if (!Array.isArray(content)) return;
    (content as readonly JsonValue[]).forEach((part, position) => {
      if (isObject(part)) readPart(part, `/messages/${index}/content/${position}`, message, parts);
    });
  });
  return parts;
}

function readPart(part: JsonObject, pointer: string, message: JsonObject, parts: Parts): void {
  const type = part['type'];
  if (type === 'text' || type === 'refusal') return;
  const carrier = typeof type === 'string' && Object.hasOwn(CARRIERS, type) ? CARRIERS[type] : undefined;
  const held = carrier === undefined ? undefined : part[carrier.holder];
  if (carrier === undefined || held === undefined) {
    parts.gaps.push(gap(pointer));
    return;
  }
  const [payload, where, key] = isObject(held)
    ? [held[carrier.key], `${pointer}/${carrier.holder}`, carrier.key]
    : [held, pointer, carrier.holder];
  const data = typeof payload === 'string' ? readDataUrl(payload) : ({ kind: 'other' } as const);
  if (data.kind === 'text') {
    const role =
      message['role'] === 'developer'
        ? 'system'
        : message['role'] === 'function'
          ? 'tool'
          : (message['role'] as Segment['role']);
    parts.files.push({ pointer: `${where}/${key}`, role, form: 'file', text: data.text, hint: '', flow: -1 });
  } else parts.gaps.push(gap(pointer));
  // What is no data: URL stays a segment: an address says things too. Bare base64 (audio, files) is the gap itself.
  if (data.kind !== 'other' || type !== 'image_url') parts.unread.set(where, new Set([key]));
}

function gap(pointer: string): Gap {
  return { classifier: 'openai-chat', cause: 'unsupported-content', pointer };
}
