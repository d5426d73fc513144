/** A planted value and every form in which it could slip out. A search that finds nothing proves nothing until `assertSearchWorks` has found it where it is. */
export interface Canary {
  readonly value: string;
  readonly forms: readonly string[];
}

export function canaryOf(value: string): Canary {
  const bytes = Buffer.from(value);
  const compact = value.replace(/[\s-]/g, '');
  return {
    value,
    forms: [
      ...new Set([
        value,
        compact,
        value.toLowerCase(),
        value.toUpperCase(),
        bytes.toString('base64').replace(/=+$/, '').slice(0, -2),
        bytes.toString('base64url').replace(/=+$/, '').slice(0, -2),
        bytes.toString('hex'),
        encodeURIComponent(value),
        [...value].toReversed().join(''),
        JSON.stringify(value).slice(1, -1),
      ]),
    ],
  };
}

/** leaksIn names the forms found in a text; the text itself is never part of a test's message. */
export function leaksIn(canary: Canary, text: string): readonly string[] {
  const lower = text.toLowerCase();
  return canary.forms.filter((form) => lower.includes(form.toLowerCase()));
}
