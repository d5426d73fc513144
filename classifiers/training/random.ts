/** Random is a seeded generator (mulberry32): the same seed gives the same data, the same order and so the same weights. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** next is uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('training: picked from an empty list');
    return item;
  }
  shuffle<Item>(items: Item[]): Item[] {
    for (let at = items.length - 1; at > 0; at -= 1) {
      const other = this.below(at + 1);
      [items[at], items[other]] = [items[other] as Item, items[at] as Item];
    }
    return items;
  }
}

/** fill replaces every `{slot}` by one of that slot's values; values may hold slots themselves (four levels). */
export function fill(template: string, slots: Readonly<Record<string, readonly string[]>>, random: Random): string {
  let text = template;
  for (let depth = 0; depth < 4 && text.includes('{'); depth += 1) {
    text = text.replace(/\{([a-z][a-zA-Z0-9]{0,30})\}/g, (whole, name: string) => {
      const values = slots[name];
      return values === undefined ? whole : random.pick(values);
    });
  }
  return text;
}
