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

/** One value of the root object, or one item of an array there, with the key above it. */
export interface JsonPiece {
  /** As it reads, escapes undone. */
  readonly key: string;
  readonly keyStart: number;
  readonly start: number;
  readonly end: number;
}

/**
 * jsonPiecesOf cuts an object into what is sent again as it is. It only looks for where values end; whether a piece is JSON is for
 * jsonLeavesOf to say. Undefined when the text is no object from end to end.
 */
export function jsonPiecesOf(text: string): readonly JsonPiece[] | undefined {
  const pieces: JsonPiece[] = [];
  let at = afterBlanks(text, 0);
  if (text.charCodeAt(at) !== 0x7b) return undefined;
  at = afterBlanks(text, at + 1);
  while (text.charCodeAt(at) === 0x22) {
    const keyStart = at + 1;
    const keyEnd = stringEnd(text, at);
    if (keyEnd < 0) return undefined;
    const raw = text.slice(keyStart, keyEnd);
    const key = raw.includes('\\') ? unescaped(raw) : raw;
    if (key === undefined) return undefined;
    at = afterBlanks(text, keyEnd + 1);
    if (text.charCodeAt(at) !== 0x3a) return undefined;
    const start = afterBlanks(text, at + 1);
    let end = -1;
    if (text.charCodeAt(start) === 0x5b) {
      end = cutItems(text, start, key, keyStart, pieces);
    } else {
      end = valueEnd(text, start);
      pieces.push({ key, keyStart, start, end });
    }
    if (end < 0) return undefined;
    at = afterBlanks(text, end);
    if (text.charCodeAt(at) !== 0x2c) break;
    at = afterBlanks(text, at + 1);
    if (text.charCodeAt(at) !== 0x22) return undefined;
  }
  return text.charCodeAt(at) === 0x7d && afterBlanks(text, at + 1) === text.length ? pieces : undefined;
}

/** Adds the items of the array at `open`; an empty one is a piece itself, or nobody would read its key. */
function cutItems(text: string, open: number, key: string, keyStart: number, pieces: JsonPiece[]): number {
  let at = afterBlanks(text, open + 1);
  if (text.charCodeAt(at) === 0x5d) {
    pieces.push({ key, keyStart, start: open, end: at + 1 });
    return at + 1;
  }
  for (;;) {
    const end = valueEnd(text, at);
    if (end < 0) return -1;
    pieces.push({ key, keyStart, start: at, end });
    at = afterBlanks(text, end);
    const unit = text.charCodeAt(at);
    if (unit === 0x5d) return at + 1;
    if (unit !== 0x2c) return -1;
    at = afterBlanks(text, at + 1);
  }
}

/** Where the value that begins at `start` ends; -1 when it does not. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length;) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) {
      const end = stringEnd(text, at);
      if (end < 0) return -1;
      at = end + 1;
      if (depth === 0) return at;
    } else if (unit === 0x7b || unit === 0x5b) {
      depth++;
      at++;
    } else if (unit === 0x7d || unit === 0x5d) {
      if (depth === 0) return at > start ? at : -1;
      at++;
      if (--depth === 0) return at;
    } else if (depth === 0 && (unit === 0x2c || isBlank(unit))) return at > start ? at : -1;
    else at++;
  }
  return -1;
}

function afterBlanks(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) at++;
  return at;
}

/** jsonLeavesOf is one pass; strings without escapes cost one indexOf. `above` is the key the text stands under. */
export function jsonLeavesOf(text: string, above = ''): readonly JsonLeaf[] | undefined {
  const leaves: JsonLeaf[] = [];
  /** Per open container: what closes it, and the nearest key that names it. */
  const closers: string[] = [];
  const names: string[] = [];
  let hint = above;
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
      leaves.push({ text: decoded, hint: isKey ? (names.at(-1) ?? above) : hint, start: at + 1 });
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
      hint = names.at(-1) ?? above;
      at++;
    } else if (unit === 0x2c) {
      hint = names.at(-1) ?? above;
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
