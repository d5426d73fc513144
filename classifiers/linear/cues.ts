/**
 * CueTable maps words and two-word phrases to the group they speak for. Entries are split by commas; a phrase is two
 * words, or two ideographs of a longer Chinese word (`分析`). Matching is on whole words: `public` never speaks for
 * `lic`.
 */
import { combine, Words } from './words.ts';

const scanner = new Words(16);

export class CueTable {
  readonly #single = new Map<number, number>();
  readonly #pair = new Map<number, number>();

  /** Throws when an entry is longer than two words, or stands in two groups: it could then never be what was meant. */
  constructor(groups: readonly string[]) {
    for (const [group, entries] of groups.entries()) {
      for (const entry of entries.split(',')) {
        scanner.scan(entry.trim());
        const [first, second] = [scanner.hash[0] as number, scanner.hash[1] as number];
        if (scanner.count === 0 || scanner.count > 2) throw new Error(`cues: "${entry}" must be one or two words`);
        const [table, key] = scanner.count === 1 ? [this.#single, first] : [this.#pair, combine(first, second)];
        if ((table.get(key) ?? group) !== group) throw new Error(`cues: "${entry}" stands in two groups`);
        table.set(key, group);
      }
    }
  }
  /** single is the group of a word's hash, or -1. */
  single(hash: number): number {
    return this.#single.get(hash) ?? -1;
  }
  /** pair is the group of two neighbouring words' hashes, or -1. */
  pair(first: number, second: number): number {
    return this.#pair.get(combine(first, second)) ?? -1;
  }
}
