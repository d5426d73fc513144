/**
 * One masked request's placeholders in realistic dress: which surrogate stands for which of them, and the values put back in the reply. A surrogate is taken only when it stands nowhere in the request, so that
 * what the model says of it can be nothing else; a placeholder for which none is free stays one. Fails closed: what is no surrogate of this request is never restored.
 */
import type { MaskMap, TokenHit } from './store.ts';
import { surrogateFor } from './surrogate.ts';

export interface Disguise extends Pick<MaskMap, 'size' | 'findIn' | 'tailOf'> {
  /** Placeholder to surrogate. */
  readonly surrogates: ReadonlyMap<string, string>;
  /** Placeholders of the request that stay what they are. */
  readonly bare: number;
}

const ATTEMPTS = 8;
const WORD = /[\p{L}\p{N}_]/u;

/** createDisguise dresses the placeholders that stand in a masked source. */
export function createDisguise(source: string, map: MaskMap): Disguise {
  const surrogates = new Map<string, string>();
  /** Everything a model may write for one, and what it stands for. */
  const values = new Map<string, string>();
  const lower = source.toLowerCase();
  let bare = 0;
  const dressed = new Set<string>();
  for (const { start, end, value } of map.findIn(source)) {
    const token = source.slice(start, end);
    if (dressed.has(token)) continue;
    dressed.add(token);
    const chosen = choose(token, lower, values);
    if (chosen === undefined) {
      bare += 1;
      continue;
    }
    surrogates.set(token, chosen);
    for (const form of formsOf(chosen)) values.set(form, value);
  }
  const beginnings = new Set<string>();
  for (const form of values.keys())
    for (let length = 1; length <= form.length; length += 1) beginnings.add(form.slice(0, length));
  const longest = Math.max(0, ...[...values.keys()].map((form) => form.length));
  const pattern =
    values.size === 0
      ? undefined
      : new RegExp(
          [...values.keys()]
            .toSorted((a, b) => b.length - a.length)
            .map((form) => form.replace(/[.+]/g, '\\$&'))
            .join('|'),
          'g',
        );
  const isInWord = (text: string, at: number): boolean =>
    at > 0 && at < text.length && WORD.test(text[at - 1] ?? '') && WORD.test(text[at] ?? '');
  return {
    surrogates,
    bare,
    size: map.size,
    findIn(text) {
      const hits: TokenHit[] = [...map.findIn(text)];
      if (pattern !== undefined)
        for (const match of text.matchAll(pattern)) {
          const [start, end] = [match.index, match.index + match[0].length];
          if (isInWord(text, start) || isInWord(text, end)) continue;
          hits.push({ start, end, value: values.get(match[0]) ?? match[0] });
        }
      return hits.toSorted((a, b) => a.start - b.start);
    },
    tailOf(text) {
      const placeholder = map.tailOf(text);
      // A whole one waits too: the next letter may make another word of it.
      for (let length = Math.min(longest, text.length); length > placeholder; length -= 1) {
        const start = text.length - length;
        if (!isInWord(text, start) && beginnings.has(text.slice(start))) return length;
      }
      return placeholder;
    },
  };
}

function choose(token: string, lower: string, taken: ReadonlyMap<string, string>): string | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const surrogate = surrogateFor(token, attempt);
    if (surrogate === undefined) return undefined;
    if (formsOf(surrogate).every((form) => !taken.has(form) && !lower.includes(form.toLowerCase()))) return surrogate;
  }
  return undefined;
}

/** Models write numbers without their spaces. */
function formsOf(surrogate: string): readonly string[] {
  return /^[+\d][\d ]+$/.test(surrogate) ? [surrogate, surrogate.replaceAll(' ', '')] : [surrogate];
}
