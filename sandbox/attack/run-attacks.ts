/**
 * Runs an attack file against a backend and says of each attempt what became of it: denied by the sandbox, flagged and taken
 * back by the guard, refused before anything ran, or ESCAPED. Fails closed: an attempt that could not be made is `not-run`,
 * and counts as a failure like an escape does.
 */
import { hasEnded } from '../backend.ts';
import type { Backend, Outcome } from '../backend.ts';
import { runUnconfined } from '../backends/unconfined.ts';
import type { Mode } from '../executor.ts';
import type { ExecutionPlan, Limits } from '../plan.ts';
import { HOME_INSIDE, NODE_INSIDE, PYTHON_INSIDE, SHELL_INSIDE, WORKSPACE_INSIDE } from '../tools/programs.ts';
import { AttackFile, expand, fill } from './attack-file.ts';
import type { Attack, Placeholders } from './attack-file.ts';
import { plantTarget } from './target.ts';
import type { Target } from './target.ts';

export type AttemptVerdict = 'denied' | 'flagged' | 'refused' | 'ESCAPED' | 'not-run';

export interface AttemptReport {
  readonly id: string;
  readonly group: string;
  readonly verdict: AttemptVerdict;
  readonly expected: Attack['expect']['verdict'];
  /** `not live` means that the attempt does not work unconfined either. Absent where the file asks for no control. */
  readonly control?: 'live' | 'not live';
  /** How the call ended; never its output. */
  readonly end: string;
  /** A rule of the guard, when it found something. */
  readonly guard?: string;
}

export interface AttackReport {
  readonly backend: Mode;
  readonly attempts: readonly AttemptReport[];
  readonly counts: Readonly<Record<AttemptVerdict, number>>;
  readonly notLive: readonly string[];
  /** No escape, nothing that could not be run, and every control live. */
  readonly passed: boolean;
}

export interface AttackToolCall {
  readonly name: string;
  /** JSON text, as a model would send it. */
  readonly arguments: string;
  readonly session: string;
  readonly workspace: string;
}

/** The way of a model's tool call: planner, policy, backend. */
export type CallTool = (
  call: AttackToolCall,
) => Promise<
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'ran'; readonly backend: Mode; readonly output: string }
>;

export interface RunAttacksOptions {
  readonly uid: number;
  readonly gid: number;
  readonly signal: AbortSignal;
  /** Endpoints that may be attacked, where the backend has several. */
  readonly endpoints?: readonly string[];
  /** For attempts made of tool calls; without it they are `not-run`. */
  readonly callTool?: CallTool;
  readonly only?: (attack: Attack) => boolean;
  /** Called as each attempt ends. */
  readonly onAttempt?: (report: AttemptReport) => void;
}

const MIB = 1024 * 1024;
const LIMITS: Limits = {
  wallMs: 10_000,
  memoryBytes: 256 * MIB,
  processes: 64,
  outputBytes: 64 * 1024,
  diskBytes: 16 * MIB,
  fileBytes: 64 * MIB,
};

/** Names of the field's tools and ours. */
const TOOL_NAMES: Readonly<Record<string, string>> = {
  shell: 'exec',
  bash: 'exec',
  read_file: 'read',
  write_file: 'write',
  edit_file: 'edit',
  list_files: 'list',
};

export async function runAttacks(file: unknown, backend: Backend, options: RunAttacksOptions): Promise<AttackReport> {
  const attacks = AttackFile.parse(file).attacks.filter(options.only ?? (() => true));
  const target = await plantTarget(options);
  const shadowed = Object.keys(target.environment).map((name) => [name, process.env[name]] as const);
  // The service's own environment: what a sandbox must not inherit.
  Object.assign(process.env, target.environment);
  try {
    const attempts: AttemptReport[] = [];
    for (const attack of attacks) {
      if (options.signal.aborted) break;
      const report = await attempt(attack, backend, target, options);
      attempts.push(report);
      options.onAttempt?.(report);
    }
    return summarise(backend.mode, attempts, attacks.length);
  } finally {
    for (const [name, value] of shadowed) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await target.close();
  }
}

function summarise(backend: Mode, attempts: readonly AttemptReport[], wanted: number): AttackReport {
  const count = (verdict: AttemptVerdict): number => attempts.filter((one) => one.verdict === verdict).length;
  const counts = {
    denied: count('denied'),
    flagged: count('flagged'),
    refused: count('refused'),
    ESCAPED: count('ESCAPED'),
    'not-run': count('not-run'),
  };
  const notLive = attempts.filter(({ control }) => control === 'not live').map(({ id }) => id);
  const passed = attempts.length === wanted && counts.ESCAPED === 0 && counts['not-run'] === 0 && notLive.length === 0;
  return { backend, attempts, counts, notLive, passed };
}

interface Result {
  readonly verdict: AttemptVerdict;
  readonly end: string;
  readonly guard?: string;
}

async function attempt(
  attack: Attack,
  backend: Backend,
  target: Target,
  options: RunAttacksOptions,
): Promise<AttemptReport> {
  const place = await target.workspace();
  try {
    const names = place.names;
    const result =
      attack.language === 'tool' || attack.language === 'toolcall'
        ? await asTool(attack, backend, target, names, place.path, options)
        : await asCode(attack, backend, names, place.path, options);
    const escaped = result.verdict !== 'not-run' && (await hostCheck(attack, names, options));
    const verdict = escaped ? 'ESCAPED' : result.verdict;
    const control = attack.control ? await controlRun(attack, target, options) : undefined;
    return {
      id: attack.id,
      group: attack.group,
      expected: attack.expect.verdict,
      ...result,
      verdict,
      ...(control === undefined ? {} : { control }),
    };
  } finally {
    await place.remove();
  }
}

function argvOf(language: Attack['language'], code: string, node: string): readonly [string, ...string[]] {
  if (language === 'python') return [PYTHON_INSIDE, '-c', code];
  if (language === 'node') return [node, '-e', code];
  return [SHELL_INSIDE, '-c', code];
}

function planFor(
  backend: Backend,
  attack: Attack,
  code: string,
  workspace: string,
  access: 'rw' | 'ro',
  { endpoints }: Pick<RunAttacksOptions, 'endpoints'>,
): ExecutionPlan {
  return {
    callId: attack.id,
    tool: 'attack',
    mode: backend.mode,
    argv: argvOf(
      attack.language === 'python' || attack.language === 'node' ? attack.language : 'sh',
      code,
      NODE_INSIDE,
    ),
    stdin: '',
    cwd: WORKSPACE_INSIDE,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: HOME_INSIDE, TMPDIR: '/tmp', LANG: 'C.UTF-8', SBX_MODE: access },
    workspace: { access, source: workspace },
    home: '',
    egress: { kind: 'none' },
    limits: { ...LIMITS, wallMs: attack.timeout_ms ?? LIMITS.wallMs },
    ...(endpoints === undefined ? {} : { endpoints }),
    scopeKey: 'attack',
    sessionKey: 'attack',
    policyDigest: 'attack',
  };
}

async function asCode(
  attack: Attack,
  backend: Backend,
  names: Placeholders,
  workspace: string,
  options: RunAttacksOptions,
): Promise<Result> {
  const code = fill(String(attack.code), names);
  const writable = await backend.run(planFor(backend, attack, code, workspace, 'rw', options), {
    signal: options.signal,
  });
  const result = judge(attack, writable);
  // Attempts that ask for a read-only workspace look at this variable and do nothing elsewhere.
  if (!code.includes('SBX_MODE') || result.verdict === 'ESCAPED' || result.verdict === 'not-run') return result;
  return judge(
    attack,
    await backend.run(planFor(backend, attack, code, workspace, 'ro', options), { signal: options.signal }),
  );
}

function judge(attack: Attack, outcome: Outcome): Result {
  if (!hasEnded(outcome)) return { verdict: 'not-run', end: `${outcome.kind}: ${outcome.detail}` };
  const end = outcome.kind === 'exited' ? `exit ${outcome.code}` : `killed by ${outcome.by}`;
  const said = outcome.stdout.head + outcome.stdout.tail;
  if (said.includes(attack.expect.escaped_if.stdout)) return { verdict: 'ESCAPED', end };
  const findings = Number(outcome.attested.guardFindings ?? 0);
  if (findings > 0) return { verdict: 'flagged', end, guard: String(outcome.attested.guardRules ?? '') };
  return { verdict: 'denied', end };
}

interface ToolAttempt {
  readonly setup?: string;
  readonly tool?: { readonly name: string; readonly args: unknown };
  readonly name?: string;
  readonly args?: unknown;
  readonly session?: string;
}

async function asTool(
  attack: Attack,
  backend: Backend,
  target: Target,
  names: Placeholders,
  workspace: string,
  options: RunAttacksOptions,
): Promise<Result> {
  if (options.callTool === undefined) return { verdict: 'not-run', end: 'there is no planner to send a tool call to' };
  const raw: unknown = typeof attack.code === 'string' ? JSON.parse(attack.code) : attack.code;
  const { setup, tool, ...direct } = fill(raw, names) as ToolAttempt;
  if (setup !== undefined) {
    const prepared = await backend.run(
      planFor(backend, { ...attack, language: 'sh' }, setup, workspace, 'rw', options),
      {
        signal: options.signal,
      },
    );
    if (!hasEnded(prepared)) return { verdict: 'not-run', end: `setup ${prepared.kind}: ${prepared.detail}` };
  }
  const name = tool?.name ?? direct.name ?? '';
  const answer = await options.callTool({
    name: Object.hasOwn(TOOL_NAMES, name) ? (TOOL_NAMES[name] as string) : name,
    arguments: JSON.stringify(expand(tool?.args ?? direct.args ?? {})),
    session: direct.session ?? 'attack',
    workspace,
  });
  if (answer.kind === 'refused') return { verdict: 'refused', end: `refused: ${answer.code}` };
  const escaped =
    answer.backend !== backend.mode ||
    answer.output.includes(attack.expect.escaped_if.stdout) ||
    answer.output.includes(target.canary);
  return { verdict: escaped ? 'ESCAPED' : 'denied', end: `ran on ${answer.backend}` };
}

const CONTROL_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', LANG: 'C.UTF-8' };

const dropped = (options: RunAttacksOptions): { readonly uid?: number; readonly gid?: number } =>
  process.getuid?.() === 0 ? { uid: options.uid, gid: options.gid } : {};

async function hostCheck(attack: Attack, names: Placeholders, options: RunAttacksOptions): Promise<boolean> {
  const check = attack.expect.escaped_if.host_check;
  if (check === undefined) return false;
  const end = await runUnconfined({
    argv: [SHELL_INSIDE, '-c', fill(check, names)],
    cwd: '/',
    env: CONTROL_ENVIRONMENT,
    ...dropped(options),
    timeoutMs: 5000,
    outputBytes: 1024,
  });
  return end.code === 0;
}

/** The same attempt without a sandbox, in a workspace of its own, under the same user. */
async function controlRun(attack: Attack, target: Target, options: RunAttacksOptions): Promise<'live' | 'not live'> {
  const place = await target.workspace();
  try {
    const code = fill(String(attack.code), place.names).replaceAll(WORKSPACE_INSIDE, place.path);
    const end = await runUnconfined({
      argv: argvOf(attack.language, code, process.execPath),
      cwd: place.path,
      env: { ...CONTROL_ENVIRONMENT, ...target.environment },
      ...dropped(options),
      timeoutMs: attack.timeout_ms ?? LIMITS.wallMs,
      outputBytes: LIMITS.outputBytes,
      signal: options.signal,
    });
    return (end.stdout.head + end.stdout.tail).includes(attack.expect.escaped_if.stdout) ? 'live' : 'not live';
  } finally {
    await place.remove();
  }
}
