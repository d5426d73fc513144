/**
 * One backend per mode the policy can ask for. Fails closed: a mode this build or this machine has no backend for gets one
 * that is never usable; no mode falls through to another.
 */
import type { Backend } from '../backend.ts';
import { createBubblewrapBackend } from '../backends/bubblewrap.ts';
import { createDockerBackend } from '../backends/docker.ts';
import { createHostBackend } from '../backends/host.ts';
import type { Mode } from '../executor.ts';
import { ALLOW_HOST } from '../policy.ts';
import type { Bound } from './executor-service.ts';

export function chooseBackends(bound: Bound): ReadonlyMap<Mode, Backend> {
  return new Map(bound.modes.map((mode) => [mode, chooseBackend(mode, bound)]));
}

function chooseBackend(mode: Mode, { sandbox, stateDir, honey }: Bound): Backend {
  const planting = sandbox.watch.honey ? { honey } : {};
  switch (mode) {
    case 'bubblewrap':
      if (process.platform !== 'linux')
        return absent(mode, 'bubblewrap needs Linux; set sandbox.mode to deny, or run Sluice on Linux.');
      return createBubblewrapBackend({
        uid: sandbox.uid,
        gid: sandbox.uid,
        pool: sandbox.pool,
        landlock: sandbox.landlock,
        stateDir,
        ...planting,
      });
    case 'host':
      if (sandbox.allowHost !== ALLOW_HOST) return absent(mode, `host needs sandbox.allowHost: ${ALLOW_HOST}.`);
      return createHostBackend({ allowHost: sandbox.allowHost, uid: sandbox.uid, gid: sandbox.uid });
    case 'docker':
    case 'docker+gvisor':
      return createDockerBackend({
        ...sandbox.docker,
        mode,
        uid: sandbox.uid,
        gid: sandbox.uid,
        stateDir,
        ...planting,
      });
    case 'deny':
      return absent(mode, 'Every tool is denied (sandbox.mode).');
  }
}

function absent(mode: Mode, reason: string): Backend {
  return {
    mode,
    available: () => Promise.resolve({ usable: false, reason }),
    prove: () => Promise.resolve([]),
    run: () => Promise.resolve({ kind: 'not-started', cause: 'unavailable', detail: reason }),
    close: () => Promise.resolve(),
  };
}
