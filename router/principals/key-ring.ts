/**
 * Who a presented key is, from a copy of the key table in memory. The copy is read again when somebody else wrote (SQLite, asked ten times a second), or once it is a second old (PostgreSQL), so a
 * revoked key is dead everywhere within that. Fails closed: a copy that could not be renewed for a minute lets nobody in.
 */
import { latestNow } from '../../config/clock.ts';
import type { Database } from '../store/database.ts';
import { idOf, KEY_PREFIX, KeyDigester, mintKey } from './api-key.ts';
import { createKeyTable, type KeyRecord } from './key-table.ts';
import type { KeyTerms } from '../../config/access-schema.ts';
import { OPEN_PRINCIPAL, type Principal, type Role } from './principal.ts';

export type Recognised =
  | { readonly kind: 'principal'; readonly principal: Principal }
  | { readonly kind: 'refused'; readonly code: 'api_key_missing' | 'api_key_invalid' | 'keys_unavailable' };

export interface NewKey {
  readonly principal: string;
  readonly role: Role;
  readonly terms: KeyTerms;
  /** Epoch milliseconds; 0 for never. */
  readonly expiresAt: number;
}

const RENEW_MS = 1_000;
/** Asking SQLite whether somebody wrote costs microseconds, so not every request asks. */
const LOOK_MS = 100;
const STALE_MS = 60_000;
/** Something to compare with where there is no such id, so that both take the same time. */
const NOBODY = '0'.repeat(64);

export class KeyRing {
  readonly #database: Database;
  readonly #digester: KeyDigester;
  #keys: ReadonlyMap<string, KeyRecord & { readonly as: Principal }> = new Map();
  #agentKeyEverMade = true;
  #readAt = -Infinity;
  #lookedAt = -Infinity;
  #version: number | undefined;
  #renewing: Promise<void> | undefined;

  private constructor(database: Database, installationKey: Buffer) {
    this.#database = database;
    this.#digester = new KeyDigester(installationKey);
  }

  /** Throws StoreFault when the table cannot be read. */
  static async open(database: Database, installationKey: Buffer): Promise<KeyRing> {
    const ring = new KeyRing(database, installationKey);
    await ring.#read();
    return ring;
  }

  /** Whether an agent key was ever made, revoked and expired ones too. */
  get agentKeyEverMade(): boolean {
    return this.#agentKeyEverMade;
  }

  /** A key that would be let in now. */
  hasLive(role: Role, now = latestNow()): boolean {
    return [...this.#keys.values()].some((key) => key.role === role && isLive(key, now));
  }

  /** recognise tells who holds `key`. `openTo` says whether a caller without one may be let in while there are none. */
  async recognise(key: string | undefined, openTo: 'nobody' | 'agents', now = latestNow()): Promise<Recognised> {
    if ((await this.#renewed()) === 'stale') return { kind: 'refused', code: 'keys_unavailable' };
    if (key === undefined || !key.startsWith(KEY_PREFIX))
      return openTo === 'agents' && !this.#agentKeyEverMade
        ? { kind: 'principal', principal: OPEN_PRINCIPAL }
        : { kind: 'refused', code: 'api_key_missing' };
    const id = idOf(key);
    const kept = id === undefined ? undefined : this.#keys.get(id);
    const same = this.#digester.matches(key, kept?.digest ?? NOBODY);
    return kept !== undefined && same && isLive(kept, now)
      ? { kind: 'principal', principal: kept.as }
      : { kind: 'refused', code: 'api_key_invalid' };
  }

  /** create makes a key, and is the only one who ever tells it. */
  async create(wanted: NewKey): Promise<{ readonly key: string; readonly record: KeyRecord }> {
    const { id, key } = mintKey();
    const record: KeyRecord = {
      id,
      digest: this.#digester.digest(key),
      role: wanted.role,
      principal: wanted.principal,
      terms: wanted.terms,
      createdAt: Date.now(),
      expiresAt: wanted.expiresAt,
      revokedAt: 0,
    };
    await createKeyTable(this.#database).add(record);
    await this.#read();
    return { key, record };
  }

  async revoke(id: string): Promise<boolean> {
    const revoked = await createKeyTable(this.#database).revoke(id, Date.now());
    await this.#read();
    return revoked;
  }

  list(): Promise<readonly KeyRecord[]> {
    return createKeyTable(this.#database).list();
  }

  async #renewed(): Promise<'fresh' | 'stale'> {
    const now = performance.now();
    try {
      if (now - this.#lookedAt < LOOK_MS) return 'fresh';
      const version = this.#database.foreignVersion();
      if (version === undefined ? now - this.#readAt < RENEW_MS : version === this.#version) {
        this.#lookedAt = now;
        if (version !== undefined) this.#readAt = now;
        return 'fresh';
      }
      // Many requests at once wait for one reading.
      this.#renewing ??= this.#read().finally(() => (this.#renewing = undefined));
      await this.#renewing;
      return 'fresh';
    } catch {
      this.#lookedAt = now;
      return now - this.#readAt < STALE_MS ? 'fresh' : 'stale';
    }
  }

  async #read(): Promise<void> {
    const version = this.#database.foreignVersion();
    const keys = await createKeyTable(this.#database).list();
    this.#keys = new Map(
      keys.map((key) => [
        key.id,
        { ...key, as: { id: key.principal, keyId: key.id, role: key.role, terms: key.terms } },
      ]),
    );
    this.#agentKeyEverMade = keys.some((key) => key.role === 'agent');
    this.#version = version;
    this.#readAt = performance.now();
    this.#lookedAt = this.#readAt;
  }
}

function isLive(key: KeyRecord, now: number): boolean {
  return key.revokedAt === 0 && (key.expiresAt === 0 || now < key.expiresAt);
}
