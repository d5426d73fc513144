/**
 * shapeGuard lets a window open only where the text around a trigger has a value's rough shape. Numbers are everywhere in logs,
 * tables and JSON, and a hundred recognizers wait for some; with guards each costs one short look. A guard that is too
 * narrow hides values, so it may only ask for what the pattern itself cannot do without.
 */
import type { Recognizer } from '../../recognizer.ts';

export function shapeGuard(
  shape: RegExp,
  around: { readonly before: number; readonly after: number },
): NonNullable<Recognizer['guard']> {
  return (text, start, end) => shape.test(text.slice(Math.max(0, start - around.before), end + around.after));
}
