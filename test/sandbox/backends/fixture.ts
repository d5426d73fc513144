import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BubblewrapOptions } from '../../../sandbox/backends/bubblewrap.ts';
import type { ExecutionPlan } from '../../../sandbox/plan.ts';

export interface Area {
  readonly path: string;
  remove(): void;
}

/** A directory the sandbox's user can reach and write. */
export function area(): Area {
  const path = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  chmodSync(path, 0o777);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const LIMITS = {
  wallMs: 10_000,
  memoryBytes: 256 * 1024 * 1024,
  processes: 32,
  outputBytes: 4096,
  diskBytes: 8 * 1024 * 1024,
  fileBytes: 4 * 1024 * 1024,
} as const;

export function plan(argv: readonly [string, ...string[]], changes: Partial<ExecutionPlan> = {}): ExecutionPlan {
  return {
    callId: 'call-1',
    tool: 'exec',
    mode: 'bubblewrap',
    argv,
    stdin: '',
    cwd: '/tmp',
    env: { PATH: '/usr/bin:/bin', HOME: '/home/agent' },
    workspace: { access: 'none' },
    home: '',
    egress: { kind: 'none' },
    limits: LIMITS,
    scopeKey: 'scope',
    sessionKey: 'session',
    policyDigest: 'digest',
    ...changes,
  };
}

export const shell = (script: string, changes: Partial<ExecutionPlan> = {}): ExecutionPlan =>
  plan(['/bin/sh', '-c', script], changes);

export const options = (stateDir: string, pool = 0): BubblewrapOptions => ({ uid: 65534, gid: 65534, pool, stateDir });

export const never = (): AbortSignal => new AbortController().signal;
