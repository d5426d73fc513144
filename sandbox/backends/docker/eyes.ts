/**
 * Who looks at a container's first process from outside: this process through /proc, for an engine on this machine. For one
 * on another machine it is a witness there (witness.ts). Fails closed: what cannot be seen is a fault.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { observe, readNamespaces } from '../attestation.ts';
import type { Observation } from '../attestation.ts';
import type { AttestedContainer } from './attest-container.ts';

/** What was seen of a process, and of one that no container confines, to compare it with. */
export interface Sight {
  readonly by: 'this-machine' | 'witness';
  readonly process: Observation;
  readonly cgroup: string;
  readonly commandLine: string;
  readonly mountinfo: string;
  readonly own: { readonly namespaces: Readonly<Record<string, string>>; readonly cgroup: string };
}

export interface Eyes {
  /** `mounted` are paths inside whose identity is wanted. */
  look(pid: number, mounted: readonly string[]): Promise<Sight>;
  /** Makes sure that it ends at its deadline whatever becomes of the engine or of us. */
  leash(container: Pick<AttestedContainer, 'pid' | 'pidNamespace'>, wallMs: number): void;
  /** Past the engine, which may be slow or gone. True where it is certain that nothing of it runs any more. */
  end(container: Pick<AttestedContainer, 'pid' | 'pidNamespace'>): boolean;
}

const read = (pid: number | 'self', name: string): string => readFileSync(`/proc/${pid}/${name}`, 'latin1');

export const LOCAL_EYES: Eyes = {
  async look(pid, mounted) {
    return {
      by: 'this-machine',
      process: observe(pid, mounted),
      cgroup: read(pid, 'cgroup'),
      commandLine: read(pid, 'cmdline'),
      mountinfo: '',
      own: { namespaces: readNamespaces('self'), cgroup: read('self', 'cgroup') },
    };
  },
  // A small process of this machine, which removes what is left, does that (start-reaper.ts).
  leash: () => undefined,
  /** The first process takes all others of its namespace with it. */
  end({ pid, pidNamespace }) {
    try {
      if (readlinkSync(`/proc/${pid}/ns/pid`) === pidNamespace) process.kill(pid, 'SIGKILL');
      return true;
    } catch (error) {
      // Not ours to signal: the engine does it. All else means that it is gone.
      return (error as NodeJS.ErrnoException).code !== 'EPERM';
    }
  },
};
