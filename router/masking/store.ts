/**
 * Which placeholder stands for which value, per principal and conversation, in memory. Tokens are keyed digests: the same value in the same conversation
 * has the same one after a restart, and nobody without the key can make or check one. Fails closed: a full map gives no token,
 * and what has no token is not maskable. Nothing here is ever logged, sent or written.
 */
import { createHmac, randomBytes } from 'node:crypto';
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
  /** The map of a conversation that has one already. */
  peek(principal: string, conversation: string): MaskMap | undefined;
}

export interface MaskStoreLimits {
  /** Conversations held; the least recently opened goes first. It is filled again when its client replays the history. */
  readonly maxConversations: number;
  readonly maxValues: number;
  /** UTF-16 units of one value; longer ones are documents, not values. */
  readonly maxValueChars: number;
  /** UTF-16 units of all values of one conversation. */
  readonly maxChars: number;
}

const LIMITS: MaskStoreLimits = {
  maxConversations: 2_000,
  maxValues: 10_000,
  maxValueChars: 16_384,
  maxChars: 1_000_000,
};

export function createMaskStore(key: Buffer, limits: Partial<MaskStoreLimits> = {}): MaskStore {
  const bounds = { ...LIMITS, ...limits };
  const open = new Map<string, KeyedMap>();
  // The lengths keep (`a`, `bc`) and (`ab`, `c`) apart.
  const scopeOf = (principal: string, salt: string): Buffer =>
    createHmac('sha256', key).update(`mask\n${principal.length}\n${principal}\n${salt}`).digest();
  return {
    peek: (principal, conversation) =>
      open.size === 0 ? undefined : open.get(scopeOf(principal, conversation).toString('latin1')),
    open(principal, conversation) {
      const salt = conversation === '' ? randomBytes(16).toString('hex') : conversation;
      const scope = scopeOf(principal, salt);
      if (conversation === '') return new KeyedMap(scope, bounds);
      const name = scope.toString('latin1');
      const map = open.get(name) ?? new KeyedMap(scope, bounds);
      open.delete(name);
      open.set(name, map);
      if (open.size > bounds.maxConversations) open.delete(open.keys().next().value!);
      return map;
    },
  };
}

class KeyedMap implements MaskMap {
  readonly #key: Buffer;
  readonly #limits: MaskStoreLimits;
  readonly #tokens = new Map<string, string>();
  readonly #values = new Map<string, string>();
  #chars = 0;

  constructor(key: Buffer, limits: MaskStoreLimits) {
    this.#key = key;
    this.#limits = limits;
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
      const token = toToken(entity, createHmac('sha256', this.#key).update(`${attempt}\n`).update(value).digest());
      if (this.#values.has(token)) continue;
      // A slice would keep the whole request body alive for as long as the conversation.
      const copy = Buffer.from(value).toString();
      this.#tokens.set(copy, token);
      this.#values.set(token, copy);
      this.#chars += copy.length;
      return token;
    }
    return null;
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
