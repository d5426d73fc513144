/** Ranges of one text that are to be masked: widened to whole values, joined where they meet. */
import type { Finding, View } from '../../classifiers/finding.ts';
import type { MaskMap } from './store.ts';

/** `start`/`end` are UTF-16 offsets in the text the span belongs to. */
export interface MaskSpan {
  readonly start: number;
  readonly end: number;
  readonly entity: string;
  readonly score: number;
  /** Read through a view: the encoded run around it says what it says only as a whole. */
  readonly encoded: boolean;
}

/** Views in which every character stands where it stood in the text. */
const IN_PLACE: ReadonlySet<View> = new Set(['plain', 'normalized']);

export function toMaskSpan(finding: Finding): MaskSpan {
  return {
    start: finding.span.start,
    end: finding.span.end,
    entity: finding.entity,
    score: finding.score,
    encoded: finding.explanation.views.some((view) => !IN_PLACE.has(view)),
  };
}

/** settleSpans gives the ranges to replace, in order, none touching another, none inside a placeholder of this conversation. */
export function settleSpans(text: string, spans: readonly MaskSpan[], map: MaskMap): MaskSpan[] {
  // Text that is already masked is not masked again; a token nobody here made is text like any other.
  const masked = map.findIn(text);
  const whole = spans
    .map((span) => widen(text, span))
    .flatMap((span) => without(span, masked))
    .toSorted((a, b) => a.start - b.start || b.end - a.end);
  const settled: MaskSpan[] = [];
  for (const span of whole) {
    const last = settled.at(-1);
    if (last === undefined || span.start > last.end) settled.push(span);
    else {
      const named = longer(span, last) ? span : last;
      settled[settled.length - 1] = { ...named, start: last.start, end: Math.max(last.end, span.end) };
    }
  }
  return settled;
}

function longer(a: MaskSpan, b: MaskSpan): boolean {
  const difference = a.end - a.start - (b.end - b.start);
  return difference > 0 || (difference === 0 && a.score > b.score);
}

function widen(text: string, span: MaskSpan): MaskSpan {
  let { start, end } = span;
  if (span.encoded) {
    while (start > 0 && !isSpace(text.charCodeAt(start - 1))) start--;
    while (end < text.length && !isSpace(text.charCodeAt(end))) end++;
  }
  // Half a surrogate pair left behind is no text any more.
  if (isLow(text.charCodeAt(start)) && isHigh(text.charCodeAt(start - 1))) start--;
  if (isLow(text.charCodeAt(end)) && isHigh(text.charCodeAt(end - 1))) end++;
  // Marks belong to the character before them; alone they would stick to the bracket.
  while (end < text.length && MARK.test(text[end]!)) end++;
  return { ...span, start, end };
}

const MARK = /\p{M}/u;
const isSpace = (unit: number): boolean => unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** `masked` is in order and apart. */
function without(span: MaskSpan, masked: readonly Range[]): MaskSpan[] {
  let low = 0;
  let high = masked.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (masked[middle]!.end <= span.start) low = middle + 1;
    else high = middle;
  }
  const rest: MaskSpan[] = [];
  let { start } = span;
  for (; low < masked.length && masked[low]!.start < span.end; low++) {
    if (masked[low]!.start > start) rest.push({ ...span, start, end: masked[low]!.start });
    start = masked[low]!.end;
  }
  if (start < span.end) rest.push({ ...span, start });
  return rest;
}
