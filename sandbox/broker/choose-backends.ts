/**
 * One backend per mode the policy can ask for. Fails closed: a mode this build or this machine has no backend for gets one
 * that is never usable; no mode falls through to another.
 */
import type { Backend } from '../backend.ts';
import { createBubblewrapBackend } from '../backends/bubblewrap.ts';
import { createDockerBackend } from '../backends/docker.ts';
import { farImage } from '../backends/docker/far-image.ts';
import { createFarDockerBackend } from '../backends/far-docker.ts';
import { createFleet } from '../backends/fleet.ts';
import { createHostBackend } from '../backends/host.ts';
import { parseEndpoint } from '../endpoints.ts';
import type { Mode } from '../executor.ts';
import { ALLOW_HOST } from '../policy.ts';
import type { Bound } from './executor-service.ts';

/** As the proofs of whole modes; what one proof takes counts on top. */
const STALE_AFTER_INTERVALS = 2;
const PROOF_GRACE_MS = 120_000;

export function chooseBackends(bound: Bound): ReadonlyMap<Mode, Backend> {
  return new Map(bound.modes.map((mode) => [mode, chooseBackend(mode, bound)]));
}

function chooseBackend(mode: Mode, { sandbox, stateDir, honey }: Bound): Backend {
  const planting = sandbox.watch.honey ? { honey } : {};
  switch (mode) {
    case 'bubblewrap':
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
    case 'docker+gvisor': {
      const { socket, image, endpoints } = sandbox.docker;
      const common = { mode, uid: sandbox.uid, gid: sandbox.uid, stateDir, ...planting };
      if (endpoints.length === 0) return createDockerBackend({ ...common, socket, image });
      return createFleet({
        mode,
        staleMs: sandbox.probeIntervalMs * STALE_AFTER_INTERVALS + PROOF_GRACE_MS,
        members: endpoints.map((endpoint) => {
          const address = parseEndpoint(endpoint.url);
          const { name, capacity } = endpoint;
          if (address?.kind === 'local')
            return {
              name,
              capacity,
              kind: 'local',
              backend: createDockerBackend({ ...common, socket: address.socket, image }),
            };
          const make = () => farImage({ ...common, include: sandbox.docker.include });
          const backend = createFarDockerBackend({ ...common, endpoint, image: { repository: image, make } });
          return { name, capacity, kind: address?.kind ?? 'tls', backend };
        }),
      });
    }
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
