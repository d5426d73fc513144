/**
 * calibrate gives the lowest threshold that sends at most `cloudShare` of these scores to the cloud (score >= threshold
 * is complex). Without scores it is 1: nothing is known, nothing goes.
 */
export function calibrate(scores: readonly number[], cloudShare: number): number {
  const sorted = scores.filter((score) => !Number.isNaN(score)).sort((one, other) => other - one);
  if (sorted.length === 0) return 1;
  const allowed = Math.floor(Math.min(1, Math.max(0, cloudShare)) * sorted.length + 1e-9);
  if (allowed >= sorted.length) return 0;
  const refused = sorted[allowed] as number;
  const lowest = sorted.slice(0, allowed).findLast((score) => score > refused);
  // Half way between, so that rounding in a config file moves nobody across.
  return lowest === undefined ? Math.min(1, refused + 1e-6) : (lowest + refused) / 2;
}
