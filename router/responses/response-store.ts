/**
 * Replies of /responses that clients may come back to by id, kept here because no upstream may keep them. In memory (and, by policy, sealed in the store: sealed-responses.ts), bound to the principal, bounded by number, size and age. They hold
 * text, so nothing of them is ever logged, and the conversation's label is kept with each. Fails safe: what is forgotten or another's is not found, and the client sends its history again.
 */

/** One reply with what led to it. */
export interface StoredResponse {
  readonly id: string;
  readonly principal: string;
  /** Highest label of the conversation so far, and whether all that raised it could be masked. */
  readonly label: string;
  readonly maskable: boolean;
  /** The reply as the client has it, JSON text. */
  readonly body: string;
  /** Items of this request alone, JSON text each, with ids. */
  readonly input: readonly string[];
  readonly output: readonly string[];
  /** The reply before it; held even when its own id was deleted. */
  readonly previous: StoredResponse | undefined;
}

export interface ResponseStore {
  keep(response: StoredResponse): void;
  /** To be awaited before a reply is looked for by its id: another instance may have made it, or deleted it. */
  recall(principal: string, id: string): Promise<void>;
  find(principal: string, id: string): StoredResponse | undefined;
  /** The JSON text of an item of a kept reply, by the item's own id. */
  findItem(principal: string, id: string): string | undefined;
  /** False when there was none. */
  forget(principal: string, id: string): Promise<boolean>;
  readonly size: number;
}

export interface ResponseStoreLimits {
  readonly maxResponses: number;
  /** UTF-16 units of all kept text. */
  readonly maxChars: number;
  readonly maxAgeMs: number;
}

interface Entry {
  readonly response: StoredResponse;
  readonly chars: number;
  readonly at: number;
}

export function createResponseStore(
  limits: ResponseStoreLimits,
  now: () => number = () => performance.now(),
): ResponseStore {
  const entries = new Map<string, Entry>();
  const items = new Map<string, { readonly text: string; readonly owner: string }>();
  let chars = 0;
  // Ids are ours and cannot hold a line end; principals may hold anything.
  const nameOf = (principal: string, id: string): string => `${id}\n${principal}`;
  const drop = (name: string): boolean => {
    const entry = entries.get(name);
    if (entry === undefined) return false;
    entries.delete(name);
    chars -= entry.chars;
    for (const text of itemsOf(entry.response)) {
      const item = nameOf(entry.response.principal, idOf(text));
      if (items.get(item)?.owner === name) items.delete(item);
    }
    return true;
  };
  const expire = (): void => {
    for (const [name, entry] of entries) {
      const old = now() - entry.at > limits.maxAgeMs;
      if (!old && entries.size <= limits.maxResponses && chars <= limits.maxChars) return;
      drop(name);
    }
  };
  return {
    keep(response) {
      const name = nameOf(response.principal, response.id);
      drop(name);
      const size = [response.body, ...itemsOf(response)].reduce((sum, text) => sum + text.length, 0);
      entries.set(name, { response, chars: size, at: now() });
      chars += size;
      for (const text of itemsOf(response)) {
        const id = idOf(text);
        if (id !== '') items.set(nameOf(response.principal, id), { text, owner: name });
      }
      expire();
    },
    find(principal, id) {
      expire();
      return entries.get(nameOf(principal, id))?.response;
    },
    findItem(principal, id) {
      expire();
      return items.get(nameOf(principal, id))?.text;
    },
    recall: () => Promise.resolve(),
    forget: (principal, id) => Promise.resolve(drop(nameOf(principal, id))),
    get size() {
      return entries.size;
    },
  };
}

function itemsOf(response: StoredResponse): readonly string[] {
  return [...response.input, ...response.output];
}

/** idOf reads an item's id; empty when it has none. */
export function idOf(item: string): string {
  const value: unknown = JSON.parse(item);
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' ? value.id : '';
}

/** historyOf is everything said up to and with a reply, oldest first, and the number of replies in it. */
export function historyOf(response: StoredResponse): readonly string[] {
  const chain: StoredResponse[] = [];
  for (let at: StoredResponse | undefined = response; at !== undefined; at = at.previous) chain.push(at);
  return chain.toReversed().flatMap(itemsOf);
}
