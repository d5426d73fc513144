/** A line for the model that says what placeholders are, only where there are any: models that are not told try to resolve or repair them. */
import type { JsonDocument, JsonObject } from '../json/document.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { spliceText, toJsonText } from '../json/splice.ts';

export const PLACEHOLDER_LINE =
  'Some values in this conversation stand as placeholders in double square brackets, made of a type and ten letters. Use a placeholder wherever its value belongs, copied exactly, brackets included. Do not change, split, translate, guess or comment on it.';

/** explainPlaceholders gives the source with the line where the protocol puts it, by default as its first message; unchanged for a count of 0. */
export function explainPlaceholders(
  document: JsonDocument,
  count: number,
  protocol: Pick<Protocol, 'withPreface'> = {},
): string {
  if (count > 0 && protocol.withPreface !== undefined) return protocol.withPreface(document, PLACEHOLDER_LINE);
  const member = document.members.get('messages');
  const array = document.arrays.get('messages');
  if (count === 0 || member === undefined || array === undefined) return document.source;
  const messages = document.root['messages'] as readonly JsonObject[];
  // Reasoning models refuse the two roles together.
  const role = messages.some((message) => message['role'] === 'developer') ? 'developer' : 'system';
  const text = toJsonText({ role, content: PLACEHOLDER_LINE });
  const at = member.valueStart + 1;
  return spliceText(document.source, [{ start: at, end: at, text: array.length > 0 ? `${text},` : text }]);
}
