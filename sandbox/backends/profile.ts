/**
 * The part of a plan that shapes a sandbox before it knows what it will run. Plans with equal profiles may take each
 * other's pre-warmed sandboxes: an unused one holds no state, and what it can reach is all in here.
 */
import type { ExecutionPlan } from '../plan.ts';

export interface Profile {
  readonly workspace: ExecutionPlan['workspace'];
  readonly home: string;
  readonly egressSocket: string;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly diskBytes: number;
  readonly fileBytes: number;
}

export function profileOf(plan: ExecutionPlan): Profile {
  const { memoryBytes, processes, diskBytes, fileBytes } = plan.limits;
  return {
    workspace: plan.workspace,
    home: plan.home,
    egressSocket: plan.egress.kind === 'proxy' ? plan.egress.socket : '',
    memoryBytes,
    processes,
    diskBytes,
    fileBytes,
  };
}

export function profileKey(profile: Profile): string {
  const { workspace } = profile;
  return JSON.stringify([
    workspace.access,
    workspace.access === 'none' ? '' : workspace.source,
    profile.home,
    profile.egressSocket,
    profile.memoryBytes,
    profile.processes,
    profile.diskBytes,
    profile.fileBytes,
  ]);
}
