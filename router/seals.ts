/**
 * Opaque pieces of cloud replies (encrypted reasoning, signatures) that were relayed to a client, known again when it replays them. Such a piece cannot be read, so it may leave only
 * towards the very upstream that made it, for the principal it was made for. Held are keyed digests, never the pieces: in memory, and in the store for restarts and other instances. Fails closed: what is
 * forgotten, from another upstream, or was never seen, is not known, and the caller drops it.
 */
import { createHmac } from 'node:crypto';
import type { KeptObjects } from './store/kept.ts';

/** A piece, and the words it vouches for; empty for one that stands alone. */
export interface SealedWords {
  readonly seal: string;
  readonly said: string;
}

export interface SealMemory {
  /** `said`: words the piece vouches for, as the upstream wrote them; it is known again with these words only. */
  relayed(principal: string, upstream: string, seal: string, said?: string): void;
  isFrom(principal: string, upstream: string, seal: string, said?: string): boolean;
  /** Asks the store for pieces that memory does not know. Whether `isFrom` knows any of them now. */
  recall(principal: string, upstream: string, pieces: readonly SealedWords[]): Promise<boolean>;
}

/** Where digests outlive the process. */
export interface KeptSeals {
  readonly objects: KeptObjects;
  readonly ttlMs: number;
  /** Told when the store fails: then a piece is known by this process alone, or not at all. */
  readonly onFault: (error: unknown) => void;
}

/** Of one request; a conversation of a day has some hundred. */
const MAX_RECALLED = 1_000;

/** A turn of an agent makes a few; at 44 characters a digest this is some 10 MB. */
const MAX_SEALS = 100_000;

/** isSeal: base64 of some length, in either alphabet. Anything else has words of its own and is not let past a scan. */
export function isSeal(text: string): boolean {
  return text.length >= 32 && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
}

export function createSealMemory(key: Buffer, maxSeals = MAX_SEALS, kept?: KeptSeals): SealMemory {
  const known = new Set<string>();
  const nameOf = (principal: string, upstream: string, seal: string, said: string): string =>
    createHmac('sha256', key)
      .update(`seal\n${principal.length}\n${principal}\n${upstream.length}\n${upstream}\n${seal.length}\n${seal}`)
      .update(said)
      .digest('base64');
  const add = (name: string): void => {
    known.delete(name);
    known.add(name);
    if (known.size > maxSeals) known.delete(known.values().next().value ?? '');
  };
  return {
    relayed(principal, upstream, seal, said = '') {
      if (!isSeal(seal)) return;
      const name = nameOf(principal, upstream, seal, said);
      if (!known.has(name))
        kept?.objects.put(principal, name, '', { label: '', ttlMs: kept.ttlMs }).catch(kept.onFault);
      add(name);
    },
    async recall(principal, upstream, pieces) {
      if (kept === undefined) return false;
      let found = false;
      try {
        for (const { seal, said } of pieces.slice(-MAX_RECALLED)) {
          if (!isSeal(seal)) continue;
          const name = nameOf(principal, upstream, seal, said);
          if (known.has(name) || (await kept.objects.get(principal, name)) === undefined) continue;
          add(name);
          found = true;
        }
      } catch (error) {
        kept.onFault(error);
      }
      return found;
    },
    isFrom: (principal, upstream, seal, said = '') =>
      isSeal(seal) && known.has(nameOf(principal, upstream, seal, said)),
  };
}
