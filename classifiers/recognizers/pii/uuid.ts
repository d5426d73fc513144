const UUID = /(?<![0-9A-Za-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9A-Za-z])/gi;

/** isInsideUuid says whether a value overlaps a UUID: random hex makes phone numbers and check letters by chance. */
export function isInsideUuid({
  text,
  start,
  end,
}: {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}): boolean {
  const from = Math.max(0, start - 37);
  for (const match of text.slice(from, end + 37).matchAll(UUID)) {
    const at = from + match.index;
    if (at < end && start < at + match[0].length) return true;
  }
  return false;
}
