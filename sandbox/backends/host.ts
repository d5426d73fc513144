/**
 * The `host` backend: no isolation whatever. It exists only where the configuration says so in as many words, claims
 * nothing, and says `isolation: none` in every receipt. Fails closed: without that phrase it cannot be made.
 */
import type { Backend, Outcome } from '../backend.ts';
import type { ExecutionPlan } from '../plan.ts';
import { HOME_INSIDE, NODE_INSIDE, TMP_INSIDE, WORKSPACE_INSIDE } from '../tools/programs.ts';
import { runUnconfined } from './unconfined.ts';

export const ALLOW_HOST_PHRASE = 'yes-run-tools-without-isolation';

export interface HostOptions {
  readonly allowHost: string;
  /** As whom tools run when the service is root; never 0. */
  readonly uid: number;
  readonly gid: number;
}

const RECEIPT = { isolation: 'none' } as const;

/** Plans name places of a sandbox. Only whole paths are put in their place: a command's text is not ours to rewrite. */
function toHostPath(path: string, plan: ExecutionPlan): string {
  const workspace = plan.workspace.access === 'none' ? '/tmp' : plan.workspace.source;
  const places: readonly (readonly [string, string])[] = [
    [NODE_INSIDE, process.execPath],
    [WORKSPACE_INSIDE, workspace],
    [HOME_INSIDE, plan.home === '' ? '/tmp' : plan.home],
    [TMP_INSIDE, '/tmp'],
  ];
  const found = places.find(([inside]) => path === inside || path.startsWith(`${inside}/`));
  return found === undefined ? path : `${found[1]}${path.slice(found[0].length)}`;
}

const unsupported = (detail: string): Outcome => ({ kind: 'not-started', cause: 'plan-unsupported', detail });

export function createHostBackend(options: HostOptions): Backend {
  if (options.allowHost !== ALLOW_HOST_PHRASE) throw new Error('host backend: sandbox.allowHost does not say so');
  const dropsTo = process.getuid?.() === 0;
  const running = new Set<AbortController>();
  return {
    mode: 'host',
    async available() {
      return dropsTo && options.uid === 0
        ? { usable: false, reason: 'sandbox.uid is 0: tools never run as root' }
        : { usable: true };
    },
    /** There is nothing to prove: it isolates nothing, and says so. */
    async prove() {
      return [];
    },
    async run(plan, { signal, terminal }) {
      if (terminal !== undefined) return unsupported('the host backend keeps no program beyond its call');
      if (plan.mode !== 'host') return unsupported(`the plan asks for ${plan.mode}`);
      if (dropsTo && options.uid === 0) return unsupported('tools never run as root');
      if (plan.workspace.access === 'ro' || plan.workspace.access === 'cow')
        return unsupported(`the host backend cannot keep a workspace ${plan.workspace.access}`);
      if (plan.egress.kind === 'proxy') return unsupported('the host backend cannot confine the network');
      if (signal.aborted)
        return { kind: 'not-started', cause: 'aborted', detail: 'the call was cancelled before it began' };
      const controller = new AbortController();
      running.add(controller);
      const [program, ...rest] = plan.argv;
      const end = await runUnconfined({
        argv: [
          toHostPath(program, plan),
          ...rest.map((word) => (word.startsWith('/') ? toHostPath(word, plan) : word)),
        ],
        cwd: toHostPath(plan.cwd, plan),
        env: { ...plan.env, HOME: toHostPath(HOME_INSIDE, plan) },
        input: Buffer.from(plan.stdin, 'base64'),
        ...(dropsTo ? { uid: options.uid, gid: options.gid } : {}),
        timeoutMs: plan.limits.wallMs,
        outputBytes: plan.limits.outputBytes,
        signal: AbortSignal.any([signal, controller.signal]),
      }).finally(() => running.delete(controller));
      const result = { stdout: end.stdout, stderr: end.stderr, attested: RECEIPT };
      if (!end.started) return unsupported('the program could not be started on this host');
      if (end.killedBy !== undefined) return { kind: 'killed', by: end.killedBy, ...result };
      if (end.code === undefined)
        return { kind: 'killed', by: end.signal === 'SIGSYS' ? 'seccomp' : 'abort', ...result };
      return { kind: 'exited', code: end.code, ...result };
    },
    async close() {
      for (const controller of running) controller.abort();
    },
  };
}
