/**
 * What outlives a call: one directory per scope with a home and a workspace, owned by the sandbox's user, named by a hash.
 * No sandbox can reach the directory that holds them, so names in it are ours alone. Fails closed: a scope that cannot be
 * made as it should be is not entered.
 */
import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { chown, lstat, mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { earliestNow } from '../../config/clock.ts';
import type { ExecutionPlan } from '../plan.ts';
import type { ScopeReport } from './messages.ts';
import { removeTree } from './remove-tree.ts';

const SCOPE_NAME = /^[0-9a-f]{64}$/;
const PRIVATE = 0o700;
const DOOMED = '.doomed-';
const TRASH = '-trash';

export interface ScopeStoreOptions {
  readonly root: string;
  /** Owner of home and workspace; absent when everything runs as one user. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly idleMs: number;
  readonly maxAgeMs: number;
  readonly now?: () => number;
}

export interface Scope {
  /** Must be called once nothing runs in it any more. Deletes what was made for one call. */
  leave(): Promise<void>;
}

export class ScopeStore {
  readonly #options: ScopeStoreOptions;
  readonly #running = new Map<string, number>();
  readonly #removing = new Set<string>();

  constructor(options: ScopeStoreOptions) {
    this.#options = options;
  }

  async enter(plan: ExecutionPlan): Promise<Scope> {
    const directory = join(this.#options.root, plan.scopeKey);
    const workspace = plan.workspace.access !== 'none' && plan.workspace.source === join(directory, 'workspace');
    const once = plan.home === '';
    if (!once && plan.home !== join(directory, 'home')) throw new Error('home is not of this scope');
    const needed = workspace || !once;
    // Counted before the first await, so that a prune in between sees it.
    this.#count(plan.scopeKey, 1);
    try {
      if (needed) {
        await mkdir(this.#options.root, { recursive: true, mode: PRIVATE });
        await makeDirectory(directory);
        if (!once) await makeDirectory(plan.home, this.#options.owner);
        if (workspace) await makeDirectory(join(directory, 'workspace'), this.#options.owner);
        const now = new Date(this.#now());
        await utimes(directory, now, now);
      }
    } catch (error) {
      this.#count(plan.scopeKey, -1);
      throw error;
    }
    return {
      leave: async () => {
        this.#count(plan.scopeKey, -1);
        if (needed && once) await this.#remove(plan.scopeKey);
      },
    };
  }

  /** Whether a path is one of a scope's own. */
  owns(path: string): boolean {
    return path.startsWith(`${this.#options.root}/`);
  }

  async list(): Promise<readonly ScopeReport[]> {
    const reports: ScopeReport[] = [];
    for (const scopeKey of await this.#names()) {
      const stat = await lstat(join(this.#options.root, scopeKey)).catch(() => undefined);
      if (stat === undefined) continue;
      const running = this.#running.get(scopeKey) ?? 0;
      reports.push({ scopeKey, createdAt: stat.birthtimeMs, usedAt: stat.mtimeMs, running });
    }
    return reports;
  }

  /** Deletes one scope, those past their idle or age limit, or all. What runs is left alone. Returns what was deleted. */
  async prune(which: 'idle' | 'all' | (string & {})): Promise<readonly ScopeReport[]> {
    await this.#sweep();
    const gone: ScopeReport[] = [];
    for (const report of await this.list()) {
      const idle = this.#now() - report.usedAt > this.#options.idleMs;
      const old = this.#now() - report.createdAt > this.#options.maxAgeMs;
      const chosen = which === 'all' || (which === 'idle' ? idle || old : which === report.scopeKey);
      if (chosen && (await this.#remove(report.scopeKey))) gone.push(report);
    }
    return gone;
  }

  async #names(): Promise<readonly string[]> {
    const names = await readdir(this.#options.root).catch(() => []);
    return names.filter((name) => SCOPE_NAME.test(name));
  }

  /** False when something runs in it. Nothing awaits between the check and the rename: a call that enters next makes a new one. */
  async #remove(scopeKey: string): Promise<boolean> {
    if ((this.#running.get(scopeKey) ?? 0) > 0) return false;
    const doomed = `${DOOMED}${randomBytes(8).toString('hex')}`;
    renameSync(join(this.#options.root, scopeKey), join(this.#options.root, doomed));
    await this.#removeDoomed(doomed);
    return true;
  }

  /** Finishes what an executor that was killed began to delete. */
  async #sweep(): Promise<void> {
    const names = await readdir(this.#options.root).catch(() => []);
    for (const name of names)
      if (name.startsWith(DOOMED) && !this.#removing.has(name.replace(TRASH, ''))) await this.#removeDoomed(name);
  }

  async #removeDoomed(name: string): Promise<void> {
    this.#removing.add(name);
    try {
      const path = join(this.#options.root, name);
      await removeTree(path, `${path}${TRASH}`);
    } finally {
      this.#removing.delete(name);
    }
  }

  #count(scopeKey: string, by: 1 | -1): void {
    const running = (this.#running.get(scopeKey) ?? 0) + by;
    if (running <= 0) this.#running.delete(scopeKey);
    else this.#running.set(scopeKey, running);
  }

  #now(): number {
    return (this.#options.now ?? earliestNow)();
  }
}

async function makeDirectory(path: string, owner?: { readonly uid: number; readonly gid: number }): Promise<void> {
  await mkdir(path, { mode: PRIVATE }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const stat = await lstat(path);
  if (!stat.isDirectory()) throw new Error('a scope directory is not a directory');
  if (owner !== undefined && stat.uid !== owner.uid) await chown(path, owner.uid, owner.gid);
}
