/**
 * Plants honey credentials for one sandbox: a directory that is mounted where no honest tool looks, with files that read like
 * what a careless administrator left. Whether a file was opened is told by its access time. Root's files keep theirs from the
 * sandbox's user. An unprivileged service and its sandboxes are one user, who may set it back, but not the change time that
 * moves with it; and the filter denies what would read without a trace (O_NOATIME, copies by reference). Where a file system
 * keeps no access times opening goes unseen, and what is left is to know the credentials again when they turn up.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { HoneyKey } from './honey.ts';

export interface PlantedHoney {
  /** Host directory to mount. */
  readonly directory: string;
  readonly tokens: readonly string[];
  /** Whether any file was opened; false where that cannot be seen. */
  wasRead(): boolean;
  remove(): void;
}

/** Older than any modification, so that the first reading moves it on file systems mounted `relatime`. */
const LONG_AGO = new Date(86_400_000);

const FILES: readonly (readonly [name: string, text: (token: string) => string])[] = [
  ['database.ini', (token) => `[production]\nhost = db.internal\nuser = deploy\npassword = ${token}\n`],
  ['deploy.yaml', (token) => `registry: registry.internal\nuser: deploy\ntoken: ${token}\n`],
  ['storage.csv', (token) => `user,secret access key\nbackup,${token}\n`],
];

const stampOf = (path: string): string => {
  const { atimeNs, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return `${atimeNs} ${mtimeNs} ${ctimeNs}`;
};

function write(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o444, flag: 'wx' });
  utimesSync(path, LONG_AGO, new Date());
}

/** `parent` is ours alone to write, and the sandbox's user can enter it. */
function plantHoney(key: HoneyKey, parent: string, options: { readonly seesReading: boolean }): PlantedHoney {
  const directory = mkdtempSync(join(parent, 'honey-'));
  const tokens = FILES.map(() => key.mint());
  const stamps = new Map<string, string>();
  for (const [index, [name, text]] of FILES.entries()) {
    const path = join(directory, name);
    write(path, text(tokens[index] ?? ''));
    stamps.set(path, stampOf(path));
  }
  // mkdtemp gives 0700, and the sandbox's user is somebody else.
  chmodSync(directory, 0o755);
  return {
    directory,
    tokens,
    wasRead: () => options.seesReading && [...stamps].some(([path, stamp]) => stampNow(path) !== stamp),
    remove: () => void rm(directory, { recursive: true, force: true }).catch(() => undefined),
  };
}

function stampNow(path: string): string {
  try {
    return stampOf(path);
  } catch {
    return 'gone';
  }
}

/** Whether opening a file here moves its access time: not on file systems mounted `noatime`. Found out by doing it. */
function keepsAccessTimes(parent: string): boolean {
  const directory = mkdtempSync(join(parent, 'atime-'));
  try {
    const path = join(directory, 'file');
    write(path, 'x');
    const before = stampOf(path);
    readFileSync(path);
    return stampOf(path) !== before;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Plants beneath `staging` for each sandbox. `writable` says how it is mounted: a read-only mount keeps no access times. */
export function honeyPlanter(key: HoneyKey, staging: string, writable: boolean): () => PlantedHoney {
  const seesReading = writable && keepsAccessTimes(staging);
  return () => plantHoney(key, staging, { seesReading });
}
