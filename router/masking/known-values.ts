/**
 * Values this conversation has masked before, found again wherever they stand. Recognizers may need context ("SSN: …") that a repeat, or a tool call's arguments, does
 * not have; what was once worth masking is masked everywhere. Linear in the text, whatever the number of values. Fails closed: a repeat where
 * nothing can be masked (a key, a number) makes the request not maskable.
 */
import { type Finding, toScore } from '../../classifiers/finding.ts';
import type { Segment } from '../../classifiers/segment.ts';

/** Shorter values stand in too many words to be looked for. */
const MIN_CHARS = 3;
/** Of digits, whatever separates them. */
const MIN_DIGITS = 6;
const HEAD = 3;
const DIGITS = /\d(?:[ .\-/_,:\u00a0]{0,2}\d){5,63}/g;
const WORD = /[\p{L}\p{N}]/u;

/** knownValuesIn finds every place in `segments` where one of `values` stands as a whole word, in any case; numbers also with other separators. */
export function knownValuesIn(segments: readonly Segment[], values: Iterable<string>): readonly Finding[] {
  const byHead = new Map<string, string[]>();
  const numbers = new Set<string>();
  for (const value of values) {
    if (value.length < MIN_CHARS) continue;
    const lower = value.toLowerCase();
    const head = lower.slice(0, HEAD);
    byHead.set(head, [...(byHead.get(head) ?? []), lower]);
    const digits = value.replace(/\D/g, '');
    // A date's or an address's digits are not the value; a number's are.
    if (digits.length >= MIN_DIGITS && digits.length * 2 >= value.length) numbers.add(digits);
  }
  if (byHead.size === 0) return [];
  return segments.flatMap((segment) => [...literals(segment, byHead), ...regrouped(segment, numbers)]);
}

function* literals(segment: Segment, byHead: ReadonlyMap<string, readonly string[]>): Generator<Finding> {
  const text = segment.text.toLowerCase();
  // Lower-casing may change lengths (İ); then offsets would lie, and the text is taken as it is.
  const searched = text.length === segment.text.length ? text : segment.text;
  for (let at = 0; at + HEAD <= searched.length; at += 1) {
    if (at > 0 && WORD.test(searched[at - 1] ?? '') && WORD.test(searched[at] ?? '')) continue;
    const candidates = byHead.get(searched.slice(at, at + HEAD));
    if (candidates === undefined) continue;
    for (const value of candidates) {
      const end = at + value.length;
      if (!searched.startsWith(value, at) || (WORD.test(searched[end - 1] ?? '') && WORD.test(searched[end] ?? '')))
        continue;
      yield finding(segment, at, end);
    }
  }
}

function* regrouped(segment: Segment, numbers: ReadonlySet<string>): Generator<Finding> {
  if (numbers.size === 0) return;
  for (const match of segment.text.matchAll(DIGITS)) {
    const digits = match[0].replace(/\D/g, '');
    if (numbers.has(digits)) yield finding(segment, match.index, match.index + match[0].length);
  }
}

function finding(segment: Segment, start: number, end: number): Finding {
  return {
    entity: 'KNOWN_VALUE',
    span: { segment: segment.pointer, start, end },
    score: toScore(1),
    recognizer: 'known-values',
    explanation: { pattern: 'repeat', views: [], steps: [] },
  };
}
