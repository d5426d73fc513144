/**
 * Which placeholder stands for which value, per principal and conversation, in memory and, sealed, in the store. Tokens are keyed digests: the same value in the same conversation
 * has the same one after a restart and on every instance, and nobody without the key can make or check one. Fails closed: a full map gives no token,
 * what has no token is not maskable, and a map that cannot be read or kept is StoreFault. Nothing here is ever logged or sent.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { oldestOf } from '../oldest.ts';
import type { PlaceholderTable } from './placeholder-table.ts';
import { bareToken, tokenPattern, tokenPrefix, toToken } from './placeholder.ts';

/** A token of a conversation in a text: UTF-16 offsets, and what it stands for. */
export interface TokenHit {
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

/** One conversation of one principal. */
export interface MaskMap {
  /** `null` when the map is full or the value too long. */
  tokenFor(value: string, entity: string): string | null;
  /** `undefined` for a token nobody here made. */
  valueOf(token: string): string | undefined;
  /** Every value masked so far. */
  known(): Iterable<string>;
  /** Tokens made here that stand in a text, in order and apart. */
  findIn(text: string): readonly TokenHit[];
  /** How many UTF-16 units at the end of a text may be the beginning of one. */
  tailOf(text: string): number;
  readonly size: number;
}

export interface MaskStore {
  /** `conversation` empty means unknown: the map is then of this one request. */
  open(principal: string, conversation: string): MaskMap;
  /** The same with all that was ever masked in it, here or elsewhere. Rejects with StoreFault. */
  load(principal: string, conversation: string): Promise<MaskMap>;
  /** Writes what is new in a map: before anything is sent that holds its tokens. Rejects with StoreFault. */
  keep(map: MaskMap): Promise<void>;
  /** The map of a conversation that has one already. */
  peek(principal: string, conversation: string): MaskMap | undefined;
}

export interface MaskStoreLimits {
  /** Conversations held; the least recently opened goes first. It is filled again when its client replays the history. */
  readonly maxConversations: number;
  /** Values of all conversations held together, some 400 bytes each: a flood of conversations pushes out the others' maps from memory, not the process. */
  readonly maxHeldValues: number;
  readonly maxValues: number;
  /** UTF-16 units of one value; longer ones are documents, not values. */
  readonly maxValueChars: number;
  /** UTF-16 units of all values of one conversation. */
  readonly maxChars: number;
}

const LIMITS: MaskStoreLimits = {
  maxConversations: 2_000,
  maxHeldValues: 300_000,
  maxValues: 10_000,
  maxValueChars: 16_384,
  maxChars: 1_000_000,
};

/** createMaskStore without a table keeps everything in memory alone. */
export function createMaskStore(
  key: Buffer,
  limits: Partial<MaskStoreLimits> = {},
  table?: PlaceholderTable,
): MaskStore {
  const bounds = { ...LIMITS, ...limits };
  const open = new Map<string, KeyedMap>();
  const takeOldest = oldestOf(open);
  // The lengths keep (`a`, `bc`) and (`ab`, `c`) apart.
  const scopeOf = (principal: string, salt: string): Buffer =>
    createHmac('sha256', key).update(`mask\n${principal.length}\n${principal}\n${salt}`).digest();
  const openMap = (principal: string, conversation: string): KeyedMap => {
    const salt = conversation === '' ? randomBytes(16).toString('hex') : conversation;
    const scope = scopeOf(principal, salt);
    if (conversation === '') return new KeyedMap(scope, bounds, 'of one request');
    const name = scope.toString('latin1');
    const known = open.get(name);
    const map = known ?? new KeyedMap(scope, bounds, 'of a conversation', () => grew(name, map));
    open.delete(name);
    open.set(name, map);
    if (open.size > bounds.maxConversations) letGo();
    return map;
  };
  let held = 0;
  const letGo = (): void => {
    const oldest = takeOldest();
    if (oldest === undefined) return;
    held -= oldest[1].size;
  };
  const grew = (name: string, map: KeyedMap): void => {
    // One that was let go of is its request's alone, and goes with it.
    if (open.get(name) !== map) return;
    held += 1;
    while (held > bounds.maxHeldValues && open.size > 1) letGo();
  };
  return {
    peek: (principal, conversation) =>
      open.size === 0 ? undefined : open.get(scopeOf(principal, conversation).toString('latin1')),
    open: openMap,
    async load(principal, conversation) {
      const map = openMap(principal, conversation);
      if (table !== undefined && map.lives === 'of a conversation')
        for (const { token, value } of await table.load(map.scope, (each) => map.valueOf(each) !== undefined))
          map.adopt(token, value);
      return map;
    },
    async keep(map) {
      if (table === undefined || !(map instanceof KeyedMap) || map.lives === 'of one request') return;
      const rows = map.unsaved();
      await table.save(map.scope, rows);
      map.saved(rows.length);
    },
  };
}

class KeyedMap implements MaskMap {
  /** Secret: made of the installation's key, the principal and the conversation. */
  readonly scope: Buffer;
  readonly lives: 'of one request' | 'of a conversation';
  /** Made here and not yet written, oldest first. */
  #fresh: { readonly token: string; readonly value: string }[] = [];
  readonly #limits: MaskStoreLimits;
  readonly #tokens = new Map<string, string>();
  readonly #values = new Map<string, string>();
  #chars = 0;

  readonly #grew: () => void;

  constructor(scope: Buffer, limits: MaskStoreLimits, lives: KeyedMap['lives'], grew: () => void = () => undefined) {
    this.scope = scope;
    this.lives = lives;
    this.#limits = limits;
    this.#grew = grew;
  }

  get size(): number {
    return this.#values.size;
  }

  tokenFor(value: string, entity: string): string | null {
    const known = this.#tokens.get(value);
    if (known !== undefined) return known;
    const { maxValues, maxValueChars, maxChars } = this.#limits;
    if (value.length > maxValueChars || this.#values.size >= maxValues || this.#chars + value.length > maxChars)
      return null;
    for (let attempt = 0; attempt < 4; attempt++) {
      const token = toToken(entity, createHmac('sha256', this.scope).update(`${attempt}\n`).update(value).digest());
      if (this.#values.has(token)) continue;
      // A slice would keep the whole request body alive for as long as the conversation.
      const copy = Buffer.from(value).toString();
      this.adopt(token, copy);
      this.#fresh.push({ token, value: copy });
      return token;
    }
    return null;
  }

  adopt(token: string, value: string): void {
    // Two loads at once bring the same rows.
    if (this.#values.has(token)) return;
    this.#tokens.set(value, token);
    this.#values.set(token, value);
    this.#chars += value.length;
    this.#grew();
  }

  unsaved(): readonly { readonly token: string; readonly value: string }[] {
    return this.#fresh.slice();
  }

  /** The first `count` that waited are written; others may have come since. */
  saved(count: number): void {
    this.#fresh = this.#fresh.slice(count);
  }

  valueOf(token: string): string | undefined {
    return this.#values.get(token);
  }

  known(): Iterable<string> {
    return this.#tokens.keys();
  }

  findIn(text: string): readonly TokenHit[] {
    if (!text.includes('[[')) return [];
    const hits: TokenHit[] = [];
    for (const match of text.matchAll(tokenPattern())) {
      const value = this.valueOf(bareToken(match[0]));
      if (value !== undefined) hits.push({ start: match.index, end: match.index + match[0].length, value });
    }
    return hits;
  }

  tailOf(text: string): number {
    const prefix = tokenPrefix(text);
    return prefix !== '' && this.#hasPrefix(bareToken(prefix)) ? prefix.length : 0;
  }

  #hasPrefix(prefix: string): boolean {
    for (const token of this.#values.keys()) if (token.startsWith(prefix)) return true;
    return false;
  }
}
