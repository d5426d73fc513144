/**
 * A recognizer that stops firing looks exactly like clean traffic. This watch counts, per conversation, which recognizers found something, and calls one
 * silent when so many conversations have passed without it that its own past rate gives that less than one chance in a million (Poisson: rate times
 * conversations at least 14). Counted by conversation, because agents resend the same finding with every turn. Fails loudly only: it decides nothing.
 */
import { oldestOf } from '../oldest.ts';

/** Below so many firings nothing is known of a rate. */
const ENOUGH = 20;
const UNLIKELY = 14;
const CONVERSATIONS = 4_096;

interface Fired {
  times: number;
  /** Number of the conversation in which it fired first and last. */
  readonly first: number;
  last: number;
}

export interface RecognizerRate {
  readonly recognizer: string;
  readonly fired: number;
  /** Conversations since it fired. */
  readonly since: number;
  readonly silent: boolean;
}

export class SilenceWatch {
  readonly #fired = new Map<string, Fired>();
  /** Conversations lately seen and what fired in each, oldest first. */
  readonly #seen = new Map<string, Set<string>>();
  readonly #takeOldest = oldestOf(this.#seen);
  #conversations = 0;

  /** observe counts one request. `session` empty counts it as a conversation of its own. */
  observe(session: string, recognizers: Iterable<string>): void {
    let mine = session === '' ? undefined : this.#seen.get(session);
    if (mine === undefined) {
      this.#conversations += 1;
      mine = new Set();
      if (session !== '') {
        this.#seen.set(session, mine);
        if (this.#seen.size > CONVERSATIONS) this.#takeOldest();
      }
    }
    for (const recognizer of recognizers) {
      if (mine.has(recognizer)) continue;
      mine.add(recognizer);
      const fired = this.#fired.get(recognizer);
      if (fired === undefined)
        this.#fired.set(recognizer, { times: 1, first: this.#conversations, last: this.#conversations });
      else {
        fired.times += 1;
        fired.last = this.#conversations;
      }
    }
  }

  /** rates lists every recognizer that fired often enough to have a rate. */
  rates(): readonly RecognizerRate[] {
    const rates: RecognizerRate[] = [];
    for (const [recognizer, { times, first, last }] of this.#fired) {
      if (times < ENOUGH) continue;
      const since = this.#conversations - last;
      rates.push({ recognizer, fired: times, since, silent: (since * times) / (last - first + 1) >= UNLIKELY });
    }
    return rates;
  }
}
