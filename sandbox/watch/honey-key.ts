/**
 * The key honey credentials are made and known again with. Kept in the state directory, so that one planted before a restart
 * is known after it. Fails open by itself: where it cannot be kept it lives as long as this process, and only that is lost.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HoneyKey } from './honey.ts';

const KEY_BYTES = 32;

export function loadHoneyKey(stateDir: string): HoneyKey {
  const directory = join(stateDir, 'sandbox');
  const path = join(directory, 'honey-key');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    const made = randomBytes(KEY_BYTES);
    try {
      writeFileSync(path, made, { mode: 0o600, flag: 'wx' });
      return new HoneyKey(made);
    } catch {
      const kept = readFileSync(path);
      return new HoneyKey(kept.length === KEY_BYTES ? kept : made);
    }
  } catch {
    return new HoneyKey();
  }
}
