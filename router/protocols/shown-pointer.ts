/**
 * Pointers as evidence may show them: in logs, metrics, audit and receipts. A key is the client's own word (a record keyed by a person's
 * number has it in every pointer), so only indices and words of the wire stay; the rest is a star.
 */
import { WIRE_WORDS } from './segments.ts';

/** shownPointer keeps the shape of a pointer and none of its content: `/metadata/*`, `/messages/2/tool_calls/0/function/arguments#/*`. */
export function shownPointer(pointer: string): string {
  return pointer
    .split('/')
    .map((part) => {
      const inner = part.endsWith('#') ? '#' : '';
      const token = inner === '' ? part : part.slice(0, -1);
      return token === '' || /^\d{1,6}$/.test(token) || WIRE_WORDS.has(token) ? part : `*${inner}`;
    })
    .join('/');
}
