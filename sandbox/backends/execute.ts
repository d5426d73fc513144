/**
 * One command in one attested sandbox: hands it over, keeps its time and its output bound, and says how it ended. Whatever
 * ends it ends everything inside: the sandbox's processes share its fate through their PID namespace.
 */
import type { Outcome, RunOptions } from '../backend.ts';
import { createOutputCollector } from '../bounded-output.ts';
import type { ExecutionPlan } from '../plan.ts';
import type { WaitingSandbox } from './launch.ts';

/** Output past this multiple of what is kept ends the program: nobody reads on, and a flood costs CPU. */
const FLOOD_FACTOR = 16;
const FLOOD_MINIMUM = 1024 * 1024;
const SIGSYS_STATUS = 128 + 31;
const SIGKILL_STATUS = 128 + 9;

export async function execute(
  sandbox: WaitingSandbox,
  plan: Pick<ExecutionPlan, 'stdin' | 'limits'>,
  script: string,
  { signal, watch, terminal }: RunOptions,
): Promise<Outcome> {
  const { outputBytes, wallMs } = plan.limits;
  const stdout = createOutputCollector(outputBytes);
  const stderr = createOutputCollector(outputBytes);
  const flood = Math.max(FLOOD_MINIMUM, outputBytes * FLOOD_FACTOR);
  let killedBy: 'timeout' | 'output-limit' | 'abort' | undefined;
  const kill = (by: NonNullable<typeof killedBy>): void => {
    killedBy ??= by;
    sandbox.kill();
  };
  const onAbort = (): void => kill('abort');
  const timer = setTimeout(() => kill('timeout'), wallMs);
  signal.addEventListener('abort', onAbort, { once: true });
  watch?.planted(sandbox.honey?.tokens ?? []);
  const input = sandbox.handOver(script, Buffer.from(plan.stdin, 'base64'), terminal !== undefined, (stream, chunk) => {
    const collector = stream === 'stdout' ? stdout : stderr;
    if (killedBy === undefined) collector.push(chunk);
    watch?.output(stream, chunk);
    if (terminal !== undefined) terminal.output(chunk);
    else if (collector.total > flood) kill('output-limit');
  });
  terminal?.opened(input, sandbox.attestation);
  const { code } = await sandbox.ended;
  clearTimeout(timer);
  signal.removeEventListener('abort', onAbort);
  if (sandbox.honey?.wasRead() === true) watch?.canaryRead();
  watch?.processes(await sandbox.group.processPeak(), plan.limits.processes);

  const result = { stdout: stdout.result(), stderr: stderr.result(), attested: sandbox.attestation };
  if (killedBy !== undefined) return { kind: 'killed', by: killedBy, ...result };
  if (code === SIGSYS_STATUS) return { kind: 'killed', by: 'seccomp', ...result };
  if (code === SIGKILL_STATUS && (await sandbox.group.memoryKills()) > 0) {
    return { kind: 'killed', by: 'memory', ...result };
  }
  // bwrap itself died without our doing: someone ended it, and with it the program.
  if (code === undefined) return { kind: 'killed', by: 'abort', ...result };
  return { kind: 'exited', code, ...result };
}
