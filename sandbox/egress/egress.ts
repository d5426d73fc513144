/** Opens the egress proxy of a call. Fails closed: a plan whose proxy cannot be opened is not run. */
import type { Bound } from '../broker/executor-service.ts';
import type { EgressOpener } from '../broker/plan-runner.ts';

export function createEgress(_bound: Bound): EgressOpener {
  return { open: () => Promise.reject(new Error('no egress')) };
}
