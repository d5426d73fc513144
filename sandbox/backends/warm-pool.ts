/**
 * Sandboxes that wait, attested, for one command each. Single use: what ran once is gone, so no call meets another's
 * processes. Fails to the cold path: an empty or broken pool costs time, never isolation.
 */
import { setTimeout } from 'node:timers/promises';
import type { Launched, WaitingSandbox } from './launch.ts';
import { profileKey } from './profile.ts';
import type { Profile } from './profile.ts';

export interface WarmPool {
  take(profile: Profile): WaitingSandbox | undefined;
  /**
   * Fills up the profile's share in the background. A profile with a directory of its own waits for its second call: most
   * directories belong to one call and are gone after it.
   */
  refill(profile: Profile): void;
  /** Fills up now, whether or not anybody asked for the profile yet. */
  fill(profile: Profile): void;
  /** Settles when every started launch has ended up waiting or gone. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface PoolOptions {
  /** How many wait per profile; 0 turns the pool off. */
  readonly size: number;
  /** How long a refill waits after it was asked for. */
  readonly delayMs: number;
  readonly launch: (profile: Profile) => Promise<Launched>;
  readonly dispose: (sandbox: WaitingSandbox) => Promise<void>;
}

/** Profiles kept warm at a time; the one used longest ago makes room. */
const MAX_PROFILES = 16;
/** Waiting sandboxes of a profile nobody used for this long are let go. */
const IDLE_MS = 10 * 60_000;

interface Shelf {
  readonly profile: Profile;
  readonly waiting: WaitingSandbox[];
  starting: number;
  usedAt: number;
  /** Calls that asked for this profile. */
  uses: number;
}

export function createWarmPool(options: PoolOptions): WarmPool {
  const shelves = new Map<string, Shelf>();
  const work = new Set<Promise<void>>();
  let closed = false;

  const track = (promise: Promise<void>): void => {
    work.add(promise);
    void promise.finally(() => work.delete(promise));
  };
  const clear = (key: string, shelf: Shelf): void => {
    shelves.delete(key);
    for (const sandbox of shelf.waiting.splice(0)) track(options.dispose(sandbox));
  };
  const sweep = setInterval(() => {
    for (const [key, shelf] of shelves) if (performance.now() - shelf.usedAt > IDLE_MS) clear(key, shelf);
  }, 60_000);
  sweep.unref();

  const shelfOf = (profile: Profile): Shelf => {
    const key = profileKey(profile);
    const known = shelves.get(key);
    // Moved to the end: the map's order is the order of use.
    shelves.delete(key);
    const shelf = known ?? { profile, waiting: [], starting: 0, usedAt: 0, uses: 0 };
    shelf.usedAt = performance.now();
    shelves.set(key, shelf);
    for (const [oldest, other] of shelves) {
      if (shelves.size <= MAX_PROFILES) break;
      clear(oldest, other);
    }
    return shelf;
  };

  const startOne = async (shelf: Shelf): Promise<void> => {
    shelf.starting++;
    const launched = await options.launch(shelf.profile);
    shelf.starting--;
    if (launched.kind !== 'ready') return;
    const { sandbox } = launched;
    if (closed || !sandbox.isAlive() || shelves.get(profileKey(shelf.profile)) !== shelf)
      return options.dispose(sandbox);
    shelf.waiting.push(sandbox);
    void sandbox.ended.then(() => {
      const position = shelf.waiting.indexOf(sandbox);
      if (position < 0) return;
      shelf.waiting.splice(position, 1);
      track(options.dispose(sandbox));
    });
  };

  // One at a time: two launches would take both of a small machine's cores from the calls that run.
  const fillUp = async (shelf: Shelf): Promise<void> => {
    // Starting a process blocks this thread for milliseconds: the caller whose call just ended goes first.
    await setTimeout(options.delayMs);
    while (!closed && shelf.starting === 0 && shelf.waiting.length < options.size) {
      const before = shelf.waiting.length;
      await startOne(shelf);
      if (shelf.waiting.length === before) return;
    }
  };

  return {
    take(profile) {
      if (closed || options.size === 0) return undefined;
      const shelf = shelfOf(profile);
      shelf.uses++;
      for (let sandbox = shelf.waiting.shift(); sandbox !== undefined; sandbox = shelf.waiting.shift()) {
        if (sandbox.isAlive() && sandbox.isCurrent()) return sandbox;
        track(options.dispose(sandbox));
      }
      return undefined;
    },
    refill(profile) {
      if (closed || options.size === 0) return;
      const shelf = shelfOf(profile);
      const isLasting = profile.workspace.access === 'none' && profile.home === '' && profile.egressSocket === '';
      if (isLasting || shelf.uses > 1) track(fillUp(shelf));
    },
    fill(profile) {
      if (!closed && options.size > 0) track(fillUp(shelfOf(profile)));
    },
    async settled() {
      while (work.size > 0) await Promise.all(work);
    },
    async close() {
      closed = true;
      clearInterval(sweep);
      for (const [key, shelf] of shelves) clear(key, shelf);
      while (work.size > 0) await Promise.all(work);
    },
  };
}
