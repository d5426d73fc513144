/** Quantiles of any number of durations in constant memory: buckets 2 % wide from a microsecond to minutes, so a quantile is exact to 1 %. */
const LOWEST_MS = 0.001;
const STEP = Math.log(1.02);
const BUCKETS = 1_000;

export class Latency {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  add(milliseconds: number): void {
    const at = Math.floor(Math.log(Math.max(milliseconds, LOWEST_MS) / LOWEST_MS) / STEP);
    const bucket = Math.min(BUCKETS - 1, at);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
  }

  /** Milliseconds; 0 when nothing was added. */
  quantile(share: number): number {
    if (this.#total === 0) return 0;
    let left = Math.max(1, Math.ceil(share * this.#total));
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) return LOWEST_MS * Math.exp((bucket + 0.5) * STEP);
    }
    return LOWEST_MS * Math.exp(BUCKETS * STEP);
  }
}
