/**
 * A /responses request with what it only points to put in: the replies before it, items named by id. From here on it is a request like any other: all of it is classified, and nothing
 * is left for an upstream to look up. Fails closed: what is not found here is an error, never a pointer that leaves.
 */
import type { ErrorCode } from '../errors.ts';
import type { JsonDocument, JsonValue } from '../json/document.ts';
import { editRoot, toJsonText } from '../json/splice.ts';
import { isObject } from '../protocols/shape.ts';
import { rankOf } from '../policy/rank.ts';
import { openCompaction, toItem } from './compactions.ts';
import { historyOf, type ResponseStore, type StoredResponse } from './response-store.ts';

export type Expanded =
  | {
      readonly kind: 'expanded';
      readonly source: string;
      readonly previous: StoredResponse | undefined;
      /** The request's own items, references looked up, JSON text each. */
      readonly own: readonly string[];
      /** Those, and before them all that the request goes on from. */
      readonly items: readonly string[];
      /** What the conversation is already known to be, from what it goes on from. */
      readonly floor: Floor | undefined;
    }
  | { readonly kind: 'problem'; readonly code: ErrorCode; readonly pointer: string };

export interface Floor {
  readonly label: string;
  readonly maskable: boolean;
}

export function expand(
  document: JsonDocument,
  principal: string,
  store: Pick<ResponseStore, 'find' | 'findItem'>,
  { key, policy }: { readonly key: Buffer; readonly policy: { readonly ladder: readonly string[] } },
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
  const floors: Floor[] = previous === undefined ? [] : [previous];
  for (const [index, item] of (Array.isArray(input) ? (input as readonly JsonValue[]) : []).entries()) {
    const reference = referenceOf(item);
    const compaction =
      isObject(item) && item['type'] === 'compaction'
        ? openCompaction(key, principal, item['encrypted_content'])
        : undefined;
    if (compaction !== undefined) {
      looksUp = true;
      floors.push(compaction);
      own.push(toJsonText(toItem(compaction)));
      continue;
    }
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
  const items = [...(previous === undefined ? [] : historyOf(previous)), ...own];
  const floor = highest(floors, policy.ladder);
  // A body without input is no request, whatever went before; the shape says so.
  if ((previous === undefined && !looksUp) || (input ?? null) === null)
    return { kind: 'expanded', source: document.source, previous, own, items, floor };
  const source = editRoot(document, { set: { input: `[${items.join(',')}]` }, drop: ['previous_response_id'] });
  return { kind: 'expanded', source, previous, own, items, floor };
}

/** The highest label of all; maskable only where all are. A label that is no longer on the ladder ranks above it. */
function highest(floors: readonly Floor[], ladder: readonly string[]): Floor | undefined {
  const [first, ...others] = floors;
  if (first === undefined) return undefined;
  return others.reduce<Floor>(
    (before, each) => ({
      label: rankOf(ladder, each.label) > rankOf(ladder, before.label) ? each.label : before.label,
      maskable: before.maskable && each.maskable,
    }),
    { label: first.label, maskable: first.maskable },
  );
}

/** The id an item points to; undefined when it is an item itself. */
function referenceOf(item: JsonValue): string | undefined {
  if (!isObject(item) || typeof item['id'] !== 'string') return undefined;
  const { type = null, role } = item;
  return type === 'item_reference' || (type === null && role === undefined) ? item['id'] : undefined;
}
