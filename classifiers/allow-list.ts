/** Values that are never findings. Exact, but for case and the separators of numbers; held as given by the operator. */
import { normalize } from './normalize.ts';

const SEPARATED_NUMBER = /^[\d\s./_()+-]+$/;

/** createAllowList answers for values of the detection copy. */
export function createAllowList(values: readonly string[]): (value: string) => boolean {
  if (values.length === 0) return () => false;
  const allowed = new Set(values.map((value) => keyOf(normalize(value)?.text ?? value)));
  return (value) => allowed.has(keyOf(value));
}

function keyOf(value: string): string {
  const trimmed = value.trim().toLowerCase();
  return SEPARATED_NUMBER.test(trimmed) ? trimmed.replace(/\D/g, '') : trimmed;
}
