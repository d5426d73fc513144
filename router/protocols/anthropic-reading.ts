/**
 * Whose words every leaf of a Messages request is, which parts nobody here can read, and the request in blocks. Fails towards `unknown`: what is not
 * surely text is a gap. Left unread are blobs that only their issuer can open; anthropic-outgoing.ts lets them leave for nobody else.
 */
import type { BlockContent } from '../../classifiers/block.ts';
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { ChatMessage } from '../chat.ts';
import type { Container, JsonDocument, JsonObject, JsonValue } from '../json/document.ts';
import { isProviderRun, kindOf, readSource, REDACTED_BLOBS, SEARCH_BLOBS, THINKING_BLOBS } from './anthropic-blocks.ts';
import { blocksOf, type RequestBlocks, type Spelling } from './blocks.ts';
import type { Placement } from './segments.ts';
import { isObject } from './shape.ts';

const META: Placement = { role: 'meta', talk: 'none', unread: 'none' };
const ROOT: Placement = { role: 'meta', talk: new Set(['system']), unread: 'none' };
const CONTENT = new Set(['content']);
const TEXT = new Set(['text']);
const BASE64 = new Set(['data']);
const TALK: Readonly<Record<string, ReadonlySet<string>>> = {
  text: TEXT,
  tool_result: CONTENT,
  thinking: new Set(['thinking']),
};

export const PROTOCOL = 'anthropic-messages';

/** readBlocks cuts a request that has the shape of one. `begins`: where each message of the body begins in `messages`. */
export function readBlocks(
  document: JsonDocument,
  messages: readonly ChatMessage[],
  begins: readonly number[],
): RequestBlocks {
  const { files, gaps } = readParts(document.root);
  const { blocks, messageKeys } = blocksOf(document, {
    protocol: PROTOCOL,
    messages: 'messages',
    alsoCut: new Set(['system', 'tools']),
    placementOf: (container) => placementOf(container, document.root),
    filesOf: (index) => files.filter(({ pointer }) => pointer.startsWith(`/messages/${index}/`)),
    spell: (name, index, source) => spell(name, index, source, document.root),
  });
  const isSystem = (pointer: string): boolean => pointer === '/system' || pointer.startsWith('/system/');
  return {
    // The model reads system text first, wherever it stands in the body, and a value may be cut between it and the talk.
    blocks: [
      ...blocks
        .filter(({ pointer }) => isSystem(pointer))
        .map((block) => (block.pointer === '/system' ? { ...block, read: () => asSystem(block.read()) } : block)),
      ...blocks.filter(({ pointer }) => !isSystem(pointer)),
    ],
    gaps,
    messageKeys: keysOfChat(messages, begins, messageKeys),
  };
}

/** System text that is one string is a member of the root, whose other strings are nobody's words. */
function asSystem({ segments, gaps }: BlockContent): BlockContent {
  return { segments: segments.map((segment): Segment => ({ ...segment, role: 'system' })), gaps };
}

/** Each message of the chat by the block it came from and its place there. */
function keysOfChat(
  messages: readonly ChatMessage[],
  begins: readonly number[],
  keys: readonly string[],
): readonly string[] {
  const out: string[] = Array.from({ length: messages.length }, () => '');
  begins.forEach((begin, index) => {
    const end = begins[index + 1] ?? messages.length;
    for (let at = begin; at < end; at++) out[at] = `${keys[index] ?? ''} ${at - begin}`;
  });
  return out;
}

/** Marks of the cache, which agents move from turn to turn. Only in this very form: whatever else stands under the name is content. A quote inside a string has a backslash before it. */
const MARK =
  '"cache_control"\\s{0,2}:\\s{0,2}\\{\\s{0,2}"type"\\s{0,2}:\\s{0,2}"ephemeral"\\s{0,2}(?:,\\s{0,2}"ttl"\\s{0,2}:\\s{0,2}"(?:5m|1h)"\\s{0,2})?\\}';
const CACHE_MARK = new RegExp(`,\\s{0,2}${MARK}|(?<=\\{\\s{0,2})${MARK}\\s{0,2},\\s{0,2}`, 'g');

/** The same said with or without a mark of the cache, as a string or as one block of text, is known by the same key. */
function spell(name: string, index: number, source: string, root: JsonObject): Spelling {
  const said = source.includes('"cache_control"') ? source.replace(CACHE_MARK, '') : source;
  const message = name === 'messages' ? itemAt(root['messages'], index) : undefined;
  if (!isObject(message) || Object.keys(message).length !== 2) return { said, form: '' };
  const content = message['content'];
  const role = String(message['role']);
  if (typeof content === 'string') return { said: `${role}\n${content}`, form: ' string' };
  const block = Array.isArray(content) && content.length === 1 ? itemAt(content, 0) : undefined;
  if (!isObject(block) || block['type'] !== 'text' || typeof block['text'] !== 'string') return { said, form: '' };
  const others = Object.keys(block).length - 2 - (said === source ? 0 : 1);
  return others === 0 ? { said: `${role}\n${block['text']}`, form: ' block' } : { said, form: '' };
}

function itemAt(value: JsonValue | undefined, index: string | number | undefined): JsonValue | undefined {
  return Array.isArray(value) ? (value as readonly JsonValue[])[Number(index)] : undefined;
}

/** placementOf says what the names on the way from the root make of a container. */
function placementOf(container: Container, root: JsonObject): Placement {
  if (container.parent === null) return ROOT;
  const path: (string | number)[] = [];
  for (let at = container; at.parent !== null; at = at.parent) path.unshift(at.key);
  if (path[0] === 'system') return { role: 'system', talk: path.length === 2 ? TEXT : 'none', unread: 'none' };
  if (path[0] !== 'messages') return META;
  const message = itemAt(root['messages'], path[1]);
  if (!isObject(message)) return META;
  const speaker: Segment['role'] =
    message['role'] === 'assistant' ? 'assistant' : message['role'] === 'system' ? 'system' : 'user';
  if (path.length === 2) return { role: speaker, talk: CONTENT, unread: 'none' };
  const block = path[2] === 'content' ? itemAt(message['content'], path[3]) : undefined;
  if (!isObject(block)) return { role: speaker, talk: 'none', unread: 'none' };
  const type = String(block['type']);
  const role = type === 'tool_result' || type.endsWith('_tool_result') ? 'tool' : speaker;
  if (path.length === 4) return { role, talk: TALK[type] ?? 'none', unread: blobsOf(type) };
  const holder = path[4] === 'content' && type === 'tool_result' ? itemAt(block['content'], path[5]) : block;
  const isSource = path.at(-1) === 'source' && path.length === (holder === block ? 5 : 7) && isObject(holder);
  if (isSource && isMedia(holder['type'])) {
    const { kind } = readSource(holder['source']);
    return { role, talk: 'none', unread: kind === 'base64' || kind === 'decoded' ? BASE64 : 'none' };
  }
  const isNested = path.length === 6 && path[4] === 'content';
  const citation = path.length === 6 && path[4] === 'citations' && type === 'text' && speaker === 'assistant';
  return {
    role,
    talk: isNested ? TEXT : 'none',
    unread: citation ? SEARCH_BLOBS : isProviderRun(type) ? blobsOf(type) : 'none',
  };
}

const isMedia = (type: unknown): boolean => type === 'image' || type === 'document';

function blobsOf(type: string): Placement['unread'] {
  if (type === 'thinking') return THINKING_BLOBS;
  if (type === 'redacted_thinking') return REDACTED_BLOBS;
  return kindOf(type) === 'blob' ? SEARCH_BLOBS : 'none';
}

/** What is no text: gaps, and text that stands in base64. */
function readParts(root: JsonObject): { readonly gaps: Gap[]; readonly files: Segment[] } {
  const gaps: Gap[] = [];
  const files: Segment[] = [];
  const gap = (pointer: string): void =>
    void gaps.push({ classifier: PROTOCOL, cause: 'unsupported-content', pointer });
  const look = (block: JsonValue, pointer: string, role: Segment['role'], isInner: boolean): void => {
    if (!isObject(block)) return;
    const kind = kindOf(block['type']);
    if (kind === 'unreadable') return gap(pointer);
    if (kind === 'media') {
      const source = readSource(block['source']);
      if (source.kind === 'decoded')
        files.push({ pointer: `${pointer}/source/data`, role, form: 'file', text: source.text, hint: '', flow: -1 });
      else if (
        block['type'] === 'image' ||
        source.kind === 'base64' ||
        source.kind === 'url' ||
        source.kind === 'other'
      )
        gap(pointer);
      else if (source.kind === 'blocks')
        lookAll(isObject(block['source']) ? block['source']['content'] : [], `${pointer}/source/content`, role);
      return;
    }
    if (block['type'] === 'tool_result' && !isInner) lookAll(block['content'], `${pointer}/content`, 'tool');
    // What a provider's tool brought home may be files and pictures as well.
    else if (isProviderRun(block['type']) && block['type'] !== 'server_tool_use')
      lookInside(block['content'], `${pointer}/content`);
  };
  const lookAll = (blocks: JsonValue | undefined, at: string, role: Segment['role']): void => {
    if (Array.isArray(blocks))
      (blocks as readonly JsonValue[]).forEach((block, index) => look(block, `${at}/${index}`, role, true));
  };
  const lookInside = (value: JsonValue | undefined, at: string): void => {
    if (Array.isArray(value))
      (value as readonly JsonValue[]).forEach((each, index) => lookInside(each, `${at}/${index}`));
    else if (isObject(value)) {
      if (isObject(value['source']) && readSource(value['source']).kind !== 'inline') gap(at);
      if (typeof value['file_id'] === 'string') gap(at);
      for (const key of ['content']) lookInside(value[key], `${at}/${key}`);
    }
  };
  const system = root['system'];
  if (Array.isArray(system))
    (system as readonly JsonValue[]).forEach((block, index) => {
      if (!isObject(block) || block['type'] !== 'text') gap(`/system/${index}`);
    });
  const messages = root['messages'];
  if (Array.isArray(messages))
    (messages as readonly JsonValue[]).forEach((message, index) => {
      const content = isObject(message) ? message['content'] : undefined;
      if (!Array.isArray(content)) return;
      const role = isObject(message) && message['role'] === 'assistant' ? 'assistant' : 'user';
      (content as readonly JsonValue[]).forEach((block, position) =>
        look(block, `/messages/${index}/content/${position}`, role, false),
      );
    });
  return { gaps, files };
}
