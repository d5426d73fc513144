/**
 * Content blocks of the Messages API by what may be done with them. Fails towards `unreadable`: a block nobody here knows may hold anything.
 *
 * `text`: every leaf of it can be read. `blob`: readable but for a blob that its issuer alone can open (a signature, hidden reasoning, encrypted search
 * results); the blob leaves only for the upstream that issued it. `media`: bytes or a reference that nobody here reads as text.
 */
import type { JsonObject, JsonValue } from '../json/document.ts';
import { readDataUrl } from './data-url.ts';
import { isObject } from './shape.ts';

export type BlockKind = 'text' | 'blob' | 'media' | 'unreadable';

const KINDS: Readonly<Record<string, BlockKind>> = {
  text: 'text',
  tool_use: 'text',
  tool_result: 'text',
  search_result: 'text',
  thinking: 'blob',
  redacted_thinking: 'blob',
  server_tool_use: 'text',
  web_search_tool_result: 'blob',
  web_fetch_tool_result: 'blob',
  tool_search_tool_result: 'text',
  code_execution_tool_result: 'text',
  bash_code_execution_tool_result: 'text',
  text_editor_code_execution_tool_result: 'text',
  mcp_tool_use: 'text',
  mcp_tool_result: 'text',
  tool_reference: 'text',
  image: 'media',
  document: 'media',
};

export function kindOf(type: unknown): BlockKind {
  return typeof type === 'string' && Object.hasOwn(KINDS, type) ? (KINDS[type] ?? 'unreadable') : 'unreadable';
}

/** Blocks of a tool that the provider ran in its own house; no local model can have made or may need them. */
export function isProviderRun(type: unknown): boolean {
  return (
    typeof type === 'string' && (type === 'server_tool_use' || type === 'mcp_tool_use' || type.endsWith('_tool_result'))
  );
}

/** Keys whose string only the issuer can open, and in which blocks they stand. */
export const THINKING_BLOBS: ReadonlySet<string> = new Set(['signature']);
export const REDACTED_BLOBS: ReadonlySet<string> = new Set(['data']);
export const SEARCH_BLOBS: ReadonlySet<string> = new Set(['encrypted_content', 'encrypted_index']);

/** What a `source` of an image or a document is. `inline`: text that stands in the body as it is. `decoded`: text in base64. */
export type Source =
  | { readonly kind: 'inline' }
  | { readonly kind: 'blocks' }
  | { readonly kind: 'decoded'; readonly text: string }
  | { readonly kind: 'base64'; readonly url: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'other' };

export function readSource(source: JsonValue | undefined): Source {
  if (!isObject(source)) return { kind: 'other' };
  switch (source['type']) {
    case 'text':
      return { kind: 'inline' };
    case 'content':
      return { kind: 'blocks' };
    case 'base64': {
      if (typeof source['data'] !== 'string') return { kind: 'other' };
      const media = typeof source['media_type'] === 'string' ? source['media_type'] : '';
      const url = `data:${media};base64,${source['data']}`;
      const read = readDataUrl(url);
      return read.kind === 'text' ? { kind: 'decoded', text: read.text } : { kind: 'base64', url };
    }
    case 'url':
      return typeof source['url'] === 'string' ? { kind: 'url', url: source['url'] } : { kind: 'other' };
    default:
      return { kind: 'other' };
  }
}

/** readableText of a block that a local model is shown as text: the values a reader would look at, line by line. */
export function readableText(value: JsonValue | undefined): string {
  const lines: string[] = [];
  collect(value, lines);
  return lines.join('\n');
}

const SHOWN = ['title', 'url', 'source', 'text', 'stdout', 'stderr', 'error_code', 'query', 'code', 'data'];

function collect(value: JsonValue | undefined, lines: string[]): void {
  if (Array.isArray(value)) for (const item of value as readonly JsonValue[]) collect(item, lines);
  else if (isObject(value)) {
    for (const key of SHOWN) {
      const each = value[key];
      if (typeof each === 'string' && each !== '') lines.push(each);
    }
    for (const [key, each] of Object.entries(value))
      if (!(SHOWN.includes(key) && typeof each === 'string')) collect(isContainer(each) ? each : undefined, lines);
  }
}

const isContainer = (value: JsonValue): value is JsonObject | readonly JsonValue[] =>
  typeof value === 'object' && value !== null;
