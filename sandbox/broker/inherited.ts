/**
 * The connections a broker process was born with. Socket pairs made by the router at spawn: they have no name, so there is
 * nothing an agent or another user could connect to, and no credentials to check. Descriptor 3 leads to the router, 4 links
 * engine and executor.
 */
import { Socket } from 'node:net';
import { closeInheritedDescriptors } from '../backends/descriptors.ts';

const ROUTER = 3;
const LINK = 4;

export function inheritedChannels(): { readonly router: Socket; readonly link: Socket } {
  return {
    router: new Socket({ fd: ROUTER, readable: true, writable: true }),
    link: new Socket({ fd: LINK, readable: true, writable: true }),
  };
}

/** Closes everything else this process was born with. */
export function sealInherited(): void {
  closeInheritedDescriptors([ROUTER, LINK]);
}

/**
 * A terminal's Ctrl-C and a service manager's stop reach the whole process group. The router drains first and needs its
 * broker until then; the end of its connection is what ends these processes.
 */
export function outliveGroupSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
}
