import type { JsonDocument } from '../../../router/json/document.ts';
import { parseJsonText } from '../../../router/json/parse.ts';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';
import type { ReadChat } from '../../../router/protocols/protocol.ts';

/** Request bodies for tests of the protocol, and what reading them gives. */
export const LIMITS = { maxDepth: 64, maxLeaves: 100_000 };

export function document(body: unknown): JsonDocument {
  const parsed = parseJsonText(typeof body === 'string' ? body : JSON.stringify(body), LIMITS);
  if (parsed.kind !== 'document') throw new Error(`refused: ${parsed.problem.code}`);
  return parsed.document;
}
export const readAny = (body: unknown): ReadChat => openaiChat.read(document(body));
export function read(body: unknown): Extract<ReadChat, { kind: 'chat' }> {
  const chat = readAny(body);
  if (chat.kind === 'problem') throw new Error(`problem: ${chat.problem.code} ${chat.problem.pointer}`);
  return chat;
}
export const user = (content: unknown): object => ({ role: 'user', content });
export const said = (body: unknown): string[] =>
  read(body).segments.map((segment) => `${segment.form} ${segment.role} ${segment.pointer} ${segment.text}`);
