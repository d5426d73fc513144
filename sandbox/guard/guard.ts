/**
 * Looks at a writable workspace before and after a call, and takes back what the call left for the host to run or obey.
 * Fails towards noticing: what could not be inspected is a finding, and what could not be reverted says so.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchownSync,
  fchmodSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  addsGitSettings,
  changesLifeCycle,
  isOddName,
  REPORTED_ONLY,
  restoreLifeCycle,
  ruleByPlace,
  UNSEEN,
} from './rules.ts';
import type { Rule } from './rules.ts';
import { below, leavesRoot, openDirectory, openParent, readBounded, readLink, walk } from './tree.ts';
import type { Entry } from './tree.ts';

export interface GuardOptions {
  /** `revert` moves what is found to the quarantine and puts back what was there; `report` only tells. */
  readonly policy: 'report' | 'revert';
  /** Where what was taken back is kept for review; made when needed. */
  readonly quarantine: string;
  /** Entries looked at per walk. */
  readonly maxEntries?: number;
}

export interface GuardFinding {
  readonly rule: Rule;
  /** Path within the workspace, control and bidirectional characters escaped. */
  readonly path: string;
  readonly change: 'created' | 'modified';
  readonly action: 'reverted' | 'reported' | 'failed';
}

export interface GuardedWorkspace {
  /** To be called once nothing of the call runs any more. Releases the workspace. */
  finish(): Promise<readonly GuardFinding[]>;
}

/** Concern of one entry, and what is needed to see whether a call changed it and to put it back. */
interface Concern {
  readonly rule: Rule;
  readonly digest: string;
  readonly bytes: Buffer | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const MAX_ENTRIES = 50_000;
/** Files under a rule are configuration; a larger one is compared by size and time, and cannot be put back. */
const MAX_FILE = 1024 * 1024;
const MAX_KEPT = 32 * 1024 * 1024;
const MAX_FINDINGS = 200;

const key = (path: readonly string[]): string => path.join('/');

/** A path as it may be shown: nothing in it acts on a terminal or reads backwards. */
export function showPath(path: readonly string[]): string {
  const text = Buffer.from(key(path), 'latin1').toString('utf8');
  const escape = (char: string): string =>
    UNSEEN.test(char) ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : char;
  return Array.from(text.slice(0, 300), escape).join('');
}

function ruleOf(entry: Entry, root: number): Rule | undefined {
  const { stats, path, siblings } = entry;
  if (stats.isSymbolicLink()) {
    if (leavesRoot(root, path)) return 'link-out';
    // A link at a place that is obeyed is as good as the file.
    return ruleByPlace({ path, inGitDirectory: looksLikeGit(siblings) }) ?? oddRule(path);
  }
  if (stats.isFIFO() || stats.isSocket() || stats.isBlockDevice() || stats.isCharacterDevice()) return 'special-file';
  if ((stats.mode & 0o6000) !== 0 && stats.isFile()) return 'set-id';
  if (stats.isDirectory()) return oddRule(path);
  return ruleByPlace({ path, inGitDirectory: looksLikeGit(siblings) }) ?? oddRule(path);
}

const looksLikeGit = (names: ReadonlySet<string>): boolean =>
  names.has('HEAD') && names.has('objects') && names.has('refs');
const oddRule = (path: readonly string[]): Rule | undefined => (isOddName(path.at(-1) ?? '') ? 'odd-name' : undefined);

interface Survey {
  readonly concerns: ReadonlyMap<string, Concern & { readonly path: readonly string[] }>;
  readonly skipped: number;
}

async function survey(root: number, maxEntries: number): Promise<Survey> {
  const concerns = new Map<string, Concern & { readonly path: readonly string[] }>();
  let kept = 0;
  const { skipped } = await walk(root, maxEntries, (entry) => {
    const rule = ruleOf(entry, root);
    if (rule === undefined) return;
    const { stats, path, parent } = entry;
    const name = path.at(-1) ?? '';
    const isContent = stats.isFile() && rule !== 'set-id';
    const bytes = isContent && kept < MAX_KEPT ? readBounded(parent, name, MAX_FILE) : undefined;
    kept += bytes?.length ?? 0;
    const digest = stats.isSymbolicLink()
      ? `link ${readLink(parent, name)}`
      : bytes === undefined
        ? `${stats.isFile() ? `${stats.size} ${stats.mtimeMs} ` : ''}${stats.mode}`
        : createHash('sha256').update(bytes).digest('hex');
    concerns.set(key(path), { path, rule, digest, bytes, mode: stats.mode, uid: stats.uid, gid: stats.gid });
  });
  return { concerns, skipped };
}

/** A directory with an odd name may hold work: it is told of and left. */
const isDirectory = ({ mode }: Concern): boolean => (mode & constants.S_IFMT) === constants.S_IFDIR;

/** Some files are edited by honest work all the time; only part of what they say is obeyed. */
function isHarmless(rule: Rule, before: Concern | undefined, after: Concern): boolean {
  if (after.bytes === undefined || (before !== undefined && before.bytes === undefined)) return false;
  const [old, now] = [before?.bytes?.toString('utf8') ?? '', after.bytes.toString('utf8')];
  if (rule === 'git-config') return !addsGitSettings(old, now);
  if (rule === 'package-scripts') return !changesLifeCycle(old, now);
  return false;
}

export async function guardWorkspace(path: string, options: GuardOptions): Promise<GuardedWorkspace> {
  const root = openDirectory(path);
  const maxEntries = options.maxEntries ?? MAX_ENTRIES;
  const before = await survey(root, maxEntries).catch((error: unknown) => {
    closeSync(root);
    throw error;
  });
  return {
    async finish() {
      try {
        const after = await survey(root, maxEntries);
        const findings: GuardFinding[] = [];
        for (const [name, now] of after.concerns) {
          const old = before.concerns.get(name);
          if (old?.digest === now.digest && old.rule === now.rule) continue;
          if (isHarmless(now.rule, old?.rule === now.rule ? old : undefined, now)) continue;
          const action =
            options.policy === 'report' || REPORTED_ONLY.has(now.rule) || isDirectory(now)
              ? 'reported'
              : takeBack(root, now, old, options.quarantine, findings.length);
          findings.push({
            rule: now.rule,
            path: showPath(now.path),
            change: old === undefined ? 'created' : 'modified',
            action,
          });
          if (findings.length >= MAX_FINDINGS) break;
        }
        if (
          after.skipped > before.skipped ||
          (after.skipped > 0 && after.concerns.size > 0 && findings.length >= MAX_FINDINGS)
        ) {
          findings.push({ rule: 'not-inspected', path: '', change: 'created', action: 'reported' });
        }
        return findings;
      } finally {
        closeSync(root);
      }
    },
  };
}

/** Keeps a copy for review, then restores what was there before the call: the old bytes, or nothing. */
function takeBack(
  root: number,
  now: Concern & { readonly path: readonly string[] },
  old: Concern | undefined,
  quarantine: string,
  number: number,
): 'reverted' | 'failed' {
  let parent: number | undefined;
  try {
    parent = openParent(root, now.path);
    const name = now.path.at(-1) ?? '';
    keepCopy(now, quarantine, number, parent, name);
    if (now.rule === 'set-id') {
      clearSetId(parent, name, now.mode);
      return 'reverted';
    }
    if (now.rule === 'package-scripts' && now.bytes !== undefined) {
      replace(
        parent,
        name,
        Buffer.from(restoreLifeCycle(old?.bytes?.toString('utf8') ?? '', now.bytes.toString('utf8'))),
        now,
      );
      return 'reverted';
    }

    if (old === undefined && now.bytes === undefined && (now.mode & constants.S_IFMT) === constants.S_IFREG) {
      // Too large to copy: moved as it is, so that nothing of the agent's work is lost.
      renameSync(below(parent, name), join(quarantine, `${number}.bytes`));
      return 'reverted';
    }
    if (old === undefined) {
      unlinkSync(below(parent, name));
      return 'reverted';
    }
    if (old.bytes === undefined) return 'failed';
    replace(parent, name, old.bytes, old);
    return 'reverted';
  } catch {
    return 'failed';
  } finally {
    if (parent !== undefined) closeSync(parent);
  }
}

function keepCopy(
  now: Concern & { readonly path: readonly string[] },
  quarantine: string,
  number: number,
  parent: number,
  name: string,
): void {
  mkdirSync(quarantine, { recursive: true, mode: 0o700 });
  const place = join(quarantine, String(number));
  const link = (now.mode & constants.S_IFMT) === constants.S_IFLNK ? readLink(parent, name) : undefined;
  writeFileSync(
    `${place}.json`,
    JSON.stringify({
      rule: now.rule,
      path: showPath(now.path),
      mode: now.mode & 0o7777,
      link: link === undefined ? undefined : showPath([link]),
    }),
    { mode: 0o600, flag: 'wx' },
  );
  if (now.bytes !== undefined) writeFileSync(`${place}.bytes`, now.bytes, { mode: 0o600, flag: 'wx' });
}

function clearSetId(parent: number, name: string, mode: number): void {
  const file = openSync(below(parent, name), 0o10000000 | constants.O_NOFOLLOW);
  try {
    // chmod by descriptor does not take O_PATH ones; by their name in /proc it does, and that name is no link of the agent's.
    chmodSync(`/proc/self/fd/${file}`, mode & 0o1777);
  } finally {
    closeSync(file);
  }
}

/** Puts bytes under a name in one step, without ever opening what an agent put there. */
function replace(parent: number, name: string, bytes: Buffer, like: Pick<Concern, 'mode' | 'uid' | 'gid'>): void {
  const temporary = `.sluice-restore-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const file = openSync(
    below(parent, temporary),
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    writeSync(file, bytes);
    if (process.getuid?.() === 0) fchownSync(file, like.uid, like.gid);
    fchmodSync(file, like.mode & 0o777);
  } finally {
    closeSync(file);
  }
  renameSync(below(parent, temporary), below(parent, name));
}
