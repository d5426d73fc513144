/** The newest head beside the database, so that a cut at the chain's end is seen. Whoever can change one file can change the other: note heads elsewhere too (`sluice audit head`, the log). */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Head } from './table.ts';

export const HEAD_FILE = 'audit.head';

/** A head that could not be noted is no reason to stop: the chain itself is written. */
export function writeHeadFile(path: string, head: Head): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, `${head.n}:${head.hash}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // The next head tries again.
  }
}

export function readHeadFile(path: string): Head | undefined {
  try {
    return parseHead(readFileSync(path, 'utf8').trim());
  } catch {
    return undefined;
  }
}

/** `n:hash`, as printed. */
export function parseHead(text: string): Head | undefined {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
  return match === null ? undefined : { n: Number(match[1]), hash: match[2] ?? '' };
}
