/**
 * A claim of the sandbox and how it is put to the test from inside. A probe proves by attempting: it prints VIOLATION for
 * what it was able to do, and its closing line only when it got to the end. Fails closed: no closing line, no proof.
 */
import type { Outcome } from '../backend.ts';
import type { BoundedOutput } from '../executor.ts';
import type { ExecutionPlan, Limits } from '../plan.ts';
import { HOME_INSIDE, SHELL_INSIDE, TMP_INSIDE } from '../tools/programs.ts';
import type { World } from './world.ts';

export interface Judgement {
  readonly proved: boolean;
  /** One line of what was tried and seen. */
  readonly evidence: string;
}

export type RunPlan = (plan: ExecutionPlan) => Promise<Outcome>;

export interface Probe {
  readonly claim: string;
  prove(run: RunPlan, world: World): Promise<Judgement>;
}

export const PROBE_LIMITS: Limits = {
  wallMs: 8000,
  memoryBytes: 128 * 1024 * 1024,
  processes: 24,
  outputBytes: 16 * 1024,
  diskBytes: 2 * 1024 * 1024,
  fileBytes: 64 * 1024 * 1024,
};

export const PROBE_ENVIRONMENT = { PATH: '/usr/bin:/bin', HOME: HOME_INSIDE } as const;

export function probePlan(argv: readonly [string, ...string[]], changes: Partial<ExecutionPlan> = {}): ExecutionPlan {
  return {
    callId: 'probe',
    tool: 'probe',
    mode: 'bubblewrap',
    argv,
    stdin: '',
    cwd: TMP_INSIDE,
    env: PROBE_ENVIRONMENT,
    workspace: { access: 'none' },
    home: '',
    egress: { kind: 'none' },
    limits: PROBE_LIMITS,
    scopeKey: 'probe',
    sessionKey: 'probe',
    policyDigest: 'probe',
    ...changes,
  };
}

const CLOSING = 'probe-complete';

export const textOf = ({ head, tail }: BoundedOutput): string => head + tail;

/** What ended a call, in a word or two. */
export function describeEnd(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exited':
      return `exit ${outcome.code}`;
    case 'killed':
      return `killed by ${outcome.by}`;
    case 'not-started':
      return `not started (${outcome.detail})`;
    case 'unknown':
      return `its end is unknown (${outcome.detail})`;
  }
}

/** The verdict on a script that prints VIOLATION lines: none of them, and its end was reached. */
export function judgeScript(outcome: Outcome, tried: string): Judgement {
  if (outcome.kind !== 'exited')
    return { proved: false, evidence: `the probe did not run to its end: ${describeEnd(outcome)}` };
  const lines = textOf(outcome.stdout).split('\n');
  const violations = lines
    .filter((line) => line.startsWith('VIOLATION'))
    .map((line) => line.slice('VIOLATION'.length).trim());
  if (violations.length > 0)
    return { proved: false, evidence: `possible from inside: ${violations.slice(0, 3).join('; ').slice(0, 200)}` };
  if (!lines.includes(CLOSING))
    return { proved: false, evidence: `the probe did not run to its end: ${describeEnd(outcome)}` };
  return { proved: true, evidence: tried };
}

/** A shell script in which every successful attempt prints VIOLATION. */
export function scriptProbe(
  claim: string,
  tried: string,
  script: (world: World) => string,
  changes: (world: World) => Partial<ExecutionPlan> = () => ({}),
): Probe {
  return {
    claim,
    async prove(run, world) {
      const text = `${script(world)}\necho ${CLOSING}`;
      return judgeScript(await run(probePlan([SHELL_INSIDE, '-c', text], changes(world))), tried);
    },
  };
}

/** The same in JavaScript, which is there whatever else the host lacks. The code must call `done()` itself. */
export const NODE_PRELUDE = `const violation = (what) => console.log('VIOLATION', what); const done = () => console.log('${CLOSING}');\n`;
