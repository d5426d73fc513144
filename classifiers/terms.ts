/**
 * Exact values, tens of thousands of them, at a cost that does not grow with their number: a rolling hash of the first
 * units of every word start finds the few that may stand here. Case does not matter; whole words only, where the script has words.
 */
import type { EntityType } from './finding.ts';
import { toScore } from './finding.ts';
import { normalize } from './normalize.ts';
import type { Recognizer } from './recognizer.ts';

export interface Term {
  readonly value: string;
  readonly entity: EntityType;
}

/** Units hashed: long terms by six (three would be shared by hundreds), short ones by their first three. */
const LONG = 6;
const SHORT = 3;
const FILTER_BITS = 1 << 18;
const WORD = /^[\p{L}\p{N}]$/u;
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]$/u;

interface Entry {
  readonly value: string;
  readonly entity: EntityType;
}

/** defineTerms makes a recognizer of exact values; values shorter than three units are refused. */
export function defineTerms(name: string, terms: readonly Term[], score = 1): Recognizer {
  const byHash = { [LONG]: new Map<number, Entry[]>(), [SHORT]: new Map<number, Entry[]>() };
  const filters = { [LONG]: new Uint8Array(FILTER_BITS), [SHORT]: new Uint8Array(FILTER_BITS) };
  for (const term of terms) {
    const value = foldCase(normalize(term.value)?.text ?? term.value);
    if (value.length < SHORT) throw new RangeError(`a term of ${name} is shorter than ${SHORT} characters`);
    const length = value.length >= LONG ? LONG : SHORT;
    const key = hash(value, 0, length);
    const entries = byHash[length].get(key);
    const entry = { value, entity: term.entity };
    if (entries) entries.push(entry);
    else byHash[length].set(key, [entry]);
    filters[length][key & (FILTER_BITS - 1)] = 1;
  }
  return {
    name,
    entities: [...new Set(terms.map((term) => term.entity))],
    triggers: [{ kind: 'always', because: 'the values are arbitrary, and the hash is the trigger' }],
    find({ text }, window, report) {
      const limit = Math.min(text.length, window.end + 1024);
      const folded = foldCase(text.slice(window.start, limit));
      for (let at = 0; at < window.end - window.start; at++) {
        for (const length of [LONG, SHORT] as const) {
          const key = hash(folded, at, length);
          if (filters[length][key & (FILTER_BITS - 1)] === 0) continue;
          for (const { value, entity } of byHash[length].get(key) ?? []) {
            if (!folded.startsWith(value, at)) continue;
            const start = window.start + at;
            const end = start + value.length;
            if (!isWhole(text, start, end)) continue;
            report({
              entity,
              start,
              end,
              score,
              pattern: 'exact',
              steps: [{ kind: 'pattern', score: toScore(score) }],
            });
          }
        }
      }
    },
  };
}

function hash(text: string, at: number, length: number): number {
  let value = 0x811c9dc5;
  for (let index = at; index < at + length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}

/** Lower case that never changes the length, so that offsets hold. */
function foldCase(text: string): string {
  const lower = text.toLowerCase();
  if (lower.length === text.length) return lower;
  let folded = '';
  for (let index = 0; index < text.length; index++) {
    const unit = text.charAt(index);
    const low = unit.toLowerCase();
    folded += low.length === 1 ? low : unit;
  }
  return folded;
}

function isWhole(text: string, start: number, end: number): boolean {
  return !continues(text.charAt(start - 1), text.charAt(start)) && !continues(text.charAt(end - 1), text.charAt(end));
}

/** Whether two neighbours belong to one word. */
function continues(left: string, right: string): boolean {
  return WORD.test(left) && WORD.test(right) && !UNSPACED.test(left) && !UNSPACED.test(right);
}
