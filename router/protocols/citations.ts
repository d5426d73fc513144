/**
 * What a text rests on, from one wire to another, where the other has a form for it: an address with a title. Passages of documents that only their own wire can name stay there. Pure.
 */
import type { NativeValue, ReplyEvent } from '../chat.ts';

type Annotation = Extract<ReplyEvent, { readonly kind: 'annotation' }>;

export const ANTHROPIC = 'anthropic-messages';
const WEB = /^https?:\/\//i;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** fromAnthropic makes an annotation of a citation and of the text it stands under; positions are characters in the reply's text. */
export function fromAnthropic(citation: NativeValue, start: number, end: number): Annotation {
  const url = citation['type'] === 'search_result_location' ? text(citation['source']) : text(citation['url']);
  const value = WEB.test(url)
    ? { type: 'url_citation', url, title: text(citation['title']), start_index: start, end_index: end }
    : {};
  return { kind: 'annotation', choice: 0, value, native: { wire: ANTHROPIC, value: citation } };
}

/** toAnthropic gives a citation as its client knows it. What another wire found bears no mark of the provider's, so the provider is never sent it back. */
export function toAnthropic({ value, native }: Annotation): NativeValue | undefined {
  if (native?.wire === ANTHROPIC) return native.value;
  if (value['type'] !== 'url_citation') return undefined;
  return {
    type: 'web_search_result_location',
    url: text(value['url']),
    title: text(value['title']),
    encrypted_index: '',
    cited_text: '',
  };
}

/** toChat gives an annotation as chat completions have it. */
export function toChat({ value }: Annotation): object | undefined {
  const { type, ...rest } = value;
  return type === 'url_citation' ? { type, url_citation: rest } : undefined;
}

/** fromChat reads one, undefined for a kind that wire does not have. */
export function fromChat(annotation: unknown, choice: number): Annotation | undefined {
  const fields = annotation as { readonly type?: unknown; readonly url_citation?: unknown } | null;
  if (typeof fields !== 'object' || fields?.type !== 'url_citation') return undefined;
  const { url_citation: citation } = fields;
  if (typeof citation !== 'object' || citation === null || Array.isArray(citation)) return undefined;
  return { kind: 'annotation', choice, value: { type: 'url_citation', ...citation } };
}
