/**
 * One call with one fault at one step of a real broker with real bubblewrap, and what must be true afterwards: the call is
 * refused, or killed, or did what it says; the service serves again; and no process, mount, directory or control group stays.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  chmodSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Config } from '../../../config/schema.ts';
import { startBroker } from '../../../sandbox/broker/start.ts';
import { createToolExecutor } from '../../../sandbox/client.ts';
import type { SandboxClient } from '../../../sandbox/client.ts';
import type { ToolOutcome } from '../../../sandbox/executor.ts';
import type { How, Order } from './fault.ts';

export const SCOPES = ['call', 'pooled', 'session', 'agent', 'cow', 'pty'] as const;
export type Scope = (typeof SCOPES)[number];
export const TARGETS = ['engine', 'executor', 'sandbox', 'inside'] as const;
export type Target = (typeof TARGETS)[number];
export const MANNERS: readonly How[] = ['killed', 'hung', 'late'];

export interface Fault {
  readonly scope: Scope;
  readonly target: Target;
  readonly how: How;
  readonly step: number;
}

export interface Verdict {
  /** False when the call was over before the step came. */
  readonly struck: boolean;
  readonly outcome: string;
  readonly problems: readonly string[];
}

/** Of no account on the machine, so that what belongs to it was left by us. */
const FIRST_UID = 64_200;
let runs = 0;
const WALL_MS = 1_000;
const PATIENCE = { startMs: 20_000, planMs: 1_500, acceptMs: 1_500, proveMs: 3_000, finishMs: 1_500 };

const settingsOf = (scope: Scope, workspaceRoot: string): Record<string, unknown> =>
  ({
    call: { pool: 0 },
    pooled: { pool: 1 },
    session: { pool: 0, scope: 'session', workspace: 'rw' },
    agent: { pool: 0, scope: 'agent', workspace: 'rw', workspaceRoot },
    cow: { pool: 0, workspace: 'cow', workspaceRoot },
    pty: { pool: 0, workspace: 'rw', workspaceRoot },
  })[scope];

export async function strikeOnce({ scope, target, how, step }: Fault): Promise<Verdict> {
  const base = mkdtempSync(join(tmpdir(), 'sluice-kills-'));
  chmodSync(base, 0o755);
  const uid = FIRST_UID + (process.pid % 300) * 1000 + runs++;
  const [stateDir, workspaceRoot] = ['state', 'workspace'].map((name) => join(base, name)) as [string, string];
  mkdirSync(stateDir);
  mkdirSync(workspaceRoot);
  chmodSync(workspaceRoot, 0o777);
  const order = join(base, 'order');
  const pids = join(base, 'pids');
  const problems: string[] = [];
  const open = (): Promise<SandboxClient> =>
    createToolExecutor({
      config: Config.parse({ sandbox: { uid, timeoutMs: WALL_MS, ...settingsOf(scope, workspaceRoot) } }).sandbox,
      labels: ['public', 'internal', 'confidential', 'restricted'],
      stateDir,
      patience: PATIENCE,
      start: () => startBroker(entries(base, target, order, pids)),
    });
  const client = await open();
  try {
    const first = await call(client, scope, 'first');
    if (!isDone(first, 'first')) throw new Error(`a call without a fault was ${describe(first)}`);
    const written: Order = {
      target: target === 'engine' || target === 'executor' ? 'self' : target,
      how,
      step,
    };
    // Renamed into place: the other process reads it as soon as it is there.
    writeFileSync(`${order}-new`, JSON.stringify(written));
    renameSync(`${order}-new`, order);
    const outcome = await call(client, scope, 'second');
    const struck = !existsSync(order);
    rmSync(order, { force: true });
    problems.push(...wrongAbout(outcome, workspaceRoot, scope));
    if (how === 'late' && target !== 'inside' && outcome.kind !== 'exited' && struck)
      if (!(outcome.kind === 'killed' && outcome.by === 'timeout')) problems.push(`late is ${describe(outcome)}`);
    if (!(await servesAgain(client, scope))) problems.push('the service does not serve again');
    if (scope !== 'pooled' && scope !== 'pty' && !(await settles(() => processesOf(uid).length === 0)))
      problems.push('a process stayed while the service went on');
    await client.close();
    let left = await leftovers(uid, base, stateDir, pids);
    // An executor that is killed cannot clean up; its successor does. It starts with its first call.
    if (left.length > 0 && (await cleansUp(open, scope))) left = await leftovers(uid, base, stateDir, pids);
    problems.push(...left);
    return { struck, outcome: describe(outcome), problems };
  } finally {
    await client.close();
    rmSync(base, { recursive: true, force: true });
  }
}

function entries(base: string, target: Target, order: string, pids: string): { engine: URL; executor: URL } {
  const entry = (name: string, main: string, isTarget: boolean): URL => {
    const path = join(base, `${name}.ts`);
    const own = (file: string): string => JSON.stringify(join(import.meta.dirname, file));
    const at = isTarget ? order : `${order}-never`;
    writeFileSync(
      path,
      `import { installFault } from ${own('fault.ts')};\ninstallFault(${JSON.stringify(at)}, ${JSON.stringify(pids)});\nawait import(${own(main)});\n`,
    );
    return pathToFileURL(path);
  };
  return {
    engine: entry('engine', '../../../sandbox/broker/engine-main.ts', target === 'engine'),
    executor: entry('executor', 'executor-main.ts', target !== 'engine'),
  };
}

/** The sum is only written by a shell that ran, and the file only by one that ran there. */
const command = (nonce: string): string =>
  `echo $((40 + 2))-${nonce}; [ -w /workspace ] && : > /workspace/ran-${nonce}; sleep 0.02`;

function call(client: SandboxClient, scope: Scope, nonce: string): Promise<ToolOutcome> {
  const tool = scope === 'pty' ? 'session' : 'exec';
  const words =
    scope === 'pty'
      ? { action: 'start', command: `${command(nonce)}; sleep 30`, waitMs: 700 }
      : { command: command(nonce) };
  const { signal } = new AbortController();
  return client.run(
    {
      id: `call-${nonce}`,
      tool,
      arguments: JSON.stringify(words),
      principal: 'p',
      session: 's',
      agent: 'a',
      label: 'public',
    },
    { signal },
  );
}

const isDone = (outcome: ToolOutcome, nonce: string): boolean =>
  outcome.kind === 'exited' && outcome.stdout.head.includes(`42-${nonce}`);

function describe(outcome: ToolOutcome): string {
  switch (outcome.kind) {
    case 'exited':
      return `exited ${outcome.code}`;
    case 'killed':
      return `killed by ${outcome.by}`;
    case 'refused':
      return `${outcome.code}: ${outcome.message}`;
  }
}

/** What it says against what it did. */
function wrongAbout(outcome: ToolOutcome, workspaceRoot: string, scope: Scope): readonly string[] {
  const ran = existsSync(join(workspaceRoot, 'ran-second'));
  switch (outcome.kind) {
    case 'exited':
      // A shell whose child was killed from outside goes on, so the words may lack; success without them may not.
      if (outcome.code === 0 && !outcome.stdout.head.includes('42-second') && scope !== 'pty')
        return ['reported as done, and was not'];
      if (Object.keys(outcome.receipt.attested).length === 0) return ['reported as run, and not attested'];
      return [];
    case 'killed':
      return Object.keys(outcome.receipt.attested).length === 0 ? ['killed, and not attested'] : [];
    case 'refused':
      return /Nothing ran/.test(outcome.message) && ran ? ['"Nothing ran", and it ran'] : [];
  }
}

async function servesAgain(client: SandboxClient, scope: Scope): Promise<boolean> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (isDone(await call(client, scope, `again${attempt}`), `again${attempt}`)) return true;
    await setTimeout(100);
  }
  return false;
}

async function cleansUp(open: () => Promise<SandboxClient>, scope: Scope): Promise<boolean> {
  const next = await open();
  const isUp = await servesAgain(next, scope);
  await next.close();
  return isUp;
}

async function settles(holds: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 150; attempt++) {
    if (holds()) return true;
    await setTimeout(20);
  }
  return false;
}

function processesOf(uid: number): readonly string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'latin1');
      return new RegExp(`^Uid:\\t${uid}\\t`, 'm').test(status) && !/^State:\s+Z/m.test(status);
    } catch {
      return false;
    }
  });
}

/** Its command and where it waits. */
function nameOf(pid: string): string {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return `${/^Name:\t(.*)/m.exec(status)?.[1]} ${/^State:\t(.*)/m.exec(status)?.[1]} ${readFileSync(`/proc/${pid}/wchan`, 'latin1')} of ${/^PPid:\t(.*)/m.exec(status)?.[1]}`;
  } catch {
    return 'gone';
  }
}

async function leftovers(uid: number, base: string, stateDir: string, pidFile: string): Promise<readonly string[]> {
  const found: string[] = [];
  const pids = readFileSync(pidFile, 'utf8').trim().split('\n');
  const isOurs = (name: string): boolean => pids.some((pid) => name.includes(`-${pid}-`));
  if (!(await settles(() => processesOf(uid).length === 0)))
    found.push(`processes stayed: ${processesOf(uid).map(nameOf).join(', ')}`);
  if (readFileSync('/proc/self/mountinfo', 'utf8').includes(base)) found.push('a mount stayed');
  for (const directory of [tmpdir(), stateDir])
    for (const name of readdirSync(directory))
      if (/^sluice-(sandbox|egress)-/.test(name) && isOurs(name)) found.push(`${name.replace(/\d+.*/, '')} stayed`);
  for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/pids', '/sys/fs/cgroup/cpu'])
    if (existsSync(root))
      for (const name of readdirSync(root))
        if (name.startsWith('sluice-') && isOurs(name)) found.push(`group ${root} stayed`);
  const changes = join(stateDir, 'changes');
  for (const id of existsSync(changes) ? readdirSync(changes) : [])
    if (!existsSync(join(changes, id, 'changes.json'))) found.push('an unfinished copy stayed');
  return found;
}
