/** Claims about what one call may use up: processes, memory, time, output. */
import { hasEnded } from '../backend.ts';
import { dataLimit } from '../backends/handover.ts';
import { NODE_INSIDE, SHELL_INSIDE } from '../tools/programs.ts';
import { describeEnd, probePlan, PROBE_LIMITS, textOf } from './probe.ts';
import type { Probe } from './probe.ts';

const MIB = 1024 * 1024;

const processes: Probe = {
  claim: 'process-limit',
  async prove(run) {
    const script = `i=0; while [ $i -lt ${PROBE_LIMITS.processes * 4} ]; do sleep 3 & i=$((i+1)); echo $i; done; echo all`;
    const outcome = await run(
      probePlan([SHELL_INSIDE, '-c', `${script} 2>/dev/null`], { limits: { ...PROBE_LIMITS, wallMs: 1200 } }),
    );
    if (!hasEnded(outcome)) return { proved: false, evidence: describeEnd(outcome) };
    const lines = textOf(outcome.stdout).trim().split('\n');
    const started = lines.filter((line) => /^\d+$/.test(line)).length;
    const proved = !lines.includes('all') && started > 0 && started <= PROBE_LIMITS.processes;
    return {
      proved,
      evidence: `${started} of ${PROBE_LIMITS.processes * 4} processes could be started under a limit of ${PROBE_LIMITS.processes}`,
    };
  },
};

const memory: Probe = {
  claim: 'memory-limit',
  async prove(run) {
    const first = await run(probePlan(['/bin/true']));
    if (!hasEnded(first)) return { proved: false, evidence: describeEnd(first) };
    const isGrouped = String(first.attested.cgroup ?? '').includes('memory');
    const most = (isGrouped ? PROBE_LIMITS.memoryBytes : dataLimit(PROBE_LIMITS.memoryBytes)) / MIB;
    const enough = Math.ceil((most * 1.25) / 8);
    const code = `const kept = []; while (kept.length < ${enough}) { kept.push(Buffer.alloc(8 << 20, 1)); console.log(kept.length * 8); } console.log('all');`;
    const outcome = await run(probePlan([NODE_INSIDE, '-e', code]));
    if (!hasEnded(outcome)) return { proved: false, evidence: describeEnd(outcome) };
    const lines = textOf(outcome.stdout).trim().split('\n');
    const reached = Math.max(0, ...lines.map(Number).filter(Number.isFinite));
    const isStopped =
      (outcome.kind === 'killed' ? outcome.by === 'memory' : outcome.code !== 0) && !lines.includes('all');
    const means = isGrouped
      ? 'over all processes, by control group'
      : 'per process, by rlimit: no memory control group is writable here';
    return {
      proved: isStopped && reached > 0 && reached <= most,
      evidence: `a program was stopped at ${reached} MiB under a limit of ${most} MiB (${means})`,
    };
  },
};

const time: Probe = {
  claim: 'time-limit',
  async prove(run) {
    const begin = performance.now();
    const outcome = await run(
      probePlan([SHELL_INSIDE, '-c', "trap '' TERM INT HUP QUIT; while :; do :; done"], {
        limits: { ...PROBE_LIMITS, wallMs: 250 },
      }),
    );
    const took = Math.round(performance.now() - begin);
    const proved = outcome.kind === 'killed' && outcome.by === 'timeout' && took < 5000;
    return {
      proved,
      evidence: `a loop that ignores signals ended with ${describeEnd(outcome)} under a limit of 250 ms`,
    };
  },
};

const output: Probe = {
  claim: 'output-limit',
  async prove(run) {
    for (const redirect of ['', ' >&2']) {
      const outcome = await run(
        probePlan([SHELL_INSIDE, '-c', `while :; do echo 0123456789012345678901234567890123456789; done${redirect}`]),
      );
      if (outcome.kind !== 'killed' || outcome.by !== 'output-limit')
        return { proved: false, evidence: `a flood ended with ${describeEnd(outcome)}` };
      const kept = Math.max(textOf(outcome.stdout).length, textOf(outcome.stderr).length);
      if (kept > PROBE_LIMITS.outputBytes) return { proved: false, evidence: `${kept} bytes of a flood were kept` };
    }
    return {
      proved: true,
      evidence: `floods on both streams were ended, and no more than ${PROBE_LIMITS.outputBytes} bytes kept`,
    };
  },
};

export const RESOURCE_PROBES: readonly Probe[] = [processes, memory, time, output];
