/**
 * Log probabilities of a masked reply: the pieces of a placeholder say how likely the placeholder was, of which the client knows nothing, so they are taken out. At most the beginning of one is held
 * back. The rest stays as the model gave it.
 */
import type { Restorer } from './restore.ts';

interface Held {
  readonly entry: unknown;
  /** It reaches into a placeholder, and is kept only for what its end may begin. */
  readonly isOut: boolean;
}

type Lists = Readonly<Record<string, readonly unknown[]>>;

export class LogprobFilter {
  readonly #restorer: Restorer;
  readonly #held = new Map<string, readonly Held[]>();

  constructor(restorer: Restorer) {
    this.#restorer = restorer;
  }

  /** The lists that may go on now; undefined when there is nothing in them. */
  push(value: unknown): Lists | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    const lists: Record<string, readonly unknown[]> = {};
    for (const [name, list] of Object.entries(value)) {
      if (!Array.isArray(list)) continue;
      const passed = this.#filter(name, list as readonly unknown[]);
      if (passed.length > 0) lists[name] = passed;
    }
    return Object.keys(lists).length === 0 ? undefined : lists;
  }

  flush(): Lists | undefined {
    const rest = [...this.#held]
      .map(([name, list]) => [name, list.filter(({ isOut }) => !isOut).map(({ entry }) => entry)] as const)
      .filter(([, list]) => list.length > 0);
    this.#held.clear();
    return rest.length === 0 ? undefined : Object.fromEntries(rest);
  }

  #filter(name: string, list: readonly unknown[]): readonly unknown[] {
    const all: readonly Held[] = [...(this.#held.get(name) ?? []), ...list.map((entry) => ({ entry, isOut: false }))];
    const text = all.map(({ entry }) => tokenOf(entry)).join('');
    const hits = this.#restorer.find(text);
    const held = text.length - this.#restorer.tailOf(text);
    const passed: unknown[] = [];
    const rest: Held[] = [];
    let at = 0;
    for (const { entry, isOut: wasOut } of all) {
      const start = at;
      const end = at + tokenOf(entry).length;
      at = end;
      const isOut = wasOut || hits.some((hit) => start < hit.end && end > hit.start);
      if (end > held) rest.push({ entry, isOut });
      else if (!isOut) passed.push(entry);
    }
    this.#held.set(name, rest);
    return passed;
  }
}

function tokenOf(value: unknown): string {
  const token: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'token') : undefined;
  return typeof token === 'string' ? token : '';
}
