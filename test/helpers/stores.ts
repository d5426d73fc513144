/** Stores for tests: in memory, in a file, and sessions on them. */
import { createSessionMemory, type SessionMemory } from '../../router/sessions/memory.ts';
import { openFileStore, type Store } from '../../router/store/store.ts';

export const STORE_KEY = Buffer.alloc(32, 7);
export const LADDER = ['public', 'internal', 'confidential', 'restricted'];

export interface StoreShape {
  readonly ladder?: readonly string[];
  readonly maxEntries?: number;
  readonly key?: Buffer;
}

/** Without a directory in memory. */
export async function fileStore(directory: string | undefined, shape: StoreShape = {}): Promise<Store> {
  const opened = await openFileStore(directory, {
    key: shape.key ?? STORE_KEY,
    ladder: shape.ladder ?? LADDER,
    maxEntries: shape.maxEntries ?? 10_000,
  });
  if (opened.kind === 'failed') throw new Error(opened.reason);
  return opened.store;
}

export function memoryOn(store: Store, shape: StoreShape = {}): SessionMemory {
  return createSessionMemory({
    key: shape.key ?? STORE_KEY,
    ladder: shape.ladder ?? LADDER,
    marks: store.marks,
    bands: store.bands,
  });
}
