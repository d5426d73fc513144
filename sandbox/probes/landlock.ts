/**
 * The claim that a second part of the kernel holds what the mounts hold. Shown by what the mounts, modes and namespaces
 * permit and only a Landlock domain denies.
 */
import { HOME_INSIDE, LAUNCHER_INSIDE, NODE_INSIDE, SHELL_INSIDE } from '../tools/programs.ts';
import { judgeScript, NODE_PRELUDE, probePlan } from './probe.ts';
import type { Probe } from './probe.ts';

const SIGNALS_SINCE = 6;

/** access(2) asks modes and mounts but no security module: what it permits and open(2) then denies is Landlock's doing. */
const files = (abi: number): string => `
[ -r ${LAUNCHER_INSIDE} ] && [ -x ${LAUNCHER_INSIDE} ] && [ -w /proc/self/comm ] || echo VIOLATION the mounts do not permit what is tried
cat ${LAUNCHER_INSIDE} > /dev/null 2>&1 && echo VIOLATION read a file no rule names
${LAUNCHER_INSIDE} /bin/true 2>/dev/null && echo VIOLATION started a program no rule names
(echo x > /proc/self/comm) 2>/dev/null && echo VIOLATION wrote in /proc
cp /bin/true ${HOME_INSIDE}/program && ${HOME_INSIDE}/program || echo VIOLATION a program in the home did not start
cp /bin/true /dev/shm/program && /dev/shm/program 2>/dev/null && echo VIOLATION started a program in /dev/shm
readlink /proc/1/exe > /dev/null && echo VIOLATION looked into pid 1
${abi >= SIGNALS_SINCE ? 'kill -0 1 2>/dev/null && echo VIOLATION signalled pid 1' : ''}
echo probe-complete`;

/** UDP is no business of Landlock's: that it works shows that the loopback device is there. */
const TCP = `${NODE_PRELUDE}
const server = require('node:net').createServer().on('error', (error) => { if (error.code !== 'EACCES') violation('listen: ' + error.code); next(); });
server.listen(0, '127.0.0.1', () => { violation('listened'); server.close(); next(); });
const next = () => require('node:net').connect(9, '127.0.0.1').on('connect', () => violation('connected')).on('error', (error) => { if (error.code !== 'EACCES') violation('connect: ' + error.code); last(); });
const last = () => { const socket = require('node:dgram').createSocket('udp4'); socket.bind(0, '127.0.0.1', () => { socket.close(); done(); }); };`;

export interface LandlockProbeOptions {
  readonly abi: number;
  readonly withoutTcp: boolean;
  /** Asks the kernel again what it has. */
  readonly ask: () => Promise<number>;
}

/** Where a kernel has none, the claim is that it has none: an operator reads which of the two was seen. */
export function landlockProbe({ abi, withoutTcp, ask }: LandlockProbeOptions): Probe {
  return {
    claim: 'landlock-where-present',
    async prove(run) {
      if (abi === 0) {
        const now = await ask();
        return now === 0
          ? { proved: true, evidence: 'OFF: this kernel has no Landlock, so mounts, namespaces and filter stand alone' }
          : { proved: false, evidence: `this kernel has Landlock ${now} and it is not used: restart Sluice` };
      }
      const verdict = judgeScript(
        await run(probePlan([SHELL_INSIDE, '-c', files(abi)])),
        `on, version ${abi}: a readable file, a program, /proc/self/comm and pid 1, which mounts and modes permit, were out of reach${withoutTcp ? '; so was TCP on its own loopback' : ''}`,
      );
      if (!verdict.proved || !withoutTcp) return verdict;
      return judgeScript(await run(probePlan([NODE_INSIDE, '-e', TCP])), verdict.evidence);
    },
  };
}
