/**
 * A /responses request with what it only points to put in: the replies before it, items named by id. From here on it is a request like any other: all of it is classified, and nothing
 * is left for an upstream to look up. Fails closed: what is not found here is an error, never a pointer that leaves.
 */
import type { ErrorCode } from '../errors.ts';
import type { JsonDocument, JsonValue } from '../json/document.ts';
import { editRoot, toJsonText } from '../json/splice.ts';
import { isObject } from '../protocols/shape.ts';
import { historyOf, type ResponseStore, type StoredResponse } from './response-store.ts';

export type Expanded =
  | {
      readonly kind: 'expanded';
      readonly source: string;
      readonly previous: StoredResponse | undefined;
      /** The request's own items, references looked up, JSON text each. */
      readonly own: readonly string[];
    }
  | { readonly kind: 'problem'; readonly code: ErrorCode; readonly pointer: string };

export function expand(
  document: JsonDocument,
  principal: string,
  store: Pick<ResponseStore, 'find' | 'findItem'>,
): Expanded {
  const problem = (code: ErrorCode, pointer: string): Expanded => ({ kind: 'problem', code, pointer });
  const { root } = document;
  if ((root['conversation'] ?? null) !== null) return problem('conversation_unsupported', '/conversation');
  if (root['background'] === true) return problem('background_unsupported', '/background');
  const id = root['previous_response_id'] ?? null;
  if (id !== null && typeof id !== 'string') return problem('wrong_type', '/previous_response_id');
  const previous = id === null ? undefined : store.find(principal, id);
  if (id !== null && previous === undefined) return problem('previous_response_not_found', '/previous_response_id');

  const own: string[] = [];
  const { input } = root;
  if (typeof input === 'string') own.push(toJsonText({ type: 'message', role: 'user', content: input }));
  let looksUp = false;
  for (const [index, item] of (Array.isArray(input) ? (input as readonly JsonValue[]) : []).entries()) {
    const reference = referenceOf(item);
    if (reference === undefined) {
      const extent = document.itemsOf('input')[index];
      own.push(document.source.slice(extent?.start, extent?.end));
      continue;
    }
    looksUp = true;
    const found = store.findItem(principal, reference);
    if (found === undefined) return problem('item_not_found', `/input/${index}/id`);
    own.push(found);
  }
  if (previous === undefined && !looksUp) return { kind: 'expanded', source: document.source, previous, own };
  // A body without input is no request, whatever went before; the shape says so.
  if ((input ?? null) === null) return { kind: 'expanded', source: document.source, previous, own };
  const items = [...(previous === undefined ? [] : historyOf(previous)), ...own];
  const source = editRoot(document, { set: { input: `[${items.join(',')}]` }, drop: ['previous_response_id'] });
  return { kind: 'expanded', source, previous, own };
}

/** The id an item points to; undefined when it is an item itself. */
function referenceOf(item: JsonValue): string | undefined {
  if (!isObject(item) || typeof item['id'] !== 'string') return undefined;
  const { type = null, role } = item;
  return type === 'item_reference' || (type === null && role === undefined) ? item['id'] : undefined;
}
