/**
 * Overlapping findings of one segment become findings that do not overlap. The higher label wins, then the score, then the
 * longer span; what is sensitive is never uncovered: two sensitive spans that overlap become one over both.
 */

export interface Ranked {
  readonly start: number;
  readonly end: number;
  readonly score: number;
  /** Rank of the entity's label; 0 is the lowest and only evidence. */
  readonly rank: number;
}

export interface Resolution<T> {
  readonly kept: readonly T[];
  readonly overlapped: readonly T[];
}

/** resolveOverlaps needs `widen` to make a copy of an item over a larger span. */
export function resolveOverlaps<T extends Ranked>(
  items: readonly T[],
  widen: (item: T, start: number, end: number) => T,
): Resolution<T> {
  if (items.length < 2) return { kept: items, overlapped: [] };
  // Sensitive spans first, alone: their union stands whatever evidence overlaps it.
  const sensitive = sweep(
    items.filter((item) => item.rank > 0),
    widen,
  );
  const evidence = sweep(
    items.filter((item) => item.rank === 0),
    undefined,
  );
  const overlapped = [...sensitive.overlapped, ...evidence.overlapped];
  const kept = [...sensitive.kept];
  let index = 0;
  for (const item of evidence.kept) {
    while (index < sensitive.kept.length && (sensitive.kept[index]?.end ?? 0) <= item.start) index++;
    const next = sensitive.kept[index];
    if (next && next.start < item.end) overlapped.push(item);
    else kept.push(item);
  }
  return { kept: kept.toSorted((left, right) => left.start - right.start), overlapped };
}

/** One pass from left to right; `widen` absent means the loser's extra part is let go. */
function sweep<T extends Ranked>(
  items: readonly T[],
  widen: ((item: T, start: number, end: number) => T) | undefined,
): Resolution<T> {
  const kept: T[] = [];
  const overlapped: T[] = [];
  for (const item of items.toSorted((left, right) => left.start - right.start || right.end - left.end)) {
    const last = kept.at(-1);
    if (!last || item.start >= last.end) {
      kept.push(item);
      continue;
    }
    const winner = beats(item, last) ? item : last;
    overlapped.push(winner === item ? last : item);
    const start = Math.min(last.start, item.start);
    const end = Math.max(last.end, item.end);
    kept[kept.length - 1] =
      widen && (winner.start !== start || winner.end !== end) ? widen(winner, start, end) : winner;
  }
  return { kept, overlapped };
}

function beats(left: Ranked, right: Ranked): boolean {
  if (left.rank !== right.rank) return left.rank > right.rank;
  if (left.score !== right.score) return left.score > right.score;
  return left.end - left.start > right.end - right.start;
}
