/**
 * Values cut over several segments of one flow: content parts, the same speaker's messages, stream deltas sent back as
 * messages. The end of what went before is read together with the start of what follows.
 */
import type { Segment } from './segment.ts';

/** Longest value worth joining; keys and addresses are shorter. */
export const TAIL = 128;
const HEAD = 128;
/** `second half: …`: a short label before the rest of a value is no part of it. */
const LABEL = /^[\s\p{P}]{0,4}(?:[\p{L}\p{M}'’]{1,20}[ \t]{1,2}){0,6}[\p{L}\p{M}\d'’#]{1,20}\s{0,2}[:=]\s{0,3}/u;

/** Belongs to no segment: nothing of it is ever reported or masked. */
const BLANK: Piece = { segment: -1, offset: 0, text: ' ' };

/** A piece of a joined text: `length` units at `offset` of segment `segment`. */
export interface Piece {
  readonly segment: number;
  readonly offset: number;
  readonly text: string;
}

export interface Join {
  readonly text: string;
  readonly pieces: readonly Piece[];
  /** Where the newest piece begins; only findings across it are new. */
  readonly seam: number;
  readonly hint: string;
}

/**
 * What was said so far, in every flow: everything, and per role what that role said. Both roll on, so a value dealt out over many
 * parts is found. `index` is the caller's name for a segment; a later one is higher.
 */
export class Tails {
  readonly #tails = new Map<string, readonly Piece[]>();

  /** seams yields every place worth a second look between `segment` and what went before. */
  *seams(segment: Segment, index: number): Generator<Join> {
    if (!flows(segment)) return;
    const before = this.#tails.get(`${segment.flow}`);
    const own = this.#tails.get(`${segment.flow}/${segment.role}`);
    if (before) yield* seams(before, segment, index);
    if (own && own.at(-1)?.segment !== before?.at(-1)?.segment) yield* seams(own, segment, index);
  }

  add(segment: Segment, index: number): void {
    if (!flows(segment)) return;
    for (const tail of [`${segment.flow}`, `${segment.flow}/${segment.role}`])
      this.#tails.set(tail, extended(this.#tails.get(tail), segment, index));
  }
}

const flows = (segment: Segment): boolean => segment.flow >= 0 && segment.text !== '';

function* seams(tail: readonly Piece[], segment: Segment, index: number): Generator<Join> {
  const head = segment.text.slice(0, HEAD);
  const before = tail.map((piece) => piece.text).join('');
  if (!mayContinue(before, head)) return;
  yield joined(tail, before, { segment: index, offset: 0, text: head }, segment.hint);
  // Two messages stand apart: groups of digits that were cut between them read on with a blank.
  if (/\d$/.test(before) && /^\d/.test(head))
    yield joined([...tail, BLANK], `${before} `, { segment: index, offset: 0, text: head }, segment.hint);
  const label = LABEL.exec(head)?.[0].length ?? 0;
  if (label === 0 || label >= head.length) return;
  const rest = (offset: number): Piece => ({ segment: index, offset, text: segment.text.slice(offset, offset + HEAD) });
  yield joined(tail, before, rest(label), segment.hint);
  // Groups of digits keep the blank between them.
  if (head[label - 1] === ' ') yield joined(tail, before, rest(label - 1), segment.hint);
}

function joined(tail: readonly Piece[], before: string, piece: Piece, hint: string): Join {
  return { text: before + piece.text, pieces: [...tail, piece], seam: before.length, hint };
}

/** Prose that ends and prose that begins hold no value between them: both sides must have what values are made of. */
function mayContinue(before: string, head: string): boolean {
  const mayBegin =
    /[\d@]|[A-Za-z0-9+/_-]{12}/.test(before.slice(-40)) || (/^[\w.+-]{0,64}@/.test(head) && /[\w.+-]$/.test(before));
  return mayBegin && /[\d@]|[A-Za-z0-9+/_-]{12}|^[A-Za-z0-9+/_.-]{4}/.test(head.slice(0, 64));
}

function extended(tail: readonly Piece[] | undefined, { text }: Segment, index: number): readonly Piece[] {
  const own: Piece = { segment: index, offset: Math.max(0, text.length - TAIL), text: text.slice(-TAIL) };
  if (text.length >= TAIL || !tail) return [own];
  let room = TAIL - text.length;
  const kept: Piece[] = [];
  for (const piece of tail.toReversed()) {
    if (room <= 0) break;
    const dropped = Math.max(0, piece.text.length - room);
    kept.unshift({ segment: piece.segment, offset: piece.offset + dropped, text: piece.text.slice(dropped) });
    room -= piece.text.length;
  }
  return [...kept, own];
}

/** placesOf maps a span of the joined text to the segments it lies in. */
export function placesOf(
  join: Join,
  start: number,
  end: number,
): readonly { readonly segment: number; readonly start: number; readonly end: number }[] {
  const places: { segment: number; start: number; end: number }[] = [];
  let at = 0;
  for (const piece of join.pieces) {
    const from = Math.max(start, at);
    const to = Math.min(end, at + piece.text.length);
    if (from < to && piece.segment >= 0)
      places.push({ segment: piece.segment, start: piece.offset + from - at, end: piece.offset + to - at });
    at += piece.text.length;
  }
  return places;
}
