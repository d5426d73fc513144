/**
 * CueTable maps words and two-word phrases to the group they speak for. Entries are split by commas; a phrase is two
 * words, or two ideographs of a longer Chinese word (`分析`). Matching is on whole words: `public` never speaks for
 * `lic`.
 */
import { HashMap } from './hash-map.ts';
import { combine, Words } from './words.ts';

const scanner = new Words(16);

export class CueTable {
  readonly #single = new HashMap();
  readonly #pair = new HashMap();
  readonly #words = new Set<number>();

  /** Throws when an entry is longer than two words, or stands in two groups: it could then never be what was meant. */
  constructor(groups: readonly string[]) {
    for (const [group, entries] of groups.entries()) {
      for (const entry of entries.split(',')) {
        scanner.scan(entry.trim());
        const [first, second] = [scanner.hash[0] as number, scanner.hash[1] as number];
        if (scanner.count === 0 || scanner.count > 2) throw new Error(`cues: "${entry}" must be one or two words`);
        const [table, key] = scanner.count === 1 ? [this.#single, first] : [this.#pair, combine(first, second)];
        const known = table.get(key);
        if (known >= 0 && known !== group) throw new Error(`cues: "${entry}" stands in two groups`);
        table.set(key, group);
        this.#words.add(first);
        if (scanner.count === 2) this.#words.add(second);
      }
    }
  }
  /** single is the group of a word's hash, or -1. */
  single(hash: number): number {
    return this.#single.get(hash);
  }
  /** speaks says whether a word stands in the table, alone or as half of a pair. */
  speaks(hash: number): boolean {
    return this.#words.has(hash);
  }
  /** pair is the group of two neighbouring words' hashes, or -1. */
  pair(first: number, second: number): number {
    return this.#pair.get(combine(first, second));
  }
}
