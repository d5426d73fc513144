/**
 * Sessions the watch has ended, by a hash of principal and session. Kept on disk, so that a restart does not begin them
 * again. Fails closed: a session that cannot be looked up has ended.
 */
import { earliestNow } from '../../config/clock.ts';
import { mkdirSync, readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class EndedSessions {
  readonly #directory: string;
  readonly #keepMs: number;
  /** Of this life: holds also when the disk does not. */
  readonly #ended = new Set<string>();

  constructor(directory: string, keepMs: number) {
    this.#directory = directory;
    this.#keepMs = keepMs;
  }

  has(sessionKey: string): boolean {
    if (this.#ended.has(sessionKey)) return true;
    try {
      statSync(join(this.#directory, sessionKey));
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ENOENT';
    }
  }

  end(sessionKey: string): void {
    this.#ended.add(sessionKey);
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      writeFileSync(join(this.#directory, sessionKey), '', { mode: 0o600 });
    } catch {
      // It has ended for this life; a disk that takes nothing takes no new session state either.
    }
  }

  /** Forgets those that ended so long ago that their scopes are gone as well. */
  sweep(now = earliestNow()): void {
    for (const name of namesIn(this.#directory)) {
      const path = join(this.#directory, name);
      try {
        if (now - statSync(path).mtimeMs > this.#keepMs) unlinkSync(path);
      } catch {
        // Gone meanwhile.
      }
    }
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
