/**
 * Browser sessions of people who showed an admin key, and the brake on guessing one. A session is a random id in a cookie; only its digest is kept here.
 * In memory: a restart logs everybody out. Fails closed: too many attempts, an unknown, idle or old session is nobody.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Login {
  readonly principal: string;
  /** Must come back in a header with everything that changes something: a page of another site can send the cookie but not read this. */
  readonly csrf: string;
}

const IDLE_MS = 30 * 60_000;
const LONGEST_MS = 8 * 60 * 60_000;
const MOST_SESSIONS = 64;
/** Failed attempts per peer and in all within a minute. A key has 128 bits and more; this is against noise and stolen lists. */
const PER_PEER = 5;
const IN_ALL = 50;
const WINDOW_MS = 60_000;

interface Held extends Login {
  readonly since: number;
  usedAt: number;
}

export class Logins {
  readonly #held = new Map<string, Held>();
  readonly #now: () => number;
  #failures: { readonly peer: string; readonly at: number }[] = [];

  /** `now` in milliseconds of a clock that nobody sets: a session ends when it has lasted, whatever the time of day. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** mayTry is asked before a key is looked at. */
  mayTry(peer: string): boolean {
    const since = this.#now() - WINDOW_MS;
    this.#failures = this.#failures.filter(({ at }) => at > since);
    return this.#failures.length < IN_ALL && this.#failures.filter((each) => each.peer === peer).length < PER_PEER;
  }

  failed(peer: string): void {
    this.#failures.push({ peer, at: this.#now() });
  }

  /** open begins a session; `id` goes into the cookie and is not kept. */
  open(principal: string): Login & { readonly id: string } {
    if (this.#held.size >= MOST_SESSIONS) {
      const [stalest] = [...this.#held].toSorted(([, one], [, other]) => one.usedAt - other.usedAt);
      if (stalest !== undefined) this.#held.delete(stalest[0]);
    }
    const id = randomBytes(32).toString('base64url');
    const csrf = randomBytes(24).toString('base64url');
    const now = this.#now();
    this.#held.set(digestOf(id), { principal, csrf, since: now, usedAt: now });
    return { id, principal, csrf };
  }

  find(id: string): Login | undefined {
    const digest = digestOf(id);
    const held = this.#held.get(digest);
    if (held === undefined) return undefined;
    const now = this.#now();
    if (now - held.usedAt > IDLE_MS || now - held.since > LONGEST_MS) {
      this.#held.delete(digest);
      return undefined;
    }
    held.usedAt = now;
    return held;
  }

  close(id: string): void {
    this.#held.delete(digestOf(id));
  }

  closeAll(): void {
    this.#held.clear();
  }
}

export function sameToken(given: string, expected: string): boolean {
  const one = createHash('sha256').update(given).digest();
  const other = createHash('sha256').update(expected).digest();
  return expected !== '' && timingSafeEqual(one, other);
}

function digestOf(id: string): string {
  return createHash('sha256').update(id).digest('hex');
}
