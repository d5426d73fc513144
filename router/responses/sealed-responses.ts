/**
 * Kept replies that outlive the process and are shared by instances: the ones in memory, with a sealed copy of each in the store. A reply is asked for there before it is used, so what was deleted on one instance is gone
 * on all. Fails safe: what cannot be written stays in memory, what cannot be read or has lost a reply before it is not found, and the client sends its history again.
 */
import type { KeptObjects } from '../store/kept.ts';
import type { ResponseStore, StoredResponse } from './response-store.ts';

/** As sealed. The reply before it is named, not copied: a long conversation would be kept once for every turn. */
interface SealedResponse {
  readonly label: string;
  readonly maskable: boolean;
  readonly body: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly previous: string;
}

/** Replies in one conversation; a longer one is not taken up again. */
const LONGEST = 1_000;

export function createSealedResponses(
  memory: ResponseStore,
  kept: KeptObjects,
  options: { readonly maxAgeMs: number; readonly onFault: (error: unknown) => void },
): ResponseStore {
  const nameOf = (principal: string, id: string): string => `${id}\n${principal}`;
  const writing = new Map<string, Promise<void>>();
  /** Here alone, because they could not be written. */
  const unwritten = new Set<string>();

  const write = async (response: StoredResponse): Promise<void> => {
    const name = nameOf(response.principal, response.id);
    const sealed: SealedResponse = {
      label: response.label,
      maskable: response.maskable,
      body: response.body,
      input: response.input,
      output: response.output,
      previous: response.previous?.id ?? '',
    };
    try {
      const done = await kept.put(response.principal, response.id, JSON.stringify(sealed), {
        label: response.label,
        ttlMs: options.maxAgeMs,
      });
      if (done === 'too-large') unwritten.add(name);
    } catch (error) {
      options.onFault(error);
      unwritten.add(name);
    } finally {
      writing.delete(name);
    }
  };

  const read = async (principal: string, id: string): Promise<SealedResponse | undefined> => {
    const found = await kept.get(principal, id);
    return found === undefined ? undefined : (JSON.parse(found.value.toString('utf8')) as SealedResponse);
  };

  async function recall(principal: string, id: string): Promise<void> {
    const name = nameOf(principal, id);
    await writing.get(name);
    if (unwritten.has(name)) return;
    try {
      const newest = await read(principal, id);
      if (newest === undefined) {
        await memory.forget(principal, id);
        return;
      }
      if (memory.find(principal, id) !== undefined) return;
      const chain = [{ id, sealed: newest }];
      for (let before = newest.previous; before !== '';) {
        if (chain.length >= LONGEST) return;
        const sealed = await read(principal, before);
        // Without what led to it a reply would mean something else.
        if (sealed === undefined) return;
        chain.push({ id: before, sealed });
        before = sealed.previous;
      }
      let previous: StoredResponse | undefined;
      for (const { id: each, sealed } of chain.toReversed()) {
        const { label, maskable, body, input, output } = sealed;
        previous = { id: each, principal, label, maskable, body, input, output, previous };
        memory.keep(previous);
      }
    } catch (error) {
      options.onFault(error);
    }
  }

  return {
    keep(response) {
      memory.keep(response);
      const name = nameOf(response.principal, response.id);
      writing.set(name, write(response));
    },
    recall,
    find: (principal, id) => memory.find(principal, id),
    findItem: (principal, id) => memory.findItem(principal, id),
    async forget(principal, id) {
      await recall(principal, id);
      const there = await memory.forget(principal, id);
      unwritten.delete(nameOf(principal, id));
      await kept.remove(principal, id);
      return there;
    },
    get size() {
      return memory.size;
    },
  };
}
