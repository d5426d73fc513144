/**
 * Anthropic's Messages API as Sluice reads, grows and forwards it. Fails closed: a shape nobody knows is a problem, a block nobody can read is a gap, a blob that only
 * its issuer can open leaves for nobody else.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { ReplyEvent, ToolDeclaration } from '../chat.ts';
import type { JsonDocument } from '../json/document.ts';
import { editRoot, grow, spliceText, toJsonText } from '../json/splice.ts';
import { argumentsObject } from '../tool-arguments.ts';
import { anthropicErrorReply } from './anthropic-error.ts';
import { forAnthropic } from './anthropic-outgoing.ts';
import { createAnthropicGuard } from './anthropic-passthrough.ts';
import { BlockChat } from './block-chat.ts';
import { PROTOCOL, readBlocks } from './anthropic-reading.ts';
import { readAnthropicShape } from './anthropic-shape.ts';
import { providerTools } from './anthropic-tools.ts';
import { createAnthropicWriter } from './anthropic-writer.ts';
import type { Whereabouts } from '../envelope.ts';
import type { PassthroughProtocol, ReadChat, RequestProtocol, ToolResult } from './protocol.ts';

export const anthropicMessages: PassthroughProtocol = {
  name: PROTOCOL,
  idPrefix: 'msg_',
  keepAlive: 'event: ping\ndata: {"type": "ping"}\n\n',
  createWriter: createAnthropicWriter,
  createGuard: createAnthropicGuard,
  guardRestores: true,
  errorReply: anthropicErrorReply,
  features: readBetas,
  read: (document) => readMessages(document, 'required'),
  withTools,
  withToolRound,
  withPreface,
  forUpstream: forAnthropic,
  providerTools,
};

/** The body of count_tokens: the same without a bound on the answer. */
export const anthropicCount: RequestProtocol = {
  name: PROTOCOL,
  errorReply: anthropicErrorReply,
  read: (document) => readMessages(document, 'optional'),
  // What the request itself will carry is counted too.
  withTools,
  withToolRound: (document) => document.source,
};

/** A name of a beta: words and a date. What has another form stays here. */
const BETA = /^[a-z][a-z0-9]{0,20}(?:-[a-z0-9]{1,20}){0,6}-20\d\d-\d\d-\d\d$/;
const MAX_BETAS = 32;

function readBetas(headers: IncomingHttpHeaders): readonly string[] {
  const given = headers['anthropic-beta'];
  const names = (Array.isArray(given) ? given.join(',') : (given ?? '')).split(',').map((name) => name.trim());
  return [...new Set(names.filter((name) => BETA.test(name)))].slice(0, MAX_BETAS);
}

function readMessages(document: JsonDocument, maxTokens: 'required' | 'optional'): ReadChat {
  const shape = readAnthropicShape(document.root, maxTokens);
  if (shape.kind === 'problem') return shape;
  const { chat, begins } = shape;
  const blocks = readBlocks(document, chat.messages, begins);
  return new BlockChat(shape.model, chat, blocks, whereabouts(begins));
}

const IN_MESSAGE = /^\/messages\/(\d+)/;
const IN_CALL = /^\/messages\/\d+\/content\/\d+\/input(?:\/|$)/;

/** One message of the body may be several of the chat; the first of them stands for all. */
function whereabouts(begins: readonly number[]): Whereabouts {
  return {
    messageAt(pointer) {
      const match = IN_MESSAGE.exec(pointer);
      return match === null ? undefined : begins[Number(match[1])];
    },
    isInCall: (pointer) => IN_CALL.test(pointer),
  };
}

function withTools(document: JsonDocument, tools: readonly ToolDeclaration[]): string {
  const items = tools.map((tool) =>
    toJsonText({ name: tool.name, description: tool.description, input_schema: tool.parameters }),
  );
  return grow(document, 'tools', items);
}

function withToolRound(
  document: JsonDocument,
  assistantText: string,
  results: readonly ToolResult[],
  thoughts: readonly ReplyEvent[] = [],
): string {
  if (results.length === 0) return document.source;
  const idOf = (result: ToolResult, index: number): string => result.call.id || `toolu_${index}`;
  const assistant = {
    role: 'assistant',
    content: [
      ...thoughtBlocks(thoughts),
      ...(assistantText.trim() === '' ? [] : [{ type: 'text', text: assistantText }]),
      ...results.map((result, index) => ({
        type: 'tool_use',
        id: idOf(result, index),
        name: result.call.name,
        input: argumentsObject(result.call.arguments),
      })),
    ],
  };
  const answers = {
    role: 'user',
    content: results.map((result, index) => ({
      type: 'tool_result',
      tool_use_id: idOf(result, index),
      content: result.content,
    })),
  };
  const choice = document.root['tool_choice'];
  const kind = typeof choice === 'object' && choice !== null && 'type' in choice ? choice['type'] : 'auto';
  // A forced call has been made; left in place it would force the next turn to call again, forever.
  const isForced = kind === 'any' || kind === 'tool';
  return editRoot(document, {
    append: { messages: [toJsonText(assistant), toJsonText(answers)] },
    ...(isForced ? { set: { tool_choice: '{"type":"auto"}' } } : {}),
  });
}

/** What the turn thought, and what the provider's own tools did in it, as blocks. Reasoning that nobody signed was made elsewhere. */
function thoughtBlocks(events: readonly ReplyEvent[]): readonly object[] {
  const blocks: object[] = [];
  let thinking = '';
  for (const event of events) {
    if (event.kind === 'reasoning') thinking += event.text;
    if (event.kind === 'native' && event.wire === PROTOCOL) blocks.push(event.value);
    if (event.kind !== 'reasoning-seal' || event.vouches !== true) continue;
    blocks.push({ type: 'thinking', thinking, signature: event.seal });
    thinking = '';
  }
  return blocks;
}

function withPreface(document: JsonDocument, text: string): string {
  const system = document.root['system'] ?? null;
  if (Array.isArray(system)) {
    const at = (document.members.get('system')?.valueStart ?? 0) + 1;
    const block = toJsonText({ type: 'text', text });
    return spliceText(document.source, [{ start: at, end: at, text: system.length > 0 ? `${block},` : block }]);
  }
  const joined = typeof system === 'string' && system !== '' ? `${text}\n\n${system}` : text;
  return editRoot(document, { set: { system: toJsonText(joined) } });
}
