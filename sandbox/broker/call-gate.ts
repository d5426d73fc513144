/**
 * How many calls run at once. Waiting calls are taken in turn by session, so that one session's flood does not keep the
 * others waiting. Fails closed: past the queue's length a call is `busy`.
 */
export interface CallGateOptions {
  readonly atOnce: number;
  readonly atOncePerSession: number;
  readonly waiting: number;
}

export type Entry =
  | { readonly kind: 'entered'; leave(): void }
  | { readonly kind: 'busy' }
  | { readonly kind: 'aborted' };

interface Waiter {
  readonly session: string;
  readonly enter: () => void;
}

export class CallGate {
  readonly #options: CallGateOptions;
  readonly #perSession = new Map<string, number>();
  #running = 0;
  #waiting: Waiter[] = [];

  constructor(options: CallGateOptions) {
    this.#options = options;
  }

  enter(session: string, signal: AbortSignal): Promise<Entry> {
    if (signal.aborted) return Promise.resolve({ kind: 'aborted' });
    if (this.#mayRun(session)) return Promise.resolve(this.#take(session));
    const ofSession = this.#waiting.filter((waiter) => waiter.session === session).length;
    const full = this.#waiting.length >= this.#options.waiting || ofSession >= Math.ceil(this.#options.waiting / 2);
    if (full) return Promise.resolve({ kind: 'busy' });
    return new Promise((resolve) => {
      const aborted = (): void => {
        this.#waiting = this.#waiting.filter((candidate) => candidate !== waiter);
        resolve({ kind: 'aborted' });
      };
      const waiter: Waiter = {
        session,
        enter: () => {
          signal.removeEventListener('abort', aborted);
          resolve(this.#take(session));
        },
      };
      this.#waiting.push(waiter);
      signal.addEventListener('abort', aborted, { once: true });
    });
  }

  #mayRun(session: string): boolean {
    const { atOnce, atOncePerSession } = this.#options;
    return this.#running < atOnce && (this.#perSession.get(session) ?? 0) < atOncePerSession;
  }

  #take(session: string): Entry {
    this.#running += 1;
    this.#perSession.set(session, (this.#perSession.get(session) ?? 0) + 1);
    let left = false;
    return {
      kind: 'entered',
      leave: () => {
        if (left) return;
        left = true;
        this.#running -= 1;
        const rest = (this.#perSession.get(session) ?? 1) - 1;
        if (rest === 0) this.#perSession.delete(session);
        else this.#perSession.set(session, rest);
        this.#admitNext();
      },
    };
  }

  #admitNext(): void {
    const index = this.#waiting.findIndex((waiter) => this.#mayRun(waiter.session));
    if (index === -1) return;
    const [next] = this.#waiting.splice(index, 1);
    next?.enter();
  }
}
