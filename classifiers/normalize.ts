/**
 * The detection copy of a text: NFKC, digits of every script by value, invisible characters gone, Unicode spaces,
 * dashes and quotes as ASCII, look-alike letters folded where scripts are mixed inside one word. Pure Cyrillic or Greek
 * words stay as they are. Never throws: what it does not know it keeps.
 */
import { foldLookAlikes } from './look-alikes.ts';
import { Rewrite } from './views/rewrite.ts';
import type { Rewritten } from './views/rewrite.ts';

/**
 * Everything but printable ASCII, the usual controls and the letters of large scripts that are their own fold; the test
 * costs about a microsecond per 2 KB. Cyrillic letters are looked at apart, as look-alikes.
 */
const STABLE =
  ' -~\\t\\n\\r\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u00ff\\u0400-\\u0482\\u048a-\\u052f\\u3041-\\u3096\\u30a1-\\u30fa\\u4e00-\\u9fa5\\uac00-\\ud7a3';
const NEEDS_WORK = new RegExp(`[^${STABLE}]`);
const NEEDS_WORK_GLOBAL = new RegExp(`[^${STABLE}]`, 'g');
const PLAIN_ASCII = /^[ -~\t\n\r]*$/;

/** normalize returns undefined when the text is its own detection copy. */
export function normalize(text: string): Rewritten | undefined {
  if (PLAIN_ASCII.test(text)) return undefined;
  if (!NEEDS_WORK.test(text)) return foldLookAlikes(text, undefined);
  const rewrite = new Rewrite(text);
  let kept = 0;
  NEEDS_WORK_GLOBAL.lastIndex = 0;
  for (let match = NEEDS_WORK_GLOBAL.exec(text); match !== null; match = NEEDS_WORK_GLOBAL.exec(text)) {
    const at = match.index;
    const codePoint = text.codePointAt(at) ?? 0;
    const length = codePoint > 0xffff ? 2 : 1;
    if (length === 2) NEEDS_WORK_GLOBAL.lastIndex = at + 2;
    const folded = fold(codePoint);
    if (folded === undefined) continue;
    rewrite.keep(kept, at);
    kept = at + length;
    if (folded === COMBINING) combine(rewrite, text, at, kept);
    else rewrite.replace(at, kept, folded, folded === '' && HIDES.has(codePoint) ? 'hidden' : 'plain');
  }
  rewrite.keep(kept, text.length);
  const copy = rewrite.build();
  return foldLookAlikes(copy.text, copy);
}

/** A mark that composes with what stands before it (e + acute) does; any other is dropped (keycaps, strike-through). */
function combine(rewrite: Rewrite, text: string, at: number, end: number): void {
  const before = rewrite.peekLast();
  const composed = before === '' ? '' : (before + text.slice(at, end)).normalize('NFKC');
  if (composed.length !== 1 || composed === before || fold(composed.charCodeAt(0)) !== undefined) {
    rewrite.replace(at, end, '', /[0-9A-Za-z@]/.test(before) ? 'hidden' : 'plain');
    return;
  }
  const taken = rewrite.takeLast();
  rewrite.replace(taken?.from ?? at, end, composed);
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
const INVISIBLE = /^[\p{Cf}\p{Me}\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}\u180b-\u180f\u034f]$/u;
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
