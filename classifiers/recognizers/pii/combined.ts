/**
 * combined makes one recognizer of several that wake for the same thing, so that a number in a log asks one guard instead of
 * twenty. Its name stands for all of them in `classify.disable`; entities and patterns stay each one's own.
 */
import type { Recognizer } from '../../recognizer.ts';

export function combined(
  name: string,
  parts: readonly Recognizer[],
  /** Cheap and wider than every part's own guard: where it says no, no part has a value. */
  mayHold: RegExp,
): Recognizer {
  const reach = { before: 0, after: 0 };
  for (const part of parts) {
    reach.before = Math.max(reach.before, part.reach?.before ?? 64);
    reach.after = Math.max(reach.after, part.reach?.after ?? 64);
  }
  return {
    name,
    entities: [...new Set(parts.flatMap(({ entities }) => entities))],
    triggers: parts.flatMap(({ triggers }) => triggers),
    reach,
    cost: parts.reduce((sum, part) => sum + (part.cost ?? 1), 0),
    guard: (text, start, end) =>
      mayHold.test(text.slice(Math.max(0, start - 14), end + 14)) &&
      parts.some((part) => part.guard?.(text, start, end) ?? true),
    find(input, window, report) {
      for (const part of parts) part.find(input, window, report);
    },
  };
}
