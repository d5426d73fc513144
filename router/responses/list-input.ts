/** The items a kept reply was made from, page by page, as the wire lists them: newest first unless asked otherwise. */
import { randomBytes } from 'node:crypto';
import type { ErrorCode } from '../errors.ts';
import { toJsonText } from '../json/splice.ts';
import { historyOf, idOf, type StoredResponse } from './response-store.ts';

export interface Page {
  readonly limit: string | undefined;
  readonly order: string | undefined;
  /** The id the page begins behind. */
  readonly after: string | undefined;
}

export type Listed =
  | { readonly kind: 'listed'; readonly body: string }
  | { readonly kind: 'problem'; readonly code: ErrorCode };

const MOST = 100;

export function listInput(response: StoredResponse, page: Page): Listed {
  const limit = page.limit === undefined ? 20 : Number(page.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST) return { kind: 'problem', code: 'out_of_range' };
  if (page.order !== undefined && page.order !== 'asc' && page.order !== 'desc')
    return { kind: 'problem', code: 'unsupported_value' };
  const before = response.previous === undefined ? [] : historyOf(response.previous);
  const oldestFirst = [...before, ...response.input];
  const items = page.order === 'asc' ? oldestFirst : oldestFirst.toReversed();
  const start = page.after === undefined ? 0 : items.findIndex((item) => idOf(item) === page.after) + 1;
  if (page.after !== undefined && start === 0) return { kind: 'problem', code: 'item_not_found' };
  const shown = items.slice(start, start + limit);
  const ids = shown.map(idOf);
  const body = `{"object":"list","data":[${shown.map(asResource).join(',')}],"first_id":${JSON.stringify(ids[0] ?? null)},"last_id":${JSON.stringify(ids.at(-1) ?? null)},"has_more":${start + limit < items.length}}`;
  return { kind: 'listed', body };
}

/** A message is listed with a status and with parts, whatever short form it was sent in. */
export function asResource(item: string): string {
  const value = JSON.parse(item) as Readonly<Record<string, unknown>>;
  if (value['type'] !== 'message') return item;
  const type = value['role'] === 'assistant' ? 'output_text' : 'input_text';
  const { content } = value;
  return JSON.stringify({
    status: 'completed',
    ...value,
    content:
      typeof content === 'string'
        ? [type === 'output_text' ? { type, text: content, annotations: [], logprobs: [] } : { type, text: content }]
        : content,
  });
}

/** Items are listed and referred to by id, which clients need not give. */
export function withId(item: string): string {
  if (idOf(item) !== '') return item;
  const value = JSON.parse(item) as { readonly type?: string };
  return toJsonText({
    type: 'message',
    ...value,
    id: `${value.type === undefined || value.type === 'message' ? 'msg' : 'item'}_${randomBytes(16).toString('hex')}`,
  });
}
