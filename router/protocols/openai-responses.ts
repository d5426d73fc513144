/**
 * OpenAI's /responses as Sluice reads, grows and forwards it. What leaves is the client's own source with named members and items spliced. Nothing is kept outside (`store: false`), sealed
 * reasoning goes back only to the upstream that made it, and tools the provider would run by itself leave only where the policy says so. Fails closed: a shape nobody knows is a
 * problem, a part or item nobody can read is a gap.
 */
import type { Segment } from '../../classifiers/segment.ts';
import type { ToolDeclaration } from '../chat.ts';
import type { Container, JsonDocument, JsonObject, JsonValue } from '../json/document.ts';
import { editRoot, grow, toJsonText } from '../json/splice.ts';
import type { Whereabouts } from '../envelope.ts';
import { BlockChat } from './block-chat.ts';
import { blocksOf } from './blocks.ts';
import { forcesCall, isClientMember } from './openai-chat.ts';
import { openaiErrorReply } from './openai-error.ts';
import { readParts } from './openai-responses-parts.ts';
import { isCallItem, readResponsesShape, type ResponsesShape } from './openai-responses-shape.ts';
import { customInput, isClientRun, type KnownTool } from './openai-responses-tools.ts';
import { createOpenAIResponsesWriter, type ResponsesWriterOptions } from './openai-responses-writer.ts';
import type { PassthroughProtocol, ReadChat, ToolResult } from './protocol.ts';
import type { Placement } from './segments.ts';
import { isObject } from './shape.ts';

const MESSAGE_TALK = new Set(['content', 'output']);
const PART_TALK = new Set(['text', 'refusal']);
const ROOT_TALK = new Set(['instructions', 'input']);
const ROOT: Placement = {
  role: 'meta',
  talk: ROOT_TALK,
  unread: 'none',
  roles: new Map<string | number, Segment['role']>([
    ['instructions', 'system'],
    ['input', 'user'],
  ]),
};
const META: Placement = { role: 'meta', talk: 'none', unread: 'none' };

export interface ResponsesOptions {
  /** What the reply shows of the request, and who is told when it is whole. */
  readonly writer: ResponsesWriterOptions;
  /** Tools the provider would run by itself: left out of what leaves, or carried to a server of this wire. */
  readonly providerTools: 'strip' | 'carry';
}

/** One request's protocol: it remembers what it left out, for the reply's headers. */
export interface ResponsesProtocol extends PassthroughProtocol {
  removed(): readonly string[];
}

export function createOpenAIResponses(options: ResponsesOptions): ResponsesProtocol {
  let provided: readonly string[] = [];
  let sealed = 0;
  /** What the last outgoing body of this wire kept; the neutral form keeps neither. */
  let kept: { readonly tools: boolean; readonly seals: number } = { tools: false, seals: 0 };
  let dropsContext = false;
  return {
    name: 'openai-responses',
    idPrefix: 'resp_',
    keepAlive: ': sluice is waiting for the model\n\n',
    createWriter: (sink, writer) => createOpenAIResponsesWriter(sink, writer, options.writer),
    errorReply: openaiErrorReply,

    read(document) {
      const shape = readResponsesShape(document.root);
      if (shape.kind === 'problem') return shape;
      provided = shape.tools.provided;
      sealed = itemsOf(document).filter(isReasoning).length;
      dropsContext = (document.root['context_management'] ?? null) !== null;
      return readChat(document, shape);
    },

    withTools: (document, tools) => grow(document, 'tools', tools.map(declaration)),

    withToolRound(document, assistantText, results) {
      const items = toolRound(assistantText, results, knownTools(document));
      const forced = forcesCall(document);
      const set = forced ? { tool_choice: '"auto"' } : {};
      const { input } = document.root;
      if (document.arrays.has('input')) return editRoot(document, { append: { input: items }, set });
      const first = toJsonText({ type: 'message', role: 'user', content: input });
      return editRoot(document, { set: { ...set, input: `[${[first, ...items].join(',')}]` } });
    },

    withPreface(document, text) {
      const { instructions } = document.root;
      const before = typeof instructions === 'string' && instructions !== '' ? `\n\n${instructions}` : '';
      return editRoot(document, { set: { instructions: toJsonText(text + before) } });
    },

    forUpstream(document, change) {
      const set: Record<string, string> = {
        model: JSON.stringify(change.model),
        stream: String(change.stream),
        // Kept replies are copies outside that no latch can call back.
        store: 'false',
      };
      const drop = [...document.members.keys()].filter((name) => isClientMember(name) || DROPPED.has(name));
      let seals = 0;
      const keepSeal = (seal: string): boolean => {
        const known = change.keepSeal?.(seal) === true;
        if (known) seals += 1;
        return known;
      };
      const items = document.itemsOf('input');
      if (items.length > 0)
        set['input'] = `[${itemsOf(document)
          .map((item, index) =>
            outgoingItem(item, keepSeal, document.source.slice(items[index]?.start, items[index]?.end)),
          )
          .filter((text) => text !== '')
          .join(',')}]`;
      const carries = options.providerTools === 'carry';
      if (!carries && provided.length > 0) Object.assign(set, withoutProvided(document));
      // Kept with the provider its reasoning would be found again by id; here only by its sealed form.
      const include = document.root['include'] ?? [];
      if (isObject(document.root['reasoning']) && Array.isArray(include) && !include.includes(SEALED))
        set['include'] = JSON.stringify([...(include as readonly JsonValue[]), SEALED]);
      kept = { tools: carries, seals };
      return editRoot(document, { set, drop });
    },

    removed: () => [
      ...(kept.tools ? [] : provided.map((type) => `tool:${PROVIDER_TOOL.test(type) ? type : 'unknown'}`)),
      ...(sealed > kept.seals ? [`reasoning:${sealed - kept.seals}`] : []),
      ...(dropsContext ? ['context_management'] : []),
    ],
  };
}

/** Names a header may say; any other is text of the request. */
const PROVIDER_TOOL =
  /^(?:web_search|web_search_preview|file_search|code_interpreter|computer|computer_use_preview|image_generation|mcp|local_shell|shell|apply_patch)(?:_\d{4}_\d{2}_\d{2})?$/;

const SEALED = 'reasoning.encrypted_content';

/** State at the provider, and its own ways of making conversations shorter, whose results nobody here could read. */
const DROPPED: ReadonlySet<string> = new Set([
  'previous_response_id',
  'conversation',
  'background',
  'context_management',
  'prompt_cache_options',
]);

function itemsOf(document: JsonDocument): readonly JsonValue[] {
  const { input } = document.root;
  return Array.isArray(input) ? (input as readonly JsonValue[]) : [];
}

const isReasoning = (item: JsonValue): boolean => isObject(item) && item['type'] === 'reasoning';

/** Items whose ids are ours or another server's: the receiver would look for them, and some refuse what they do not find. */
const ANONYMOUS: ReadonlySet<string> = new Set([
  '',
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
]);

/** outgoingItem gives an item as it leaves; empty when it must not. */
function outgoingItem(item: JsonValue, keepSeal: (seal: string) => boolean, source: string): string {
  if (!isObject(item)) return source;
  const type = typeof item['type'] === 'string' ? item['type'] : '';
  if (type === 'reasoning') {
    const seal = item['encrypted_content'];
    if (typeof seal !== 'string' || !keepSeal(seal)) return '';
    return 'status' in item || 'content' in item ? without(item, ['status', 'content']) : source;
  }
  return ANONYMOUS.has(type) && ('id' in item || 'status' in item) ? without(item, ['id', 'status']) : source;
}

function without(item: JsonObject, names: readonly string[]): string {
  return toJsonText(Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name))));
}

function withoutProvided(document: JsonDocument): Readonly<Record<string, string>> {
  const items = document.itemsOf('tools');
  const { tools, tool_choice: choice } = document.root;
  const stay = (tools as readonly JsonValue[]).flatMap((tool, index) =>
    isClientRun(tool) ? [document.source.slice(items[index]?.start, items[index]?.end)] : [],
  );
  const forcesProvided = isObject(choice) && !['function', 'custom', 'allowed_tools'].includes(String(choice['type']));
  return {
    tools: `[${stay.join(',')}]`,
    ...(forcesProvided || (choice === 'required' && stay.length === 0) ? { tool_choice: '"auto"' } : {}),
  };
}

function knownTools(document: JsonDocument): ReadonlyMap<string, KnownTool> {
  const shape = readResponsesShape(document.root);
  return shape.kind === 'shape' ? shape.tools.known : new Map();
}

function declaration(tool: ToolDeclaration): string {
  return toJsonText({
    type: 'function',
    name: tool.name,
    description: tool.description,
    parameters: tool.parameters,
    strict: false,
  });
}

function toolRound(
  assistantText: string,
  results: readonly ToolResult[],
  known: ReadonlyMap<string, KnownTool>,
): string[] {
  if (results.length === 0) return [];
  // Call and result must name each other even where the model gave no id.
  const idOf = (result: ToolResult, index: number): string => result.call.id || `call_${index}`;
  const call = (result: ToolResult, index: number): object => {
    const tool = known.get(result.call.name);
    const names = {
      call_id: idOf(result, index),
      name: tool?.name ?? result.call.name,
      ...(tool === undefined || tool.namespace === '' ? {} : { namespace: tool.namespace }),
    };
    return tool?.kind === 'custom'
      ? { type: 'custom_tool_call', ...names, input: customInput(result.call.arguments) }
      : { type: 'function_call', ...names, arguments: result.call.arguments || '{}' };
  };
  return [
    ...(assistantText === '' ? [] : [toJsonText({ type: 'message', role: 'assistant', content: assistantText })]),
    ...results.map((result, index) => toJsonText(call(result, index))),
    ...results.map((result, index) =>
      toJsonText({
        type: known.get(result.call.name)?.kind === 'custom' ? 'custom_tool_call_output' : 'function_call_output',
        call_id: idOf(result, index),
        output: result.content,
      }),
    ),
  ];
}

function readChat(document: JsonDocument, shape: ResponsesShape): ReadChat {
  const items = itemsOf(document);
  const { messages } = shape.chat;
  const messageOf = new Map<number, number>();
  shape.origins.forEach((origin, index) => origin.forEach((item) => messageOf.set(item, index)));
  const roleOf = (item: number): Segment['role'] => messages[messageOf.get(item) ?? -1]?.role ?? 'assistant';
  const parts = readParts(document.root, roleOf);
  const { blocks, messageKeys } = blocksOf(document, {
    protocol: 'openai-responses',
    messages: 'input',
    placementOf: (container) => placementOf(container, roleOf, parts.unread),
    filesOf: (index) => parts.files.filter(({ pointer }) => pointer.startsWith(`/input/${index}/`)),
  });
  const where: Whereabouts = {
    messageAt(pointer) {
      if (pointer.startsWith('/instructions') || pointer === '/input') return 0;
      const item = itemAt(pointer);
      if (item === undefined) return undefined;
      // What has no message of its own (reasoning) belongs to the one after it.
      for (let next = item; next < items.length; next += 1) {
        const message = messageOf.get(next);
        if (message !== undefined) return message;
      }
      return messages.length - 1;
    },
    isInCall(pointer) {
      const item = itemAt(pointer);
      return item !== undefined && isCallItem(items[item]);
    },
  };
  return new BlockChat(
    shape.model,
    shape.chat,
    {
      blocks,
      gaps: parts.gaps,
      messageKeys: shape.origins.map((origin) =>
        origin.length === 0 || messageKeys.length === 0
          ? undefined
          : origin.map((item) => messageKeys[item] ?? '').join(' '),
      ),
    },
    where,
  );
}

function itemAt(pointer: string): number | undefined {
  const match = /^\/input\/(\d+)/.exec(pointer);
  return match === null ? undefined : Number(match[1]);
}

function placementOf(
  container: Container,
  roleOf: (item: number) => Segment['role'],
  unread: ReadonlyMap<string, ReadonlySet<string>>,
): Placement {
  if (container.parent === null) return ROOT;
  const path: (string | number)[] = [];
  for (let at: Container = container; at.parent !== null; at = at.parent) path.unshift(at.key);
  if (path[0] !== 'input') return META;
  const holdsParts = path[2] === 'content' || path[2] === 'output' || path[2] === 'summary';
  const talk: Placement['talk'] =
    path.length === 2
      ? MESSAGE_TALK
      : path.length === 3 && holdsParts
        ? 'all'
        : path.length === 4 && holdsParts
          ? PART_TALK
          : 'none';
  return { role: roleOf(Number(path[1])), talk, unread: unread.get(container.pointer) ?? 'none' };
}
