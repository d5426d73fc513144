/** The ladder of labels, lowest first. */

/** Whether a label is at or below another. A label that is not on the ladder is above everything. */
export function isAtMost(labels: readonly string[], label: string, limit: string): boolean {
  const position = labels.indexOf(label);
  return position !== -1 && position <= labels.indexOf(limit);
}
