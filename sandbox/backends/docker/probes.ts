/**
 * What the container backends claim: everything bubblewrap does, except what rests on a user namespace of its own. Users inside
 * are the host's users by number, unless the engine remaps them.
 */
import { GVISOR_TERMINAL } from '../../probes/boundaries.ts';
import { CONTAINER_IDENTITY } from '../../probes/kernel.ts';
import type { Probe } from '../../probes/probe.ts';
import { PROBES } from '../../probes/prove.ts';

export const CONTAINER_PROBES: readonly Probe[] = PROBES.map((probe) =>
  probe.claim === CONTAINER_IDENTITY.claim ? CONTAINER_IDENTITY : probe,
);

/** With gVisor the devices are its own kernel's. */
export const GVISOR_PROBES: readonly Probe[] = CONTAINER_PROBES.map((probe) =>
  probe.claim === GVISOR_TERMINAL.claim ? GVISOR_TERMINAL : probe,
);
