/**
 * What is installed here, found by doing and not by version: where bwrap is, what it can, and why it cannot be used.
 * Fails closed: whatever is missing makes the backend unavailable, and the reason names the cure in one line.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { REFUSALS } from '../landlock/launcher.ts';

export interface Bwrap {
  readonly path: string;
  readonly version: string;
  readonly bindDescriptor: boolean;
}

export type Found =
  | { readonly kind: 'found'; readonly bwrap: Bwrap }
  | { readonly kind: 'unusable'; readonly reason: string };

/** Never looked up through PATH: what comes first there is not ours to trust. */
const PLACES = ['/usr/bin/bwrap', '/bin/bwrap', '/usr/local/bin/bwrap'];

const INSTALL = 'bubblewrap is not installed: apt-get install bubblewrap (or run: npm run setup)';
const NEEDED_OPTIONS = [
  '--disable-userns',
  '--json-status-fd',
  '--args',
  '--size',
  '--perms',
  '--seccomp',
  '--die-with-parent',
  '--remount-ro',
];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function outputOf(path: string, argument: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(path, [argument], { env: {}, timeout: 5000 }, (_error, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
}

export async function findBwrap(places: readonly string[] = PLACES): Promise<Found> {
  if (process.platform !== 'linux') {
    return {
      kind: 'unusable',
      reason: 'bubblewrap exists on Linux only: run Sluice on Linux (on Windows in WSL 2), or set sandbox.mode to deny',
    };
  }
  if (process.arch !== 'x64' && process.arch !== 'arm64') {
    return { kind: 'unusable', reason: `there is no seccomp table for ${process.arch}: use sandbox.mode docker` };
  }
  const path = places.find(isExecutable);
  if (path === undefined) return { kind: 'unusable', reason: INSTALL };
  const help = await outputOf(path, '--help');
  const missing = NEEDED_OPTIONS.filter((option) => !help.includes(option));
  const version = /\d+\.\d+(?:\.\d+)?/.exec(await outputOf(path, '--version'))?.[0] ?? 'unknown';
  if (missing.length > 0) {
    return {
      kind: 'unusable',
      reason: `bubblewrap ${version} lacks ${missing[0]}: install 0.8 or newer (apt-get install bubblewrap)`,
    };
  }
  return { kind: 'found', bwrap: { path, version, bindDescriptor: help.includes('--ro-bind-fd') } };
}

/** Turns bwrap's words, or the status a launcher ended with, into a reason and a cure. */
export function explainStartFailure(stderr: string, code?: number): string {
  const refused = REFUSALS[code ?? 0];
  if (refused !== undefined) return `${refused}: restart Sluice, so that it asks this kernel again what it has`;
  const line = (
    stderr.split('\n').find((text) => text.startsWith('bwrap:')) ?? 'bwrap ended before the sandbox was ready'
  ).slice(0, 200);
  if (/namespace|uid map|gid map|setting up|Operation not permitted|No permissions/i.test(line)) {
    return `${line}. The kernel refuses user namespaces here: on Ubuntu 24.04 or later install an AppArmor profile for /usr/bin/bwrap; elsewhere sysctl kernel.unprivileged_userns_clone=1; inside a container allow user namespaces or run Sluice on the host`;
  }
  return line;
}
