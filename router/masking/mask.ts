/**
 * Findings of a request replaced by placeholders, in strings and in JSON inside strings; types and keys stay. Fails closed: what cannot be replaced
 * without changing what a value is (keys, numbers, names of the wire, a value dealt out over several places, a decoded file) makes the
 * request not maskable, and the caller classifies the result again in any case.
 */
import type { Finding } from '../../classifiers/finding.ts';
import type { JsonDocument, Leaf } from '../json/document.ts';
import { escapeToken, pointerOf } from '../json/document.ts';
import { readInnerJson } from '../json/parse.ts';
import { type Edit, spliceText } from '../json/splice.ts';
import { looksLikeJson } from '../protocols/segments.ts';
import { type MaskSpan, settleSpans, toMaskSpan } from './spans.ts';
import type { MaskMap } from './store.ts';

export type MaskResult =
  /** `count`: placeholders put in; 0 leaves the source as it is. */
  | { readonly kind: 'masked'; readonly source: string; readonly count: number }
  /** `pointer`: the first place that cannot be masked. Keys in it are the client's words. */
  | { readonly kind: 'not-maskable'; readonly pointer: string };

export interface MaskOptions {
  /** Findings that need not go (evidence below what the receiver may see): masked where that is possible, left where it is not. */
  readonly mayStay?: (finding: Finding) => boolean;
}

export interface Masker {
  mask(document: JsonDocument, findings: readonly Finding[], options?: MaskOptions): MaskResult;
}

/** Where the wire allows no brackets or matches values with each other: a placeholder there is a broken request. */
const WIRE_NAMES: ReadonlySet<string> = new Set([
  'model',
  'role',
  'type',
  'id',
  'tool_call_id',
  'tool_use_id',
  'name',
  'tool_name',
]);
/** The arguments of a call in Anthropic's form are an object of the body: names in it are the tool's, not the wire's. */
const CALL_INPUT = /^\/messages\/\d+\/content\/\d+\/input\//;

const INNER_LIMITS = { maxDepth: 64, maxLeaves: 200_000 };

/** Carries the place out of the recursion; never leaves this file. */
class NotMaskable {
  readonly pointer: string;
  constructor(pointer: string) {
    this.pointer = pointer;
  }
}

export function createMasker(map: MaskMap): Masker {
  return {
    mask(document, findings, options = {}) {
      try {
        return maskDocument(document, findings, options.mayStay ?? (() => false), map);
      } catch (fault) {
        if (fault instanceof NotMaskable) return { kind: 'not-maskable', pointer: fault.pointer };
        throw fault;
      }
    },
  };
}

/** Findings of one string: its own, and those of JSON inside it by pointer. */
interface Wanted {
  readonly spans: { readonly span: MaskSpan; readonly required: boolean }[];
  readonly inner: Map<string, Wanted>;
}

function maskDocument(
  document: JsonDocument,
  findings: readonly Finding[],
  mayStay: (finding: Finding) => boolean,
  map: MaskMap,
): MaskResult {
  const wanted = new Map<string, Wanted>();
  for (const finding of findings) {
    const { segment } = finding.span;
    const required = !mayStay(finding);
    // Half of a value dealt out over two places would stay behind.
    if (finding.explanation.views.includes('joined')) {
      if (required) return { kind: 'not-maskable', pointer: segment };
      continue;
    }
    const [outer = '', ...path] = splitPointer(segment);
    let at = wantedAt(wanted, outer);
    for (const inner of path) at = wantedAt(at.inner, inner);
    at.spans.push({ span: toMaskSpan(finding), required });
  }

  const edits: Edit[] = [];
  let count = 0;
  for (const [leaf, pointer, want] of leavesOf(document.leaves, wanted)) {
    const named =
      leaf !== undefined && typeof leaf.key === 'string' && WIRE_NAMES.has(leaf.key) && !CALL_INPUT.test(pointer);
    if (leaf === undefined || leaf.kind !== 'string' || named || /^\s{0,16}data:/i.test(leaf.text)) {
      if (isRequired(want)) return { kind: 'not-maskable', pointer };
      continue;
    }
    const masked = maskText(leaf.text, want, pointer, map);
    if (masked.count === 0) continue;
    count += masked.count;
    edits.push({ start: leaf.start, end: leaf.end, text: JSON.stringify(masked.text) });
  }
  return { kind: 'masked', source: spliceText(document.source, edits), count };
}

/** `#` parts a string from the JSON inside it; keys may hold one too, so only `#/` after a pointer counts, and ambiguity ends in a leaf not found. */
function splitPointer(segment: string): string[] {
  return segment.split(/#(?=\/)/);
}

function wantedAt(map: Map<string, Wanted>, pointer: string): Wanted {
  const known = map.get(pointer) ?? { spans: [], inner: new Map<string, Wanted>() };
  map.set(pointer, known);
  return known;
}

function isRequired(want: Wanted): boolean {
  return want.spans.some((each) => each.required) || [...want.inner.values()].some(isRequired);
}

/** Each wanted pointer with its value leaf, `undefined` when there is none: the finding was in a key or somewhere that has no leaf. Duplicate names inside strings give several. */
function* leavesOf(
  leaves: readonly Leaf[],
  wanted: ReadonlyMap<string, Wanted>,
): Iterable<readonly [Leaf | undefined, string, Wanted]> {
  if (wanted.size === 0) return;
  const lastTokens = new Set([...wanted.keys()].map((pointer) => pointer.slice(pointer.lastIndexOf('/') + 1)));
  const missing = new Set(wanted.keys());
  for (const leaf of leaves) {
    if (leaf.kind === 'key' || !lastTokens.has(escapeToken(leaf.key))) continue;
    const pointer = pointerOf(leaf);
    const want = wanted.get(pointer);
    if (want === undefined) continue;
    missing.delete(pointer);
    yield [leaf, pointer, want];
  }
  for (const pointer of missing) yield [undefined, pointer, wanted.get(pointer)!];
}

interface Masked {
  readonly text: string;
  readonly count: number;
}

function maskText(text: string, want: Wanted, pointer: string, map: MaskMap): Masked {
  const inner = looksLikeJson(text) ? readInnerJson(text, INNER_LIMITS) : null;
  if (inner === 'over-budget') throw new NotMaskable(pointer);
  if (inner !== null) return maskInner(text, inner.leaves, want, pointer, map);
  if (isRequired({ spans: [], inner: want.inner })) throw new NotMaskable(pointer);
  for (const { span, required } of want.spans)
    if (required && (span.start < 0 || span.end > text.length || span.start >= span.end))
      throw new NotMaskable(pointer);
  const spans = settleSpans(
    text,
    want.spans
      .map((each) => each.span)
      .filter((span) => span.start >= 0 && span.end <= text.length && span.start < span.end),
    map,
  );
  let out = '';
  let position = 0;
  for (const span of spans) {
    const token = map.tokenFor(text.slice(span.start, span.end), span.entity);
    if (token === null) throw new NotMaskable(pointer);
    out += text.slice(position, span.start) + token;
    position = span.end;
  }
  return { text: out + text.slice(position), count: spans.length };
}

/** JSON in a string: findings of the outer text are carried into the leaves they touch, so that it stays JSON and types stay types. */
function maskInner(text: string, leaves: readonly Leaf[], want: Wanted, pointer: string, map: MaskMap): Masked {
  const perLeaf = new Map<Leaf, Wanted>();
  for (const [leaf, inside, each] of leavesOf(leaves, want.inner)) {
    if (leaf?.kind === 'string') merge(perLeaf, leaf, each);
    else if (isRequired(each)) throw new NotMaskable(`${pointer}#${inside}`);
  }
  const offsets = new Map<Leaf, OffsetMap>();
  for (const { span, required } of want.spans) {
    let touched = false;
    for (let index = firstEndingAfter(leaves, span.start); index < leaves.length; index++) {
      const leaf = leaves[index]!;
      if (leaf.start >= span.end) break;
      if (leaf.kind !== 'string') {
        if (required) throw new NotMaskable(`${pointer}#${pointerOf(leaf)}`);
        continue;
      }
      const toDecoded = offsets.get(leaf) ?? decodedOffsets(text, leaf);
      offsets.set(leaf, toDecoded);
      const start = toDecoded(Math.max(span.start, leaf.start + 1), 'before');
      const end = toDecoded(Math.min(span.end, leaf.end - 1), 'after');
      if (start >= end) continue;
      touched = true;
      merge(perLeaf, leaf, { spans: [{ span: { ...span, start, end }, required }], inner: new Map() });
    }
    if (!touched && required) throw new NotMaskable(pointer);
  }
  const edits: Edit[] = [];
  let count = 0;
  for (const [leaf, each] of perLeaf) {
    const masked = maskText(leaf.text, each, `${pointer}#${pointerOf(leaf)}`, map);
    if (masked.count === 0) continue;
    count += masked.count;
    edits.push({ start: leaf.start, end: leaf.end, text: JSON.stringify(masked.text) });
  }
  return { text: spliceText(text, edits), count };
}

function merge(perLeaf: Map<Leaf, Wanted>, leaf: Leaf, more: Wanted): void {
  const known = perLeaf.get(leaf) ?? { spans: [], inner: new Map<string, Wanted>() };
  known.spans.push(...more.spans);
  for (const [pointer, each] of more.inner) wantedAt(known.inner, pointer).spans.push(...each.spans);
  for (const [pointer, each] of more.inner)
    for (const [deeper, last] of each.inner) wantedAt(known.inner, pointer).inner.set(deeper, last);
  perLeaf.set(leaf, known);
}

/** Leaves stand in order and apart. */
function firstEndingAfter(leaves: readonly Leaf[], offset: number): number {
  let low = 0;
  let high = leaves.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (leaves[middle]!.end <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** From a place in a string's encoded form to its decoded text; a place inside an escape is before it or after it, as asked. */
type OffsetMap = (at: number, inside: 'before' | 'after') => number;

/** Worked out once per string: a long one may hold thousands of findings. */
function decodedOffsets(source: string, leaf: Leaf): OffsetMap {
  const first = leaf.start + 1;
  const length = leaf.end - 1 - first;
  if (length === leaf.text.length) return (at) => at - first;
  const starts = new Uint32Array(length + 1);
  const ends = new Uint32Array(length + 1);
  let decoded = 0;
  for (let at = 0; at < length; decoded++) {
    const escape = source[first + at] !== '\\' ? 1 : source[first + at + 1] === 'u' ? 6 : 2;
    for (let within = 0; within < escape; within++) {
      starts[at + within] = decoded;
      ends[at + within] = within === 0 ? decoded : decoded + 1;
    }
    at += escape;
  }
  starts[length] = decoded;
  ends[length] = decoded;
  return (at, inside) => (inside === 'before' ? starts : ends)[at - first] ?? decoded;
}
