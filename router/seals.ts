/**
 * Opaque pieces of cloud replies (encrypted reasoning, signatures) that were relayed to a client, known again when it replays them. Such a piece cannot be read, so it may leave only
 * towards the very upstream that made it, for the principal it was made for. Held are keyed digests, never the pieces. Fails closed: what is forgotten, from
 * another upstream, or was never seen, is not known, and the caller drops it.
 */
import { createHmac } from 'node:crypto';

export interface SealMemory {
  /** `said`: words the piece vouches for, as the upstream wrote them; it is known again with these words only. */
  relayed(principal: string, upstream: string, seal: string, said?: string): void;
  isFrom(principal: string, upstream: string, seal: string, said?: string): boolean;
}

/** A turn of an agent makes a few; at 44 characters a digest this is some 10 MB. */
const MAX_SEALS = 100_000;

/** isSeal: base64 of some length, in either alphabet. Anything else has words of its own and is not let past a scan. */
export function isSeal(text: string): boolean {
  return text.length >= 32 && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
}

export function createSealMemory(key: Buffer, maxSeals = MAX_SEALS): SealMemory {
  const known = new Set<string>();
  const nameOf = (principal: string, upstream: string, seal: string, said: string): string =>
    createHmac('sha256', key)
      .update(`seal\n${principal.length}\n${principal}\n${upstream.length}\n${upstream}\n${seal.length}\n${seal}`)
      .update(said)
      .digest('base64');
  return {
    relayed(principal, upstream, seal, said = '') {
      if (!isSeal(seal)) return;
      const name = nameOf(principal, upstream, seal, said);
      known.delete(name);
      known.add(name);
      if (known.size > maxSeals) known.delete(known.values().next().value ?? '');
    },
    isFrom: (principal, upstream, seal, said = '') =>
      isSeal(seal) && known.has(nameOf(principal, upstream, seal, said)),
  };
}
