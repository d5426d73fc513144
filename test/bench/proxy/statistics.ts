/** Medians and spreads of a few rounds. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return 0;
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** `1.9 (1.7–2.4)`: median, lowest and highest of the rounds' ratios, each taken inside one round. */
export function ratioWithSpread(of: readonly number[], to: readonly number[]): string {
  const ratios = of.map((value, index) => value / (to[index] ?? Number.NaN)).filter(Number.isFinite);
  if (ratios.length === 0) return '';
  return `**${median(ratios).toFixed(2)}** (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`;
}
