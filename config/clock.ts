/**
 * The time of day for what ends by it. A machine's clock is set: by hand, by a time server, by a resumed snapshot. What only this process measures (buckets, pauses, ages of proofs) uses
 * `performance.now()`, which nobody sets; what is compared with a time that was written down uses one of these two, and each errs to its own side until the next start.
 */

/** As late as it may be: a clock set back brings nothing to life that has ended (keys, kept replies). */
export function latestNow(): number {
  return Math.max(Date.now(), sinceStart());
}

/** As early as it may be: a clock set forward deletes nothing that cannot be brought back (audit, placeholders, workspaces). Behind by the time that a machine slept. */
export function earliestNow(): number {
  return Math.min(Date.now(), sinceStart());
}

/** The time of day at start and what has passed since, whatever the clock says now; whole milliseconds, as the store's columns have them. */
function sinceStart(): number {
  return Math.round(performance.timeOrigin + performance.now());
}
