/**
 * Ollama's /api/chat as Sluice reads and grows it. No cloud upstream speaks this wire: what leaves is serialised from the neutral form. Fails closed: a
 * shape nobody knows is a problem, an image is a gap.
 */
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { ChatMessage } from '../chat.ts';
import type { ProtocolName } from '../envelope.ts';
import type { Container, JsonDocument, JsonObject } from '../json/document.ts';
import { grow, toJsonText } from '../json/splice.ts';
import { argumentsObject } from '../tool-arguments.ts';
import { ollamaErrorReply } from './ollama-error.ts';
import { functionTool } from './openai-chat-body.ts';
import { readOllamaShape } from './ollama-shape.ts';
import { createOllamaWriter } from './ollama-writer.ts';
import type { Protocol, ToolResult } from './protocol.ts';
import { collectSegments, type Placement } from './segments.ts';

const TALK = new Set(['content', 'thinking']);
const META: Placement = { role: 'meta', talk: 'none', unread: 'none' };

export const ollamaChat: Protocol = {
  name: 'ollama-chat',
  idPrefix: '',
  // A line that is no frame makes the official clients complain or throw.
  keepAlive: '',
  createWriter: (sink, options) => createOllamaWriter('chat', sink, options),
  errorReply: ollamaErrorReply,

  read(document) {
    const shape = readOllamaShape(document.root, 'chat');
    if (shape.kind === 'problem') return shape;
    const { messages } = shape.chat;
    const collected = collectSegments(document, (container) => placeInMessages(container, messages, 0) ?? META);
    return {
      kind: 'chat',
      model: shape.model,
      chat: shape.chat,
      segments: collected.segments,
      gaps: [...imageGaps(document, 'ollama-chat'), ...collected.gaps],
    };
  },

  withTools: (document, tools) =>
    grow(
      document,
      'tools',
      tools.map((tool) => toJsonText(functionTool(tool))),
    ),
  withToolRound: appendToolRound,
};

/** placeInMessages places what is inside the `messages` member; undefined for the rest. `skip`: messages of the chat that stand elsewhere in the document. */
export function placeInMessages(
  container: Container,
  messages: readonly ChatMessage[],
  skip: number,
): Placement | undefined {
  const path: (string | number)[] = [];
  for (let at = container; at.parent !== null; at = at.parent) path.unshift(at.key);
  if (path[0] !== 'messages') return undefined;
  const role: Segment['role'] = messages[Number(path[1]) + skip]?.role ?? 'meta';
  const isImages = path.length === 3 && path[2] === 'images';
  return { role, talk: path.length === 2 ? TALK : 'none', unread: isImages ? EVERY_ITEM : 'none' };
}

/** Base64 that nobody reads as text; each item is a gap. */
export const EVERY_ITEM: Pick<ReadonlySet<string>, 'has'> = { has: () => true };

export function imageGaps(document: JsonDocument, protocol: ProtocolName): readonly Gap[] {
  const gaps: Gap[] = [];
  const look = (holder: JsonObject, at: string): void => {
    const images = holder['images'];
    if (!Array.isArray(images)) return;
    images.forEach((_, index) =>
      gaps.push({ classifier: protocol, cause: 'unsupported-content', pointer: `${at}/images/${index}` }),
    );
  };
  if (protocol === 'ollama-generate') look(document.root, '');
  const messages = document.root['messages'];
  if (Array.isArray(messages))
    (messages as readonly JsonObject[]).forEach((message, index) => look(message, `/messages/${index}`));
  return gaps;
}

function appendToolRound(document: JsonDocument, assistantText: string, results: readonly ToolResult[]): string {
  if (results.length === 0) return document.source;
  const calls = results.map(({ call }, index) => ({
    id: call.id,
    function: { index, name: call.name, arguments: argumentsObject(call.arguments) },
  }));
  return grow(document, 'messages', [
    toJsonText({ role: 'assistant', content: assistantText, tool_calls: calls }),
    ...results.map(({ call, content }) =>
      toJsonText({ role: 'tool', content, tool_name: call.name, tool_call_id: call.id }),
    ),
  ]);
}
