/**
 * How many bytes of request bodies this process may hold at once: a thousand clients with 20 MB each would take all memory, and every open request with it.
 * Counted from the first byte until the request is answered. Fails closed: past the budget a body is refused (503, try again), never half read.
 */
export class BodyBudget {
  readonly #maxBytes: number;
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get held(): number {
    return this.#held;
  }

  /** An account for one request; `close` gives back all it took, once. */
  open(): BodyAccount {
    let taken = 0;
    let closed = false;
    return {
      take: (bytes) => {
        if (closed || this.#held + bytes > this.#maxBytes) return false;
        this.#held += bytes;
        taken += bytes;
        return true;
      },
      give: (bytes) => {
        if (closed) return;
        this.#held -= bytes;
        taken -= bytes;
      },
      close: () => {
        closed = true;
        this.#held -= taken;
        taken = 0;
      },
    };
  }
}

export interface BodyAccount {
  /** Whether the budget had `bytes` more; nothing is taken when not. */
  take(bytes: number): boolean;
  /** Gives back what was taken and not needed. */
  give(bytes: number): void;
  close(): void;
}
