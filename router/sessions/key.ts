/** The installation's key for digests: 32 random bytes in the state directory, readable by the owner only. Losing it forgets nothing silently: old marks no longer match, so the file is never rewritten. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Secret } from '../../config/secret.ts';

export function loadOrCreateKey(stateDir: string): Buffer {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, 'digest.key');
  try {
    writeFileSync(path, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
  if (key.length !== 32)
    throw new Error('digest.key in the state directory is damaged; restore it, or remove it together with sluice.db');
  return key;
}

/** readKey takes a key that the operator keeps elsewhere: 64 hex digits; `undefined` for anything else. */
export function readKey(secret: Secret): Buffer | undefined {
  const text = secret.reveal().trim();
  return /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}
