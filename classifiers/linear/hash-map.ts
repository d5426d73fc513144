/** HashMap maps hashes of words to small numbers: a row of cells instead of Map's boxes, because it is asked about every word. */
const EMPTY = -1;

export class HashMap {
  #keys = new Int32Array(8);
  #values = new Int16Array(8).fill(EMPTY);
  #size = 0;

  /** get is the value, or -1. */
  get(key: number): number {
    const mask = this.#keys.length - 1;
    for (let at = (key ^ (key >>> 15)) & mask; ; at = (at + 1) & mask) {
      const value = this.#values[at] as number;
      if (value === EMPTY || this.#keys[at] === key) return value;
    }
  }
  /** set takes values from 0 to 32,767. */
  set(key: number, value: number): void {
    if (this.#size * 4 >= this.#keys.length) this.#grow();
    const mask = this.#keys.length - 1;
    let at = (key ^ (key >>> 15)) & mask;
    while (this.#values[at] !== EMPTY && this.#keys[at] !== key) at = (at + 1) & mask;
    if (this.#values[at] === EMPTY) this.#size += 1;
    this.#keys[at] = key;
    this.#values[at] = value;
  }
  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Int32Array(keys.length * 4);
    this.#values = new Int16Array(this.#keys.length).fill(EMPTY);
    this.#size = 0;
    for (const [at, key] of keys.entries()) if (values[at] !== EMPTY) this.set(key, values[at] as number);
  }
}
