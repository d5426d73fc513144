/**
 * Puts every claim to the test in real sandboxes and reports each with what was seen. Fails closed: a probe that throws
 * proves nothing, and says so under its claim.
 */
import type { ClaimReport } from '../executor.ts';
import { BOUNDARY_PROBES } from './boundaries.ts';
import { FILESYSTEM_PROBES } from './filesystem.ts';
import { KERNEL_PROBES } from './kernel.ts';
import type { Probe, RunPlan } from './probe.ts';
import { RESOURCE_PROBES } from './resources.ts';
import { createWorld } from './world.ts';

export const PROBES: readonly Probe[] = [
  ...FILESYSTEM_PROBES,
  ...KERNEL_PROBES,
  ...BOUNDARY_PROBES,
  ...RESOURCE_PROBES,
];

export interface ProveOptions {
  /** A directory the sandbox's user can reach, for what the probes plant. */
  readonly directory: string;
  readonly uid: number;
  readonly run: RunPlan;
  readonly probes?: readonly Probe[];
}

/** Sandboxes at a time. Probes wait for limits and time-outs more than they compute. */
const CONCURRENCY = 3;

export async function proveClaims(options: ProveOptions): Promise<readonly ClaimReport[]> {
  const probes = options.probes ?? PROBES;
  const world = await createWorld(options.directory, options.uid);
  try {
    const reports = new Map<string, ClaimReport>();
    const waiting = [...probes];
    const work = async (): Promise<void> => {
      for (let probe = waiting.shift(); probe !== undefined; probe = waiting.shift()) {
        const { claim } = probe;
        const judgement = await probe.prove(options.run, world).catch((error: unknown) => ({
          proved: false,
          evidence: `the probe itself failed (${(error as NodeJS.ErrnoException).code ?? 'fault'})`,
        }));
        reports.set(claim, { claim, ...judgement });
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    return probes.map(
      ({ claim }) => reports.get(claim) ?? { claim, proved: false, evidence: 'the probe did not report' },
    );
  } finally {
    await world.close();
  }
}
