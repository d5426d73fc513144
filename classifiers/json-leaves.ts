/**
 * The leaves of serialised JSON with the nearest key above each, read straight from the bytes that will leave. Knows nothing
 * of protocols and builds no values. Undefined when the text is not JSON from end to end; the caller then reads it whole.
 */

export interface JsonLeaf {
  readonly text: string;
  readonly hint: string;
  /** Where its text begins in the source. */
  readonly start: number;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const MOST_LEVELS = 512;

/** jsonLeavesOf is one pass; strings without escapes cost one indexOf. */
export function jsonLeavesOf(text: string): readonly JsonLeaf[] | undefined {
  const leaves: JsonLeaf[] = [];
  /** Per open container: what closes it, and the nearest key that names it. */
  const closers: string[] = [];
  const names: string[] = [];
  let hint = '';
  let at = 0;
  let values = 0;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) {
      const end = stringEnd(text, at);
      if (end < 0) return undefined;
      const raw = text.slice(at + 1, end);
      const decoded = raw.includes('\\') ? unescaped(raw) : raw;
      if (decoded === undefined) return undefined;
      let after = end + 1;
      while (isBlank(text.charCodeAt(after))) after++;
      const isKey = closers.at(-1) === '}' && text.charCodeAt(after) === 0x3a;
      leaves.push({ text: decoded, hint: isKey ? (names.at(-1) ?? '') : hint, start: at + 1 });
      if (isKey) hint = decoded;
      at = isKey ? after + 1 : end + 1;
    } else if (unit === 0x7b || unit === 0x5b) {
      if (closers.length >= MOST_LEVELS) return undefined;
      closers.push(unit === 0x7b ? '}' : ']');
      names.push(hint);
      at++;
    } else if (unit === 0x7d || unit === 0x5d) {
      if (closers.pop() !== text[at]) return undefined;
      names.pop();
      hint = names.at(-1) ?? '';
      at++;
    } else if (unit === 0x2c) {
      hint = names.at(-1) ?? '';
      at++;
    } else if (isBlank(unit)) {
      at++;
      continue;
    } else {
      const word = /^(?:true|false|null)/.exec(text.slice(at, at + 5))?.[0];
      NUMBER.lastIndex = at;
      const number = word === undefined ? NUMBER.exec(text)?.[0] : undefined;
      if (number !== undefined) leaves.push({ text: number, hint, start: at });
      const length = word?.length ?? number?.length ?? 0;
      if (length === 0) return undefined;
      at += length;
    }
    values++;
  }
  return closers.length === 0 && values > 0 ? leaves : undefined;
}

const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;

/** Index of the closing quote; -1 when there is none. */
function stringEnd(text: string, open: number): number {
  for (let end = text.indexOf('"', open + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}

function unescaped(raw: string): string | undefined {
  try {
    const value: unknown = JSON.parse(`"${raw}"`);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
