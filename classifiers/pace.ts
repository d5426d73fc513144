/** Keeps a long computation from holding the event loop: says when its slice is over. */
export interface Pace {
  /** Counts `units` of work; true when it is time to yield. */
  isDue(units: number): boolean;
}

/** Work between two looks at the clock, in units of roughly 10 ns. */
const UNITS_PER_LOOK = 16_384;

/** A pace by the clock; begin() starts a slice. */
export class SlicePace implements Pace {
  readonly #sliceMs: number;
  #end = Infinity;
  #units = 0;

  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs;
  }

  begin(): void {
    this.#end = performance.now() + this.#sliceMs;
    this.#units = 0;
  }

  isDue(units: number): boolean {
    this.#units += units;
    if (this.#units < UNITS_PER_LOOK) return false;
    this.#units = 0;
    return performance.now() >= this.#end;
  }
}

/** Never due: for callers that read in one go. */
export const UNPACED: Pace = { isDue: () => false };
