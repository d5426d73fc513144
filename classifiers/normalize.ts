/**
 * The detection copy of a text: NFKC, digits of every script by value, invisible characters gone, Unicode spaces,
 * dashes and quotes as ASCII, look-alike letters folded where scripts are mixed inside one word. Pure Cyrillic or Greek
 * words stay as they are. Never throws: what it does not know it keeps.
 */
import { foldLookAlikes } from './look-alikes.ts';
import { Rewrite } from './views/rewrite.ts';
import type { Edit, Rewritten } from './views/rewrite.ts';
import type { Pace } from './pace.ts';

const PLAIN_ASCII = /^[ -~\t\n\r]*$/;
/** Longest stretch normalised in one go; with 100 ns per unit at the worst it ends inside a slice. */
const STRETCH = 16_384;

/** Per UTF-16 unit what the loop knows of it; a byte each, so that text of any script is looked up, not searched. */
const STAYS = 1;
const CHANGES = 2;
const known = new Uint8Array(65_536);
for (let unit = 0x20; unit < 0x7f; unit++) known[unit] = STAYS;
for (const unit of [0x09, 0x0a, 0x0d]) known[unit] = STAYS;

/** normalize returns undefined when the text is its own detection copy. */
export function normalize(text: string): Rewritten | undefined {
  if (PLAIN_ASCII.test(text)) return undefined;
  let rewrite: Rewrite | undefined;
  let kept = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const what = known[unit];
    if (what === STAYS) continue;
    const codePoint = text.codePointAt(at) ?? 0;
    const length = codePoint > 0xffff ? 2 : 1;
    const folded = fold(codePoint);
    if (length === 1) known[unit] = folded === undefined ? STAYS : CHANGES;
    if (folded !== undefined) {
      rewrite ??= new Rewrite(text);
      rewrite.keep(kept, at);
      kept = at + length;
      if (folded === COMBINING) combine(rewrite, text, at, kept);
      else rewrite.replace(at, kept, folded, folded === '' && HIDES.has(codePoint) ? 'hidden' : 'plain');
    }
    at += length - 1;
  }
  if (!rewrite) return foldLookAlikes(text, undefined);
  rewrite.keep(kept, text.length);
  const copy = rewrite.build();
  return foldLookAlikes(copy.text, copy);
}

/** normalizeInSteps is normalize for any length: long texts are taken in stretches, cut where nothing composes. */
export function* normalizeInSteps(text: string, pace: Pace): Generator<void, Rewritten | undefined> {
  if (text.length <= STRETCH) return normalize(text);
  const parts: Part[] = [];
  let changed = false;
  let out = 0;
  for (let start = 0; start < text.length;) {
    const end = cut(text, start + STRETCH);
    const source = text.slice(start, end);
    const rewritten = normalize(source);
    changed ||= rewritten !== undefined;
    parts.push({ out, source: start, text: rewritten?.text ?? source, rewritten });
    out += rewritten?.text.length ?? source.length;
    // Text that needed work costs about ten times as much as text that did not.
    if (pace.isDue((end - start) * (rewritten ? 10 : 1))) yield;
    start = end;
  }
  return changed ? new Parts(parts) : undefined;
}

/** Before the last blank in reach, else before the last ASCII unit, else anywhere but inside a surrogate pair. */
function cut(text: string, limit: number): number {
  if (limit >= text.length) return text.length;
  for (let at = limit; at > limit - 1024; at--)
    if (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x0a) return at;
  for (let at = limit; at > limit - 1024; at--) if (text.charCodeAt(at) < 0x80) return at;
  return (text.charCodeAt(limit) & 0xfc00) === 0xdc00 ? limit - 1 : limit;
}

interface Part {
  readonly out: number;
  readonly source: number;
  readonly text: string;
  readonly rewritten: Rewritten | undefined;
}

class Parts implements Rewritten {
  readonly text: string;
  readonly #parts: readonly Part[];

  constructor(parts: readonly Part[]) {
    // A part may be empty, all its characters dropped; nothing maps into it.
    this.#parts = parts.filter((part) => part.text !== '');
    this.text = parts.map((part) => part.text).join('');
  }

  toSource(start: number, end: number): readonly [number, number] {
    const first = this.#at(start);
    const last = this.#at(end - 1);
    return [
      first.source + (first.rewritten?.toSource(start - first.out, start - first.out + 1)[0] ?? start - first.out),
      last.source + (last.rewritten?.toSource(end - 1 - last.out, end - last.out)[1] ?? end - last.out),
    ];
  }

  editIn(start: number, end: number): Edit {
    let strongest: Edit = 'none';
    for (const part of this.#parts.slice(this.#indexAt(start), this.#indexAt(end - 1) + 1)) {
      const edit =
        part.rewritten?.editIn(Math.max(0, start - part.out), Math.min(part.text.length, end - part.out)) ?? 'none';
      if (edit === 'hidden') return edit;
      if (edit === 'plain') strongest = edit;
    }
    return strongest;
  }

  #at(unit: number): Part {
    const part = this.#parts[this.#indexAt(unit)];
    if (!part) throw new RangeError('a span lies outside the text');
    return part;
  }

  #indexAt(unit: number): number {
    let low = 0;
    let high = this.#parts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#parts[middle]?.out ?? 0) <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** A mark that composes with what stands before it (e + acute) does; any other is dropped (keycaps, strike-through). */
function combine(rewrite: Rewrite, text: string, at: number, end: number): void {
  const before = rewrite.last();
  const composed = before === '' ? '' : compose(before, text.slice(at, end));
  if (composed === '') rewrite.replace(at, end, '', /[0-9A-Za-z@]/.test(before) ? 'hidden' : 'plain');
  else rewrite.recompose(end, composed);
}

const compositions = new Map<string, string>();

/** The one unit that letter and mark make together; empty when there is none. */
function compose(letter: string, mark: string): string {
  const pair = letter + mark;
  const found = compositions.get(pair);
  if (found !== undefined) return found;
  const normal = pair.normalize('NFKC');
  const composed = normal.length === 1 && normal !== letter && fold(normal.charCodeAt(0)) === undefined ? normal : '';
  if (compositions.size < 65_536) compositions.set(pair, composed);
  return composed;
}

const COMBINING = '\u0300';
/** Code points whose only use inside a value is to break it; the others dropped are ordinary in some script. */
const HIDES = new Set([
  0xad, 0x34f, 0x180e, 0x200b, 0x200c, 0x200d, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0xfeff, 0x202d, 0x202e,
]);
const DIGIT = /^\p{Nd}$/u;
const DASH = /^[\p{Pd}\u2212\u2043]$/u;
const SPACE = /^[\p{Zs}\u2800]$/u;
/** Format characters, variation selectors, fillers that show nothing, enclosing marks, tags. */
const INVISIBLE = /^[\p{Cf}\p{Me}\p{Default_Ignorable_Code_Point}]$/u;
const COMBINING_MARK = /^[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]$/u;
const CONTROL = /^\p{Cc}$/u;

/** Folds by code point; `undefined` in the map means: keep. Bounded by the number of code points that exist in prompts. */
const folds = new Map<number, string | undefined>();

function fold(codePoint: number): string | undefined {
  if (folds.has(codePoint)) return folds.get(codePoint);
  const folded = computeFold(codePoint);
  // 65,536 entries is more than any real traffic shows and at most a few MB; past it folds are computed again.
  if (folds.size < 65_536) folds.set(codePoint, folded);
  return folded;
}

function computeFold(codePoint: number): string | undefined {
  // Lone surrogates normalise to themselves and match nothing.
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) return undefined;
  const character = String.fromCodePoint(codePoint);
  // Tag characters are ASCII in invisible ink; models read them.
  if (codePoint >= 0xe0020 && codePoint <= 0xe007e) return String.fromCharCode(codePoint - 0xe0000);
  if (COMBINING_MARK.test(character)) return COMBINING;
  if (INVISIBLE.test(character)) return '';
  if (CONTROL.test(character))
    return codePoint === 0x85 || codePoint === 0x0b || codePoint === 0x0c
      ? '\n'
      : codePoint === 0x7f || codePoint < 0x20
        ? ''
        : undefined;
  const simple = simpleFold(character);
  if (simple !== undefined) return simple;
  const compatible = character.normalize('NFKC');
  if (compatible === character) return undefined;
  const folded = [...compatible]
    .map((part) => (COMBINING_MARK.test(part) || INVISIBLE.test(part) ? '' : (simpleFold(part) ?? part)))
    .join('');
  return folded === '' ? ' ' : folded;
}

function simpleFold(character: string): string | undefined {
  if (character >= ' ' && character <= '~') return undefined;
  if (DIGIT.test(character)) return String(digitValue(character.codePointAt(0) ?? 0));
  if (DASH.test(character)) return '-';
  if (SPACE.test(character)) return ' ';
  switch (character) {
    case '\u2028':
    case '\u2029':
      return '\n';
    case '\u2018':
    case '\u2019':
    case '\u201b':
    case '\u2032':
      return "'";
    case '\u201c':
    case '\u201d':
    case '\u201f':
    case '\u2033':
      return '"';
    case '\u3002':
    case '\u2024':
    case '\u00b7':
      return '.';
    case '\u2044':
    case '\u2215':
      return '/';
    default:
      return undefined;
  }
}

/** Decimal digits come in contiguous runs of ten per script, in order (Unicode 4.6), some runs side by side. */
function digitValue(codePoint: number): number {
  let below = 0;
  while (DIGIT.test(String.fromCodePoint(codePoint - below - 1))) below++;
  return below % 10;
}
