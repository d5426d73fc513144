/**
 * A Messages request as its own wire's upstream gets it: the client's source with named members spliced, and those messages written anew in which something may not
 * leave. What goes: members that name the client, tools the provider would run and no policy lets out, and blobs that this upstream did
 * not issue. Fails closed: a blob not proved to be the upstream's own is left out with the block it stands in.
 */
import type { JsonDocument, JsonObject, JsonValue } from '../json/document.ts';
import { editRoot, toJsonText } from '../json/splice.ts';
import { SEARCH_BLOBS } from './anthropic-blocks.ts';
import { isProviderTool } from './anthropic-tools.ts';
import type { UpstreamChange } from './protocol.ts';
import { isObject } from './shape.ts';

/** Members that name the person, the machine or the conversation. None changes the answer. Claude Code puts device and session into `metadata.user_id`. */
const CLIENT_MEMBERS = ['metadata', 'user', 'user_id', 'client_metadata', 'session_id', 'conversation_id', 'trace_id'];
/** A first system block of Claude Code that says which build asks, and from where. */
const BILLING = /^x-anthropic-billing-header:/;

type KeepSeal = NonNullable<UpstreamChange['keepSeal']>;

export function forAnthropic(document: JsonDocument, change: UpstreamChange): string {
  const { root } = document;
  const { carriesTools = false, keepSeal = () => false } = change;
  const set: Record<string, string> = { model: JSON.stringify(change.model), stream: String(change.stream) };
  const drop = CLIENT_MEMBERS.filter((name) => document.members.has(name));

  const system = list(root['system']);
  if (system.some(isBilling)) {
    const kept = keptItems(document, 'system', (block) => !isBilling(block));
    if (kept === '[]') drop.push('system');
    else set['system'] = kept;
  }

  const tools = list(root['tools']);
  const isKept = (tool: JsonValue): boolean => carriesTools || !isProviderTool(tool);
  if (tools.some((tool) => !isKept(tool))) {
    const kept = keptItems(document, 'tools', isKept);
    if (kept === '[]') drop.push('tools', 'tool_choice');
    else set['tools'] = kept;
    const choice = root['tool_choice'];
    const named = isObject(choice) && choice['type'] === 'tool' ? choice['name'] : undefined;
    if (named !== undefined && !tools.some((tool) => isKept(tool) && isObject(tool) && tool['name'] === named))
      drop.push('tool_choice');
  }
  if (document.members.has('mcp_servers') && !carriesTools) drop.push('mcp_servers');

  const messages = list(root['messages']).map((message) => forIssuer(message, keepSeal));
  if (messages.some((message, index) => message !== list(root['messages'])[index])) {
    const items = document.itemsOf('messages');
    const texts = messages.flatMap((message, index) => {
      if (message === undefined) return [];
      const item = items[index];
      const isSame = message === list(root['messages'])[index] && item !== undefined;
      return [isSame ? document.source.slice(item.start, item.end) : toJsonText(message)];
    });
    set['messages'] = `[${texts.join(',')}]`;
  }
  const thinking = root['thinking'];
  if (isObject(thinking) && thinking['type'] === 'enabled' && wantsThought(messages)) {
    // A call whose reasoning was made elsewhere: with thinking on, the upstream would refuse it.
    drop.push('thinking');
    if (document.members.has('context_management')) drop.push('context_management');
  }
  return editRoot(document, { set, drop });
}

const list = (value: JsonValue | undefined): readonly JsonValue[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]) : [];

const isBilling = (block: JsonValue): boolean =>
  isObject(block) && typeof block['text'] === 'string' && BILLING.test(block['text']);

/** The array `name` with only the items that are to stay, each in its own bytes. */
function keptItems(document: JsonDocument, name: string, isKept: (item: JsonValue) => boolean): string {
  const values = list(document.root[name]);
  const kept = document.itemsOf(name).filter((_, index) => isKept(values[index] ?? null));
  return `[${kept.map((item) => document.source.slice(item.start, item.end)).join(',')}]`;
}

/** The message itself where nothing in it has to go; undefined when nothing of it is left. */
function forIssuer(message: JsonValue, keepSeal: KeepSeal): JsonValue | undefined {
  if (!isObject(message) || !Array.isArray(message['content'])) return message;
  const content = message['content'] as readonly JsonValue[];
  // A search and what it found go together.
  const lost = new Set(
    content.flatMap((block) =>
      isObject(block) &&
      typeof block['tool_use_id'] === 'string' &&
      block['type'] !== 'tool_result' &&
      !isIssued(block['content'], keepSeal)
        ? [block['tool_use_id']]
        : [],
    ),
  );
  const kept = content.flatMap((block): JsonValue[] => {
    if (!isObject(block)) return [block];
    switch (block['type']) {
      case 'thinking':
        return keepSeal(text(block['signature']), text(block['thinking'])) ? [block] : [];
      case 'redacted_thinking':
        return keepSeal(text(block['data']), '') ? [block] : [];
      case 'text': {
        if (!('citations' in block) || isIssued(block['citations'], keepSeal)) return [block];
        const { citations: _, ...rest } = block;
        return [rest];
      }
      default:
        return lost.has(text(block['type'] === 'server_tool_use' ? block['id'] : block['tool_use_id'])) ? [] : [block];
    }
  });
  if (kept.length === content.length && kept.every((block, index) => block === content[index])) return message;
  return kept.length === 0 ? undefined : { ...message, content: kept };
}

const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

/** Whether every blob in a value is the upstream's own. */
function isIssued(value: JsonValue | undefined, keepSeal: KeepSeal): boolean {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).every((each) => isIssued(each, keepSeal));
  if (!isObject(value)) return true;
  return Object.entries(value).every(([key, each]) =>
    SEARCH_BLOBS.has(key) ? typeof each === 'string' && keepSeal(each, '') : isIssued(each, keepSeal),
  );
}

/** Whether the turn under way, one with calls whose results come last, begins without the reasoning that the upstream would look for. */
function wantsThought(messages: readonly (JsonValue | undefined)[]): boolean {
  const present = messages.filter((message): message is JsonObject => isObject(message));
  const isResults = list(present.at(-1)?.['content']).some(
    (block) => isObject(block) && block['type'] === 'tool_result',
  );
  if (!isResults) return false;
  const turn = present.findLast((message) => message['role'] === 'assistant');
  const first = list(turn?.['content'])[0];
  return !(isObject(first) && (first['type'] === 'thinking' || first['type'] === 'redacted_thinking'));
}
